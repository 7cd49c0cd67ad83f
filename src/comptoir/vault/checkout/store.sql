-- name: is_anything_due
-- Whether any checkout wants to be looked at: by its own time, or since its order was cancelled.
select exists (select from checkout_checkout where due_at <= %(now)s) or exists (
  select from checkout_checkout c join orders_order o on o.id = c."order"
  where c.step = 'settled' and o.state = 'cancelled'
);

-- name: find_cancelled
-- Settled checkouts whose orders were cancelled since.
select c."order" from checkout_checkout c join orders_order o on o.id = c."order"
where c.step = 'settled' and o.state = 'cancelled' order by c.created_at limit %s;
