-- name: lock_following
-- Nobody is forgotten while rows are written, and no row is written while somebody is forgotten.
select pg_advisory_xact_lock_shared(7209023);

-- name: lock_forgetting
-- Whoever writes rows has finished; whoever comes later finds that somebody is gone.
select pg_advisory_xact_lock(7209023);

-- name: read_heard
-- What happened at these positions, as far as it says whose figures it concerns.
select position::text, type, customer::text, occurred_at,
  case when type = any(%(personas)s::text[]) then data ->> 'persona' end,
  case when type = 'post.decided' then data ->> 'post' end,
  case when type = 'sale.returned' then coalesce(data -> 'sale' ->> 'source', source) end,
  case when type = 'sale.returned' then data -> 'sale' ->> 'receipt' end, status = 'accepted'
from events_event where position = any(%(positions)s::uuid[]);

-- name: find_returned_sales
-- The sales from which goods came back: their places in the log, and their customers.
select s.position::text, s.customer::text from unnest(%s::text[], %s::text[]) as asked(source, receipt)
join sales_sale s on s.source = asked.source and s.receipt = asked.receipt where s.customer is not null;

-- name: find_behind
-- The customers behind public names.
select distinct customer::text from customers_personaholder where persona = any(%s::uuid[]);

-- name: find_behind_posts
-- The customers behind the authors of posts.
select distinct h.customer::text from community_post p join customers_personaholder h on h.persona = p.author
where p.id = any(%s::uuid[]);

-- name: find_holders
-- The customers whose coupons or redemptions these events have changed: who was given something, and who has what has ended.
with heard as materialized (
  select position, type, source, touchpoint, data from events_event where position = any(%(positions)s::uuid[])
), named as (
  select position from heard where type in ('coupon.redeem', 'coupon.reserve', 'coupon.redeemed')
  union select i.position from heard h join events_identity i on h.type = 'coupon.return'
    and i.source = coalesce(h.data -> 'redemption' ->> 'source', h.source) and i.id = h.data -> 'redemption' ->> 'id'
  union select r.position from heard h join offers_redemption r on h.type in ('coupon.post', 'coupon.release')
    and r.touchpoint = h.touchpoint and r.name = h.data ->> 'reservation'
), given as (
  select r.customer, r.coupon from named n join offers_redemption r on r.position = n.position
)
select customer::text from given where customer is not null
union select c.customer::text from given g join offers_coupon c on c.id = g.coupon
union select c.customer::text from heard h join offers_coupon c on h.type = 'promotion.ended'
  and c.promotion = (h.data ->> 'promotion')::uuid;

-- name: find_linked
-- Everybody who is, or was, linked with one of these customers.
select low::text from customers_link where high = any(%s::uuid[])
union select high::text from customers_link where low = any(%s::uuid[])
union select m.customer::text from customers_membership m where m.person in
  (select person from customers_membership where customer = any(%s::uuid[]));

-- name: delete_lines
-- Before the lines of these sales are written anew.
delete from audiences_line l using unnest(%s::uuid[], %s::uuid[]) as n(customer, position)
where l.customer = n.customer and l.position = n.position;

-- name: drop_foreign_lines
-- Lines of these customers whose sales are not theirs any more.
delete from audiences_line l using events_event e
where l.customer = any(%s::uuid[]) and e.position = l.position and e.customer is distinct from l.customer;

-- name: drop_foreign_acts
-- Acts of these customers that are not theirs any more.
delete from audiences_act a using events_event e
where a.customer = any(%s::uuid[]) and e.position = a.position and e.customer is distinct from a.customer;

