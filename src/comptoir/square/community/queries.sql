-- name: latest
-- Where something was said last.
select t.id, t.kind, t.topic, t.title, t.language, t.opened_at, t.last_at, t.replies, t.score, t.accepted is not null,
  t.status, p.rating, p.is_seeded, left(p.text, 400), p.author, p.name, p.place, t.product,
  p.is_confirmed, p.is_rewarded, p.pictures, n.name, m.name, m.url
from community_thread t join community_post p on p.id = t.id
  left join lateral (select name from community_publicname where id = p.author limit 1) n on true
  left join community_importedmember m on m.id = p.author
where t.is_shown and t.last_at < %(before)s order by t.last_at desc, t.id
limit %(limit)s offset %(skip)s;

-- name: latest_of_kind
-- The same, of one kind.
select t.id, t.kind, t.topic, t.title, t.language, t.opened_at, t.last_at, t.replies, t.score, t.accepted is not null,
  t.status, p.rating, p.is_seeded, left(p.text, 400), p.author, p.name, p.place, t.product,
  p.is_confirmed, p.is_rewarded, p.pictures, n.name, m.name, m.url
from community_thread t join community_post p on p.id = t.id
  left join lateral (select name from community_publicname where id = p.author limit 1) n on true
  left join community_importedmember m on m.id = p.author
where t.is_shown and t.kind = %(kind)s and t.last_at < %(before)s order by t.last_at desc
limit %(limit)s offset %(skip)s;

-- name: latest_of_topic
-- The same, about one topic.
select t.id, t.kind, t.topic, t.title, t.language, t.opened_at, t.last_at, t.replies, t.score, t.accepted is not null,
  t.status, p.rating, p.is_seeded, left(p.text, 400), p.author, p.name, p.place, t.product,
  p.is_confirmed, p.is_rewarded, p.pictures, n.name, m.name, m.url
from community_thread t join community_post p on p.id = t.id
  left join lateral (select name from community_publicname where id = p.author limit 1) n on true
  left join community_importedmember m on m.id = p.author
where t.is_shown and t.topic = %(topic)s and t.last_at < %(before)s order by t.last_at desc
limit %(limit)s offset %(skip)s;

-- name: latest_of_product
-- The same, about one product.
select t.id, t.kind, t.topic, t.title, t.language, t.opened_at, t.last_at, t.replies, t.score, t.accepted is not null,
  t.status, p.rating, p.is_seeded, left(p.text, 400), p.author, p.name, p.place, t.product,
  p.is_confirmed, p.is_rewarded, p.pictures, n.name, m.name, m.url
from community_thread t join community_post p on p.id = t.id
  left join lateral (select name from community_publicname where id = p.author limit 1) n on true
  left join community_importedmember m on m.id = p.author
where t.is_shown and t.product = %(product)s and t.last_at < %(before)s order by t.last_at desc
limit %(limit)s offset %(skip)s;

-- name: about_product
-- The same, about one product or about the topic that is this product.
select t.id, t.kind, t.topic, t.title, t.language, t.opened_at, t.last_at, t.replies, t.score, t.accepted is not null,
  t.status, p.rating, p.is_seeded, left(p.text, 400), p.author, p.name, p.place, t.product,
  p.is_confirmed, p.is_rewarded, p.pictures, n.name, m.name, m.url
from (
  select id from community_thread where is_shown and product = %(product)s
  union
  select t.id from community_topic c join community_thread t on t.topic = c.slug
  where c.kind = 'product' and c.reference = %(product)s and t.is_shown
) found join community_thread t on t.id = found.id join community_post p on p.id = t.id
  left join lateral (select name from community_publicname where id = p.author limit 1) n on true
  left join community_importedmember m on m.id = p.author
order by t.last_at desc, t.id limit %(limit)s;

-- name: rating_of_product
-- How reviews of a product rate it.
select count(*)::int, avg(p.rating) from (
  select id from community_thread where is_shown and kind = 'review' and product = %(product)s
  union
  select t.id from community_topic c join community_thread t on t.topic = c.slug
  where c.kind = 'product' and c.reference = %(product)s and t.is_shown and t.kind = 'review'
) found join community_post p on p.id = found.id where p.rating is not null;

