-- name: weeks
-- What was said in each week, by whom; and who of a week's contributors had contributed in the week before. Weeks that are
-- over are read from the sums, the one that is not from its rows.
with said as (
  select date_trunc('week', day)::date as week, origin, posts, openings from health_day
  where day >= date_trunc('week', %(since)s::timestamptz at time zone 'UTC')::date
    and day < date_trunc('week', %(until)s::timestamptz at time zone 'UTC')::date
  union all
  select week, origin, 1, is_opening::int from health_counted
  where at >= date_trunc('week', %(until)s::timestamptz at time zone 'UTC') at time zone 'UTC' and at < %(until)s
    and not is_self
), people as (
  select author, week from health_personweek
  where origin = %(member)s and week >= date_trunc('week', %(since)s::timestamptz at time zone 'UTC')::date - 7
    and week < date_trunc('week', %(until)s::timestamptz at time zone 'UTC')::date
  union
  select author, week from health_counted
  where at >= date_trunc('week', %(until)s::timestamptz at time zone 'UTC') at time zone 'UTC' and at < %(until)s
    and not is_self and origin = %(member)s and author is not null
), back as (
  select p.week, count(*) as people, count(b.author) as returning
  from people p left join people b on b.author = p.author and b.week = p.week - 7 group by p.week
)
select s.week,
  coalesce(sum(s.posts) filter (where s.origin = %(member)s), 0)::int,
  coalesce(sum(s.posts) filter (where s.origin = any(%(shop)s)), 0)::int,
  coalesce(sum(s.openings) filter (where s.origin = %(member)s), 0)::int,
  coalesce(sum(s.openings) filter (where s.origin = 'staff' and s.origin = any(%(shop)s)), 0)::int,
  coalesce(sum(s.openings) filter (where s.origin = 'seeded' and s.origin = any(%(shop)s)), 0)::int,
  coalesce(max(b.people), 0), coalesce(max(b.returning), 0)
from said s left join back b on b.week = s.week
group by s.week order by s.week;

-- name: totals
-- What was said in a span, by whom, in talk about a matter (questions, ideas) and in the rest: whole days from the sums, the
-- day in which it begins and the one in which it ends from their rows.
with said as (
  select origin, is_matter, posts, openings from health_day
  where day > (%(since)s::timestamptz at time zone 'UTC')::date and day < (%(until)s::timestamptz at time zone 'UTC')::date
  union all
  select c.origin, t.kind in ('question', 'idea'), 1, c.is_opening::int
  from health_counted c join community_thread t on t.id = c.thread
  where not c.is_self and c.at >= %(since)s and c.at < %(until)s and (
    c.at < date_trunc('day', %(since)s::timestamptz at time zone 'UTC') at time zone 'UTC' + interval '1 day'
    or c.at >= date_trunc('day', %(until)s::timestamptz at time zone 'UTC') at time zone 'UTC'
  )
)
select
  coalesce(sum(posts) filter (where origin = %(member)s), 0)::int,
  coalesce(sum(posts) filter (where origin = any(%(shop)s)), 0)::int,
  coalesce(sum(openings) filter (where origin = %(member)s), 0)::int,
  coalesce(sum(openings) filter (where origin = 'staff' and origin = any(%(shop)s)), 0)::int,
  coalesce(sum(posts) filter (where origin = %(member)s and is_matter), 0)::int,
  coalesce(sum(posts) filter (where origin = any(%(shop)s) and is_matter), 0)::int,
  coalesce(sum(posts) filter (where origin = %(member)s and not is_matter), 0)::int,
  coalesce(sum(posts) filter (where origin = any(%(shop)s) and not is_matter), 0)::int
from said;

-- name: waits
-- How long each conversation waited for somebody else's first word, in seconds, and whether it came; until a moment.
select week, at, extract(epoch from least(coalesce(replied_at, %(until)s), %(until)s) - at)::float8,
  coalesce(replied_at < %(until)s, false), replied_by
from health_counted
where is_opening and origin = %(member)s and kind <> 'review' and at >= %(since)s and at < %(until)s
order by at desc limit 200000;

-- name: waiting
-- How many conversations nobody else has said a word in.
select count(*) from health_counted
where is_opening and origin = %(member)s and kind <> 'review' and replied_at is null and at < %(until)s;

-- name: newcomers
-- People whose first contribution lies in a span; whether somebody answered it within a day, whether they came again.
select
  count(*) filter (where first_at >= %(since)s),
  count(*) filter (where first_at >= %(day_since)s and first_at < %(day_until)s),
  count(*) filter (where first_at >= %(day_since)s and first_at < %(day_until)s
    and first_replied_at <= first_at + interval '24 hours'),
  count(*) filter (where first_at < %(early_until)s),
  count(*) filter (where first_at < %(early_until)s and second_at < first_at + interval '28 days'
    and second_at < %(until)s)
from health_person where origin = %(member)s and first_at >= %(early)s and first_at < %(until)s;

