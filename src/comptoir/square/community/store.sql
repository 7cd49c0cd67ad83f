-- name: find_reserved
-- Which of these looks are reserved.
select skeleton from community_reservedname where skeleton = any(%s::text[]);

-- name: insert_personas
-- New public names.
insert into community_persona (id, name, skeleton) select * from unnest(%s::uuid[], %s::text[], %s::text[]);

-- name: delete_personas
-- Public names that were given up.
delete from community_persona where id = any(%s::uuid[]);

-- name: reserve_names
-- Looks that nobody may take from now on.
insert into community_reservedname (skeleton) select unnest(%s::text[]) on conflict do nothing;

-- name: find_personas
-- Which of these ids are public names.
select id::text from community_persona where id = any(%s::uuid[]);

-- name: find_members
-- Which of these ids are people who wrote in another place.
select id::text from community_importedmember where id = any(%s::uuid[]);

-- name: find_threads_of
-- In which threads these posts stand.
select id::text, thread::text from community_post where id = any(%s::uuid[]);

-- name: lock_threads
-- Threads, one batch at a time in each, with what a decision needs of them and of their first post.
select t.id::text, t.kind, t.posts, t.last_position::text, t.accepted::text, t.status, t.is_locked
from community_thread t where t.id = any(%s::uuid[]) order by t.id for update;

-- name: find_posts
-- Posts as far as a decision needs them.
select id::text, thread::text, kind, author::text, state, version, said_at::text from community_post
where id = any(%s::uuid[]);

-- name: find_votes
-- What these names have voted on these posts.
select post::text, persona::text, value from community_vote where post = any(%s::uuid[]) and persona = any(%s::uuid[]);

-- name: find_recent
-- When the shop has heard from these names since a moment, the latest first: whatever they say of when they wrote.
select author::text, received_at from community_post
where author = any(%s::uuid[]) and place is null and received_at > %s::timestamptz
order by received_at desc limit 2000;

-- name: find_topics
-- Which of these topics there are.
select slug from community_topic where slug = any(%s::text[]);

-- name: insert_picture
-- A picture that somebody is about to show.
insert into community_picture (digest, width, height, large, small) values (%s, %s, %s, %s, %s) on conflict do nothing;

-- name: hold_pictures
-- The sizes of those of these pictures that are kept. They stay while somebody says that a post shows them.
select digest, width, height from community_picture where digest = any(%s::text[]) order by digest for share;

-- name: find_shown
-- What these posts show.
select distinct each ->> 'digest' from community_post, jsonb_array_elements(pictures) as each
where id = any(%s::uuid[]) and pictures is not null;

-- name: find_shown_by
-- What the posts of these names show.
select distinct each ->> 'digest' from community_post, jsonb_array_elements(pictures) as each
where author = any(%s::uuid[]) and pictures is not null;

-- name: lock_pictures
-- Pictures that perhaps nobody shows any more, and that nobody may begin to show meanwhile.
select digest from community_picture where digest = any(%s::text[]) order by digest for update;

-- name: drop_pictures
-- Those of them that no post shows.
delete from community_picture c where c.digest = any(%s::text[])
  and not exists (
    select from community_post p where p.pictures @> jsonb_build_array(jsonb_build_object('digest', c.digest))
  );

-- name: find_links
-- Pages that public posts link to, of which nothing is known, or no longer; the latest posts first.
select p.link, bool_or(p.name is not null), array_agg(distinct p.author::text) filter (where p.author is not null),
  coalesce(max(v.failures), 0)
from community_post p left join community_preview v on v.url = p.link
where p.link is not null and p.state = 'public' and p.place is null
  and case when v.url is null then coalesce(p.edited_at, p.published_at) > %(since)s else v.until < %(now)s end
group by p.link order by max(p.published_at) desc limit %(limit)s;

