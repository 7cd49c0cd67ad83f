-- name: shelves
-- What is known of SKUs at listed stores.
select c.store, sku, case when a.counted is not null then greatest(a.counted + a.moved - a.held, 0) end, p.aisle, p.shelf
from (select * from stock_article where sku = any(%(skus)s::text[])) a
full join (select * from stock_place where sku = any(%(skus)s::text[])) p using (store, sku)
join catalog_store c on c.store = coalesce(a.store, p.store) and c.is_listed
where a.counted is not null or p.aisle is not null or p.shelf is not null
order by c.store, sku;

-- name: in_stock
-- Whether any listed store has some.
select a.sku, bool_or(a.counted + a.moved - a.held > 0) from stock_article a
join catalog_store c on c.store = a.store and c.is_listed
where a.sku = any(%(skus)s::text[]) group by a.sku;

-- name: price_list
-- What is sold, and what it costs: first what a store has counted.
select v.sku, v.gtin, v.options, v.prices, p.said -> 'name', p.category, p.tax
from catalog_variant v join catalog_product p on p.product = v.product and p.is_listed
left join stock_article a on a.sku = v.sku and a.store = %(store)s
order by a.sku is null, v.sku limit %(limit)s;

-- name: stores
-- Listed stores, and others where something was counted.
select s.store, max(s.name) from (
  select store, name from catalog_store where is_listed
  union all
  (with recursive counted as (
    (select store from stock_article order by store limit 1)
    union all
    select (select a.store from stock_article a where a.store > c.store order by a.store limit 1)
    from counted c where c.store is not null
  ) select store, null from counted where store is not null)
) s group by s.store order by s.store limit %(limit)s;

-- name: counting_stores
-- Listed stores that have counted anything.
select c.store, c.name from catalog_store c
where c.is_listed and exists (select from stock_article a where a.store = c.store) order by c.name, c.store limit %(limit)s;

-- name: oldest
-- What was not counted for longest at a store; first of which more was sold than there were.
select a.store, a.sku, a.counted + a.moved, a.held, a.counted_at, p.aisle, p.shelf
from stock_article a left join stock_place p on p.store = a.store and p.sku = a.sku
where a.store = %(store)s order by (a.counted + a.moved >= 0), a.counted_at, a.sku limit %(limit)s;

-- name: uncovered
-- Open holds of a store of which was told that they are not covered.
select l.hold, l.sku, l.quantity, h.until, h.touchpoint from stock_heldline l join stock_hold h on h.hold = l.hold
where l.store = %(store)s and l.is_short and h.ended = '' order by h.until, l.hold limit %(limit)s;

-- name: sku_of
-- Which SKU a number means that was typed or scanned.
select sku from catalog_variant where sku = %(number)s or gtin = any(%(gtins)s::text[])
order by sku <> %(number)s, sku limit 1;

-- name: here
-- How much there is of SKUs at a store.
select store, sku, counted + moved, held, counted_at from stock_article
where store = %(store)s and sku = any(%(skus)s::text[]);

-- name: there_now
-- In place of a condition on products: of one variant at least, a store has some.
p.product in (select v.product from stock_article a join catalog_variant v on v.sku = a.sku
  where a.store = %(narrowed)s and a.counted + a.moved > a.held);
