-- name: lock_segment
-- One refresh of a segment at a time.
select pg_advisory_xact_lock(7209021, hashtext(%s));

-- name: lock_definitions
-- One change of definitions at a time: two at once could rest on each other.
select pg_advisory_xact_lock(7209024);

-- name: find_segments
-- Every segment that has not ended.
select id::text, name, expression, hash, version, day from audiences_segment where ended_at is null order by name;

-- name: find_segment
-- One segment, by its id or its name.
select id::text, name, expression, hash, version, day from audiences_segment
where ended_at is null and (id::text = %(asked)s or name = %(asked)s);

-- name: insert_segment
-- A new segment.
insert into audiences_segment (id, name, expression, hash, version) values (%s, %s, %s, %s, 1)
on conflict (name) do nothing;

-- name: update_segment
-- A segment goes on with another expression or name; its members are counted anew.
update audiences_segment set name = %(name)s, expression = %(expression)s, hash = %(hash)s, version = version + 1,
  day = null where id = %(id)s and ended_at is null returning version;

-- name: end_segment
-- A segment is no more; its name is free again.
update audiences_segment set ended_at = %(at)s, name = name || ' ' || id::text where id = %(id)s and ended_at is null;

-- name: insert_version
-- What was said, by whom, and when.
insert into audiences_segmentversion (segment, version, name, expression, hash, by, at)
values (%s, %s, %s, %s, %s, %s, %s);

-- name: find_versions
-- Every version of a segment, the latest first.
select version, name, expression, by, at from audiences_segmentversion where segment = %s order by version desc;

-- name: find_said
-- What segments say and have ever said.
select distinct segment, expression from audiences_segmentversion where segment = any(%s::uuid[]) order by segment, expression;

-- name: find_definition
-- What a segment said when its definition had this hash.
select expression from audiences_segmentversion where segment = %s and hash = %s order by version desc limit 1;

-- name: note_counted
-- When a segment was counted as a whole, and for which of the shop's days.
update audiences_segment set day = %(day)s, counted_at = %(at)s where id = %(id)s and version = %(version)s;

-- name: find_in
-- Who is in a segment, as it was counted last.
select customer::text from audiences_member where segment = %s and is_in order by customer;

-- name: find_in_of
-- Which of these persons are in a segment.
select customer::text from audiences_member where segment = %s and is_in and customer = any(%s::uuid[]);

-- name: count_in
-- How many are in each segment.
select segment::text, count(*) from audiences_member where is_in group by segment;

-- name: join_members
-- Persons who join; nobody who was forgotten meanwhile.
insert into audiences_member as m (segment, customer, is_in, since, changes, version)
select %(segment)s, c.customer, true, %(at)s, 1, %(version)s
from customers_customer c where c.customer = any(%(customers)s::uuid[])
order by c.customer
on conflict (segment, customer) do update set is_in = true, since = excluded.since, changes = m.changes + 1,
  version = excluded.version where not m.is_in
returning customer::text, changes;

-- name: leave_members
-- Persons who leave.
update audiences_member set is_in = false, since = %(at)s, changes = changes + 1, version = %(version)s
where segment = %(segment)s and is_in and customer = any(%(customers)s::uuid[]) returning customer::text, changes;

-- name: find_persons
-- The persons that these customers are, and all their customers.
select f.person::text, f.customer::text from audiences_figures f
where f.person in (select person from audiences_figures where customer = any(%s::uuid[]));

-- name: read_figures
-- The figures of one person.
select f.since, f.allows_store, f.allows_web, f.first_day, f.last_day, f.purchases, f.spend, f.points, f.asked,
  f.answered, f.trust, f.customer::text from audiences_figures f
where f.person = (select person from audiences_figures where customer = %s);

-- name: read_lines
-- The lines of these customers.
select day, store, category, product, quantity, amount, discount, opens from audiences_line
where customer = any(%s::uuid[]);

