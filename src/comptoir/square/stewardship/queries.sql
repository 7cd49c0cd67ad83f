-- name: queue
-- What waits for a person: appeals and notices first, then what is held, then what was flagged; the oldest first.
select p.id, p.kind, t.title, p.state, p.held, left(p.text, 400), p.author, p.name, p.place, least(
    case when p.state = 'held' then coalesce(p.edited_at, p.published_at) end, f.since, n.since, a.since
  ) as since, coalesce(f.number, 0), coalesce(n.number, 0), a.decision is not null
from (
  select id from community_post where state = 'held'
  union select f.post from stewardship_flag f
  where not exists (select from stewardship_decision d where d.post = f.post and d.position > f.position)
  union select n.post from stewardship_notice n
  where not exists (select from stewardship_decision d where d.post = n.post and d.position > n.position)
  union select a.post from stewardship_appeal a
  where not exists (select from stewardship_decision d where d.appeal = a.decision)
) asked
join community_post p on p.id = asked.id join community_thread t on t.id = p.thread
left join lateral (
  select count(*) as number, min(f.said_at) as since from stewardship_flag f where f.post = p.id
    and not exists (select from stewardship_decision d where d.post = f.post and d.position > f.position)
) f on true
left join lateral (
  select count(*) as number, min(n.said_at) as since from stewardship_notice n where n.post = p.id
    and not exists (select from stewardship_decision d where d.post = n.post and d.position > n.position)
) n on true
left join lateral (
  select a.decision, a.said_at as since from stewardship_appeal a where a.post = p.id
    and not exists (select from stewardship_decision d where d.appeal = a.decision) order by a.said_at limit 1
) a on true
where p.state not in ('withdrawn', 'gone')
order by a.decision is null, coalesce(n.number, 0) = 0, p.state <> 'held', since limit %(limit)s;

-- name: subject
-- The post on which somebody is to decide.
select p.id, p.thread, p.number, p.kind, t.title, p.html, p.text, p.language, p.published_at, p.edited_at, p.version,
  p.state, p.held, p.elsewhere, t.is_locked, p.author, p.name, p.place, p.pictures
from community_post p join community_thread t on t.id = p.thread where p.id = %(id)s;

-- name: around
-- What is said around it: the beginning of the thread, and a few posts before and after.
select p.id, p.number, p.kind, p.html, p.language, p.published_at, p.state, p.author, p.name, p.place
from community_post p where p.thread = %(thread)s
  and (p.number = 1 or p.number between %(number)s - %(reach)s and %(number)s + %(reach)s) order by p.number;

-- name: history
-- What this author has said in public under this name, the latest first.
select p.id, p.kind, t.title, left(p.text, 200), p.state, p.published_at, p.up - p.down
from community_post p join community_thread t on t.id = p.thread
where p.author = %(author)s and p.id <> %(id)s order by p.published_at desc limit %(limit)s;

-- name: author_counts
-- How much this name has said, since when, and how often that was decided against.
select count(*), min(p.published_at), count(*) filter (where p.state = 'hidden') from community_post p
where p.author = %(author)s;

-- name: flags
-- The flags of a post, with how many earlier ones of each name were followed by a decision, and how many of those by one
-- against the post.
select f.persona, f.reason, f.words, f.said_at,
  not exists (select from stewardship_decision d where d.post = f.post and d.position > f.position) as is_waiting,
  coalesce(e.decided, 0), coalesce(e.upheld, 0)
from stewardship_flag f left join lateral (
  select count(*) as decided, count(*) filter (where d.action not in ('publish', 'unlock')) as upheld
  from stewardship_flag o join lateral (
    select d.action from stewardship_decision d where d.post = o.post and d.position > o.position
    order by d.position limit 1
  ) d on true
  where o.persona = f.persona and o.post <> f.post
) e on true
where f.post = %(id)s order by f.said_at desc limit 100;

-- name: together
-- How many other posts at least three of those who have flagged this one have flagged as well.
select count(*) from (
  select o.post from stewardship_flag o
  where o.post <> %(id)s and o.persona in (select persona from stewardship_flag where post = %(id)s)
  group by o.post having count(*) >= 3
) others;

