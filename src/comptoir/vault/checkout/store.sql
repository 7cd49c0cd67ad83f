-- name: is_anything_due
-- Whether any checkout wants to be looked at: by its own time, or since its order was cancelled.
select exists (select from checkout_checkout where due_at <= %(now)s) or exists (
  select from checkout_checkout c join orders_order o on o.id = c."order"
  where c.step in ('placed', 'settled') and o.state = 'cancelled'
) or exists (
  select from checkout_checkout c join orders_order o on o.id = c."order"
  where c.step = 'placed' and o.state in ('handed_over', 'returned') and o.taken is not null
) or exists (
  select from sales_return r join orders_order o on o.number = r.sale_receipt and o.receipt = r.sale_receipt
  join checkout_checkout c on c."order" = o.id
  where r.status = 'applied' and r.sale_source = %(source)s and r.position > %(since)s and (
    r.refund = 'as_paid' and not exists (select from checkout_repayment p where p.position = r.position)
    or o.state = 'returned' and c.freed_at is null
  )
) or exists (
  select from checkout_checkout c join orders_order o on o.id = c."order"
  where c.tells_at <= %(now)s and c.step in ('placed', 'settled')
    and (o.moments ? 'handed_over' or c.by = 'pickup' and o.moments ? 'packed' and o.state <> 'cancelled')
);

-- name: find_cancelled
-- Checkouts that are placed or settled, and whose orders were cancelled since.
select c."order" from checkout_checkout c join orders_order o on o.id = c."order"
where c.step in ('placed', 'settled') and o.state = 'cancelled' order by c.created_at limit %s;

-- name: find_taken
-- Placed checkouts whose orders were handed over for money in a store, which is to be booked.
select c."order" from checkout_checkout c join orders_order o on o.id = c."order"
where c.step = 'placed' and o.state in ('handed_over', 'returned') and o.taken is not null order by c.created_at limit %s;

-- name: find_news
-- Orders that lie ready or were given away, of which whoever ordered was not told yet.
select c."order" from checkout_checkout c join orders_order o on o.id = c."order"
where c.tells_at <= %(now)s and c.step in ('placed', 'settled')
  and (o.moments ? 'handed_over' or c.by = 'pickup' and o.moments ? 'packed' and o.state <> 'cancelled')
order by c.tells_at limit %(limit)s;

-- name: find_returned
-- Orders of whose goods some came back, for which the money was not asked back yet; or all, and coupons did not go back.
select distinct o.id from sales_return r
join orders_order o on o.number = r.sale_receipt and o.receipt = r.sale_receipt
join checkout_checkout c on c."order" = o.id
where r.status = 'applied' and r.sale_source = %(source)s and r.position > %(since)s and (
  r.refund = 'as_paid' and not exists (select from checkout_repayment p where p.position = r.position)
  or o.state = 'returned' and c.freed_at is null
)
order by o.id limit %(limit)s;
