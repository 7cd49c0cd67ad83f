-- name: news
-- What concerns a member since an event, up to another one, the latest first; each post once, as what it is most.
with own as materialized (
  select id, thread, number, kind from community_post where author = %(me)s order by published_at desc limit 1000
), wrote as materialized (
  select thread, min(number) as number, bool_or(number = 1) as began from own group by thread
), chosen as materialized (
  select kind, target, how, position from hearing_follow where persona = %(me)s and how <> 'neither'
), wanted as materialized (
  select coalesce((select is_following from hearing_choice where persona = %(me)s), true) as is_following
), found as (
  select case when p.parent is null and w.began or exists (select from own o where o.id = p.parent)
      then 5 else 6 end as rank, p.id as post, p.thread, p.author, p.position, null::uuid as step
  from wrote w join community_thread t on t.id = w.thread join community_post p on p.thread = t.id
  where t.last_position > %(since)s and p.number > w.number
  union all
  select 6, p.id, p.thread, p.author, p.position, null
  from (select target::uuid as thread, position from chosen where kind = 'thread' and how = 'follow') f
    join community_thread t on t.id = f.thread join community_post p on p.thread = t.id
  where t.last_position > %(since)s and p.position > f.position
  union all
  select 6, p.id, p.thread, p.author, p.position, null
  from (select target, position from chosen where kind = 'topic' and how = 'follow') f
    join lateral (
      select id from community_thread t where t.topic = f.target and t.is_shown
      order by t.last_at desc limit 200
    ) t on true join community_post p on p.id = t.id
  where p.position > f.position
  union all
  select 6, p.id, p.thread, p.author, p.position, null
  from (select target::uuid as member, position from chosen where kind = 'member' and how = 'follow') f
    join lateral (
      select * from community_post p where p.author = f.member
      order by p.published_at desc limit 100
    ) p on p.position > f.position
  union all
  select 4, p.id, p.thread, p.author, m.position, null
  from hearing_mention m join community_post p on p.id = m.post
  where m.persona = %(me)s
  union all
  select 2, t.accepted, t.id, q.author, t.accepted_said, null
  from own o join community_thread t on t.id = o.thread and t.accepted = o.id join community_post q on q.id = t.id
  where o.kind = 'answer'
  union all
  select 3, i.id, i.id, null, s.position, s.position
  from (
    select id from own where kind = 'idea'
    union
    select v.post from community_vote v join community_thread t on t.id = v.post and t.kind = 'idea'
    where v.persona = %(me)s and v.value > 0
  ) i join community_ideastep s on s.idea = i.id
  union all
  select 1, d.post, o.thread, null, d.position, d.position
  from stewardship_decision d join community_post o on o.id = d.post where d.persona = %(me)s
), held as (
  -- What waited for a person is new when it was shown, not when it was written.
  select f.rank, f.post, f.thread, f.author, f.step,
    case when f.rank < 4 then f.position else greatest(f.position, (
      select d.position from stewardship_decision d where d.post = f.post and d.action = 'publish'
      order by d.position limit 1
    )) end as position
  from found f, wanted
  where f.rank < 6 or wanted.is_following or not exists (select from wrote w where w.thread = f.thread)
    or exists (select from chosen c where c.how = 'follow' and c.target in (f.thread::text, f.author::text))
), once as (
  select distinct on (post, coalesce(step, post)) * from held
  where position > %(since)s and position <= %(until)s
    and (author is null or author <> %(me)s)
    and (rank = 1 or thread::text not in (select target from chosen where kind = 'thread' and how = 'mute'))
    and (author is null or author::text not in (select target from chosen where kind = 'member' and how = 'mute'))
    and rank = any(%(ranks)s::int[])
  order by post, coalesce(step, post), rank
), known as materialized (
  select thread, until from hearing_seen where persona = %(me)s
), told as (
  select o.rank, o.position, o.post, o.thread, t.title, t.language, t.kind, p.number, left(p.text, 400) as text, p.author, p.name,
    p.place, s.status, s.reason, s.name as by, d.id as decision, d.action, d.rule,
    o.position > all (select until from known where thread in ('00000000-0000-0000-0000-000000000000', o.thread))
  from once o join community_thread t on t.id = o.thread join community_post p on p.id = o.post
    left join community_ideastep s on o.rank = 3 and s.position = o.step
    left join stewardship_decision d on o.rank = 1 and d.position = o.step
  where (o.rank = 1 or p.state = 'public' and t.is_shown and (o.rank <> 6 and o.rank <> 5 or p.place is null))
    and (not %(is_unread)s
      or o.position > all (select until from known where thread in ('00000000-0000-0000-0000-000000000000', o.thread)))
    and (not %(is_letter)s or o.rank < 4 or p.author is null
      or exists (
        select from community_post e where e.author = p.author and e.state = 'public' and e.position < p.position
      )
      or exists (select from stewardship_decision k where k.post = p.id and k.action = 'publish')
      or exists (
        select from community_post a where a.thread = p.thread and a.state = 'public' and a.author is not null
          and a.author <> p.author and a.place is null and (a.parent = p.id or p.number = 1 and a.number > 1)
      ))
), settled as (
  -- An amendment that came to its end: one that was adopted concerns everybody, any other those who voted or proposed.
  select 7, p.said_at as position, p.id as post, p.id as thread, coalesce(w.value ->> 'title', ''), coalesce(w.key, ''), 'charter', 0, '',
    null::uuid, null, null, p.state, case when p.state = 'vetoed' then p.why end, p.name, null::uuid, null, null,
    p.said_at > all (select until from known where thread in ('00000000-0000-0000-0000-000000000000', p.id))
  from charter_proposal p left join charter_section v on v.proposal = p.id
    left join lateral (
      select key, value from jsonb_each(coalesce(v.wording, p.wording)) order by key <> %(language)s, key <> 'en' limit 1
    ) w on true
  where 7 = any(%(ranks)s::int[]) and p.state in ('adopted', 'rejected', 'vetoed')
    and p.said_at > %(since)s and p.said_at <= %(until)s
    and (p.state = 'adopted' or p.persona = %(me)s
      or exists (select from charter_ballot b where b.proposal = p.id and b.persona = %(me)s and b.value <> 0))
    and (not %(is_unread)s or p.said_at > all (
      select until from known where thread in ('00000000-0000-0000-0000-000000000000', p.id)
    ))
)
select * from told union all select * from settled order by position desc limit %(limit)s;

