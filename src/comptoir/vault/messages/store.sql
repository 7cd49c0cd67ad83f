-- name: hold_number
-- A sender holds its number as long as it lives; whoever can take it knows that the sender is dead.
select pg_try_advisory_lock(7209160, %s);

-- name: release_number
-- Give back a number.
select pg_advisory_unlock(7209160, %s);

-- name: is_due
-- Whether anything waits for a channel's sender.
select exists (select from messages_waiting where channel = %s and due_at <= %s and taken_by is null);

-- name: find_due_channels
-- The channels on which anything waits for a sender.
select channel from unnest(%s::text[]) as asked(channel)
where exists (select from messages_waiting w where w.channel = asked.channel and w.due_at <= %s and w.taken_by is null);

-- name: say_why
-- Say of what is due why it waits: nobody takes this channel's messages in this shop.
update messages_waiting set why = %(why)s
where channel = %(channel)s and due_at <= %(now)s and taken_by is null and why <> %(why)s;

-- name: use_indexes
-- For the rest of a transaction sets of ids are looked up in indexes.
select set_config(name, 'off', true) from unnest(array['enable_seqscan', 'enable_hashjoin', 'enable_mergejoin']) as name;

-- name: claim
-- Take up what is due, each by one sender, with all that is known of it and whether it may still be sent, as one JSON.
with due as (
  select decision from messages_waiting where channel = %(channel)s and due_at <= %(now)s and taken_by is null
  order by channel, due_at, decision limit %(limit)s for update skip locked
), taken as (
  update messages_waiting w set taken_by = %(me)s, taken_at = %(now)s, why = '' from due where w.decision = due.decision
  returning w.decision, w.tries
)
select coalesce(json_agg(json_build_array(d.id, t.tries, d.campaign, d.customer, d.occurrence, d.coupon, d.values,
  d.not_after, d.dispatch, exists (select from messages_stop s where s.campaign = d.campaign), m.is_permitted)), '[]')::text
from taken t join messages_decision d on d.id = t.decision join messages_dispatch p on p.id = d.dispatch
cross join lateral customers_permitted(d.customer, p.purpose, p.channel) as m;

-- name: mark_attempted
-- Write down what is about to leave, asked at this moment whether it may; returns each with its answer.
-- Here and below each is looked up by its number (hence "+ 0"): by its sender, all that one has in hand would be read.
with asked as materialized (
  select w.decision, exists (select from messages_stop s where s.campaign = d.campaign) as is_stopped, m.is_permitted
  from unnest(%s::uuid[]) as given(decision) join messages_waiting w on w.decision = given.decision
  join messages_decision d on d.id = w.decision join messages_dispatch p on p.id = d.dispatch
  cross join lateral customers_permitted(d.customer, p.purpose, p.channel) as m
  where w.taken_by + 0 = %s::bigint
), marked as (
  insert into messages_outcome (decision, kind, at, reason)
  select decision, 'attempted', %s::timestamptz, '' from asked where is_permitted and not is_stopped
  on conflict do nothing
)
select decision, is_stopped::int, is_permitted::int from asked;

-- name: ask_again
-- Of what was marked and has not left yet: what may not leave any more.
select d.id, exists (select from messages_stop s where s.campaign = d.campaign)::int
from unnest(%s::uuid[]) as given(decision) join messages_decision d on d.id = given.decision
join messages_dispatch p on p.id = d.dispatch
cross join lateral customers_permitted(d.customer, p.purpose, p.channel) as m
where exists (select from messages_stop s where s.campaign = d.campaign) or not m.is_permitted;

-- name: finish
-- What became of messages that this sender has in hand: they leave the queue, each with one outcome.
with done as (
  delete from messages_waiting w
  using unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::text[]) as o(decision, kind, at, reason)
  where w.decision = o.decision and w.taken_by + 0 = %s::bigint
  returning o.decision, o.kind, o.at, o.reason
)
insert into messages_outcome (decision, kind, at, reason) select decision, kind, at, reason from done
on conflict do nothing;

