-- name: insert_dispatch
-- Write down what all messages of one variant share.
insert into messages_dispatch (id, campaign, campaign_version, variant, channel, template, template_version, purpose,
  message_class, because, values, promotion, hour_from, hour_until, weekdays, zone,
  made_at)
values (%(id)s, %(campaign)s, %(campaign_version)s, %(variant)s, %(channel)s, %(template)s, %(template_version)s,
  %(purpose)s, %(message_class)s, %(because)s, %(values)s, %(promotion)s, %(hour_from)s, %(hour_until)s, %(weekdays)s,
  %(zone)s,
  %(made_at)s)
on conflict (id) do nothing;

-- name: insert_decisions
-- Write decisions and queue those to send; what the campaign has decided before stays as it was.
with given as (
  select * from jsonb_to_recordset(%s::jsonb) as one(id uuid, campaign uuid, campaign_version int, customer uuid,
    occurrence text, verdict text, reason text, dispatch uuid, variant text, cluster text, coupon uuid, values jsonb,
    not_before timestamptz, not_after timestamptz, decided_at timestamptz)
), decided as (
  insert into messages_decision (id, campaign, campaign_version, customer, occurrence, verdict, reason, dispatch,
    variant, cluster, coupon, values, not_before, not_after, decided_at)
  select id, campaign, campaign_version, customer, occurrence, verdict, reason, dispatch, variant, cluster, coupon, values,
    not_before, not_after, decided_at
  from given order by campaign, customer, occurrence
  on conflict do nothing
  returning id, verdict, dispatch, not_before, decided_at
), queued as (
  insert into messages_waiting (decision, dispatch, channel, due_at)
  select d.id, d.dispatch, p.channel, coalesce(d.not_before, d.decided_at)
  from decided d join messages_dispatch p on p.id = d.dispatch where d.verdict = 'send'
)
select id from decided;

-- name: insert_stop
-- Stop a campaign; the first word stays.
insert into messages_stop (campaign, at, by, reason) values (%s, %s, %s, %s) on conflict (campaign) do nothing;

-- name: withdraw
-- Take decisions out of the queue that nobody has taken up, and say why.
with gone as (
  delete from messages_waiting where decision = any(%s::uuid[]) and taken_by is null returning decision
)
insert into messages_outcome (decision, kind, at, reason)
select decision, 'suppressed', %s, %s from gone on conflict do nothing
returning decision;

-- name: find_delayed
-- The lists of which offers wait that nobody has taken up, that may leave by a moment and were decided before another one.
select distinct p.campaign, p.campaign_version from messages_dispatch p
where p.message_class = 'marketing' and p.made_at <= %s and exists (
  select from messages_waiting w where w.dispatch = p.id and w.taken_by is null and w.due_at <= %s);

-- name: find_leaving
-- Of one list's messages that nobody has taken up and that may leave by a moment, the next few after another one; to some, or all.
select w.decision, d.customer, d.occurrence from messages_dispatch p
join messages_waiting w on w.dispatch = p.id and w.taken_by is null and w.due_at <= %(until)s
join messages_decision d on d.id = w.decision
where p.campaign = %(campaign)s and p.campaign_version = %(version)s and w.decision > %(after)s
  and (%(customers)s::uuid[] is null or d.customer = any(%(customers)s::uuid[]))
order by w.decision limit %(limit)s;

-- name: insert_outcomes
-- Note what became of decisions; what was noted before stays. Returns what is new.
insert into messages_outcome (decision, kind, at, reason)
select d, k, at, r from unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::text[]) as o(d, k, at, r)
order by d, k on conflict do nothing
returning decision, kind;

-- name: find_outcomes
-- Every decision of a campaign with what became of it.
select d.id, d.campaign_version, d.customer, d.occurrence, d.verdict, d.reason, d.variant, d.cluster, d.coupon, d.decided_at,
  coalesce((select jsonb_object_agg(o.kind, o.at) from messages_outcome o where o.decision = d.id), '{}'::jsonb)
from messages_decision d where d.campaign = %s order by d.id;

-- name: count_outcomes
-- How many of a campaign's decisions there are: by version, variant, verdict and reason; and by kind of outcome, on its way only as long as it is.
select d.campaign_version, d.variant, d.verdict, o.kind,
  coalesce(nullif(o.reason, ''), case when o.kind is null then nullif(w.why, '') end, d.reason), count(*)
from messages_decision d left join messages_waiting w on w.decision = d.id left join messages_outcome o on o.decision = d.id and not (o.kind = 'attempted' and exists (
  select from messages_outcome f where f.decision = d.id
    and f.kind in ('accepted', 'refused', 'unknown', 'suppressed', 'stopped', 'missed', 'unreachable')
)) where d.campaign = %s group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5;

-- name: count_decided
-- How many decisions of a campaign there are by version, variant and verdict, and how many still wait.
select d.campaign_version, d.variant, d.verdict, count(*), count(w.decision)
from messages_decision d left join messages_waiting w on w.decision = d.id
where d.campaign = %s group by 1, 2, 3 order by 1, 2, 3;

