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

-- name: find_kinds
-- What kind of identifier each of these customers is.
select customer::text, kind from customers_customer where customer = any(%s::uuid[]);

-- name: find_links
-- All links that touch one of these customers, active or not; each end by an index of its own, and a link once.
select low::text, high::text, linked_at, linked_source, linked_id, linked_evidence,
  unlinked_at, unlinked_source, unlinked_id, unlinked_evidence
from customers_link where low = any(%s::uuid[])
union
select low::text, high::text, linked_at, linked_source, linked_id, linked_evidence,
  unlinked_at, unlinked_source, unlinked_id, unlinked_evidence
from customers_link where high = any(%s::uuid[]);

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

-- name: lock_choices
-- Choices are rare; what follows from all of a person's together is decided by one batch at a time.
select pg_advisory_xact_lock(7209005);

-- name: find_choices
-- What these customers have chosen.
select customer::text, matter, value, said_at, said_source, said_id, record, ends_at, quiet_days
from customers_choice where customer = any(%s::uuid[]);

-- name: find_over
-- Consents whose days are over, by an index of those that hold.
select customer::text, matter, value, said_at, said_source, said_id, record, ends_at, quiet_days
from customers_choice where value = 'given' and ends_at <= %s order by ends_at, customer, matter limit %s;

-- name: find_given
-- Consents that hold, in portions.
select customer::text, matter, value, said_at, said_source, said_id, record, ends_at, quiet_days
from customers_choice where (customer, matter) > (%s, %s) and value = 'given' order by customer, matter limit %s;

-- name: upsert_choice
-- The last word of one customer on one matter.
insert into customers_choice (customer, matter, value, said_at, said_source, said_id, record, ends_at, quiet_days)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
on conflict (customer, matter) do update set
  value = excluded.value, said_at = excluded.said_at, said_source = excluded.said_source,
  said_id = excluded.said_id, record = excluded.record, ends_at = excluded.ends_at, quiet_days = excluded.quiet_days;

-- name: find_marks
-- Who of these was forgotten.
select mark from customers_forgotten where mark = any(%s::bytea[]);

-- name: count_marks
-- How many customers and purchases were ever forgotten.
select count(*) from customers_forgotten;

-- name: insert_marks
-- That somebody was forgotten is all that is remembered.
insert into customers_forgotten (mark) select * from unnest(%s::bytea[]) on conflict do nothing;

-- name: delete_links
-- Every link of these customers with a greater one, active or not, with its evidence.
delete from customers_link where low = any(%s::uuid[]);

-- name: delete_links_up
-- And with a smaller one; each by an index of its own.
delete from customers_link where high = any(%s::uuid[]);

-- name: delete_choices
-- What they have chosen for themselves.
delete from customers_choice where customer = any(%s::uuid[]);

-- name: delete_customers
-- They are nobody.
delete from customers_customer where customer = any(%s::uuid[]);

-- name: sever_table
-- Another customer in the place of each who is forgotten; the table's name is put in by whoever declares it.
update a_table t set customer = n.fresh
from unnest(%s::uuid[], %s::uuid[]) as n(customer, fresh) where t.customer = n.customer;

-- name: delete_permissions
-- Before the answers for these customers are written anew.
delete from customers_permission where customer = any(%s::uuid[]);

-- name: insert_permissions
-- What is allowed for these customers, where it differs from what is allowed for everybody.
insert into customers_permission (customer, purpose, channels)
select customer, purpose, channels::text[] from unnest(%s::uuid[], %s::text[], %s::text[])
  as new(customer, purpose, channels);

-- name: find_holders
-- Who is behind these personas, behind the names that look so, and which personas these customers have; by three indexes.
select persona::text, customer::text, skeleton, is_given_up from customers_personaholder where persona = any(%s::uuid[])
union
select persona::text, customer::text, skeleton, is_given_up from customers_personaholder where skeleton = any(%s::text[])
union
select persona::text, customer::text, skeleton, is_given_up from customers_personaholder where customer = any(%s::uuid[]);

-- name: find_mates
-- All names of the person behind each of these names.
select asked.persona::text, other.persona::text
from customers_personaholder asked
left join customers_membership mine on mine.customer = asked.customer
left join customers_membership theirs on theirs.person = mine.person
join customers_personaholder other on other.customer = coalesce(theirs.customer, asked.customer)
where asked.persona = any(%s::uuid[]);

-- name: insert_holders
-- Personas that were chosen.
insert into customers_personaholder (persona, customer, skeleton, is_given_up)
select * from unnest(%s::uuid[], %s::uuid[], %s::text[], %s::boolean[]);

-- name: delete_holders
-- Nobody is behind the names of these customers any more.
delete from customers_personaholder where customer = any(%s::uuid[]);

-- name: give_up_holders
-- Personas that were given up; how they looked stays, so that nobody else can take it.
update customers_personaholder set is_given_up = true where persona = any(%s::uuid[]);