-- name: write_preview
-- What a page says of itself.
insert into community_preview (url, title, description, site, why, failures, asked_at, until)
values (%s, %s, %s, %s, %s, %s, %s, %s)
on conflict (url) do update set title = excluded.title, description = excluded.description, site = excluded.site,
  why = excluded.why, failures = excluded.failures, asked_at = excluded.asked_at, until = excluded.until;

-- name: drop_unlinked
-- What is known of pages to which no post links any more.
delete from community_preview v where not exists (select from community_post p where p.link = v.url);

-- name: drop_unused_pictures
-- Pictures that were sent before a moment, and that no post shows; what somebody is about to show is left.
delete from community_picture where digest in (
  select c.digest from community_picture c where c.uploaded_at < %s::timestamptz
    and not exists (
      select from community_post p where p.pictures @> jsonb_build_array(jsonb_build_object('digest', c.digest))
    )
  limit %s for update skip locked
)
returning digest;

-- name: insert_topics
-- Topics.
insert into community_topic (slug, kind, en, ja, fr, reference, position)
select * from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::uuid[]);

-- name: insert_members
-- People who wrote in another place.
insert into community_importedmember (id, name, place, url, position)
select * from unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::uuid[]);

-- name: insert_posts
-- Posts, with what is indexed of their words.
insert into community_post (id, thread, number, parent, kind, author, name, place, text, html, language, words,
  published_at, received_at, version, position, said_at, state, held, product, rating, elsewhere, carried_up,
  carried_down, up, down, is_seeded, url, license, is_confirmed, is_rewarded, pictures, link)
select id, thread, number, parent, kind, author, name, place, text, html, language,
  to_tsvector(configuration::regconfig, rest) || pairs::tsvector, published_at, received_at, 1, position, position, state,
  held, product, rating, elsewhere, up, down, up, down, is_seeded, url, license, is_confirmed, is_rewarded,
  pictures::jsonb, link
from unnest(%s::uuid[], %s::uuid[], %s::int[], %s::uuid[], %s::text[], %s::uuid[], %s::text[], %s::text[],
  %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[],
  %s::uuid[], %s::text[], %s::text[], %s::text[], %s::smallint[], %s::text[], %s::int[], %s::int[], %s::boolean[], %s::text[],
  %s::text[], %s::boolean[], %s::boolean[], %s::text[], %s::text[])
  as new(id, thread, number, parent, kind, author, name, place, text, html, language, configuration, rest, pairs,
    published_at, received_at, position, state, held, product, rating, elsewhere, up, down, is_seeded, url, license,
    is_confirmed, is_rewarded, pictures, link);

-- name: insert_threads
-- What begins a thread; its counts follow.
insert into community_thread (id, kind, topic, product, title, language, is_shown, opened_at, last_at, last_position,
  posts, replies, score, status)
select id, kind, topic, product, title, language, true, at, at, position, 1, 0, 0,
  case when kind = 'idea' then 'proposed' end
from unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::uuid[])
  as new(id, kind, topic, product, title, language, at, position);

-- name: edit_posts
-- Posts that were written anew.
update community_post p set text = n.text, html = n.html, version = p.version + 1, edited_at = n.at, said_at = n.position,
  words = to_tsvector(n.configuration::regconfig, n.rest) || n.pairs::tsvector,
  held = case when n.text <> '' then coalesce(n.held, case when p.state = 'held' then p.held end) end,
  state = case when n.held is not null and p.state = 'public' then 'held' else p.state end,
  pictures = case when n.pictures is null then p.pictures when n.pictures <> '' then n.pictures::jsonb end,
  link = n.link
from unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::uuid[], %s::text[],
  %s::text[], %s::text[]) as n(id, text, html, configuration, rest, pairs, at, position, held, pictures, link)
where p.id = n.id;

-- name: entitle_threads
-- New titles of threads whose first post was written anew.
update community_thread t set title = n.title from unnest(%s::uuid[], %s::text[]) as n(id, title) where t.id = n.id;

-- name: find_manners
-- In which language these posts are, and whether they are shown without their links.
select id::text, language, is_unlinked from community_post where id = any(%s::uuid[]);

