-- name: find_identities
-- The positions and fingerprints of those (source, id) that were recorded before.
select i.source, i.id, i.position, i.fingerprint
from unnest(%s::text[], %s::text[]) as asked(source, id)
join events_identity i on i.source = asked.source and i.id = asked.id;

-- name: find_outcomes
-- The answers given to recorded events, as they were sent.
select position, outcome::text from events_event where position = any(%s::uuid[]);

-- name: insert_identities
-- One row per new event; a taken identity fails the batch, which is then decided again.
insert into events_identity (source, id, position, fingerprint)
select * from unnest(%s::text[], %s::text[], %s::uuid[], %s::bytea[]);

-- name: insert_events
-- Append a batch to the log.
insert into events_event
  (position, customer, occurred_at, received_at, source, id, type, touchpoint, status, data, outcome, decision)
select * from unnest(%s::uuid[], %s::uuid[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[], %s::text[],
  %s::text[], %s::text[], %s::json[], %s::json[], %s::json[]);

-- name: insert_outbox
-- One row for the whole batch; the transaction's number lets a reader wait for those that are still open.
insert into events_outbox (transaction, positions)
values (pg_current_xact_id()::text::bigint, %s::uuid[]);

-- name: notify_live
-- Tell live pages in the same transaction; one call for each payload.
select pg_notify('comptoir_live', payload) from unnest(%s::text[]) as payload;