-- name: insert_lines
-- The lines of these sales, less what came back; a line of which nothing is left is none.
with sold as materialized (
  select e.position, e.customer, (e.occurred_at at time zone %(time_zone)s)::date as day, e.source,
    e.data ->> 'receipt' as receipt, e.data ->> 'store' as store, l.number, l.line
  from events_event e cross join lateral json_array_elements(e.data -> 'lines') with ordinality l(line, number)
  where e.position = any(%(positions)s::uuid[]) and e.type = 'sale.closed' and e.status = 'accepted'
    and e.customer is not null and substr(e.customer::text, 15, 1) <> '4'
), back as (
  select asked.position, (b ->> 'line')::int as number, sum((b ->> 'quantity')::bigint)::bigint as quantity,
    sum((b ->> 'amount')::bigint)::bigint as amount
  from (select distinct position, source, receipt from sold) asked
  join sales_return r on r.sale_source = asked.source and r.sale_receipt = asked.receipt and r.status = 'applied'
  cross join lateral jsonb_array_elements(r.lines) b group by 1, 2
), kept as (
  select s.customer, s.position, s.number::smallint as number, s.day, s.store, s.line ->> 'category' as category,
    s.line ->> 'product' as product, (s.line ->> 'quantity')::bigint - coalesce(b.quantity, 0) as quantity,
    (s.line ->> 'amount')::bigint - coalesce(b.amount, 0) as amount,
    case when b.number is null then coalesce((s.line ->> 'discount')::bigint, 0) else 0 end as discount
  from sold s left join back b on b.position = s.position and b.number = s.number
  where b.number is null or (s.line ->> 'quantity')::bigint > b.quantity or (s.line ->> 'amount')::bigint > b.amount
)
insert into audiences_line (customer, position, number, day, store, category, product, quantity, amount, discount, opens)
select k.*, (number = min(number) over (partition by position))::int::smallint from kept k
on conflict do nothing;

-- name: insert_acts
-- What else was done at these positions.
insert into audiences_act (customer, position, day, type)
select customer, position, (occurred_at at time zone %(time_zone)s)::date, type from events_event
where position = any(%(positions)s::uuid[]) and status = 'accepted' and customer is not null
  and substr(customer::text, 15, 1) <> '4'
on conflict do nothing;

-- name: refresh_figures
-- The figures of these customers, from their rows; the first day on which the shop heard of somebody only gets earlier.
insert into audiences_figures as f (customer, person, since, allows_store, allows_web, first_day, last_day, purchases,
  spend, points, asked, answered, trust)
select c.customer, coalesce(m.person, c.customer), n.since,
  coalesce('store' = any(p.channels), true), coalesce('web' = any(p.channels), true),
  l.first_day, l.last_day, coalesce(l.purchases, 0), coalesce(l.spend, 0), coalesce(a.available, 0),
  coalesce(s.asked, 0), coalesce(s.answered, 0), coalesce(t.trust, 0)
from unnest(%(customers)s::uuid[], %(since)s::date[]) as n(customer, since)
join customers_customer c on c.customer = n.customer
left join customers_membership m on m.customer = c.customer
left join customers_permission p on p.customer = c.customer and p.purpose = 'analysis'
left join loyalty_account a on a.customer = c.customer
left join lateral (
  select min(day) as first_day, max(day) as last_day, sum(opens)::bigint as purchases, sum(amount)::bigint as spend
  from audiences_line l where l.customer = c.customer
) l on true
left join lateral (
  select count(*) filter (where o.kind = 'question') as asked, count(*) filter (where o.kind = 'answer') as answered
  from customers_personaholder h join community_post o on o.author = h.persona and o.state = 'public'
  where h.customer = c.customer
) s on true
left join unnest(%(trusting)s::uuid[], %(trust)s::smallint[]) as t(customer, trust) on t.customer = c.customer
where substr(c.customer::text, 15, 1) <> '4'
on conflict (customer) do update set person = excluded.person, since = least(f.since, excluded.since),
  allows_store = excluded.allows_store, allows_web = excluded.allows_web, first_day = excluded.first_day,
  last_day = excluded.last_day, purchases = excluded.purchases, spend = excluded.spend, points = excluded.points,
  asked = excluded.asked, answered = excluded.answered, trust = excluded.trust;

-- name: drop_lines
-- Nothing is known of these customers.
delete from audiences_line where customer = any(%s::uuid[]);

-- name: drop_acts
-- Nothing is known of these customers.
delete from audiences_act where customer = any(%s::uuid[]);

-- name: drop_figures
-- Nothing is known of these customers.
delete from audiences_figures where customer = any(%s::uuid[]);

-- name: drop_members
-- They are in no segment, and were in none.
delete from audiences_member where customer = any(%s::uuid[]);

-- name: find_customers
-- Everybody who was not forgotten, in portions.
select customer::text from customers_customer where customer > %s::uuid and substr(customer::text, 15, 1) <> '4'
order by customer limit %s;

-- name: find_personas
-- The names of these customers.
select customer::text, persona::text from customers_personaholder where customer = any(%s::uuid[]) and not is_given_up;

