-- name: lock_links_shared
-- Who is one person stays as it is until this batch is committed.
select pg_advisory_xact_lock_shared(7209001);

-- name: lock_links
-- Links are rare and change who a person is: a batch that holds any lets all others finish first.
select pg_advisory_xact_lock(7209001);

-- name: find_members
-- Everybody who is one person with one of these customers; customers without a link have no row.
select m.customer::text, m.person::text
from customers_membership m
where m.person in (select person from customers_membership where customer = any(%s::uuid[]));

-- name: find_known
-- Those of these customers that exist.
select customer::text from customers_customer where customer = any(%s::uuid[]);

-- name: find_links
-- All links that touch one of these customers, active or not.
select low::text, high::text, linked_at, linked_source, linked_id, linked_evidence,
  unlinked_at, unlinked_source, unlinked_id, unlinked_evidence
from customers_link where low = any(%s::uuid[]) or high = any(%s::uuid[]);

-- name: insert_customers
-- Customers seen for the first time; another gateway may have seen them in the same moment.
insert into customers_customer (customer, kind)
select * from unnest(%s::uuid[], %s::text[]) on conflict do nothing;

-- name: upsert_link
-- The last words on one link.
insert into customers_link (low, high, linked_at, linked_source, linked_id, linked_evidence,
  unlinked_at, unlinked_source, unlinked_id, unlinked_evidence)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
on conflict (low, high) do update set
  linked_at = excluded.linked_at, linked_source = excluded.linked_source, linked_id = excluded.linked_id,
  linked_evidence = excluded.linked_evidence, unlinked_at = excluded.unlinked_at,
  unlinked_source = excluded.unlinked_source, unlinked_id = excluded.unlinked_id,
  unlinked_evidence = excluded.unlinked_evidence;

-- name: delete_memberships
-- Before the persons of these customers are written anew.
delete from customers_membership where customer = any(%s::uuid[]);

-- name: insert_memberships
-- Which person each of these customers belongs to.
insert into customers_membership (customer, person) select * from unnest(%s::uuid[], %s::uuid[]);
