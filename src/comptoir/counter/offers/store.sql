-- name: lock_coupons
-- Coupons by the digests of their codes; nobody else uses them until the end of the transaction.
select digest::text, id::text, promotion::text, customer::text, issued_at, null
from offers_coupon where digest = any(%s::uuid[]) order by id for no key update;

-- name: find_shared
-- Which open promotions these shared codes are of.
select digest::text, id::text from offers_promotion where digest = any(%s::uuid[]) and ended_at is null;

-- name: find_honey
-- Which of these codes nobody was given.
select digest::text, promotion::text from offers_honeycode where digest = any(%s::uuid[]);

-- name: find_promotions
-- These promotions, as they were published and as they stand.
select id::text, definition::text, ended_at, redemptions, discount from offers_promotion where id = any(%s::uuid[]);

-- name: find_automatic
-- Every promotion that needs no code and gives something here: what another system has given is no basket's.
select id::text from offers_promotion
where codes = 'none' and ended_at is null and definition->'benefit'->>'kind' <> 'Elsewhere';

-- name: lock_promotions
-- Promotions with a budget, in one order; nobody else gives anything of them until the end of the transaction.
select id::text, definition::text, ended_at, redemptions, discount
from offers_promotion where id = any(%s::uuid[]) order by id for no key update;

-- name: insert_promotion
-- A promotion; one that is there, or has a code that is in use, fails the whole batch.
insert into offers_promotion (id, position, definition, codes, digest, published_at, redemptions, discount)
values (%s, %s, %s, %s, %s, %s, 0, 0);

-- name: insert_honey
-- The codes of a promotion that nobody was given.
insert into offers_honeycode (digest, promotion, number)
select new.digest, %s::uuid, new.number
from unnest(%s::uuid[], %s::smallint[]) as new(digest, number);

-- name: end_promotion
-- The earliest end counts.
update offers_promotion set ended_at = least(ended_at, %s::timestamptz) where id = %s;

-- name: count_given
-- What was given of promotions with a budget; the rows are locked.
update offers_promotion p set redemptions = new.redemptions, discount = new.discount
from unnest(%s::uuid[], %s::bigint[], %s::bigint[]) as new(id, redemptions, discount) where p.id = new.id;

-- name: find_uses
-- Which uses of these coupons are taken.
select coupon::text, use from offers_redemption
where coupon = any(%s::uuid[]) and status in ('held', 'redeemed') and coupon is not null;

-- name: find_turns
-- Which turns these customers have had of these promotions.
select promotion::text, customer::text, turn from offers_redemption
where promotion = any(%s::uuid[]) and customer = any(%s::uuid[]) and status in ('held', 'redeemed')
  and turn is not null;

-- name: find_reserved
-- Which of these names of reservations are taken.
select distinct r.touchpoint, r.name from offers_redemption r
join unnest(%s::text[], %s::text[]) as asked(touchpoint, name)
  on r.touchpoint = asked.touchpoint and r.name = asked.name and r.ordinal = 0;

-- name: lock_reserved
-- What these reservations hold; nobody else closes them until the end of the transaction.
select r.touchpoint, r.name, r.position::text, r.ordinal, r.promotion::text, r.coupon::text, r.customer::text, r.use,
  r.turn, r.discount, r.status, r.source, r.receipt, r.redeemed_at, r.expires_at, r.sale_source
from offers_redemption r join unnest(%s::text[], %s::text[]) as asked(touchpoint, name)
  on r.touchpoint = asked.touchpoint and r.name = asked.name
order by r.position, r.ordinal for no key update of r;

-- name: lock_redeemed
-- What the events at these positions have taken; nobody else gives it back until the end of the transaction.
select r.touchpoint, r.name, r.position::text, r.ordinal, r.promotion::text, r.coupon::text,
  r.customer::text, r.use, r.turn, r.discount, r.status, r.source, r.receipt, r.redeemed_at, r.expires_at, r.sale_source
from offers_redemption r where r.position = any(%s::uuid[]) order by r.position, r.ordinal for no key update;

-- name: close_reserved
-- How reservations ended.
update offers_redemption r set status = new.status, receipt = coalesce(new.receipt, r.receipt),
  sale_source = coalesce(new.sale_source, r.sale_source)
from unnest(%s::uuid[], %s::smallint[], %s::text[], %s::text[], %s::text[])
  as new(position, ordinal, status, receipt, sale_source)
where r.position = new.position and r.ordinal = new.ordinal;