-- name: find_texts
-- What these posts say, and in which state they are.
select id::text, text, html, state from community_post where id = any(%s::uuid[]);

-- name: decide_posts
-- Posts on which somebody has decided; of one whose words are gone, only that somebody has.
update community_post p set held = null, said_at = n.position,
  state = case when p.state in ('withdrawn', 'gone') then p.state else n.state end,
  html = case when p.state in ('withdrawn', 'gone') then p.html else n.html end,
  is_unlinked = coalesce(n.is_unlinked, p.is_unlinked)
from unnest(%s::uuid[], %s::text[], %s::text[], %s::uuid[], %s::boolean[]) as n(id, state, html, position, is_unlinked)
where p.id = n.id;

-- name: close_threads
-- Threads in which nothing can be said any more, or again: the last word counts.
update community_thread t set is_locked = n.is_locked
from (
  select distinct on (p.thread) p.thread, said.is_locked
  from unnest(%s::uuid[], %s::boolean[], %s::uuid[]) as said(post, is_locked, position)
  join community_post p on p.id = said.post order by p.thread, said.position desc
) n
where t.id = n.thread;

-- name: confirm_posts
-- Reviews by somebody who had bought the product here; of words that are gone, nothing is said.
update community_post p set is_confirmed = p.state not in ('withdrawn', 'gone'), said_at = n.position
from unnest(%s::uuid[], %s::uuid[]) as n(id, position) where p.id = n.id;

-- name: withdraw_posts
-- Posts that their authors took back: nothing of what they said stays.
update community_post p set state = 'withdrawn', text = '', html = '', words = '', elsewhere = null, held = null,
  is_confirmed = false, is_rewarded = false, pictures = null, link = null,
  said_at = n.position
from unnest(%s::uuid[], %s::uuid[]) as n(id, position) where p.id = n.id;

-- name: blank_threads
-- Titles of threads whose first post is gone.
update community_thread t set title = '' from community_post p
where t.id = any(%s::uuid[]) and p.id = t.id and p.state in ('withdrawn', 'gone');

-- name: upsert_votes
-- Votes; the last one counts. One that was taken back stays as 0, so that an earlier one cannot come after it.
insert into community_vote (post, persona, value, position)
select * from unnest(%s::uuid[], %s::uuid[], %s::smallint[], %s::uuid[])
on conflict (post, persona) do update set value = excluded.value, position = excluded.position
where community_vote.position < excluded.position;

-- name: accept_answers
-- Which answer helped; null takes it back.
update community_thread t set accepted = n.answer, accepted_said = n.position
from unnest(%s::uuid[], %s::uuid[], %s::uuid[]) as n(id, answer, position)
where t.id = n.id and (t.accepted_said is null or t.accepted_said < n.position);

-- name: insert_steps
-- The shop's words on ideas.
insert into community_ideastep (position, idea, status, reason, name, said_at)
select * from unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::timestamptz[]);

-- name: recount_votes
-- What the votes on posts add up to.
update community_post p set up = p.carried_up + n.up, down = p.carried_down + n.down
from (
  select asked.id, count(v.value) filter (where v.value > 0) as up, count(v.value) filter (where v.value < 0) as down
  from unnest(%s::uuid[]) as asked(id) left join community_vote v on v.post = asked.id group by asked.id
) n
where p.id = n.id and (p.up, p.down) is distinct from (p.carried_up + n.up, p.carried_down + n.down);

-- name: recount_all_votes
-- The same for every post.
update community_post p set up = p.carried_up + n.up, down = p.carried_down + n.down
from (
  select post, count(*) filter (where value > 0) as up, count(*) filter (where value < 0) as down
  from community_vote group by post
) n
where p.id = n.post;

-- name: recount_threads
-- What the posts of threads add up to.
update community_thread t set posts = n.posts, replies = n.replies, last_at = coalesce(n.last_at, t.opened_at),
  last_position = n.last_position, score = n.score, is_shown = n.is_shown
