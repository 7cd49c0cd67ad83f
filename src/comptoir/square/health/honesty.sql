-- name: answers
-- How many answers to questions everybody can see, by customers and by staff, in a span: whole days from the sums, the
-- day in which it begins and the one in which it ends from their rows.
with said as (
  select origin, answers from health_day
  where day > (%(since)s::timestamptz at time zone 'UTC')::date and day < (%(until)s::timestamptz at time zone 'UTC')::date
  union all
  select origin, count(*) from health_counted
  where kind = 'answer' and at >= %(since)s and at < least(
    %(until)s, date_trunc('day', %(since)s::timestamptz at time zone 'UTC') at time zone 'UTC' + interval '1 day'
  )
  group by origin
  union all
  select origin, count(*) from health_counted
  where kind = 'answer' and at < %(until)s and at >= greatest(
    date_trunc('day', %(until)s::timestamptz at time zone 'UTC') at time zone 'UTC',
    date_trunc('day', %(since)s::timestamptz at time zone 'UTC') at time zone 'UTC' + interval '1 day'
  )
  group by origin
)
select coalesce(sum(answers) filter (where origin = 'member'), 0)::bigint,
  coalesce(sum(answers) filter (where origin in ('staff', 'seeded')), 0)::bigint
from said;

-- name: advice
-- How much was said that sends somebody elsewhere: answers by customers and by staff, remarks, what a decision hid.
select count(*) filter (where kind = 'answer' and name is null and state = 'public'),
  count(*) filter (where kind = 'answer' and name is not null and state = 'public'),
  count(*) filter (where kind <> 'answer' and state = 'public'), count(*) filter (where state = 'hidden')
from community_post
where elsewhere is not null and place is null and published_at >= %(since)s and published_at < %(until)s;

-- name: latest
-- The latest answers that send somebody elsewhere, with the conversations in which they stand.
select p.thread, p.id, t.title, t.language, p.elsewhere, p.published_at, p.name is not null
from community_post p join community_thread t on t.id = p.thread
where p.elsewhere is not null and p.place is null and p.state = 'public' and t.is_shown
order by p.published_at desc limit %(limit)s;

-- name: asked
-- Questions by customers that somebody else has answered: who asked, when, and whether an answer sends elsewhere.
select p.author::text, p.published_at, exists (
  select from community_post a where a.thread = t.id and a.elsewhere is not null and a.state = 'public'
)
from community_thread t join community_post p on p.id = t.id
where t.kind = 'question' and t.is_shown and p.author is not null and p.place is null
  and p.published_at >= %(since)s and p.published_at < %(until)s
  and exists (
    select from community_post a
    where a.thread = t.id and a.kind = 'answer' and a.state = 'public' and a.author is distinct from p.author
  )
order by p.published_at desc limit %(limit)s;

-- name: effects
-- Questions by customers that somebody else has answered, with and without an answer that sends elsewhere: how many;
-- in how many an answer helped; how many askers said something elsewhere on the square within thirty days; votes of
-- the best answer, and their squares.
with asked as (
  select t.id, p.author, p.published_at as at, t.accepted is not null as has_helped,
    exists (
      select from community_post a where a.thread = t.id and a.elsewhere is not null and a.state = 'public'
    ) as is_honest,
    (
      select max(a.up - a.down)::int from community_post a
      where a.thread = t.id and a.kind = 'answer' and a.state = 'public' and a.author is distinct from p.author
    ) as votes
  from community_thread t join community_post p on p.id = t.id
  where t.kind = 'question' and t.is_shown and p.author is not null and p.place is null
    and p.published_at >= %(since)s and p.published_at < %(until)s
)
select is_honest, count(*), count(*) filter (where has_helped),
  count(*) filter (where exists (
    select from health_counted c
    where c.author = asked.author and c.origin = 'member' and c.thread <> asked.id and c.at > asked.at
      and c.at < asked.at + interval '30 days'
  )),
  coalesce(sum(votes), 0), coalesce(sum(votes * votes), 0)
from asked where votes is not null group by is_honest;
