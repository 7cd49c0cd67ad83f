-- name: lock
-- One making at a time.
select pg_advisory_xact_lock(7209041);

-- name: clear_pairs
-- Before all pairs are written anew.
delete from companions_pair;

-- name: clear_popular
-- Before everything that is popular is written anew.
delete from companions_popular;

-- name: clear_makings
-- Only the latest making is kept.
delete from companions_making;

-- name: insert_pairs
-- What goes with what.
insert into companions_pair (product, place, companion, weight, people, baskets)
select * from unnest(%s::text[], %s::int[], %s::text[], %s::float8[], %s::int[], %s::int[]);

-- name: insert_popular
-- What many bought.
insert into companions_popular (store, place, product, people)
select * from unnest(%s::text[], %s::int[], %s::text[], %s::int[]);

-- name: insert_making
-- When, of which days, out of how much.
insert into companions_making (made_at, since, until, people, left_out, baskets, products, pairs)
values (%s, %s, %s, %s, %s, %s, %s, %s);