-- name: how
-- What a member has said about a thread, a topic, a person.
select how from hearing_follow where persona = %(me)s and kind = %(kind)s and target = %(target)s;

-- name: part
-- What a member has to do with some posts of a thread: whether they began it, which of them are theirs, how they voted,
-- what they have said of following it, and whether they follow it since they wrote in it.
with wrote as (
  select id, number from community_post where thread = %(thread)s and author = %(me)s
)
select exists (select from wrote where number = 1),
  array(select id from wrote where id = any(%(posts)s::uuid[])),
  array(select post from community_vote where post = any(%(posts)s::uuid[]) and persona = %(me)s order by post),
  array(select value from community_vote where post = any(%(posts)s::uuid[]) and persona = %(me)s order by post),
  (select how from hearing_follow where persona = %(me)s and kind = 'thread' and target = %(thread)s::text),
  exists (select from wrote)
    and coalesce((select is_following from hearing_choice where persona = %(me)s), true);

-- name: choice
-- Of what a member hears.
select page, letters, is_following from hearing_choice where persona = %(me)s;

-- name: seen
-- Up to which event a member knows everything.
select until from hearing_seen where persona = %(me)s and thread = '00000000-0000-0000-0000-000000000000';

-- name: followed
-- What a member follows and mutes, the latest first.
select f.kind, f.target, f.how, coalesce(t.title, c.en, n.name, ''), c.ja, c.fr
from hearing_follow f
  left join community_thread t on t.id = case when f.kind = 'thread' then f.target::uuid end
  left join community_topic c on f.kind = 'topic' and c.slug = f.target
  left join community_publicname n on n.id = case when f.kind = 'member' then f.target::uuid end
where f.persona = %(me)s and f.how <> 'neither' order by f.position desc limit 500;

-- name: named
-- Whose names these are, in lower case.
select id::text, lower(name) from community_publicname
where lower(name) in (select lower(each) from unnest(%(names)s::text[]) each) limit 400;

-- name: mentioned_in
-- Whom these posts mention, and what they are called now: nothing, if they are not called that any more.
select m.post, m.persona::text, lower(n.name)
from hearing_mention m left join community_publicname n on n.id = m.persona where m.post = any(%(posts)s);

-- name: latest_of_member
-- What a member wrote last, for everybody.
select p.id, t.id, p.kind, p.number, t.title, t.language, left(p.text, 400), p.published_at
from community_post p join community_thread t on t.id = p.thread and t.is_shown
where p.author = %(member)s and p.state = 'public' order by p.published_at desc limit 30;
