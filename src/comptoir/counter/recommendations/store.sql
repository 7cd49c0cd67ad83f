-- name: last_day
-- The day of the latest purchase; or of the latest one before more than a year without any, until a tenth came since.
with days as (select day, count(*) as lines from audiences_line group by day), gaps as (
  select day, lag(day) over (order by day) as before, sum(lines) over (order by day desc) as since,
    sum(lines) over () as everything
  from days
)
select coalesce(min(before) filter (where day - before > 365 and since * 10 < everything), max(day)) from gaps;

-- name: read_bought
-- What was bought by whom in which basket, of people who allow the shop to count it; as products that are sold now.
select f.person, l.position, p.product, l.store, l.day
from audiences_line l
join audiences_figures f on f.customer = l.customer and f.allows_store and f.allows_web
join catalog_variant v on v.sku = l.product join catalog_product p on p.product = v.product and p.is_listed
where l.day > %(since)s and l.day <= %(until)s
order by l.day desc, l.position, l.number limit %(limit)s;

-- name: count_left_out
-- How many people do not allow the shop to count what they buy.
select count(distinct person) from audiences_figures where not (allows_store and allows_web);

-- name: find_undrawn
-- Customers who agreed and for whom chance has not drawn: with their person, and what was drawn for that person before.
select p.customer::text, coalesce(m.person, p.customer)::text, (
  select d.arm from customers_membership o join recommendations_drawn d on d.customer = o.customer
  where o.person = m.person order by d.drawn_at, d.position limit 1
)
from customers_permission p left join customers_membership m on m.customer = p.customer
where p.purpose = 'personalisation' and 'web' = any(p.channels)
  and customers_permits(p.customer, 'personalisation', 'web')
  and not exists (select from recommendations_drawn d where d.customer = p.customer)
order by p.customer limit %s;

-- name: lock_hiding
-- Whoever hides something for one of these customers goes first; in one order.
select pg_advisory_xact_lock(7209042, key) from unnest(%s::int[]) as k(key);

-- name: find_hidden
-- Of which products customers have ever said anything.
select customer::text, product from recommendations_hidden where customer = any(%s::uuid[]);

-- name: write_hidden
-- The last word on a product holds.
insert into recommendations_hidden as h (customer, product, hidden, said_at, position)
select customer, product, hidden, said_at, position from jsonb_to_recordset(%s::text::jsonb)
  as new(customer uuid, product text, hidden boolean, said_at timestamptz, position uuid)
on conflict (customer, product) do update set hidden = excluded.hidden, said_at = excluded.said_at,
  position = excluded.position where (excluded.said_at, excluded.position) > (h.said_at, h.position);

-- name: write_drawn
-- What was drawn first holds.
insert into recommendations_drawn as d (customer, arm, share, drawn_at, position)
select customer, arm, share, drawn_at, position from jsonb_to_recordset(%s::text::jsonb)
  as new(customer uuid, arm text, share int, drawn_at timestamptz, position uuid)
on conflict (customer) do update set arm = excluded.arm, share = excluded.share, drawn_at = excluded.drawn_at,
  position = excluded.position where (excluded.drawn_at, excluded.position) < (d.drawn_at, d.position);
