-- name: find_identities
-- The positions and fingerprints of those (source, id) that were recorded before.
select i.source, i.id, i.position::text, i.fingerprint
from unnest(%s::text[], %s::text[]) as asked(source, id)
join events_identity i on i.source = asked.source and i.id = asked.id;

-- name: find_outcomes
-- The answers given to recorded events, as they were sent.
select position::text, outcome::text from events_event where position = any(%s::uuid[]);

-- name: find_told
-- Whom the events at these positions are about, when they happened, and when they came.
select position::text, customer::text, occurred_at, received_at from events_event where position = any(%s::uuid[]);

-- name: find_contents
-- What was said at these positions.
select position::text, data::text from events_event where position = any(%s::uuid[]);

-- name: insert_outbox
-- One row for the whole batch; the transaction's number lets a reader wait for those that are still open.
insert into events_outbox (transaction, positions)
values (pg_current_xact_id()::text::bigint, %s::uuid[]);

-- name: notify_live
-- Tell live pages in the same transaction; one call for each payload, which is sealed.
select pg_notify('comptoir_told', payload) from unnest(%s::text[]) as payload;

-- name: sever
-- Customers who are forgotten: a random id for each, and where in the log it stands now.
select customer::text, fresh::text, positions::text from events_sever(%s::uuid[], %s::uuid[], %s::jsonb);

-- name: silence
-- Fields of the events at these positions lose their text; who said them stays.
select events_silence(%s::uuid[], %s::jsonb);

-- name: let_go
-- A sale and its returns are nobody's, and nothing of these customers names its receipt.
select events_let_go(%s::uuid, %s::uuid[], %s::uuid[], %s::text[]);

-- name: is_named
-- Whether any event names this customer, but for those that moved points.
select exists (
  select from events_event where customer = %(customer)s and (type <> 'sale.closed' or decision is null)
) or exists (
  select from events_event where events_mentioned(data) && array[%(customer)s::uuid]
    and type <> all ('{sale.closed,sale.returned,points.redeem,points.reserve,points.post,points.void,points.adjust,points.expire,coupon.redeem,coupon.reserve,coupon.post,coupon.release,coupon.issued,coupon.redeemed,coupon.return}')
);

-- name: find_acting
-- Where somebody has acted under one of these public names; by an index of its own.
select position::text from events_event
where data ->> 'persona' = any(%s::text[])
  and type in ('post.published', 'post.edited', 'post.withdrawn', 'vote.cast', 'answer.accepted', 'post.flagged',
    'decision.appealed', 'post.decided', 'follow.changed', 'member.mentioned', 'news.seen', 'news.chosen',
    'charter.proposed', 'charter.voted');

-- name: find_acts
-- When something of one type was done under these public names since a moment; by the same index.
select data ->> 'persona', received_at from events_event
where data ->> 'persona' = any(%s::text[]) and type = %s and received_at >= %s and status = 'accepted'
  and type in ('post.published', 'post.edited', 'post.withdrawn', 'vote.cast', 'answer.accepted', 'post.flagged',
    'decision.appealed', 'post.decided', 'follow.changed', 'member.mentioned', 'news.seen', 'news.chosen');

-- name: find_followed
-- Where others have said that they follow or mute one of these public names; by an index of its own.
select position::text from events_event
where data ->> 'target' = any(%s::text[]) and type = 'follow.changed';

-- name: read_named
-- What stands at these positions now.
select position::text, source, id, type, touchpoint, status = 'accepted', data::text from events_event
where position = any(%s::uuid[]);

-- name: find_speakers
-- Which touchpoints said what stands at these positions.
select position::text, touchpoint from events_event where position = any(%s::uuid[]);

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

-- name: read_beyond
-- What was recorded behind a place, whatever may still come before it.
select unnest(positions)::text from events_outbox where (transaction, id) > (%s, %s) order by transaction, id;

-- name: find_destinations
-- Every destination: how far it has got, and since when it fails.
select destination, delivered_at, failing_since, failure, held_back from events_relay order by destination;

-- name: forget_destinations
-- Drop the destinations that are declared no more, so that nothing is kept for them.
delete from events_relay where destination <> all(%s::text[]) and destination not like 'house.%%'
returning destination;

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

-- name: read_permitted_results
-- The same, of customers who allow the purpose on the channel only; for the others, how many of which type.
with decided as materialized (
  select e.*, e.customer is null or {permits}(e.customer, %(purpose)s, %(channel)s) as is_permitted
  from events_event e where position = any(%(positions)s::uuid[]) and status = 'accepted'
)
select position, source, id, type, touchpoint, occurred_at, customer, outcome::text, 0 from decided where is_permitted
union all
select null, '', '', type, '', null, null, '', count(*) from decided where not is_permitted group by type;

-- name: advance_destination
-- A destination has acknowledged everything up to this place; it never goes back.
update events_relay
set transaction = %(transaction)s, outbox = %(outbox)s, delivered_at = coalesce(%(delivered_at)s, delivered_at),
  failing_since = null, failure = '', held_back = held_back + %(held_back)s
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

-- name: find_heard
-- Those of these customers of whom something was heard since a moment, leaving out sales that moved points and the clock.
select distinct customer::text from events_event
where customer = any(%s::uuid[]) and (type <> 'sale.closed' or decision is null) and occurred_at >= %s
  and status = 'accepted' and source not like '/comptoir/%%';

-- name: find_said_of
-- What events of one type said about these customers, the oldest first; of sales, those that moved no points.
select customer::text, occurred_at, data::text from events_event
where customer = any(%s::uuid[]) and (type <> 'sale.closed' or decision is null) and type = %s and status = 'accepted'
order by occurred_at;

-- name: find_of_type
-- The events of one type at these positions: about whom they are, when they happened, what they said.
select customer::text, occurred_at, data::text from events_event
where position = any(%s::uuid[]) and type = %s and status = 'accepted';

-- name: read_types
-- What accepted events of these types said at these positions.
select position::text, type, source, occurred_at, data::text from events_event
where position = any(%s::uuid[]) and type = any(%s::text[]) and status = 'accepted';

-- name: read_types_since
-- What accepted events of these types said that happened after a moment, behind a position.
select position::text, type, source, occurred_at, data::text from events_event
where position > %s::uuid and type = any(%s::text[]) and status = 'accepted' and occurred_at > %s
order by position limit %s;

-- name: read_back
-- Events of one type that are about a customer, the latest first, before a position.
select position::text, customer::text, occurred_at, data::text from events_event
where type = %s and status = 'accepted' and customer is not null and position < %s::uuid
order by position desc limit %s;

-- name: read_log
-- The whole log in order.
select position::text, customer::text, occurred_at, received_at, source, id, type, touchpoint,
  status = 'accepted', data::text, decision::text
from events_event order by position;

-- name: read_audit
-- The next entries of the audit chain from a number on.
select number, content, hash from events_audit where number >= %s order by number limit %s;

-- name: find_edge
-- The right edge of the audit tree at a checkpoint.
select edge from events_checkpoint where size = %s;

-- name: insert_checkpoint
-- Keep a checkpoint beside the chain.
insert into events_checkpoint (size, note, edge, made_at) values (%s, %s, %s, %s) on conflict (size) do nothing;
