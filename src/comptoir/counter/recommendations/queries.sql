-- name: bought
-- What a person bought since a day and kept, the latest first, if they agreed to be shown things by what they bought.
select v.product, max(l.day) from audiences_line l join catalog_variant v on v.sku = l.product
where l.customer = any(%(members)s::uuid[]) and l.day > %(since)s
  and customers_permits(%(customer)s::uuid, 'personalisation', 'web')
group by v.product order by max(l.day) desc, v.product limit %(limit)s;

-- name: hidden
-- What a person does not want recommended, the latest first; of their cards the last word holds.
select product, said_at from (
  select distinct on (product) product, hidden, said_at from recommendations_hidden
  where customer = any(%(members)s::uuid[]) order by product, said_at desc, position desc
) last where hidden order by said_at desc, product limit %(limit)s;

-- name: drawn
-- What chance has drawn for a person: of their cards the first.
select arm, drawn_at from recommendations_drawn where customer = any(%(members)s::uuid[]) order by drawn_at, position limit 1;
