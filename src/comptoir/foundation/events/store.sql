-- name: find_identities
-- The positions and fingerprints of those (source, id) that were recorded before.
select i.source, i.id, i.position::text, i.fingerprint
from unnest(%s::text[], %s::text[]) as asked(source, id)
join events_identity i on i.source = asked.source and i.id = asked.id;

-- name: find_outcomes
-- The answers given to recorded events, as they were sent.
select position::text, outcome::text from events_event where position = any(%s::uuid[]);

-- name: find_contents
-- What was said at these positions.
select position::text, data::text from events_event where position = any(%s::uuid[]);

-- name: insert_outbox
-- One row for the whole batch; the transaction's number lets a reader wait for those that are still open.
insert into events_outbox (transaction, positions)
values (pg_current_xact_id()::text::bigint, %s::uuid[]);

-- name: notify_live
-- Tell live pages in the same transaction; one call for each payload.
select pg_notify('comptoir_live', payload) from unnest(%s::text[]) as payload;

-- name: lock_destination
-- One relay at a time serves a destination, as long as its connection lives.
select pg_try_advisory_lock(7209010, hashtext(%s));

-- name: register_destination
-- A new destination hears of everything from now on: of whatever may still be open, and of all that follows.
insert into events_relay (destination, transaction, outbox, failure)
values (%s, pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1, 9223372036854775807, '')
on conflict (destination) do nothing;

-- name: find_destination
-- How far a destination has got.
select transaction, outbox from events_relay where destination = %s;

-- name: find_destinations
-- Every destination: how far it has got, and since when it fails.
select destination, delivered_at, failing_since, failure from events_relay order by destination;

-- name: forget_destinations
-- Drop the destinations that are declared no more, so that nothing is kept for them.
delete from events_relay where destination <> all(%s::text[]) returning destination;

-- name: renumber_outbox
-- After a restore on another server, rows carry numbers of the server they came from: give them one of this server's.
with gone as (
  delete from events_outbox where transaction >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
  returning transaction, id, positions, created_at
)
insert into events_outbox (transaction, positions, created_at)
select pg_current_xact_id()::text::bigint, positions, created_at from gone order by gone.transaction, gone.id;

-- name: renumber_destinations
-- The same for how far destinations have got: they hear of everything that is left once more.
update events_relay set transaction = 0, outbox = 0
where transaction >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint;

-- name: read_outbox
-- The next rows behind a place, in the order of their transactions; a row waits while an older one may still come.
select id, transaction, positions, created_at from events_outbox
where (transaction, id) > (%s, %s) and transaction < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
order by transaction, id limit %s;

-- name: read_results
-- What was decided about the events at these positions.
select position, source, id, type, touchpoint, occurred_at, customer, outcome::text from events_event
where position = any(%s::uuid[]) and status = 'accepted';

-- name: advance_destination
-- A destination has acknowledged everything up to this place; it never goes back.
update events_relay
set transaction = %(transaction)s, outbox = %(outbox)s, delivered_at = coalesce(%(delivered_at)s, delivered_at),
  failing_since = null, failure = ''
where destination = %(destination)s and (transaction, outbox) < (%(transaction)s, %(outbox)s);

-- name: note_failure
-- A destination could not be reached, or refused.
update events_relay set failing_since = coalesce(failing_since, %(at)s), failure = %(failure)s
where destination = %(destination)s;

-- name: find_last_place
-- How far the destination has got that is furthest behind.
select transaction, outbox from events_relay order by transaction, outbox limit 1;

-- name: prune_passed
-- Drop rows up to a place.
delete from events_outbox where (transaction, id) in (
  select transaction, id from events_outbox where (transaction, id) <= (%s, %s) order by transaction, id limit %s
);

-- name: prune_old
-- Drop rows from before a moment.
delete from events_outbox where (transaction, id) in (
  select transaction, id from events_outbox where created_at < %s order by transaction, id limit %s
);

-- name: make_partition
-- Have a partition of the log for the month of a moment; tells whether it is new.
select events_make_partition(%s);

-- name: wait_briefly
-- What follows in this transaction gives up rather than hold up the gateway behind it.
select set_config('lock_timeout', '2s', true);

-- name: rest_bytes
-- How much lies in the partition for positions that no month has taken.
select pg_relation_size('events_event_rest');

-- name: read_log
-- The whole log in order.
select position::text, customer::text, occurred_at, received_at, source, id, type, touchpoint,
  status = 'accepted', data::text, decision::text
from events_event order by position;
