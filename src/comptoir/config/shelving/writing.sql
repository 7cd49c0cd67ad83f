-- name: options
-- What tells variants apart anywhere.
select distinct name from catalog_variant v cross join jsonb_object_keys(v.options) as name order by name limit %s;

-- name: categories
-- Every category.
select category, within, said from catalog_category;

-- name: variants
-- Everything that is listed, the variants of a product side by side.
select p.product, p.said, p.category, p.maker, p.asks_over, p.tax, v.sku, v.gtin, v.options, v.prices, {pictures},
  a.level, a.levels, v.place
from catalog_product p join catalog_variant v on v.product = p.product
left join (
  select sku, sum(greatest(counted + moved - held, 0))::int as level,
    jsonb_object_agg(store, greatest(counted + moved - held, 0)) as levels
  from stock_article group by sku
) a on a.sku = v.sku
where p.is_listed order by p.product, v.place;

-- name: stores
-- Stores where anything was counted.
select distinct store from stock_article order by store limit %s;

-- name: articles
-- Every article that was counted or has a place, as a list has it.
select coalesce(a.store, p.store), coalesce(a.sku, p.sku), case when a.sku is null then '' else greatest(a.counted + a.moved, 0)::text end,
  coalesce(p.aisle, ''), coalesce(p.shelf, ''), coalesce(a.held::text, ''),
  case when a.sku is null then '' else greatest(a.counted + a.moved - a.held, 0)::text end,
  coalesce(to_char(a.counted_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), '')
from stock_article a full join stock_place p on p.store = a.store and p.sku = a.sku
where a.sku is not null or p.aisle is not null or p.shelf is not null order by 1, 2;
