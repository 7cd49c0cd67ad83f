-- name: lock_parking_shared
-- Sales are being booked: no return may decide meanwhile that its sale is missing.
select pg_advisory_xact_lock_shared(7209002);

-- name: lock_parking
-- A return may have to wait for its sale: let all sales in flight finish first, or it would never be found.
select pg_advisory_xact_lock(7209002);

-- name: lock_sales
-- The sales that goods are coming back from, one return at a time; who bought does not change.
select s.source, s.receipt, s.customer::text from sales_sale s
where (s.source, s.receipt) in (select * from unnest(%s::text[], %s::text[]))
order by s.source, s.receipt for update;

-- name: find_receipts
-- Which of these receipt numbers are booked.
select s.source, s.receipt from unnest(%s::text[], %s::text[]) as asked(source, receipt)
join sales_sale s on s.source = asked.source and s.receipt = asked.receipt;

-- name: find_sales
-- Whole sales but for their lines.
select s.source, s.receipt, s.position::text, s.customer::text, s.occurred_at, s.store, s.currency, s.total_minor
from unnest(%s::text[], %s::text[]) as asked(source, receipt)
join sales_sale s on s.source = asked.source and s.receipt = asked.receipt;

-- name: find_by_receipts
-- The sales under these numbers, at whichever source, the latest first: sources are few, and each is looked at once.
with recursive sources as (
  (select source from sales_sale order by source limit 1)
  union all
  select (select s.source from sales_sale s where s.source > before.source order by s.source limit 1)
  from sources before where before.source is not null
)
select s.source, s.receipt, s.position::text, s.customer::text, s.occurred_at, s.store, s.currency, s.total_minor
from sources join sales_sale s on s.source = sources.source and s.receipt = any(%s::text[])
order by s.occurred_at desc, s.source limit %s;

-- name: find_returned_receipts
-- Which of these receipt numbers are booked as returns.
select r.source, r.receipt from unnest(%s::text[], %s::text[]) as asked(source, receipt)
join sales_return r on r.source = asked.source and r.receipt = asked.receipt;

-- name: find_returns_of
-- All returns of these sales, the waiting ones too.
select r.source, r.receipt, r.position::text, r.sale_source, r.sale_receipt, r.occurred_at, r.store, r.currency,
  r.total_minor, r.lines::text, r.status, r.goods, r.refund
from unnest(%s::text[], %s::text[]) as asked(source, receipt)
join sales_return r on r.sale_source = asked.source and r.sale_receipt = asked.receipt;

-- name: is_any_waiting
-- Usually no return waits, and then new sales need not look for theirs.
select exists (select from sales_return where status = 'waiting');

-- name: settle_returns
-- Returns whose sale has come.
update sales_return r set status = settled.status
from unnest(%s::text[], %s::text[], %s::text[]) as settled(source, receipt, status)
where r.source = settled.source and r.receipt = settled.receipt;

-- name: count_waiting_returns
-- How many returns from before a position still wait for their sale.
select count(*) from sales_return where status = 'waiting' and position < %s;

-- name: sever_sales
-- Sales of somebody who is forgotten, under another customer each.
update sales_sale s set customer = n.fresh
from unnest(%s::text[], %s::text[]) as asked(source, receipt), unnest(%s::uuid[], %s::uuid[]) as n(customer, fresh)
where s.source = asked.source and s.receipt = asked.receipt and s.customer = n.customer;

-- name: let_go_sale
-- A sale that is to be nobody's.
update sales_sale set customer = null where source = %s and receipt = %s;