-- name: read_acts
-- What these customers did.
select day, type from audiences_act where customer = any(%s::uuid[]);

-- name: of_few
-- The sources of facts for the persons that some customers are; the rest of the statement asks these in their place.
with persons as materialized (
  select f.customer from audiences_figures f
  where f.person = any(array(select person from audiences_figures where customer = any(%s::uuid[])))
), few_figures as (
  select * from audiences_figures where customer = any(array(select customer from persons))
), few_lines as (
  select * from audiences_line where customer = any(array(select customer from persons))
), few_acts as (
  select * from audiences_act where customer = any(array(select customer from persons))
) select * from few_figures, few_lines, few_acts;

-- name: of_one
-- The same for one person: whatever the value, the plan is the same, so it is made once.
with few_figures as materialized (
  select * from audiences_figures where person = (select person from audiences_figures where customer = %s::uuid)
), few_lines as (
  select * from audiences_line where customer = any(array(select customer from few_figures))
), few_acts as (
  select * from audiences_act where customer = any(array(select customer from few_figures))
) select * from few_figures, few_lines, few_acts;

-- name: find_products
-- What was bought lately, for a form that suggests it: categories, products, stores.
with lately as materialized (
  select category, product, store from audiences_line order by day desc limit 20000
), counted as (
  select 'category' as kind, category as name, count(*) as lines from lately where category is not null group by 2
  union all select 'product', product, count(*) from lately group by 2
  union all select 'store', store, count(*) from lately where store is not null group by 2
)
select kind, name from (
  select kind, name, row_number() over (partition by kind order by lines desc, name) as place from counted
) ranked where place <= %s order by kind, place;

-- name: coupons
-- Coupons as they can still be used, and redemptions, by the shop's days; the rest of the statement asks these.
with all_coupons as (
  select c.customer, c.promotion::text as promotion, p.definition -> 'titles' ->> 'en' as title,
    greatest(c.issued_at at time zone 'UTC', (p.definition -> 'conditions' ->> 'starts_at')::timestamptz at time zone
      'UTC')::date as since,
    least((c.issued_at + make_interval(hours => 24 * (p.definition ->> 'days_good')::int) - interval '1 microsecond')
      at time zone 'UTC', ((p.definition -> 'conditions' ->> 'ends_at')::timestamptz - interval '1 microsecond')
      at time zone 'UTC', (p.ended_at at time zone 'UTC') - interval '1 day', timestamp '9999-12-31')::date as until,
    coalesce((p.definition ->> 'uses_max')::bigint, 1) - used.n as uses
  from offers_coupon c join offers_promotion p on p.id = c.promotion
  cross join lateral (
    select count(*) as n from offers_redemption r where r.coupon = c.id and r.status in ('held', 'redeemed')
  ) used
), all_redemptions as (
  select r.customer, r.promotion::text as promotion, p.definition -> 'titles' ->> 'en' as title,
    (r.redeemed_at at time zone 'UTC')::date as day
  from offers_redemption r join offers_promotion p on p.id = r.promotion
  where r.customer is not null and r.status = 'redeemed'
) select * from all_coupons, all_redemptions;

-- name: few_coupons
-- The same of the persons that some customers are, behind their figures.
with few_coupons as (
  select * from all_coupons where customer = any(array(select customer from few_figures))
), few_redemptions as (
  select * from all_redemptions where customer = any(array(select customer from few_figures))
) select * from few_coupons, few_redemptions;

-- name: read_coupons
-- The coupons of these customers.
select promotion, title, since, until, uses from all_coupons where customer = any(%s::uuid[]);

-- name: read_redemptions
-- What was given to the baskets of these customers.
select day, promotion, title from all_redemptions where customer = any(%s::uuid[]);

-- name: find_titles
-- What the latest promotions are called, as far as an expression can say it.
select title from (
  select definition -> 'titles' ->> 'en' as title, max(published_at) as at from offers_promotion group by 1
) named where length(title) <= %s order by at desc limit %s;