-- name: notices
-- The notices about a post.
select n.kind, n.words, n.said_at,
  not exists (select from stewardship_decision d where d.post = n.post and d.position > n.position)
from stewardship_notice n where n.post = %(id)s order by n.said_at desc limit 50;

-- name: decisions_on
-- What was decided on these posts, the latest first, with what its author objected and what came of that.
select d.id, d.post, d.action, d.ground, d.rule, d.facts, d.is_automated, d.name, d.staff, d.said_at, d.persona,
  d.appeal, a.words, a.said_at, r.action, r.id
from stewardship_decision d left join stewardship_appeal a on a.decision = d.id
left join stewardship_decision r on r.appeal = d.id
where d.post = any(%(posts)s) order by d.position desc limit 200;

-- name: decision
-- One decision, in the same way.
select d.id, d.post, d.action, d.ground, d.rule, d.facts, d.is_automated, d.name, d.staff, d.said_at, d.persona,
  d.appeal, a.words, a.said_at, r.action, r.id
from stewardship_decision d left join stewardship_appeal a on a.decision = d.id
left join stewardship_decision r on r.appeal = d.id
where d.id = %(id)s;

-- name: receipt
-- What became of a notice.
select post, said_at, action, ground, decided_at from stewardship_receipt where receipt = %(receipt)s;

-- name: record
-- What was decided, without whom it was about and who has decided.
select d.said_at::date, p.kind, d.action, d.ground, d.rule, d.is_automated, a.decision is not null,
  r.id is not null, r.action, d.appeal is not null
from stewardship_decision d join community_post p on p.id = d.post
left join stewardship_appeal a on a.decision = d.id left join stewardship_decision r on r.appeal = d.id
order by d.position desc limit %(limit)s;

-- name: record_counts
-- How often each was decided, on which ground.
select action, ground, count(*), count(*) filter (where is_automated), count(*) filter (where appeal is not null)
from stewardship_decision group by action, ground order by count(*) desc, action, ground;

-- name: record_appeals
-- How many decisions were objected to, how many of these were answered, and how often the answer was another one.
select count(*), count(r.id), count(*) filter (where r.action is distinct from d.action and r.id is not null)
from stewardship_appeal a join stewardship_decision d on d.id = a.decision
left join stewardship_decision r on r.appeal = a.decision;

-- name: record_notices
-- How many notices came, how many of them were answered, and after how long in the middle.
select count(*), count(decided_at),
  percentile_cont(0.5) within group (order by extract(epoch from decided_at - said_at))
from stewardship_receipt;

-- name: standing
-- What a name has done on the square, from which its level follows.
select
  (select count(distinct p.thread) from community_vote v join community_post p on p.id = v.post
    where v.persona = %(persona)s and v.value <> 0) as read_in,
  count(distinct (p.published_at at time zone 'UTC')::date) filter (where p.state = 'public') as days,
  count(*) filter (where p.state = 'public') as written,
  count(*) filter (where p.state = 'public' and o.author is distinct from p.author) as helped,
  coalesce(sum(p.up) filter (where p.state = 'public'), 0) as found_good,
  count(*) filter (where p.state = 'public' and t.accepted = p.id and o.author is distinct from p.author) as accepted,
  count(*) filter (where d.action in ('hide', 'unlink', 'warn') and d.said_at > %(now)s - interval '90 days') as against
from community_post p
join community_thread t on t.id = p.thread join community_post o on o.id = p.thread
left join lateral (
  select d.action, d.said_at from stewardship_decision d where d.post = p.id order by d.position desc limit 1
) d on true
where p.author = %(persona)s;

-- name: filter_changes
-- What the filter for spam does from when on, and what of it was other before; it begins by writing down.
select said_at, mode, is_switched, is_trained from (
  select position, said_at, mode, mode <> lag(mode, 1, 'log') over (order by position) as is_switched,
    weights is distinct from lag(weights) over (order by position) as is_trained
  from stewardship_filterchange
) changes
where said_at >= %(since)s order by position desc limit 200;
