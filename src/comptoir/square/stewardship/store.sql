-- name: find_subjects
-- The posts that are spoken of, with the public names of their authors.
select id::text, state, case when place is null and name is null then author::text end from community_post
where id = any(%s::uuid[]);

-- name: find_flaggers
-- Under which names these posts were flagged.
select post::text, persona::text from stewardship_flag where post = any(%s::uuid[]);

-- name: count_flags
-- How many flags these names have set since a moment.
select persona::text, count(*) from stewardship_flag
where persona = any(%s::uuid[]) and said_at > %s::timestamptz group by persona;

-- name: find_notices
-- Which of these ids and receipts there are.
select id::text, receipt from stewardship_notice where id = any(%s::uuid[]) or receipt = any(%s::text[]);

-- name: count_waiting
-- How many notices about these posts wait for a decision.
select n.post::text, count(*) from stewardship_notice n
where n.post = any(%s::uuid[])
  and not exists (select from stewardship_decision d where d.post = n.post and d.position > n.position)
group by n.post;

-- name: find_decisions
-- Decisions as far as what follows them needs.
select id::text, post::text, persona::text, staff, said_at, appeal::text from stewardship_decision
where id = any(%s::uuid[]);

-- name: find_appealed
-- Which of these decisions were objected to, and whether that still waits for its answer.
select a.decision::text, not exists (select from stewardship_decision d where d.appeal = a.decision)
from stewardship_appeal a where a.decision = any(%s::uuid[]);

-- name: insert_flags
-- Flags.
insert into stewardship_flag (post, persona, reason, words, position, said_at)
select * from unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::uuid[], %s::timestamptz[]);

-- name: insert_notices
-- Notices.
insert into stewardship_notice (position, id, post, kind, words, receipt, said_at)
select * from unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::timestamptz[]);

-- name: insert_decisions
-- Decisions, with their reasons.
insert into stewardship_decision (position, id, post, persona, action, ground, rule, facts, is_automated, staff, name,
  appeal, said_at)
select * from unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[],
  %s::boolean[], %s::text[], %s::text[], %s::uuid[], %s::timestamptz[]);

-- name: insert_appeals
-- Appeals.
insert into stewardship_appeal (decision, post, persona, words, position, said_at)
select * from unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::uuid[], %s::timestamptz[]);

-- name: insert_filters
-- Changes of the filter for spam.
insert into stewardship_filterchange (position, mode, weights, said_at)
select * from unnest(%s::uuid[], %s::text[], %s::text[], %s::timestamptz[]);

-- name: find_filter
-- What was said last of the filter for spam.
select mode, weights from stewardship_filterchange order by position desc limit 1;

-- name: sever_flags
-- Flags of somebody who is forgotten are nobody's, and say nothing in words.
update stewardship_flag f set persona = n.fresh, words = case when f.words is not null then '' end
from unnest(%s::uuid[], %s::uuid[]) as n(persona, fresh) where f.persona = n.persona;

-- name: find_reports
-- Where others have said, in words, what they have against the posts of these names.
select position::text from (
  select f.position from stewardship_flag f join community_post p on p.id = f.post
  where p.author = any(%(authors)s::uuid[]) and f.words <> ''
  union all
  select n.position from stewardship_notice n join community_post p on p.id = n.post
  where p.author = any(%(authors)s::uuid[]) and n.words <> ''
) said;

-- name: silence_flags
-- These flags say nothing in words any more.
update stewardship_flag set words = '' where position = any(%s::uuid[]) and words is not null;

-- name: silence_notices
-- Nor do these notices.
update stewardship_notice set words = '' where position = any(%s::uuid[]);

-- name: sever_decisions
-- That something was decided on their posts stays; the statement of it goes.
update stewardship_decision d set persona = n.fresh, facts = ''
from unnest(%s::uuid[], %s::uuid[]) as n(persona, fresh) where d.persona = n.persona;

-- name: sever_appeals
-- Their appeals are nobody's, and say nothing.
update stewardship_appeal a set persona = n.fresh, words = ''
from unnest(%s::uuid[], %s::uuid[]) as n(persona, fresh) where a.persona = n.persona;

-- name: find_standing
-- What each of these names has done on the square, from which its level follows; the same as pages ask.
-- Last on how many days the shop heard from it, whatever it says of when it wrote.
select asked.persona::text,
  (select count(distinct p.thread) from community_vote v join community_post p on p.id = v.post
    where v.persona = asked.persona and v.value <> 0),
  count(distinct (p.published_at at time zone 'UTC')::date) filter (where p.state = 'public'),
  count(*) filter (where p.state = 'public'),
  count(*) filter (where p.state = 'public' and o.author is distinct from p.author),
  coalesce(sum(p.up) filter (where p.state = 'public'), 0),
  count(*) filter (where p.state = 'public' and t.accepted = p.id and o.author is distinct from p.author),
  count(*) filter (where d.action in ('hide', 'unlink', 'warn') and d.said_at > %s::timestamptz - interval '90 days'),
  count(distinct (coalesce(p.received_at, p.published_at) at time zone 'UTC')::date) filter (where p.state = 'public')
from unnest(%s::uuid[]) as asked(persona)
left join community_post p on p.author = asked.persona
left join community_thread t on t.id = p.thread left join community_post o on o.id = p.thread
left join lateral (
  select d.action, d.said_at from stewardship_decision d where d.post = p.id order by d.position desc limit 1
) d on true
group by asked.persona;

-- name: find_examples
-- What people have decided on: hidden or not, by the latest decision on each post.
select p.text, d.action = 'hide'
from community_post p join lateral (
  select d.action from stewardship_decision d where d.post = p.id order by d.position desc limit 1
) d on true
where p.text <> '' and d.action in ('hide', 'publish') order by p.position limit 200000;
