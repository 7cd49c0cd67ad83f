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
select p.product, p.said -> 'name', p.maker, p.asks_over, o.currency, o.lowest, o.highest
from {among} left join catalog_price o on o.product = p.product and o.currency = %(currency)s
where {conditions} order by {order} limit %(limit)s offset %(offset)s;

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
select product, said, category, maker, asks_over, tax, is_listed from catalog_product where product = %(product)s;

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
