-- name: topics
-- Topics, in the order in which they were opened.
select slug as topic, kind, en, ja, fr, reference, position,
  (select min(t.opened_at) from community_thread t where t.topic = slug) as spoken_of
from community_topic order by position;

-- name: members
-- Whoever has written something that everybody may read.
select distinct coalesce(n.name, m.name, p.name) as name, m.place, m.url, p.name is not null as is_staff
from community_post p join community_thread t on t.id = p.thread and t.is_shown
  left join community_publicname n on n.id = p.author left join community_importedmember m on m.id = p.author
where p.state = 'public' and coalesce(n.name, m.name, p.name) is not null
order by 1, 2, 3, 4;

-- name: posts
-- Posts that everybody may read, in the order in which they came.
select p.id::text as post, p.kind, p.text, p.language, p.published_at as at, p.thread::text, p.parent::text,
  case when p.number = 1 then t.topic end as topic, case when p.number = 1 then t.title end as title, p.up, p.down,
  t.accepted is not distinct from p.id and t.accepted is not null as accepted,
  coalesce(p.product, case when p.number = 1 then t.product end) as product, p.rating, p.elsewhere, p.place, p.url,
  p.license, p.pictures, p.is_confirmed, p.is_rewarded, p.name as staff, coalesce(n.name, m.name) as name
from community_post p join community_thread t on t.id = p.thread and t.is_shown
  left join community_publicname n on n.id = p.author left join community_importedmember m on m.id = p.author
where p.state = 'public' order by p.position;

-- name: steps
-- The shop's words on ideas.
select s.idea::text, s.status, s.reason, s.name, s.said_at as at
from community_ideastep s join community_thread t on t.id = s.idea and t.is_shown order by s.position;

-- name: pictures
-- What is kept of the pictures that these posts show, in its larger size.
select distinct c.digest, c.large from community_post p join community_thread t on t.id = p.thread and t.is_shown
  cross join jsonb_array_elements(p.pictures) as each join community_picture c on c.digest = each ->> 'digest'
where p.state = 'public' and p.pictures is not null;
