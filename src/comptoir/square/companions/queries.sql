-- name: companions
-- The companions of products.
select product, place, companion, weight, people, baskets from companions_pair
where product = any(%(products)s::text[]) order by product, place;

-- name: popular
-- What is popular at a store, or anywhere.
select store, place, product, people from companions_popular where store = %(store)s order by place limit %(limit)s;

-- name: made
-- When all of it was made, and out of how much.
select made_at, since, until, people, left_out, baskets, products, pairs from companions_making order by made_at desc limit 1;

-- name: there
-- A condition on a product: one of these, and not counted as gone at every store that has counted it.
p.product = any(string_to_array(%(narrowed)s, chr(31))) and not coalesce((
  select bool_and(a.counted + a.moved - a.held <= 0) from catalog_variant v
  join stock_article a on a.sku = v.sku
  join catalog_store c on c.store = a.store and c.is_listed
  where v.product = p.product
), false);

-- name: among
-- A condition on a product: one of these.
p.product = any(string_to_array(%(narrowed)s, chr(31)));

-- name: products
-- Which products these numbers of goods are.
select sku, product from catalog_variant where sku = any(%(skus)s::text[]);

-- name: elsewhere
-- What is said to be better elsewhere in conversations about products, the best liked first; nothing that is voted down.
with about as (
  select t.id, t.product from community_thread t where t.is_shown and t.product = any(%(products)s::text[])
  union
  select t.id, k.reference from community_topic k join community_thread t on t.topic = k.slug
  where k.kind = 'product' and k.reference = any(%(products)s::text[]) and t.is_shown
), said as (
  select a.product, p.thread, t.title, t.language, p.elsewhere, p.name is not null as is_staff, row_number() over (
    partition by a.product order by p.up - p.down desc, p.published_at desc, p.id
  ) as place
  from about a join community_thread t on t.id = a.id
  join community_post p on p.thread = t.id and p.elsewhere is not null and p.state = 'public' and p.up >= p.down
)
select product, thread::text, title, language, elsewhere, is_staff from said
where place <= %(most)s order by product, place;
