-- name: lock_orders
-- Orders by their ids, those whose pick-up code has one of these digests, and those under these numbers, in one order.
select row_to_json(o)::text from orders_order o
where id = any(%s::uuid[]) or pickup = any(%s::uuid[]) or number = any(%s::text[]) order by id for update;

-- name: find_orders
-- Orders as they stand.
select row_to_json(o)::text from orders_order o where id = any(%s::uuid[]) order by id;

-- name: find_of_customers
-- What these customers have ordered, the latest first.
select row_to_json(o)::text from orders_order o where customer = any(%s::uuid[]) order by placed_at desc, id limit %s;

-- name: find_to_do
-- What is to be done: orders of a store (or of all) in these states, and those that are paid at the pick-up.
select row_to_json(o)::text from orders_order o
where (state = any(%(states)s::text[]) or state = 'placed' and pay_until is not null) and (%(store)s::text is null or store = %(store)s)
order by placed_at, id limit %(limit)s;

-- name: insert_orders
-- Orders that are placed.
insert into orders_order (id, number, position, customer, state, by, store, currency, total, lines, pickup, moments,
  basket, hold, receipt, paid_by, ended_where, because, delivery, pay_until, taken, placed_at)
select id, number, position, customer, state, by, store, currency, total, lines, pickup, moments,
  basket, hold, receipt, paid_by, ended_where, because, delivery, pay_until, taken, (moments->>'placed')::timestamptz
from jsonb_to_recordset(%s::text::jsonb) as new(id uuid, number text, position uuid, customer uuid, state text,
  by text, store text, currency text, total bigint, lines jsonb, pickup uuid, moments jsonb, basket uuid, hold uuid,
  receipt text, paid_by jsonb, ended_where text, because text, delivery jsonb,
  pay_until timestamptz, taken jsonb);

-- name: update_orders
-- Orders after their steps.
update orders_order o set position = n.position, state = n.state, moments = n.moments, receipt = n.receipt,
  paid_by = n.paid_by, ended_where = n.ended_where, because = n.because, taken = n.taken
from jsonb_to_recordset(%s::text::jsonb) as n(id uuid, position uuid, state text, moments jsonb, receipt text,
  paid_by jsonb, ended_where text, because text, taken jsonb)
where o.id = n.id;

-- name: let_go
-- Orders that are nobody's any more, and came out of no basket.
update orders_order set customer = null, basket = null where id = any(%s::uuid[]);

-- name: find_by_numbers
-- Orders under these numbers, or with pick-up codes that have these digests.
select row_to_json(o)::text from orders_order o
where number = any(%s::text[]) or pickup = any(%s::uuid[]) order by id;
