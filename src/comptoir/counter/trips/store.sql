-- name: sever_trips
-- Whoever is forgotten is on no trip any more, and what stays is about nobody.
update trips_trip t set customer = f.fresh, occurrence = case when t.occurrence = '' then '' else 'gone ' || t.id end,
  due_at = null, ended_at = coalesce(t.ended_at, now()),
  ended_because = case when t.ended_at is null then 'forgotten' else t.ended_because end
from unnest(%s::uuid[], %s::uuid[]) as f(customer, fresh) where t.customer = f.customer;
