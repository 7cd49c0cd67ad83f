-- name: options
-- What tells variants apart anywhere.
select distinct name from catalog_variant v cross join jsonb_object_keys(v.options) as name order by name limit %s;

-- name: categories
-- Every category.
select category, within, said from catalog_category;

-- name: variants
-- Everything that is listed, the variants of a product side by side.
select p.product, p.said, p.category, p.maker, p.asks_over, p.tax, v.sku, v.gtin, v.options, v.prices
from catalog_product p join catalog_variant v on v.product = p.product where p.is_listed
order by p.product, v.place;
