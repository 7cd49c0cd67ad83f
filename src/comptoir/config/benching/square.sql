-- name: said
-- What is said in the posts, each of a few thousand texts many times.
create temporary table said (number int, language text, text text, html text, pairs text, rest text,
  configuration text, words tsvector) on commit drop;

-- name: index_said
-- The words of each text, once.
update said set words = to_tsvector(configuration::regconfig, rest) || pairs::tsvector;

-- name: fill_places
-- What comes at a moment has a place in the log that says so (RFC 9562, version 7).
create function pg_temp.place(at timestamptz) returns uuid language sql volatile as $$
  select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(md5(random()::text), 1, 3)
    || '8' || substr(md5(random()::text), 1, 15))::uuid
$$;

-- name: fill_members
-- Skeletons are not looked at here; they only have to differ.
insert into community_persona (id, name, skeleton)
select md5('m' || i)::uuid, 'Member ' || i, 'x' || i from generate_series(1, %(members)s) i;

-- name: fill_topics
-- Topics.
insert into community_topic (slug, kind, en, position)
select 'topic-' || i, 'interest', 'Topic ' || i, gen_random_uuid() from generate_series(1, 40) i;

-- name: fill_threads
-- Threads, the first of which is the long one; in one of five hundred nobody has answered.
insert into community_thread (id, kind, topic, title, language, is_shown, opened_at, last_at, last_position, posts,
  replies, score)
select case when i = 1 then %(long)s else md5('t' || i)::uuid end, 'question', 'topic-' || 1 + i %% 40,
  'Question number ' || i, 'en', true, now() - (%(threads)s - i + 10) * interval '1 minute',
  now() - (%(threads)s - i + 5) * interval '1 minute',
  pg_temp.place(now() - (%(threads)s - i + 5) * interval '1 minute'), case when i %% 500 = 7 then 1 else 10 end,
  case when i %% 500 = 7 then 0 else 9 end, i %% 17
from generate_series(1, %(threads)s) i;

-- name: fill_posts
-- Ten posts in each thread, two hundred and one in the long one, one where nobody has answered.
insert into community_post (id, thread, number, kind, author, text, html, language, words, published_at, version,
  position, said_at, state, carried_up, carried_down, up, down, is_seeded)
select case when n = 1 then t.id else md5('p' || i || ',' || n)::uuid end, t.id, n,
  case when n = 1 then 'question' else 'answer' end, md5('m' || 1 + (i * 31 + n * 17) %% %(members)s)::uuid,
  s.text, s.html, s.language, s.words, t.opened_at + n * interval '7 seconds', 1,
  pg_temp.place(t.opened_at + n * interval '7 seconds'), pg_temp.place(t.opened_at + n * interval '7 seconds'),
  'public', 0, 0, (i + n) %% 9, 0, false
from (select t.*, row_number() over (order by t.opened_at) as i from community_thread t) t
  cross join lateral generate_series(1, case when t.id = %(long)s then 201 when t.replies = 0 then 1 else 10 end) n
  join said s on s.number = (t.i * 13 + n * 101) %% %(texts)s;

-- name: fill_long
-- The long one was spoken in last.
update community_thread set posts = 201, replies = 200, last_at = timestamptz '2027-01-01' where id = %(long)s;
