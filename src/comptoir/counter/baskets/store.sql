-- name: lock_baskets
-- Whoever changes one of these baskets goes first, whether it is there yet or not; in one order.
select pg_advisory_xact_lock(7209030, key) from unnest(%s::int[]) as k(key);

-- name: find_baskets
-- Baskets as they stand.
select id::text, customer::text, position::text, changed_at, operations::text
from baskets_basket where id = any(%s::uuid[]);

-- name: find_of_customers
-- What these customers have claimed and changed last; more than so many are nobody's honest need.
select id::text, customer::text, position::text, changed_at, operations::text
from baskets_basket where customer = any(%s::uuid[]) order by position desc, id limit 100;

-- name: write_baskets
-- Baskets as they stand from now on.
insert into baskets_basket (id, customer, position, changed_at, operations)
select id, customer, position, changed_at, operations
from jsonb_to_recordset(%s::text::jsonb)
  as new(id uuid, customer uuid, position uuid, changed_at timestamptz, operations jsonb)
on conflict (id) do update set customer = excluded.customer, position = excluded.position,
  changed_at = excluded.changed_at, operations = excluded.operations;

-- name: drop_baskets
-- Baskets whose time is over.
delete from baskets_basket where id = any(%s::uuid[]);

-- name: find_overdue
-- Baskets that nobody has touched since these moments: without a customer, and with one.
select id::text, position::text, changed_at, customer is not null from baskets_basket
where changed_at < %s and (customer is null or changed_at < %s) order by changed_at, id limit %s;

-- name: find_left
-- Customers' baskets that nobody has touched since a moment and that were not looked at since, of those who may be told.
select b.id::text, b.customer::text, b.position::text, b.changed_at, b.operations::text from baskets_basket b
left join baskets_looked l on l.basket = b.id
where b.customer is not null and b.changed_at < %s and l.position is distinct from b.position
  and exists (select from unnest(%s::text[]) as c(channel) where customers_permits(b.customer, 'marketing', c.channel))
order by b.changed_at, b.id limit %s;

-- name: note_looked
-- That these baskets were looked at as they stand.
insert into baskets_looked (basket, position, looked_at)
select n.basket, n.position, %s from unnest(%s::uuid[], %s::uuid[]) as n(basket, position)
on conflict (basket) do update set position = excluded.position, looked_at = excluded.looked_at;

-- name: insert_number
-- A short number for a basket, unless it is taken.
insert into baskets_number (number, basket, ends_at) values (%s, %s, %s)
on conflict (number) do update set basket = excluded.basket, ends_at = excluded.ends_at
where baskets_number.ends_at < %s returning number;

-- name: find_shown
-- The short number under which a basket is being shown, the one that lasts longest.
select number, ends_at from baskets_number where basket = %s and ends_at > %s order by ends_at desc limit 1;

-- name: find_numbered
-- Which basket a short number means now.
select basket::text from baskets_number where number = %s and ends_at > %s;

-- name: sever_numbers
-- Whoever was shown a basket of somebody who is forgotten finds it no more.
delete from baskets_number where basket in (select id from baskets_basket where customer = any(%s::uuid[]));

-- name: sever_baskets
-- Baskets of somebody who is forgotten, under another customer each, and whatever named them.
update baskets_basket b set customer = n.fresh,
  operations = replace(b.operations::text, n.customer::text, n.fresh::text)::jsonb
from unnest(%s::uuid[], %s::uuid[]) as n(customer, fresh) where b.customer = n.customer;
