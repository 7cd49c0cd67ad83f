-- name: has_any
-- Whether anything is sold here.
select exists (select from catalog_product where is_listed);

-- name: currency
-- In which currency most things are sold.
select currency from catalog_price group by currency order by count(*) desc, currency limit 1;

-- name: categories
-- Every category, and how much stands right in it.
select c.category, c.within, c.said, coalesce(n.count, 0)
from catalog_category c left join (
  select category, count(*) from catalog_product where is_listed group by category
) n on n.category = c.category
order by c.place, c.category limit %(limit)s;

-- name: wares
-- What is sold, by conditions and in an order that stand in the code.
select p.product, p.said -> 'name', p.maker, p.asks_over, o.currency, o.lowest, o.highest, p.category, {pictures} -> 0
from {among} left join catalog_price o on o.product = p.product and o.currency = %(currency)s
where {conditions} order by {order} limit %(limit)s offset %(offset)s;

-- name: arranged
-- The same as somebody's own window puts it: what comes first, and the rest behind or between (composing.py).
with found as (
  select p.product, p.said -> 'name' as name, p.maker, p.asks_over, o.currency, o.lowest, o.highest, p.category, p.said,
    coalesce(p.category = any(%(first_categories)s::text[]), false)
      or coalesce(p.maker = any(%(first_makers)s::text[]), false) as is_first,
    row_number() over (order by {order}) as number
  from {among} left join catalog_price o on o.product = p.product and o.currency = %(currency)s
  where {conditions}
), numbered as (
  select f.*, row_number() over (partition by is_first order by number) as k from found f
), placed as (
  select n.*, case
    when is_first then k + case when %(every)s::int is null then 0 else (k - 1) / (%(every)s::int - 1) end
    when %(every)s::int is null then k + %(reach)s + (select count(*) from found where is_first)
    else k * %(every)s::int end as place
  from numbered n
)
select p.product, p.name, p.maker, p.asks_over, p.currency, p.lowest, p.highest, p.category, {pictures} -> 0
from placed p order by p.place limit %(limit)s offset %(offset)s;

-- name: pictures
-- In place of a column: the pictures of the product p; those that staff chose, or else those that its listing names.
coalesce(
  (select nullif(s.pictures, '[]') from catalog_showing s where s.product = p.product),
  (select jsonb_agg(jsonb_build_object('digest', f.digest, 'width', f.width, 'height', f.height,
     'alt', coalesce(n.said -> 'alt', '{{}}')) order by n.place)
   from jsonb_array_elements(p.said -> 'pictures') with ordinality n(said, place)
   join catalog_fetched f on f.url = n.said ->> 'url' and f.digest is not null));

-- name: matching
-- In place of a table: what a question's words are found in, with how well. The limit bounds what is put in order.
(select q.*, ts_rank(q.words, {question}) as rank from catalog_product q
  where q.is_listed and q.words @@ ({question}) limit {limit}) p;

-- name: makers
-- Who makes most of what is sold under these conditions.
select p.maker, count(*) from {among} left join catalog_price o on o.product = p.product and o.currency = %(currency)s
where {conditions} and p.maker is not null group by p.maker order by count(*) desc, p.maker limit %(limit)s;

-- name: product
-- A product.
select p.product, p.said, p.category, p.maker, p.asks_over, p.tax, p.is_listed, {pictures}
from catalog_product p where p.product = %(product)s;

-- name: variants
-- Its kinds and what they cost.
select sku, gtin, options, prices from catalog_variant where product = %(product)s order by place;

-- name: product_of_number
-- Which product a SKU or a barcode means.
select product from catalog_variant where sku = %(number)s or gtin = any(%(gtins)s::text[]) limit 1;

-- name: names
-- What products, or the products of SKUs, are called.
select v.sku, p.said -> 'name' from catalog_variant v join catalog_product p on p.product = v.product
where v.sku = any(%(numbers)s::text[]);

-- name: stores
-- Stores by where they are.
select store, name, locality, said from catalog_store
where is_listed and (%(locality)s::text is null or locality = %(locality)s)
order by locality nulls last, name, store limit %(limit)s;

-- name: store
-- A store.
select store, name, locality, said, is_listed from catalog_store where store = %(store)s;

-- name: maker
-- How a maker is written in the catalog, by a name that somebody typed.
select maker from catalog_product where is_listed and lower(maker) = lower(%(name)s)
group by maker order by maker = %(name)s desc, count(*) desc limit 1;

-- name: all_makers
-- Who makes what is listed.
select maker from catalog_product where is_listed and maker is not null group by maker
order by count(*) desc, maker limit %(limit)s;

-- name: first_pictures
-- The picture of each of these products that lists show.
select p.product, {pictures} -> 0 from catalog_product p where p.product = any(%(products)s::text[]);

-- name: picture
-- A picture that a product shows, or that was sent to be shown.
select case when %(is_small)s then small else large end from catalog_picture where digest = %(digest)s;

-- name: picture_sizes
-- The sizes of those of these pictures that are kept.
select digest, width, height from catalog_picture where digest = any(%(digests)s);

-- name: without_picture
-- What is listed and has no picture, the newest first.
select p.product, p.said -> 'name' from catalog_product p where p.is_listed and {pictures} is null
order by p.at desc, p.product limit %(limit)s;

-- name: not_fetched
-- Pictures that listings name and that could not be fetched, with how often that was tried.
select url, why, failures from catalog_fetched where why <> '' order by failures desc, url limit %(limit)s;