-- name: cohorts
-- People by the week of their first contribution, and how many contributed again so many weeks later, in weeks that are
-- over.
with first as (
  select author, date_trunc('week', first_at at time zone 'UTC')::date as week from health_person
  where origin = %(member)s and first_at < %(until)s
    and first_at >= date_trunc('week', %(since)s::timestamptz at time zone 'UTC') at time zone 'UTC'
)
select f.week, count(distinct f.author),
  count(a.author) filter (where a.week = f.week + 7),
  count(a.author) filter (where a.week = f.week + 28),
  count(a.author) filter (where a.week = f.week + 84)
from first f left join health_personweek a on a.author = f.author and a.origin = %(member)s
  and a.week in (f.week + 7, f.week + 28, f.week + 84)
  and a.week < date_trunc('week', %(until)s::timestamptz at time zone 'UTC')::date
group by f.week order by f.week;

-- name: pairs
-- Who answered whom in a span: pairs in which both did, links in all, and people.
with links as (
  select distinct author, answers from health_counted
  where origin = %(member)s and answers is not null and at >= %(since)s and at < %(until)s
)
select (select count(*) from links a join links b on b.author = a.answers and b.answers = a.author
    where a.author < a.answers),
  (select count(*) from links),
  (select count(*) from (select author from links union select answers from links) people);

-- name: counts
-- How many people contributed how much in a span.
select n, count(*) from (
  select count(*) as n from health_counted
  where origin = %(member)s and author is not null and not is_self and at >= %(since)s and at < %(until)s
  group by author
) each group by n order by n;

-- name: carried
-- How many posts were said in another place.
select count(*) from health_counted where origin = 'imported' and at < %(until)s;

-- name: decisions
-- What the shop decided about ideas since a moment, the latest first.
select s.said_at, s.status, t.title from community_ideastep s join community_thread t on t.id = s.idea
where s.said_at >= %(since)s and s.said_at < %(until)s and t.is_shown order by s.said_at desc limit 20;

-- name: held
-- Posts that a machine had held and a person has decided on in a span; how often against the post, and not taken back since.
select count(*), count(*) filter (where d.action in ('hide', 'unlink', 'warn') and not exists (
    select from stewardship_decision l
    where l.post = d.post and l.position > d.position and l.action = 'publish' and l.said_at < %(until)s
  ))
from stewardship_decision d
where d.is_automated and d.appeal is null and d.said_at >= %(since)s and d.said_at < %(until)s;

-- name: reporters
-- For each member whose flags were decided on in a span: how many, and how many of them against the post. Nobody is named.
select count(*), count(*) filter (where d.action in ('hide', 'unlink', 'warn', 'lock'))
from stewardship_flag f join lateral (
  select action, said_at from stewardship_decision d where d.post = f.post and d.position > f.position
  order by d.position limit 1
) d on d.said_at >= %(since)s and d.said_at < %(until)s
group by f.persona order by 1, 2;

-- name: noticed
-- Notices that were decided on in a span, and how many of them against the post.
select count(*), count(*) filter (where d.action in ('hide', 'unlink', 'warn', 'lock'))
from stewardship_notice n join lateral (
  select action, said_at from stewardship_decision d where d.post = n.post and d.position > n.position
  order by d.position limit 1
) d on d.said_at >= %(since)s and d.said_at < %(until)s;

-- name: objected
-- Objections that were answered in a span, and how many of them by another decision.
select count(*), count(*) filter (where r.action is distinct from d.action)
from stewardship_decision r join stewardship_decision d on d.id = r.appeal
where r.said_at >= %(since)s and r.said_at < %(until)s;

-- name: decided
-- How long each flag, notice and held post of a span waited for a person, in seconds, and whether the decision came.
with asked as (
  select f.said_at as since, (select min(d.said_at) from stewardship_decision d
    where d.post = f.post and d.position > f.position) as decided_at from stewardship_flag f
  where f.said_at >= %(since)s and f.said_at < %(until)s
  union all
  select n.said_at, (select min(d.said_at) from stewardship_decision d
    where d.post = n.post and d.position > n.position) from stewardship_notice n
  where n.said_at >= %(since)s and n.said_at < %(until)s
  union all
  select coalesce(p.edited_at, p.published_at), null from community_post p
  where p.state = 'held' and coalesce(p.edited_at, p.published_at) >= %(since)s
    and coalesce(p.edited_at, p.published_at) < %(until)s
  union all
  select least(coalesce(p.edited_at, p.published_at), d.said_at), d.said_at
  from stewardship_decision d join community_post p on p.id = d.post
  where d.is_automated and d.appeal is null and coalesce(p.edited_at, p.published_at) >= %(since)s
    and coalesce(p.edited_at, p.published_at) < %(until)s
)
select extract(epoch from least(coalesce(decided_at, %(until)s), %(until)s) - since)::float8,
  coalesce(decided_at < %(until)s, false)
from asked order by since desc limit 100000;

-- name: held_now
-- How many posts a machine holds that wait for a person.
select count(*) from community_post where state = 'held';