-- name: is_unmade
-- Whether there are customers, and nobody has figures.
select exists (select from customers_customer) and not exists (select from audiences_figures);

-- name: find_holding
-- Everybody who has a public name, in portions.
select distinct customer::text from customers_personaholder where customer > %s::uuid order by 1 limit %s;

-- name: find_segments_of
-- The segments that these customers are in, by name.
select distinct s.name, s.expression from audiences_member m join audiences_segment s on s.id = m.segment
where m.is_in and s.ended_at is null and m.customer = any(%s::uuid[]) order by s.name limit %s;

-- name: lock_lake
-- One writer of the lake at a time.
select pg_advisory_lock(7209022);

-- name: empty_lines
-- Before all of them are made anew.
delete from audiences_line;

-- name: empty_acts
-- Before all of them are made anew.
delete from audiences_act;

-- name: empty_figures
-- Before all of them are made anew.
delete from audiences_figures;

-- name: lake_events
-- The events at these positions, or all of them, as the lake keeps them.
select (occurred_at at time zone %(time_zone)s)::date as day, position::text, customer::text, occurred_at, source, type,
  touchpoint, case when customer is not null and type !~ %(silent)s then data::text end from events_event
where status = 'accepted' and (%(positions)s::uuid[] is null or position = any(%(positions)s::uuid[]));

-- name: lake_lines
-- The lines of these sales, or all lines.
select day, position::text, number, customer::text, store, category, product, quantity, amount, discount,
  opens from audiences_line
where %(positions)s::uuid[] is null or (customer, position) in (
  select * from unnest(%(customers)s::uuid[], %(positions)s::uuid[]));

-- name: lake_acts
-- What was done at these positions, or everything.
select day, position::text, customer::text, type from audiences_act
where %(positions)s::uuid[] is null or (customer, position) in (
  select * from unnest(%(customers)s::uuid[], %(positions)s::uuid[]));

-- name: lake_figures
-- Everybody's figures.
select customer::text, person::text, since, allows_store, allows_web, first_day, last_day, purchases, spend, points,
  asked, answered, trust from audiences_figures;

-- name: lake_coupons
-- Coupons of those who have figures, as they can still be used, by the shop's days.
select c.customer::text, c.promotion::text, p.definition -> 'titles' ->> 'en',
  greatest(c.issued_at at time zone %(time_zone)s, (p.definition -> 'conditions' ->> 'starts_at')::timestamptz
    at time zone %(time_zone)s)::date,
  least((c.issued_at + make_interval(hours => 24 * (p.definition ->> 'days_good')::int) - interval '1 microsecond')
    at time zone %(time_zone)s, ((p.definition -> 'conditions' ->> 'ends_at')::timestamptz - interval '1 microsecond')
    at time zone %(time_zone)s, (p.ended_at at time zone %(time_zone)s) - interval '1 day', timestamp '9999-12-31')::date,
  coalesce((p.definition ->> 'uses_max')::bigint, 1) - used.n
from offers_coupon c join offers_promotion p on p.id = c.promotion join audiences_figures f on f.customer = c.customer
cross join lateral (
  select count(*) as n from offers_redemption r where r.coupon = c.id and r.status in ('held', 'redeemed')
) used;

-- name: lake_redemptions
-- What was given to the baskets of those who have figures, by the shop's days.
select r.customer::text, r.promotion::text, p.definition -> 'titles' ->> 'en',
  (r.redeemed_at at time zone %(time_zone)s)::date
from offers_redemption r join offers_promotion p on p.id = r.promotion
join audiences_figures f on f.customer = r.customer where r.status = 'redeemed';

-- name: find_gone
-- Which of these customers there are no more.
select asked.customer from unnest(%s::text[]) as asked(customer)
where not exists (select from customers_customer c where c.customer = asked.customer::uuid);

-- name: find_not_theirs
-- Which of these events are not of these customers any more.
select asked.position from unnest(%s::text[], %s::text[]) as asked(customer, position)
join events_event e on e.position = asked.position::uuid where e.customer is distinct from asked.customer::uuid;

-- name: find_strays
-- Ids of the office's rows that are no customers: of somebody who was forgotten while the rows were written.
select distinct t.customer::text from (
  select customer from messages_decision union all select customer from trips_trip
  union all select customer from audiences_member
) t where substr(t.customer::text, 15, 1) <> '4'
  and not exists (select from customers_customer c where c.customer = t.customer);
