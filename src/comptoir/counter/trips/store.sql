-- name: sever_trips
-- Whoever is forgotten is on no trip any more, and what stays is about nobody.
update trips_trip t set customer = f.fresh, occurrence = case when t.occurrence = '' then '' else 'gone ' || t.id end,
  due_at = null, ended_at = coalesce(t.ended_at, now()),
  ended_because = case when t.ended_at is null then 'forgotten' else t.ended_because end
from unnest(%s::uuid[], %s::uuid[]) as f(customer, fresh) where t.customer = f.customer;

-- name: find_strays
-- Ids of the office's rows that are no customers: of somebody who was forgotten while the rows were written.
select distinct t.customer::text from trips_trip t where substr(t.customer::text, 15, 1) <> '4'
  and not exists (select from customers_customer c where c.customer = t.customer);