-- name: find_overdue
-- Reservations whose time is over.
select touchpoint, name, position::text, expires_at from offers_redemption
where status = 'held' and expires_at <= %s and ordinal = 0 order by expires_at limit %s;

-- name: find_series
-- Which of these are series of promotions that another system gives.
select distinct definition->>'series' from offers_promotion
where definition->>'series' = any(%s::text[]) and definition->'benefit'->>'kind' = 'Elsewhere';

-- name: insert_alerts
-- Honey codes that were shown.
insert into offers_alert (position, digest, promotion, touchpoint, source, shown_at)
select * from unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::timestamptz[]);

-- name: find_issued
-- Which of these customers have a coupon of a promotion for a campaign.
select customer::text, id::text from offers_coupon
where promotion = %s and campaign is not distinct from %s::uuid and customer = any(%s::uuid[]);

-- name: find_coupons_of
-- The coupons of these customers with their promotions, the latest first, and how often each was used.
select c.id::text, c.promotion::text, c.customer::text, c.issued_at, c.campaign::text, p.definition::text, p.ended_at,
  p.redemptions, p.discount, coalesce(r.held, 0), coalesce(r.redeemed, 0), r.last_at, r.last_source
from offers_coupon c join offers_promotion p on p.id = c.promotion
left join lateral (
  select count(*) filter (where status = 'held') as held, count(*) filter (where status = 'redeemed') as redeemed,
    max(redeemed_at) filter (where status = 'redeemed') as last_at,
    (array_agg(source order by redeemed_at desc) filter (where status = 'redeemed'))[1] as last_source
  from offers_redemption where coupon = c.id and status in ('held', 'redeemed')
) r on true
where c.customer = any(%s::uuid[]) order by c.id desc limit %s;

-- name: sum_given
-- What was given of promotions with a budget, from their redemptions.
update offers_promotion p set redemptions = given.redemptions, discount = given.discount from (
  select promotion, count(*) as redemptions, sum(discount)::bigint as discount
  from offers_redemption where status in ('held', 'redeemed') group by promotion
) given where given.promotion = p.id
  and (p.definition -> 'budget' ? 'redemptions_max' or p.definition -> 'budget' ? 'discount_max');

-- name: find_positions
-- Every event that gave these customers a coupon or a promotion, or told them of one.
select id::text from offers_coupon where customer = any(%(customers)s::uuid[])
union select position::text from offers_redemption where customer = any(%(customers)s::uuid[])
union select position::text from offers_targeting where customer = any(%(customers)s::uuid[]);

-- name: sever_coupons
-- Coupons of somebody who is forgotten are nobody's.
update offers_coupon c set customer = new.fresh
from unnest(%s::uuid[], %s::uuid[]) as new(customer, fresh) where c.customer = new.customer;

-- name: sever_redemptions
-- And so are redemptions.
update offers_redemption r set customer = new.fresh
from unnest(%s::uuid[], %s::uuid[]) as new(customer, fresh) where r.customer = new.customer;

-- name: sever_targetings
-- And so is what they were told of.
update offers_targeting t set customer = new.fresh
from unnest(%s::uuid[], %s::uuid[]) as new(customer, fresh) where t.customer = new.customer;

-- name: find_coupons
-- Coupons by the digests of their codes, and which of their uses are taken; somebody may take one meanwhile.
select c.digest::text, c.id::text, c.promotion::text, c.customer::text, c.issued_at, (
  select string_agg(r.use::text, ',') from offers_redemption r
  where r.coupon = c.id and r.status in ('held', 'redeemed') and r.coupon is not null
) from offers_coupon c where c.digest = any(%s::uuid[]);

-- name: find_times
-- How often these sales earn their points, by promotions that were given to their baskets.
select sale.source, sale.receipt, max((p.definition->'benefit'->>'times')::int)::text from offers_redemption r
join unnest(%s::text[], %s::text[]) as sale(source, receipt)
  on coalesce(r.sale_source, r.source) = sale.source and r.receipt = sale.receipt
join offers_promotion p on p.id = r.promotion
where r.status in ('redeemed', 'returned') and r.receipt is not null group by sale.source, sale.receipt;

-- name: forget_receipt
-- Nothing that was given to these customers names a receipt any more.
update offers_redemption set receipt = null, sale_source = null
where coalesce(sale_source, source) = %s and receipt = %s and receipt is not null and customer = any(%s::uuid[]);

-- name: has_points
-- Whether any promotion lets points count several times.
select exists (select from offers_promotion where definition->'benefit'->>'kind' = 'Points');