-- name: ideas
-- Ideas, those that most want first.
select t.id, t.kind, t.topic, t.title, t.language, t.opened_at, t.last_at, t.replies, t.score, t.accepted is not null,
  t.status, p.rating, p.is_seeded, left(p.text, 400), p.author, p.name, p.place, t.product,
  p.is_confirmed, p.is_rewarded, p.pictures, n.name, m.name, m.url
from community_thread t join community_post p on p.id = t.id
  left join lateral (select name from community_publicname where id = p.author limit 1) n on true
  left join community_importedmember m on m.id = p.author
where t.is_shown and t.kind = 'idea' and (%(status)s = '' or t.status = %(status)s)
order by t.score desc, t.last_at desc limit %(limit)s;

-- name: unanswered
-- Questions that nobody has answered.
select id, title, language from community_thread
where is_shown and kind = 'question' and replies = 0 order by last_at limit %(limit)s;

-- name: search
-- Conversations with every pair and every word of a question.
select t.id, t.kind, t.topic, t.title, t.language, t.opened_at, t.last_at, t.replies, t.score, t.accepted is not null,
  t.status, p.rating, p.is_seeded, left(p.text, 400), p.author, p.name, p.place, t.product,
  p.is_confirmed, p.is_rewarded, p.pictures, n.name, m.name, m.url
from (
  select p.thread, max(p.published_at) as at from community_post p
  where p.state = 'public' and p.words @@ %(pairs)s::tsquery
    and p.words @@ (plainto_tsquery('english', %(rest)s) || plainto_tsquery('french', %(rest)s))
  group by p.thread order by at desc limit %(limit)s offset %(offset)s
) found join community_thread t on t.id = found.thread join community_post p on p.id = t.id
  left join lateral (select name from community_publicname where id = p.author limit 1) n on true
  left join community_importedmember m on m.id = p.author
where t.is_shown order by found.at desc;

-- name: search_pairs
-- The same, of a question without Latin words.
select t.id, t.kind, t.topic, t.title, t.language, t.opened_at, t.last_at, t.replies, t.score, t.accepted is not null,
  t.status, p.rating, p.is_seeded, left(p.text, 400), p.author, p.name, p.place, t.product,
  p.is_confirmed, p.is_rewarded, p.pictures, n.name, m.name, m.url
from (
  select p.thread, max(p.published_at) as at from community_post p
  where p.state = 'public' and p.words @@ %(pairs)s::tsquery
  group by p.thread order by at desc limit %(limit)s offset %(offset)s
) found join community_thread t on t.id = found.thread join community_post p on p.id = t.id
  left join lateral (select name from community_publicname where id = p.author limit 1) n on true
  left join community_importedmember m on m.id = p.author
where t.is_shown order by found.at desc;

-- name: search_rest
-- The same, of a question of Latin words only.
select t.id, t.kind, t.topic, t.title, t.language, t.opened_at, t.last_at, t.replies, t.score, t.accepted is not null,
  t.status, p.rating, p.is_seeded, left(p.text, 400), p.author, p.name, p.place, t.product,
  p.is_confirmed, p.is_rewarded, p.pictures, n.name, m.name, m.url
from (
  select p.thread, max(p.published_at) as at from community_post p
  where p.state = 'public' and p.words @@ (plainto_tsquery('english', %(rest)s) || plainto_tsquery('french', %(rest)s))
  group by p.thread order by at desc limit %(limit)s offset %(offset)s
) found join community_thread t on t.id = found.thread join community_post p on p.id = t.id
  left join lateral (select name from community_publicname where id = p.author limit 1) n on true
  left join community_importedmember m on m.id = p.author
where t.is_shown order by found.at desc;

-- name: thread
-- A conversation, with whoever began it and its topic.
select t.id, t.kind, t.topic, t.product, t.title, t.language, t.status, t.accepted, t.replies, t.posts, t.opened_at,
  t.is_locked, p.author, c.slug, c.kind, c.en, c.ja, c.fr, c.reference, 0
from community_thread t left join community_post p on p.id = t.id left join community_topic c on c.slug = t.topic
where t.id = %(id)s;

-- name: posts_of_thread
-- Its posts in order, from behind one number to another.
select p.id, p.number, p.parent, p.kind, p.html, p.language, p.published_at, p.edited_at, p.version, p.state, p.held,
  p.rating, p.elsewhere, p.author, p.name, p.place, p.up, p.down, p.is_seeded, p.url, p.license,
  p.is_confirmed, p.is_rewarded, p.pictures, w.url, w.title, w.description, w.site, n.name, m.name, m.url
