-- name: lock_accounts
-- Lock the accounts of a batch in one order, so that two batches never wait for each other in a circle.
select customer::text, available, held, owed, lot_days, lot_points, last_position::text, ctid
from loyalty_account where customer = any(%s::uuid[]) order by loyalty_account.customer for update;

-- name: find_accounts
-- The same for reading only.
select customer::text, available, held, owed, lot_days, lot_points, last_position::text, '' as place
from loyalty_account where customer = any(%s::uuid[]);

-- name: insert_accounts
-- Accounts of customers who had none.
insert into loyalty_account (customer, available, held, owed, lot_days, lot_points, last_position)
select customer, available, held, owed, lot_days::date[], lot_points::bigint[], last_position
from unnest(%s::uuid[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::uuid[])
  as new(customer, available, held, owed, lot_days, lot_points, last_position);

-- name: update_accounts
-- What the batch made of the accounts it had locked. A locked row stays in its place; if one did not, divide by zero.
with written as (
  update loyalty_account a
  set available = new.available, held = new.held, owed = new.owed, lot_days = new.lot_days::date[],
    lot_points = new.lot_points::bigint[], last_position = new.last_position
  from unnest(%s::tid[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::uuid[])
    as new(place, available, held, owed, lot_days, lot_points, last_position)
  where a.ctid = new.place
  returning 1
)
select 1 / (count(*) = %s::bigint)::int from written;

-- name: add_to_programme
-- One net change for each of the programme's accounts, in a part that few others write to at the same time.
insert into loyalty_programmebalance (account, shard, points)
select account, pg_backend_pid() %% 64, points from unnest(%s::smallint[], %s::bigint[]) as change(account, points)
on conflict (account, shard) do update set points = loyalty_programmebalance.points + excluded.points;

-- name: find_reservations
-- Reservations by their touchpoint and its name for them.
select r.touchpoint, r.name, r.customer::text, r.position::text, r.points, r.draws::text, r.expires_at, r.status, r.posted
from unnest(%s::text[], %s::text[]) as asked(touchpoint, name)
join loyalty_reservation r on r.touchpoint = asked.touchpoint and r.name = asked.name;

-- name: insert_reservations
-- Points are held.
insert into loyalty_reservation (touchpoint, name, customer, position, points, draws, expires_at, status, posted)
select * from unnest(%s::text[], %s::text[], %s::uuid[], %s::uuid[], %s::bigint[], %s::jsonb[], %s::timestamptz[],
  %s::text[], %s::bigint[]);

-- name: close_reservations
-- Held points were spent or given back.
update loyalty_reservation r set status = closed.status, posted = closed.posted
from unnest(%s::text[], %s::text[], %s::text[], %s::bigint[]) as closed(touchpoint, name, status, posted)
where r.touchpoint = closed.touchpoint and r.name = closed.name;

-- name: find_leases
-- Leases by their touchpoint and its name for them.
select l.touchpoint, l.name, l.holder, l.customer::text, l.position::text, l.points, l.draws::text, l.expires_at,
  l.spent, l.sequences, l.spends, l.status
from unnest(%s::text[], %s::text[]) as asked(touchpoint, name)
join loyalty_lease l on l.touchpoint = asked.touchpoint and l.name = asked.name;

-- name: find_open_leases
-- What tills may let be spent of these customers' points, or may have let be spent.
select l.touchpoint, l.name, l.holder, l.customer::text, l.position::text, l.points, l.draws::text, l.expires_at,
  l.spent, l.sequences, l.spends, l.status
from loyalty_lease l where l.status = 'open' and l.customer = any(%s::uuid[]);

-- name: find_overdue_leases
-- Leases that have run out and were not returned, the oldest first.
select l.touchpoint, l.name, l.holder, l.customer::text, l.position::text, l.points, l.draws::text, l.expires_at,
  l.spent, l.sequences, l.spends, l.status
from loyalty_lease l where l.status = 'open' and l.expires_at <= %s order by l.expires_at, l.touchpoint, l.name limit %s;

-- name: insert_lease
-- Points are leased to a till.
insert into loyalty_lease (
  touchpoint, name, holder, customer, position, points, draws, expires_at, spent, sequences, spends, status
) values (%s, %s, %s, %s::uuid, %s::uuid, %s, %s::jsonb, %s, %s, %s::int[], %s, %s);

-- name: update_lease
-- What became of a lease.
update loyalty_lease set expires_at = %s, spent = %s, sequences = %s::int[], spends = %s, status = %s
where touchpoint = %s and name = %s;

-- name: find_overdue_reservations
-- Open reservations whose time is over, the oldest first.
select touchpoint, name, position::text, expires_at from loyalty_reservation
where status = 'held' and expires_at <= %s order by expires_at limit %s;

-- name: find_expiring
-- Customers with a lot whose last day lies before a day, in portions by customer.
select customer::text from loyalty_account
where loyalty_account.customer > %s and lot_days[1] < %s order by loyalty_account.customer limit %s;

-- name: find_moved
-- Those of these customers whose points have moved since a moment, other than by expiring.
select distinct customer::text from loyalty_transfer
where customer = any(%s::uuid[]) and occurred_at >= %s and credit <> 13;

-- name: find_programmes
-- All versions, oldest first.
select version, starts_at, definition::text from loyalty_programme order by version;

-- name: insert_programme
-- A further version.
insert into loyalty_programme (starts_at, definition) values (%s, %s::jsonb) returning version;

-- name: lock_programmes
-- One change of the programme at a time.
select pg_advisory_xact_lock(7209004);

-- name: find_paid
-- What was spent of these customers' points, by the event that spent them and the lot, less what was given back already.
select t.customer::text, t.cause::text, t.day, case when t.credit > 10 then t.credit else t.debit end,
  sum(case when t.credit > 10 then t.points else -t.points end)::bigint
from loyalty_transfer t
where t.customer = any(%s::uuid[]) and t.day is not null and (t.credit in (12, 14) or t.debit in (12, 14))
group by 1, 2, 3, 4
having sum(case when t.credit > 10 then t.points else -t.points end) > 0
order by 2, 1, 3;

-- name: find_open_reservations
-- What is held at present for these customers.
select r.touchpoint, r.name, r.customer::text, r.position::text, r.points, r.draws::text, r.expires_at, r.status, r.posted
from loyalty_reservation r where r.status = 'held' and r.customer = any(%s::uuid[]);

-- name: find_history
-- What events did for some customers before a moment, latest first, by cause and reason; ties with the last row come, too.
select * from (
  select t.cause::text, max(t.occurred_at) as occurred_at, t.reason, sum(worth)::bigint as points,
    case when sum(worth) > 0 then min(t.day) filter (where t.credit = 1) end as day
  from loyalty_transfer t,
    lateral (select case when t.credit = 1 then t.points when t.debit = 1 then -t.points
                         when t.credit = 3 then -t.points when t.debit = 3 then t.points else 0 end) as moved(worth)
  where t.customer = any(%s::uuid[]) and (t.occurred_at, t.cause) < (%s, %s)
  group by t.cause, t.reason having sum(worth) <> 0
  order by 2 desc, t.cause desc fetch first %s rows with ties
) as told order by occurred_at desc, cause desc, reason;

-- name: find_positions
-- Where the log says what moved for these customers.
select distinct position::text from loyalty_transfer where customer = any(%s::uuid[]);

-- name: sever_accounts
-- Accounts of somebody who is forgotten, each under another customer.
update loyalty_account a set customer = n.fresh
from unnest(%s::uuid[], %s::uuid[]) as n(customer, fresh) where a.customer = n.customer;

-- name: sever_transfers
-- The same for what moved.
update loyalty_transfer t set customer = n.fresh
from unnest(%s::uuid[], %s::uuid[]) as n(customer, fresh) where t.customer = n.customer;

-- name: sever_reservations
-- The same for what was held in their name.
update loyalty_reservation r set customer = n.fresh
from unnest(%s::uuid[], %s::uuid[]) as n(customer, fresh) where r.customer = n.customer;

-- name: sever_leases
-- The same for what tills have leased.
update loyalty_lease l set customer = n.fresh
from unnest(%s::uuid[], %s::uuid[]) as n(customer, fresh) where l.customer = n.customer;

-- name: sever_lease_draws
-- The same for what a lease was drawn from, in whoever's name.
update loyalty_lease l set draws = replace(l.draws::text, %s, %s)::jsonb
from unnest(%s::text[], %s::text[]) as asked(touchpoint, name)
where l.touchpoint = asked.touchpoint and l.name = asked.name;

-- name: sever_standings
-- The same for what they allowed to be spent.
update loyalty_standing s set customer = n.fresh
from unnest(%s::uuid[], %s::uuid[]) as n(customer, fresh) where s.customer = n.customer;

-- name: sever_draws
-- The same for what was drawn from their lots, in whoever's name.
update loyalty_reservation r set draws = replace(r.draws::text, %s, %s)::jsonb
from unnest(%s::text[], %s::text[]) as asked(touchpoint, name)
where r.touchpoint = asked.touchpoint and r.name = asked.name;

-- name: sum_accounts
-- Every account from its transfers: what came in less what went out, and the lots by day.
insert into loyalty_account (customer, available, held, owed, lot_days, lot_points, last_position)
select sums.customer, sums.available, sums.held, sums.owed, coalesce(lots.days, '{}'), coalesce(lots.points, '{}'),
  sums.last_position
from (
  select customer,
    sum(case when credit = 1 then points when debit = 1 then -points else 0 end)::bigint as available,
    sum(case when credit = 2 then points when debit = 2 then -points else 0 end)::bigint as held,
    sum(case when credit = 3 then points when debit = 3 then -points else 0 end)::bigint as owed,
    max(position::text)::uuid as last_position
  from loyalty_transfer group by customer
) sums
left join (
  select customer, array_agg(day order by day) as days, array_agg(points order by day) as points
  from (
    select customer, day, sum(case when credit = 1 then points else -points end)::bigint as points
    from loyalty_transfer where credit = 1 or debit = 1 group by customer, day
  ) lot
  where points <> 0 group by customer
) lots on lots.customer = sums.customer;

-- name: find_used_codes
-- Where codes were used, by their digests.
select digest::text, source from loyalty_usedcode where digest = any(%s::uuid[]);

-- name: insert_used_codes
-- Codes that were accepted; the key refuses one that another till was quicker with.
insert into loyalty_usedcode (digest, position, source)
select digest, position, source from unnest(%s::uuid[], %s::uuid[], %s::text[]) as new(digest, position, source);

-- name: find_standings
-- What was said about these customers' spending.
select customer::text, locked, places, points_per_day, points_without_passkey, limited_at, limited_source, limited_id,
  free_at, heard_at, former::text, cooling_until, frozen, frozen_at, frozen_source, frozen_id
from loyalty_standing where customer = any(%s::uuid[]);

-- name: insert_standing
-- The first that was said about somebody's spending; if another transaction was first, this one is decided again.
insert into loyalty_standing (
  customer, locked, places, points_per_day, points_without_passkey, limited_at, limited_source, limited_id,
  free_at, heard_at, former, cooling_until, frozen, frozen_at, frozen_source, frozen_id
) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s);

-- name: lock_standings
-- Nobody else changes these until the end of the transaction.
select from loyalty_standing where customer = any(%s::uuid[]) order by customer for update;

-- name: update_standing
-- The last word on somebody's spending.
update loyalty_standing
set locked = %s, places = %s, points_per_day = %s, points_without_passkey = %s, limited_at = %s, limited_source = %s,
  limited_id = %s, free_at = %s, heard_at = %s, former = %s, cooling_until = %s, frozen = %s, frozen_at = %s, frozen_source = %s, frozen_id = %s
where customer = %s;

-- name: find_spent
-- How many points customers have spent, or hold, by requests from a position on.
select customer::text, sum(points)::bigint from (
  select customer, points from loyalty_transfer
  where customer = any(%(customers)s::uuid[]) and position >= %(since)s and debit = 1 and credit = 12
  union all
  select customer, case status when 'held' then points when 'posted' then posted else 0 end from loyalty_reservation
  where customer = any(%(customers)s::uuid[]) and position >= %(since)s
  union all
  select customer, case status when 'open' then points else spent end from loyalty_lease
  where customer = any(%(customers)s::uuid[]) and position >= %(since)s
) spent group by customer;

-- name: sum_programme
-- The programme's accounts from the same transfers.
insert into loyalty_programmebalance (account, shard, points)
select account, 0, sum(points)::bigint from (
  select credit as account, points from loyalty_transfer where credit > 10
  union all
  select debit, -points from loyalty_transfer where debit > 10
) moves group by account;

-- name: find_moves_at
-- What events at these positions moved for a customer; found through the customer.
select occurred_at, debit, credit, points, day from loyalty_transfer
where customer = %s and position = any(%s::uuid[]) order by position, ordinal;

-- name: delete_moved
-- What they moved stands at another position now.
delete from loyalty_transfer where customer = %s and position = any(%s::uuid[]);

-- name: look_again
-- The last that an account has seen, after something of it went.
update loyalty_account a set last_position = seen.position from (
  select max(position::text)::uuid as position from loyalty_transfer where customer = %s
) seen where a.customer = %s and seen.position is not null and seen.position <> a.last_position;

-- name: delete_unmoved
-- An account of which nothing was ever moved is none.
delete from loyalty_account a where a.customer = %s
  and not exists (select from loyalty_transfer t where t.customer = a.customer);

-- name: find_causes
-- Which events have moved points of these customers.
select distinct cause::text from loyalty_transfer where customer = any(%s::uuid[]);
