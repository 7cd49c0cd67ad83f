-- name: count_posts
-- Bring the rows of posts and of those around them (or of whole threads) in line with them, and the sums, by differences.
with named as materialized (
  select id, thread, parent from community_post where id = any(%s::uuid[])
), asked as materialized (
  select thread, bool_or(%s::boolean or id = thread) as is_whole from named group by thread
), seen as materialized (
  select p.id, p.thread, p.number, p.parent, p.kind, p.published_at as at, p.number = 1 as is_opening,
    case when p.name is not null and p.is_seeded then 'seeded' when p.name is not null then 'staff'
      when p.place is not null then 'imported' else 'member' end as origin,
    p.author,
    case when p.name is not null then 'shop' when p.author is not null then p.author::text else p.id::text end as who
  from asked a join community_post p on a.thread = p.thread where p.state = 'public'
), looked_at as materialized (
  select id from named
  union select parent from named where parent is not null
  union select thread from named
  union select s.id from named n join seen s on s.parent = n.id
  union select s.id from asked a join seen s on s.thread = a.thread where a.is_whole
  union select c.id from asked a join health_counted c on c.thread = a.thread where a.is_whole
), answered as (
  select distinct on (p.id) p.id, greatest(r.at, p.at) as at, r.origin
  from looked_at o join seen p on p.id = o.id
  join (select s.*, to_id from seen s cross join lateral (values (s.parent), (s.thread)) target (to_id)) r
    on r.to_id = p.id and r.who <> p.who
  order by p.id, greatest(r.at, p.at), r.number
), fresh as (
  select s.id, s.thread, s.kind, s.origin, s.author, s.at, date_trunc('week', s.at at time zone 'UTC')::date as week,
    s.is_opening, coalesce(t.who = s.who, false) as is_self,
    case when t.who <> s.who and t.origin = s.origin and s.author is not null then t.author end as answers,
    a.at as replied_at, a.origin as replied_by
  from looked_at o join seen s on s.id = o.id left join answered a on a.id = s.id
  left join seen t on t.id = coalesce(s.parent, s.thread) and t.id <> s.id
), before as (
  select c.* from health_counted c join looked_at o on o.id = c.id
), changed as (
  select b as old, f as new from before b full join fresh f on f.id = b.id
  where (b.is_self, b.answers, b.replied_at, b.replied_by) is distinct from
      (f.is_self, f.answers, f.replied_at, f.replied_by) or b.id is null or f.id is null
), moved as (
  select 1 as sign, (new).thread, (new).kind, (new).origin, (new).author, (new).at, (new).week, (new).is_opening,
    (new).is_self
  from changed where (new).id is not null
  union all
  select -1, (old).thread, (old).kind, (old).origin, (old).author, (old).at, (old).week, (old).is_opening, (old).is_self
  from changed where (old).id is not null
), by_day as (
  insert into health_day as d (day, origin, is_matter, posts, openings, answers)
  select * from (
    select (m.at at time zone 'UTC')::date, m.origin, t.kind in ('question', 'idea'),
      coalesce(sum(m.sign) filter (where not m.is_self), 0) as posts,
      coalesce(sum(m.sign) filter (where m.is_opening and not m.is_self), 0) as openings,
      coalesce(sum(m.sign) filter (where m.kind = 'answer'), 0) as answers
    from moved m join community_thread t on t.id = m.thread group by 1, 2, 3
  ) sums where posts <> 0 or openings <> 0 or answers <> 0
  order by 1, 2, 3
  on conflict (day, origin, is_matter) do update set posts = d.posts + excluded.posts,
    openings = d.openings + excluded.openings, answers = d.answers + excluded.answers
), by_person as (
  insert into health_person as p (author, origin, is_stale)
  select distinct author, origin, true from moved where author is not null order by author, origin
  on conflict (author, origin) do update set is_stale = true
), by_week as (
  insert into health_personweek as w (author, week, origin, posts)
  select author, week, origin, sum(sign) from moved where author is not null and not is_self
  group by 1, 2, 3 having sum(sign) <> 0 order by 1, 2, 3
  on conflict (author, week, origin) do update set posts = w.posts + excluded.posts
), gone as (
  delete from health_counted c using looked_at o where c.id = o.id
    and not exists (select from fresh f where f.id = c.id)
)
insert into health_counted as c (id, thread, kind, origin, author, at, week, is_opening, is_self, answers,
  replied_at, replied_by)
select * from fresh
on conflict (id) do update set is_self = excluded.is_self, answers = excluded.answers,
  replied_at = excluded.replied_at, replied_by = excluded.replied_by
where (c.is_self, c.answers, c.replied_at, c.replied_by) is distinct from
  (excluded.is_self, excluded.answers, excluded.replied_at, excluded.replied_by);

-- name: refresh_people
-- Look again at the first and second contribution of whoever a batch has touched.
update health_person p set first = f.id, first_at = f.at, first_replied_at = f.replied_at, second_at = n.at,
  is_stale = false
from health_person s
left join lateral (
  select c.id, c.at, c.replied_at from health_counted c
  where c.author = s.author and c.origin = s.origin and not c.is_self order by c.at, c.id limit 1
) f on true
left join lateral (
  select c.at from health_counted c
  where c.author = s.author and c.origin = s.origin and not c.is_self order by c.at, c.id offset 1 limit 1
) n on true
where s.is_stale and p.author = s.author and p.origin = s.origin;

-- name: drop_empty_days
-- Sums that have come to nothing are as if they had never been.
delete from health_day where posts = 0 and openings = 0 and answers = 0;

-- name: drop_empty_people
-- Whoever has nothing that counts any more.
delete from health_person where first_at is null;

-- name: drop_empty_weeks
-- Weeks in which nothing is left.
delete from health_personweek where posts = 0;

-- name: find_posts_with
-- A post of each thread in which these names have said something or were answered.
select distinct on (thread) id::text from health_counted where author = any(%s::uuid[]) or answers = any(%s::uuid[])
order by thread;

-- name: find_openings
-- The first posts of all threads.
select id::text from community_thread order by id;