from community_post p left join community_preview w on w.url = p.link and not p.is_unlinked
  left join lateral (select name from community_publicname where id = p.author limit 1) n on true
  left join community_importedmember m on m.id = p.author
where p.thread = %(id)s and p.number > %(after)s and p.number <= %(until)s order by p.number;

-- name: post_of_thread
-- One of its posts that everybody may read.
select p.id, p.number, p.parent, p.kind, p.html, p.language, p.published_at, p.edited_at, p.version, p.state, p.held,
  p.rating, p.elsewhere, p.author, p.name, p.place, p.up, p.down, p.is_seeded, p.url, p.license,
  p.is_confirmed, p.is_rewarded, p.pictures, w.url, w.title, w.description, w.site, n.name, m.name, m.url
from community_post p left join community_preview w on w.url = p.link and not p.is_unlinked
  left join lateral (select name from community_publicname where id = p.author limit 1) n on true
  left join community_importedmember m on m.id = p.author
where p.thread = %(id)s and p.id = %(post)s and p.state = 'public';

-- name: words_on_idea
-- What the shop said about an idea.
select status, reason, name, said_at from community_ideastep where idea = %(id)s order by position;

-- name: topics
-- Topics with how many conversations there are about each, those in which something was said last first.
select c.slug, c.kind, c.en, c.ja, c.fr, c.reference, coalesce(t.threads, 0)
from community_topic c left join (
  select topic, count(*) as threads, max(last_at) as last_at from community_thread
  where is_shown and topic is not null group by topic
) t on t.topic = c.slug
order by t.last_at desc nulls last, c.slug limit %(limit)s;

-- name: topic
-- One topic, without its count.
select slug, kind, en, ja, fr, reference, 0 from community_topic where slug = %(slug)s;

-- name: topic_of_product
-- The topic that is about a product.
select slug from community_topic where kind = 'product' and reference = %(product)s order by slug limit 1;

-- name: products
-- The products that the shop has opened topics about, by their titles: all, or those whose title or number has a text.
select distinct on (reference) slug, kind, en, ja, fr, reference, 0 from community_topic
where kind = 'product' and reference is not null
  and (%(asked)s = '' or position(lower(%(asked)s) in lower(concat_ws(E'\n', reference, en, ja, fr))) > 0)
order by reference, slug limit %(limit)s;

-- name: products_named
-- The products of this very number or title, in whichever language.
select distinct on (reference) slug, kind, en, ja, fr, reference, 0 from community_topic
where kind = 'product' and reference is not null
  and (reference = %(asked)s or lower(%(asked)s) in (lower(en), lower(ja), lower(fr)))
order by reference, slug limit 3;

-- name: topics_of_products
-- The topics that are about these products; of two about one, the first one comes last.
select slug, kind, en, ja, fr, reference, 0 from community_topic
where kind = 'product' and reference = any(%(products)s) order by slug desc;

-- name: names
-- The public names of these personas.
select id, name from community_publicname where id = any(%(ids)s);

-- name: imported_members
-- Who these were in the place where they wrote.
select id, name, url from community_importedmember where id = any(%(ids)s);

-- name: own_post
-- A post as its author writes it anew.
select p.id, p.thread, p.text, p.version, case when p.id = p.thread then t.title else '' end,
  p.pictures
from community_post p join community_thread t on t.id = p.thread
where p.id = %(id)s and p.author = %(author)s and p.state in ('public', 'held');

-- name: place_of
-- The thread in which a post stands, and its number there.
select thread, number from community_post where id = %(id)s;

-- name: picture
-- A picture that a post shows which everybody may read, or one of its reader's own.
select case when %(is_small)s then c.small else c.large end, bool_or(p.state = 'public')
from community_picture c
join community_post p on p.pictures @> jsonb_build_array(jsonb_build_object('digest', c.digest))
where c.digest = %(digest)s and (p.state = 'public' or (p.state = 'held' and p.author = %(reader)s))
group by c.digest;

-- name: any_picture
-- A picture, whoever may see it.
select case when %(is_small)s then small else large end from community_picture where digest = %(digest)s;

-- name: picture_sizes
-- The sizes of those of these pictures that are kept.
select digest, width, height from community_picture where digest = any(%(digests)s);
