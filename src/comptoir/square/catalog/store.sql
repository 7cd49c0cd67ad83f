-- name: lock_catalog
-- One batch at a time lists something.
select pg_advisory_xact_lock(hashtextextended('catalog_product', 0)), greatest(
  (select max(position::text) from catalog_category),
  (select position::text from catalog_product order by position desc limit 1),
  (select max(position::text) from catalog_store)
);

-- name: find_categories
-- Every category, what it stands within, and when it was listed last.
select category, within, at, position::text from catalog_category;

-- name: find_products
-- Which of these products there are, and when something was said of them last.
select product, at, position::text, ended_at, ended_position::text from catalog_product where product = any(%s::text[]);

-- name: find_stores
-- Which of these stores there are, and when something was said of them last.
select store, at, position::text, ended_at, ended_position::text from catalog_store where store = any(%s::text[]);

-- name: find_skus
-- Whose these SKUs are, and those of these products.
select sku, product from catalog_variant where sku = any(%s::text[]) or product = any(%s::text[]);

-- name: write_categories
-- Categories; the last word holds.
insert into catalog_category as c (category, within, place, said, at, position)
select category, within, place, said, at, position
from jsonb_to_recordset(%s::jsonb) as r(category text, within text, place int, said jsonb, at timestamptz, position uuid)
on conflict (category) do update set within = excluded.within, place = excluded.place, said = excluded.said,
  at = excluded.at, position = excluded.position;

-- name: write_products
-- Products, with what is found of their words in each language.
insert into catalog_product as p (product, category, maker, said, asks_over, tax, words, at, position,
  is_listed)
select product, category, maker, said, asks_over, tax,
  setweight(to_tsvector('english', en_name) || to_tsvector('french', fr_name) || to_tsvector('simple', plain)
    || pairs::tsvector, 'A')
  || setweight(to_tsvector('english', en_text) || to_tsvector('french', fr_text), 'C'), at, position, true
from jsonb_to_recordset(%s::jsonb) as r(product text, category text, maker text, said jsonb,
  asks_over smallint, tax text, en_name text, fr_name text, plain text, pairs text, en_text text, fr_text text,
  at timestamptz, position uuid)
on conflict (product) do update set category = excluded.category, maker = excluded.maker, said = excluded.said,
  asks_over = excluded.asks_over, tax = excluded.tax, words = excluded.words,
  at = excluded.at, position = excluded.position,
  is_listed = p.ended_at is null or (excluded.at, excluded.position) > (p.ended_at, p.ended_position);

-- name: drop_prices
-- What products cost that are described anew.
delete from catalog_price where product = any(%s::text[]);

-- name: drop_variants
-- What was sold of products that are described anew.
delete from catalog_variant where product = any(%s::text[]);

-- name: write_variants
-- Variants with their prices.
insert into catalog_variant (sku, product, place, gtin, options, prices)
select * from jsonb_to_recordset(%s::jsonb) as r(sku text, product text, place smallint, gtin text, options jsonb,
  prices jsonb);

-- name: write_prices
-- From how much to how much a product costs.
insert into catalog_price (product, currency, lowest, highest)
select * from jsonb_to_recordset(%s::jsonb) as r(product text, currency text, lowest bigint, highest bigint);

-- name: end_products
-- Products that are sold no more.
update catalog_product p set ended_at = r.at, ended_position = r.position,
  is_listed = (p.at, p.position) > (r.at, r.position)
from jsonb_to_recordset(%s::jsonb) as r(product text, at timestamptz, position uuid) where p.product = r.product;

-- name: write_stores
-- Stores.
insert into catalog_store as s (store, name, locality, said, at, position, is_listed)
select store, name, locality, said, at, position, true
from jsonb_to_recordset(%s::jsonb) as r(store text, name text, locality text, said jsonb, at timestamptz, position uuid)
on conflict (store) do update set name = excluded.name, locality = excluded.locality, said = excluded.said,
  at = excluded.at, position = excluded.position,
  is_listed = s.ended_at is null or (excluded.at, excluded.position) > (s.ended_at, s.ended_position);