-- name: find_recent
-- The marketing messages to these customers that left or are to leave since a moment, and when: of those that were decided since another one.
-- What waits leaves when its row says so; what never left is left out.
select d.customer, p.channel, t.leaves_at
from messages_decision d join messages_dispatch p on p.id = d.dispatch
left join messages_waiting w on w.decision = d.id
cross join lateral (
  select coalesce(
    min(o.at) filter (where o.kind in ('accepted', 'unknown')), greatest(d.decided_at, d.not_before, w.due_at)
  ) as leaves_at, count(*) filter (where o.kind in ('suppressed', 'stopped', 'missed', 'unreachable', 'refused')) as gone
  from messages_outcome o where o.decision = d.id
) as t
where d.customer = any(%(customers)s::uuid[]) and d.decided_at >= %(decided_since)s and d.verdict = 'send'
  and p.message_class = 'marketing' and t.gone = 0 and t.leaves_at >= %(since)s;

-- name: sever_waiting
-- Whoever is forgotten is written to no more.
with gone as (
  delete from messages_waiting w using messages_decision d
  where d.id = w.decision and w.taken_by is null and d.customer = any(%s::uuid[]) returning w.decision
)
insert into messages_outcome (decision, kind, at, reason)
select decision, 'suppressed', now(), 'forgotten' from gone on conflict do nothing;

-- name: sever_decisions
-- Decisions stay countable, about nobody.
update messages_decision d set customer = f.fresh, values = null
from unnest(%s::uuid[], %s::uuid[]) as f(customer, fresh) where d.customer = f.customer;

-- name: begin_telling
-- Before the first look everything is untold.
insert into messages_telling (id, transaction, decision, kind)
values (1, -1, '00000000-0000-0000-0000-000000000000', '') on conflict do nothing;

-- name: lock_telling
-- One worker tells at a time.
select from messages_telling where id = 1 for update;

-- name: begin_telling_anew
-- Numbers of transactions that are yet to come are another server's: what it wrote counts as written before everything here.
with begun as (
  update messages_telling set transaction = -1, decision = '00000000-0000-0000-0000-000000000000', kind = ''
  where transaction >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint returning id
)
update messages_outcome set transaction = 0
where exists (select from begun) and transaction >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint;

-- name: find_untold
-- The next outcomes behind the place up to which the log has heard, of transactions before which none is open any more.
with place as materialized (select transaction, decision, kind from messages_telling where id = 1), next as materialized (
  select o.transaction, o.decision, o.kind, o.at, o.reason from messages_outcome o
  where o.transaction >= (select transaction from place)
    and o.transaction < pg_snapshot_xmin(pg_current_snapshot())::text::bigint and o.kind <> 'attempted'
    and (o.transaction, o.decision, o.kind) > (select transaction, decision, kind from place)
  order by o.transaction, o.decision, o.kind limit %(limit)s
)
select n.transaction, n.decision::text, n.kind, n.at, n.reason, d.customer::text, d.campaign::text, d.campaign_version,
  d.variant, p.channel, p.message_class
from next n join messages_decision d on d.id = n.decision join messages_dispatch p on p.id = d.dispatch
order by n.transaction, n.decision, n.kind;

-- name: note_told
-- Up to which outcome the log has heard.
update messages_telling set transaction = %s, decision = %s, kind = %s where id = 1;

-- name: say_again
-- Whoever agreed anew and wants no more of it once more said so at the later moment.
update messages_outcome o set at = %(at)s
from messages_decision d join messages_dispatch p on p.id = d.dispatch
where o.decision = %(decision)s and o.kind = %(kind)s and o.at < %(at)s and d.id = o.decision
  and customers_permits(d.customer, p.purpose, p.channel);

-- name: find_ended
-- Who wants no more of something and is still taken to agree: by what was sent, the latest word first.
select distinct on (d.customer, p.purpose, p.channel) d.id, d.customer, p.purpose, p.channel, o.at
from messages_outcome o join messages_decision d on d.id = o.decision join messages_dispatch p on p.id = d.dispatch
where o.kind in ('unsubscribed', 'complained') and o.at >= %(since)s
  and (%(decision)s::uuid is null or o.decision = %(decision)s)
  and (%(decision)s::uuid is not null or customers_permits(d.customer, p.purpose, p.channel))
order by d.customer, p.purpose, p.channel, o.at desc;

-- name: find_shown
-- What was sent to somebody, the latest first.
select d.id, d.decided_at, d.coupon, d.values, d.not_after, p.id,
  (select min(o.at) from messages_outcome o where o.decision = d.id and o.kind in ('accepted', 'unknown')),
  exists (select from messages_stop s where s.campaign = d.campaign)
from messages_decision d join messages_dispatch p on p.id = d.dispatch
where d.customer = any(%s::uuid[]) and d.verdict = 'send'
  and exists (select from messages_outcome o where o.decision = d.id and o.kind in ('accepted', 'unknown'))
order by d.decided_at desc, d.id limit %s;

-- name: has_ended
-- Whether anybody said lately that they want no more of something.
select exists (select from messages_outcome where kind in ('unsubscribed', 'complained') and at >= %s);
