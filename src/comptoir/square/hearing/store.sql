-- name: find_threads
-- Which of these ids are threads.
select id::text from community_thread where id = any(%s::uuid[]);

-- name: count_follows
-- How much each of these names follows and mutes.
select persona::text, count(*)::int from hearing_follow
where persona = any(%s::uuid[]) and how <> 'neither' group by persona;

-- name: find_mentioned
-- Whom these posts have named already.
select post::text, persona::text from hearing_mention where post = any(%s::uuid[]);

-- name: find_authors
-- Who wrote these posts.
select id::text, author::text from community_post where id = any(%s::uuid[]);

-- name: upsert_follows
-- What is followed and muted; the last word counts.
insert into hearing_follow (persona, kind, target, how, position)
select distinct on (persona, kind, target) persona, kind, target, how, position
from unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::uuid[]) as n(persona, kind, target, how, position)
order by persona, kind, target, position desc
on conflict (persona, kind, target) do update set how = excluded.how, position = excluded.position
where hearing_follow.position < excluded.position;

-- name: insert_mentions
-- Whom posts name; the first time counts.
insert into hearing_mention (post, persona, position)
select distinct on (post, persona) post, persona, position
from unnest(%s::uuid[], %s::uuid[], %s::uuid[]) as n(post, persona, position) order by post, persona, position
on conflict (post, persona) do update set position = excluded.position
where hearing_mention.position > excluded.position;

-- name: upsert_seen
-- How far members know their news; nobody unlearns it.
insert into hearing_seen (persona, thread, until)
select persona, coalesce(thread, '00000000-0000-0000-0000-000000000000'), max(until::text)::uuid
from unnest(%s::uuid[], %s::uuid[], %s::uuid[]) as n(persona, thread, until) group by 1, 2
on conflict (persona, thread) do update set until = excluded.until where hearing_seen.until < excluded.until;

-- name: prune_seen
-- What is known of one thread and no more than of everything, and all but the latest two hundred.
delete from hearing_seen s using (
  select persona, thread, until <= max(until::text) filter (where thread = '00000000-0000-0000-0000-000000000000')
      over (partition by persona)::uuid as is_known,
    row_number() over (
      partition by persona, thread = '00000000-0000-0000-0000-000000000000' order by until desc, thread
    ) as rank
  from hearing_seen where persona = any(%s::uuid[]) or %s::boolean
) old
where s.persona = old.persona and s.thread = old.thread
  and s.thread <> '00000000-0000-0000-0000-000000000000' and (old.is_known or old.rank > 200);

-- name: upsert_choices
-- Of what members hear; the last word counts.
insert into hearing_choice (persona, page, letters, is_following, position)
select distinct on (persona) persona, string_to_array(page, ' '), string_to_array(letters, ' '), is_following, position
from unnest(%s::uuid[], %s::text[], %s::text[], %s::boolean[], %s::uuid[])
  as n(persona, page, letters, is_following, position) order by persona, position desc
on conflict (persona) do update set page = excluded.page, letters = excluded.letters,
  is_following = excluded.is_following, position = excluded.position
where hearing_choice.position < excluded.position;

-- name: sever_follows
-- Who follows and who is followed by others, of names that are forgotten.
update hearing_follow f set persona = coalesce(n.fresh, f.persona), target = coalesce(m.fresh::text, f.target)
from hearing_follow o
  left join unnest(%s::uuid[], %s::uuid[]) as n(persona, fresh) on n.persona = o.persona
  left join unnest(%s::uuid[], %s::uuid[]) as m(persona, fresh) on o.kind = 'member' and m.persona::text = o.target
where f.persona = o.persona and f.kind = o.kind and f.target = o.target
  and (o.persona = any(%s::uuid[]) or o.kind = 'member' and o.target = any(%s::text[]));

-- name: sever_mentions
-- Whom posts name who is forgotten.
update hearing_mention t set persona = n.fresh from unnest(%s::uuid[], %s::uuid[]) as n(persona, fresh)
where t.persona = n.persona;

-- name: sever_seen
-- How far somebody knew who is forgotten.
update hearing_seen t set persona = n.fresh from unnest(%s::uuid[], %s::uuid[]) as n(persona, fresh)
where t.persona = n.persona;

-- name: sever_choices
-- What somebody chose who is forgotten.
update hearing_choice t set persona = n.fresh from unnest(%s::uuid[], %s::uuid[]) as n(persona, fresh)
where t.persona = n.persona;