-- name: end_stores
-- Stores that are no more.
update catalog_store s set ended_at = r.at, ended_position = r.position,
  is_listed = (s.at, s.position) > (r.at, r.position)
from jsonb_to_recordset(%s::jsonb) as r(store text, at timestamptz, position uuid) where s.store = r.store;

-- name: find_goods
-- What these SKUs are and cost.
select v.sku, v.product, v.gtin, v.options::text, v.prices::text, (p.said -> 'name')::text, p.category, p.tax,
  p.asks_over, p.is_listed, p.maker
from catalog_variant v join catalog_product p on p.product = v.product where v.sku = any(%s::text[]);

-- name: names_of_categories
-- What these categories are called.
select category, said::text from catalog_category where category = any(%s::text[]);

-- name: names_of_products
-- What these products are called.
select product, (said -> 'name')::text from catalog_product where product = any(%s::text[]);

-- name: find_scanned
-- Which variant a SKU or a barcode means; whose product is listed comes first.
select v.sku from catalog_variant v join catalog_product p on p.product = v.product
where v.sku = %s or v.gtin = any(%s::text[]) order by (v.sku = %s) desc, p.is_listed desc, v.sku limit 1;

-- name: find_showings
-- Of which of these products staff have said which pictures they have.
select product, at, position::text from catalog_showing where product = any(%s::text[]);

-- name: write_showings
-- Which pictures products have; the last word holds.
insert into catalog_showing as s (product, pictures, at, position)
select product, pictures, at, position
from jsonb_to_recordset(%s::jsonb) as r(product text, pictures jsonb, at timestamptz, position uuid)
on conflict (product) do update set pictures = excluded.pictures, at = excluded.at, position = excluded.position;

-- name: write_addresses
-- Pictures elsewhere that products name, to be fetched; one that is known is left as it is.
insert into catalog_fetched (url, why, failures, again_at)
select url, '', 0, '1970-01-01Z' from unnest(%s::text[]) as url on conflict (url) do nothing;

-- name: insert_picture
-- A picture in both sizes.
insert into catalog_picture (digest, width, height, large, small) values (%s, %s, %s, %s, %s) on conflict do nothing;

-- name: hold_pictures
-- The sizes of those of these pictures that are kept, for as long as the transaction lasts.
select digest, width, height from catalog_picture where digest = any(%s::text[]) order by digest for share;

-- name: find_wanted
-- Pictures that were never fetched, or not for long.
select url, failures from catalog_fetched where again_at <= %(now)s order by again_at, url limit %(limit)s;

-- name: write_fetched
-- What came of fetching a picture. One that did not answer again keeps what it had before.
update catalog_fetched set digest = coalesce(%(digest)s, digest), width = coalesce(%(width)s, width),
  height = coalesce(%(height)s, height), why = %(why)s, failures = %(failures)s, again_at = %(again_at)s
where url = %(url)s;

-- name: drop_unnamed
-- What is known of addresses that no product names.
delete from catalog_fetched where url in (
  select f.url from catalog_fetched f where not exists (
    select from catalog_product p where p.said -> 'pictures' @> jsonb_build_array(jsonb_build_object('url', f.url))
  ) limit %s for update skip locked
) returning url;

-- name: drop_unused_pictures
-- Pictures that came before a moment, and that no product shows; what somebody is about to show is left.
delete from catalog_picture where digest in (
  select c.digest from catalog_picture c where c.uploaded_at < %s::timestamptz
    and not exists (select from catalog_fetched f where f.digest = c.digest)
    and not exists (
      select from catalog_showing s where s.pictures @> jsonb_build_array(jsonb_build_object('digest', c.digest))
    )
  limit %s for update skip locked
) returning digest;