-- name: give_back
-- What has certainly not left goes back into the queue, to be tried again at its time.
update messages_waiting w set taken_by = null, taken_at = null, tries = w.tries + o.tried, due_at = o.due_at
from unnest(%s::uuid[], %s::int[], %s::timestamptz[]) as o(decision, tried, due_at)
where w.decision = o.decision and w.taken_by + 0 = %s::bigint;

-- name: find_holders
-- The numbers of the senders that have something in hand.
select distinct taken_by from messages_waiting where taken_by is not null;

-- name: recover
-- What a dead sender had in hand: what it had not marked, and service, goes back; of the rest nobody can say whether it left.
with held as (
  select w.decision, p.message_class = 'service' and w.tries < %(tries_max)s or not exists (
    select from messages_outcome o where o.decision = w.decision and o.kind = 'attempted'
  ) as is_again
  from messages_waiting w join messages_dispatch p on p.id = w.dispatch
  where w.taken_by = %(who)s for update of w
), back as (
  update messages_waiting w set taken_by = null, taken_at = null, tries = w.tries + 1 from held
  where held.decision = w.decision and held.is_again
), gone as (
  delete from messages_waiting w using held where held.decision = w.decision and not held.is_again
  returning w.decision
), said as (
  insert into messages_outcome (decision, kind, at, reason)
  select decision, 'unknown', %(now)s, 'sender_died' from gone on conflict do nothing
)
select count(*) filter (where is_again), count(*) filter (where not is_again) from held;

-- name: sweep_stopped
-- What waits of campaigns that were stopped will never leave.
with gone as (
  delete from messages_waiting w using messages_decision d, messages_stop s
  where d.id = w.decision and s.campaign = d.campaign and w.taken_by is null returning w.decision
)
insert into messages_outcome (decision, kind, at, reason) select decision, 'stopped', %s, '' from gone
on conflict do nothing;

-- name: reach
-- Contact points that a campaign reaches for the first time; whoever has the same address is left out.
with reached as (
  insert into delivery_reached (campaign, occurrence, digest, decision, person, at)
  select c, o, decode(g, 'hex'), d, p, %(now)s
  from unnest(%(campaigns)s::uuid[], %(occurrences)s::text[], %(digests)s::text[], %(decisions)s::uuid[],
    %(persons)s::uuid[]) as r(c, o, g, d, p)
  order by c, o, g
  on conflict (campaign, occurrence, digest) do update set decision = excluded.decision
    where delivery_reached.decision = excluded.decision
  returning decision
)
select coalesce(json_agg(decision), '[]')::text from reached;

-- name: find_blocks
-- Which of these contact points get nothing any more, and why.
select encode(digest, 'hex'), why from delivery_block
where digest in (select decode(asked, 'hex') from unnest(%s::text[]) as asked);

-- name: insert_block
-- Send nothing more to a contact point.
insert into delivery_block (digest, field, why, person, at) values (%s, %s, %s, %s, %s) on conflict do nothing;

-- name: find_reached
-- The latest message to a contact point since a moment that may have left; of offers alone where only they can be ended.
select r.decision, r.person, r.campaign
from delivery_reached r join messages_decision d on d.id = r.decision join messages_dispatch p on p.id = d.dispatch
where r.digest = %(digest)s and r.at >= %(since)s and not (%(offers_only)s and p.message_class = 'service')
  and exists (select from messages_outcome o where o.decision = r.decision and o.kind = 'attempted')
order by r.at desc limit 1;

-- name: find_persons
-- Everybody to whom something was sent at a contact point.
select distinct person from delivery_reached where digest = %s order by person;

-- name: find_decision
-- Whom a decision is about, and on which channel and for which purpose it was sent, if it was.
select d.customer, p.channel, p.purpose, p.message_class from messages_decision d
join messages_dispatch p on p.id = d.dispatch where d.id = %s
and exists (select from messages_outcome o where o.decision = d.id and o.kind = 'attempted');

-- name: find_reach_of
-- Where a decision has reached somebody.
select digest, person from delivery_reached where decision = %s;