from (
  select p.thread, max(p.number) as posts, count(*) filter (where p.state = 'public' and p.number > 1) as replies,
    max(p.published_at) filter (where p.state = 'public') as last_at, max(p.said_at::text)::uuid as last_position,
    max(p.up - p.down) filter (where p.number = 1) as score, bool_or(p.state = 'public' and p.number = 1) as is_shown
  from community_post p where p.thread = any(%s::uuid[]) group by p.thread
) n
where t.id = n.thread;

-- name: recount_all_threads
-- The same for every thread.
update community_thread t set posts = n.posts, replies = n.replies, last_at = coalesce(n.last_at, t.opened_at),
  last_position = n.last_position, score = n.score, is_shown = n.is_shown
from (
  select p.thread, max(p.number) as posts, count(*) filter (where p.state = 'public' and p.number > 1) as replies,
    max(p.published_at) filter (where p.state = 'public') as last_at, max(p.said_at::text)::uuid as last_position,
    max(p.up - p.down) filter (where p.number = 1) as score, bool_or(p.state = 'public' and p.number = 1) as is_shown
  from community_post p group by p.thread
) n
where t.id = n.thread;

-- name: restate_ideas
-- How far ideas have come: what the shop said last.
update community_thread t set status = coalesce((
  select s.status from community_ideastep s where s.idea = t.id order by s.position desc limit 1
), 'proposed')
where t.id = any(%s::uuid[]);

-- name: find_reviews
-- Reviews of products by members, which everybody may read, published in a span.
select p.id::text, p.author::text, coalesce(t.product, c.reference), p.published_at
from community_thread t
join community_post p on p.id = t.id
left join community_topic c on c.slug = t.topic and c.kind = 'product'
where t.kind = 'review' and t.is_shown and p.author is not null and p.place is null and not p.is_confirmed
  and coalesce(t.product, c.reference) is not null and p.published_at >= %(since)s and p.published_at < %(until)s
order by p.id limit %(limit)s;

-- name: find_confirmed
-- What these names are confirmed for already.
select p.id::text, p.author::text, coalesce(t.product, c.reference), p.published_at
from community_post p
join community_thread t on t.id = p.id
left join community_topic c on c.slug = t.topic and c.kind = 'product'
where p.author = any(%s::uuid[]) and p.place is null and p.is_confirmed and coalesce(t.product, c.reference) is not null;

-- name: find_rewarded
-- Reviews by members for which points were promised, published before a moment, and which everybody may read.
select author::text, published_at from community_post
where is_rewarded and state = 'public' and author is not null and place is null and published_at < %(until)s
order by id limit %(limit)s;

-- name: find_fulfilled
-- Who had voted for an idea that was done before a moment, and when it was done.
select v.persona::text, s.said_at
from community_thread t
join lateral (
  select position, said_at, status from community_ideastep where idea = t.id order by position desc limit 1
) s on s.status = 'done'
join community_vote v on v.post = t.id and v.value = 1 and v.position < s.position
where t.kind = 'idea' and t.is_shown and s.said_at < %(until)s
order by v.post, v.persona limit %(limit)s;

-- name: sever_posts
-- What somebody wrote who is forgotten: nobody has written it, and nothing is left of the words.
update community_post p set author = n.fresh, text = '', html = '', words = '', elsewhere = null, held = null,
  is_confirmed = false, is_rewarded = false, pictures = null,
  link = null, state = case when p.state in ('public', 'held', 'hidden') then 'gone' else p.state end
from unnest(%s::uuid[], %s::uuid[]) as n(persona, fresh) where p.author = n.persona
returning p.thread::text, p.id::text;

-- name: sever_votes
-- Votes of somebody who is forgotten still count, and are nobody's.
update community_vote v set persona = n.fresh from unnest(%s::uuid[], %s::uuid[]) as n(persona, fresh)
where v.persona = n.persona;
