-- name: lock_lists
-- Whoever changes one of these lists or claims on it goes first, whether it is there yet or not; in one order.
select pg_advisory_xact_lock(7209031, key) from unnest(%s::int[]) as k(key);

-- name: find_lists
-- Wish lists as they stand.
select row_to_json(l)::text from wishlists_wishlist l where id = any(%s::uuid[]) order by id;

-- name: find_shared
-- The list that opens by a link, by the digest of its secret.
select row_to_json(l)::text from wishlists_wishlist l where link = %s;

-- name: find_of_customers
-- The lists of these customers, the latest first.
select row_to_json(l)::text from wishlists_wishlist l
where customer = any(%s::uuid[]) order by begun_at desc, id limit %s;

-- name: count_of_customers
-- How many lists each of these customers has.
select customer::text, count(*) from wishlists_wishlist where customer = any(%s::uuid[]) group by customer;

-- name: find_claims
-- Everything that is claimed on these lists, in the order in which it was.
select row_to_json(c)::text from wishlists_claim c where wish_list = any(%s::uuid[]) order by position, id;

-- name: find_claims_of
-- What these customers have claimed, the latest first.
select row_to_json(c)::text from wishlists_claim c
where customer = any(%s::uuid[]) order by claimed_at desc, id limit %s;

-- name: find_lists_of_claims
-- The lists on which these claims are, named by themselves or by their orders.
select distinct wish_list::text from wishlists_claim where id = any(%s::uuid[]) or "order" = any(%s::uuid[]);

-- name: find_claim
-- One claim.
select row_to_json(c)::text from wishlists_claim c where id = %s;

-- name: write_lists
-- Wish lists as they stand from now on.
insert into wishlists_wishlist (id, customer, position, title, begun_at, opens_at, secret_until, to_address, share,
  link, ended_at, wishes)
select id, customer, position, title, begun_at, opens_at, secret_until, to_address, share, link, ended_at, wishes
from jsonb_to_recordset(%s::text::jsonb) as new(id uuid, customer uuid, position uuid, title text,
  begun_at timestamptz, opens_at timestamptz, secret_until timestamptz, to_address boolean, share uuid, link uuid,
  ended_at timestamptz, wishes jsonb)
on conflict (id) do update set position = excluded.position, title = excluded.title, opens_at = excluded.opens_at,
  secret_until = excluded.secret_until, to_address = excluded.to_address, share = excluded.share,
  link = excluded.link, ended_at = excluded.ended_at, wishes = excluded.wishes;

-- name: write_claims
-- Claims as they stand from now on.
insert into wishlists_claim (id, wish_list, wish, product, quantity, position, claimed_at, state, customer, friend, "order")
select id, wish_list, wish, product, quantity, position, claimed_at, state, customer, friend, "order"
from jsonb_to_recordset(%s::text::jsonb) as new(id uuid, wish_list uuid, wish uuid, product text, quantity int,
  position uuid, claimed_at timestamptz, state text, customer uuid, friend uuid, "order" uuid)
on conflict (id) do update set position = excluded.position, state = excluded.state, "order" = excluded."order";

-- name: drop_claims
-- Claims that were let go.
delete from wishlists_claim where id = any(%s::uuid[]);

-- name: sever_lists
-- Lists of owners who are forgotten: another customer's, without their words, and without a way to them.
update wishlists_wishlist l set customer = n.fresh, title = '', share = null, link = null, to_address = false,
  wishes = coalesce((select jsonb_agg(w || '{"note": ""}'::jsonb order by place)
    from jsonb_array_elements(l.wishes) with ordinality as e(w, place)), '[]'::jsonb)
from unnest(%s::uuid[], %s::uuid[]) as n(customer, fresh) where l.customer = n.customer;

-- name: sever_claims
-- Claims of friends who are forgotten: another customer's.
update wishlists_claim c set customer = n.fresh
from unnest(%s::uuid[], %s::uuid[]) as n(customer, fresh) where c.customer = n.customer;
