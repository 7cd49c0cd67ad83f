-- name: identities_match_events
-- Every event has its identity, every identity its event.
select count(*) from events_event e full join events_identity i on i.position = e.position
where e.position is null or i.position is null or (e.source, e.id) is distinct from (i.source, i.id);

-- name: sales_match_log
-- Every accepted sale is booked, every booked sale was accepted.
select count(*) from (select position, customer from events_event where type = 'sale.closed' and status = 'accepted') e
full join sales_sale s on s.position = e.position
where e.position is null or s.position is null or e.customer is distinct from s.customer;

-- name: returns_match_log
-- The same for returns.
select count(*) from (select position from events_event where type = 'sale.returned' and status = 'accepted') e
full join sales_return r on r.position = e.position
where e.position is null or r.position is null;

-- name: no_return_missed_its_sale
-- No return waits for a sale that is booked.
select count(*) from sales_return r join sales_sale s on s.source = r.sale_source and s.receipt = r.sale_receipt
where r.status = 'waiting';

-- name: transfers_match_log
-- The ledger holds exactly the transfers that the log's decisions name.
select count(*) from (
  select position, json_array_length(decision) as transfers,
    (select sum((each->>3)::bigint) from json_array_elements(decision) each) as points
  from events_event where decision is not null and type not in ('spending.limited', 'post.published', 'coupon.redeem', 'coupon.reserve', 'coupon.redeemed')
    and not starts_with(type, 'gift_card.')
) e
full join (
  select position, count(*) as transfers, sum(points) as points from loyalty_transfer group by position
) t on t.position = e.position
where e.position is null or t.position is null or e.transfers <> t.transfers or e.points <> t.points;

-- name: accounts_match_transfers
-- Every account is the sum of its transfers.
select count(*) from loyalty_account a full join (
  select customer,
    sum(case when credit = 1 then points when debit = 1 then -points else 0 end) as available,
    sum(case when credit = 2 then points when debit = 2 then -points else 0 end) as held,
    sum(case when credit = 3 then points when debit = 3 then -points else 0 end) as owed
  from loyalty_transfer group by customer
) t on t.customer = a.customer
where a.customer is null
  or (a.available, a.held, a.owed) is distinct from (coalesce(t.available, 0), coalesce(t.held, 0), coalesce(t.owed, 0));

-- name: no_balance_is_negative
-- No account and no lot is below zero.
select count(*) from loyalty_account
where available < 0 or held < 0 or owed < 0 or exists (select from unnest(lot_points) lot where lot <= 0);

-- name: lots_match_available
-- The available points are the sum of the lots, each of a day of its own, in order.
select count(*) from loyalty_account a
where available <> (select coalesce(sum(lot), 0) from unnest(lot_points) lot)
  or cardinality(lot_days) <> cardinality(lot_points)
  or lot_days <> array(select distinct day from unnest(lot_days) day order by day);

-- name: nobody_has_and_owes
-- What is owed is paid from what is available, so nobody has both.
select count(*) from loyalty_account where available > 0 and owed > 0;

-- name: transfers_have_two_sides
-- Every transfer takes from one known account and gives to another, and one of the two is a customer's.
select count(*) from loyalty_transfer
where points <= 0 or debit = credit or not (debit <= 3 or credit <= 3)
  or debit not in (1, 2, 3, 11, 12, 13, 14, 15) or credit not in (1, 2, 3, 11, 12, 13, 14, 15);

-- name: programme_matches_transfers
-- The programme's accounts are the counterparts of the customers': each the sum of its transfers.
select count(*) from (
  select account, sum(points) as points from loyalty_programmebalance group by account
) b
full join (
  select account, sum(points) as points from (
    select credit as account, points from loyalty_transfer where credit > 10
    union all select debit, -points from loyalty_transfer where debit > 10
  ) moves group by account
) t on t.account = b.account
where coalesce(b.points, 0) <> coalesce(t.points, 0);

-- name: ledger_sums_to_zero
-- All accounts together, the customers' and the programme's, hold nothing: every entry has its counter-entry.
select abs((select coalesce(sum(available + held + owed), 0) from loyalty_account)
  + (select coalesce(sum(points), 0) from loyalty_programmebalance))::bigint;

-- name: held_matches_reservations
-- What is held is what open reservations hold, and what is left of open leases.
select count(*) from (select customer, held from loyalty_account where held <> 0) a
full join (
  select customer, sum(held) as held from (
    select (draw->>0)::uuid as customer, (draw->>2)::bigint as held
    from loyalty_reservation, jsonb_array_elements(draws) draw where status = 'held'
    union all
    select customer, greatest(0, least(points, upto - spent)) from (
      select (draw->>0)::uuid as customer, (draw->>2)::bigint as points, l.spent,
        sum((draw->>2)::bigint) over (partition by l.touchpoint, l.name order by number) as upto
      from loyalty_lease l, jsonb_array_elements(l.draws) with ordinality as d(draw, number) where l.status = 'open'
    ) drawn
  ) each group by 1 having sum(held) <> 0
) r on r.customer = a.customer
where coalesce(a.held, 0) <> coalesce(r.held, 0);

-- name: leases_match_log
-- What was spent of every lease is what its till has told, each number once, and never more than was leased.
select count(*) from loyalty_lease l left join (
  select touchpoint, data->>'lease' as name, sum((data->>'points')::bigint) as points,
    array_agg((data->>'sequence')::int order by (data->>'sequence')::int) as sequences
  from events_event where type = 'points.lease_spend' and status = 'accepted' group by 1, 2
) told on told.touchpoint = l.touchpoint and told.name = l.name
where l.spent <> coalesce(told.points, 0) or l.sequences <> coalesce(told.sequences, '{}') or l.spent > l.points
  or (select sum((draw->>2)::bigint) from jsonb_array_elements(l.draws) draw) <> l.points
  or (l.status = 'open') = coalesce(cardinality(l.sequences) = l.spends, false) and l.status <> 'lost';

-- name: redemptions_match_log
-- Every promotion that was given stands in the log with what it gave, and no other one was given.
select count(*) from (
  select position, json_array_length(decision) as given, (select sum((each->>5)::bigint) from json_array_elements(decision) each) as discount
  from events_event where type in ('coupon.redeem', 'coupon.reserve', 'coupon.redeemed') and status = 'accepted' and decision is not null
) e
full join (
  select position, count(*) as given, sum(discount) as discount from offers_redemption group by position
) r on r.position = e.position
where e.position is null or r.position is null or e.given <> r.given or e.discount <> r.discount;

-- name: coupons_match_log
-- Every coupon was issued, to whom the log says, and every issued one is there.
select count(*) from (
  select position, customer from events_event where type = 'coupon.issued' and status = 'accepted'
) e
full join offers_coupon c on c.id = e.position
where e.position is null or c.id is null or e.customer is distinct from c.customer;

-- name: targetings_match_log
-- Whom another system has told of its promotions stands in the log, and everybody who stands there was told.
select count(*) from (
  select position, customer, data->>'series' as series from events_event
  where type = 'promotion.targeted' and status = 'accepted'
) e
full join offers_targeting t on t.position = e.position
where e.position is null or t.position is null or e.customer is distinct from t.customer or e.series <> t.series;

-- name: no_coupon_is_used_too_often
-- No coupon is held or redeemed oftener than its promotion allows.
select count(*) from (
  select c.id, count(*) as uses, max(coalesce((p.definition->>'uses_max')::int, 1)) as most
  from offers_coupon c join offers_promotion p on p.id = c.promotion
  join offers_redemption r on r.coupon = c.id and r.status in ('held', 'redeemed') group by c.id
) used where uses > most;

-- name: no_promotion_gives_too_much
-- What a promotion with a budget has given is counted as it is, and is not more than there was.
select count(*) from offers_promotion p
left join (
  select promotion, count(*) as redemptions, sum(discount) as discount from offers_redemption
  where status in ('held', 'redeemed') group by promotion
) given on given.promotion = p.id
where (p.definition->'budget' ? 'redemptions_max' or p.definition->'budget' ? 'discount_max') and (
  p.redemptions <> coalesce(given.redemptions, 0) or p.discount <> coalesce(given.discount, 0)
  or p.redemptions > coalesce((p.definition->'budget'->>'redemptions_max')::bigint, p.redemptions)
  or p.discount > coalesce((p.definition->'budget'->>'discount_max')::bigint, p.discount)
);

-- name: codes_are_used_once
-- Every code that let somebody spend is kept as used by the request that it was shown with, and no other one is.
select count(*) from (
  select position, data->'proof'->>'value' as digest from events_event
  where status = 'accepted' and type in ('points.redeem', 'points.reserve', 'points.lease') and data->'proof' is not null
) shown
full join loyalty_usedcode u on u.position = shown.position and u.digest::text = shown.digest
where u.position is null or shown.position is null;

-- name: codes_are_not_kept
-- Where a request showed a code, the log holds a digest, which nobody can show.
select count(*) from events_event
where type in ('points.redeem', 'points.reserve', 'points.lease')
  and (data->'proof'->>'value') !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';

-- name: customers_are_known
-- Whoever has accounts, sales or links is a known customer.
select count(*) from (
  select customer from loyalty_account
  union select customer from sales_sale where customer is not null
  union select low from customers_link union select high from customers_link
) used left join customers_customer c on c.customer = used.customer where c.customer is null;

-- name: links_make_persons
-- Two ends of an active link belong to one person.
select count(*) from customers_link l
left join customers_membership a on a.customer = l.low left join customers_membership b on b.customer = l.high
where l.linked_at is not null and (l.unlinked_at is null or l.linked_at > l.unlinked_at)
  and a.person is distinct from b.person;

-- name: identifiers_are_opaque
-- Where an event names a customer, the log holds an opaque id and nothing else.
select count(*) from events_event
where (data->'customer'->>'value') !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
  or (data->'identifier'->>'value') !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';

-- name: log_is_partitioned
-- Every event lies in the partition of its month.
select count(*) from events_event_rest;

-- name: sealed_pieces_have_keys
-- Every sealed piece has a key, every index belongs to a sealed piece, and no destroyed key is there.
select (
  select count(*) from contacts_piece p where not exists (
    select from contacts_key k where k.person = p.person and k.face = p.face)
) + (
  select count(*) from contacts_index i where not exists (
    select from contacts_piece p where p.person = i.person and p.face = i.person and p.field = i.field)
) + (
  select count(*) from contacts_tombstone t join contacts_key k on k.id = t.key
);

-- name: messages_are_answered
-- Every decision to send waits or has ended, never both, and in one way; nothing waits that was not decided.
select (
  select count(*) from messages_decision d where d.verdict = 'send'
    and (select count(*) from messages_waiting w where w.decision = d.id) + (
      select count(*) from messages_outcome o where o.decision = d.id
        and o.kind in ('accepted', 'refused', 'unknown', 'suppressed', 'stopped', 'missed', 'unreachable')
    ) <> 1
) + (
  select count(*) from messages_waiting w where not exists (
    select from messages_decision d where d.id = w.decision and d.verdict = 'send')
) + (
  select count(*) from messages_outcome o where not exists (select from messages_decision d where d.id = o.decision)
);

-- name: messages_have_somebody_who_takes_them
-- No message waits because there is no mail server (COMPTOIR_MAIL_URL) or no provider of text messages (COMPTOIR_TEXTS_URL).
select count(*) from messages_waiting where why <> '';

-- name: figures_match_tables
-- What segments know of a customer is what sales, returns and points say, once they follow; but of who just came.
with arriving as (
  select distinct e.customer from events_relay r
    join events_outbox o on (o.transaction, o.id) > (r.transaction, r.outbox)
    cross join unnest(o.positions) as p(position) join events_event e on e.position = p.position
  where r.destination = 'house.figures'
), bought as (
  select s.customer, sum(s.total_minor - coalesce(b.total, 0))::bigint as spend from sales_sale s left join (
    select sale_source, sale_receipt, sum(total_minor) as total from sales_return where status = 'applied' group by 1, 2
  ) b on b.sale_source = s.source and b.sale_receipt = s.receipt
  where s.customer is not null group by s.customer
), kept as (
  select customer, min(day) as first_day, max(day) as last_day, sum(opens) as purchases, sum(amount) as spend
  from audiences_line group by customer
)
select count(*) from audiences_figures f
left join bought b on b.customer = f.customer left join kept k on k.customer = f.customer
left join loyalty_account a on a.customer = f.customer
where exists (select from events_relay where destination = 'house.figures')
  and not exists (select from arriving n where n.customer = f.customer) and (
  f.spend <> coalesce(b.spend, 0) or f.spend <> coalesce(k.spend, 0) or f.purchases <> coalesce(k.purchases, 0)
  or f.points <> coalesce(a.available, 0) or f.first_day is distinct from k.first_day
  or f.last_day is distinct from k.last_day
);

-- name: stock_matches_movements
-- What moved of each article since its count is the sum of its movements, none of them from before the count.
select count(*) from stock_article a left join (
  select store, sku, sum(quantity) as moved, min(at) as since from stock_movement group by store, sku
) m on m.store = a.store and m.sku = a.sku
where a.moved <> coalesce(m.moved, 0) or m.since <= a.counted_at;

-- name: stock_held_matches_holds
-- What is held of each article is what its holds have, and a hold that was released has nothing.
select (
  select count(*) from stock_article a left join (
    select store, sku, sum(quantity) as held from stock_heldline group by store, sku
  ) l on l.store = a.store and l.sku = a.sku where a.held <> coalesce(l.held, 0)
) + (
  select count(*) from stock_heldline l left join stock_article a on a.store = l.store and a.sku = l.sku
  left join stock_hold h on h.hold = l.hold
  where a.sku is null or h.hold is null or h.ended in ('released', 'expired')
);

-- name: refunds_match_captures
-- What goes back of a capture is the sum of its refunds, and never more than came.
select count(*) from payments_capture c
where given_back > amount or given_back <> (
  select coalesce(sum(r.amount), 0) from payments_refund r
  where r.capture_id = c.id and r.state in ('queued', 'asked', 'done')
);

-- name: purposes_are_paid_once
-- Every purpose is paid by one capture at most, of the session that it names.
select count(*) from payments_purpose p where (
  select count(*) from payments_capture c where c.purpose_id = p.purpose and c.wanted > 0
) <> (p.paid_by is not null)::int or exists (
  select from payments_capture c where c.purpose_id = p.purpose and c.wanted > 0 and c.session_id <> p.paid_by
);

-- name: unwanted_money_goes_back
-- Of what was captured and is not wanted, all was asked to go back.
select count(*) from payments_capture c where verdict <> '' and amount - wanted > (
  select coalesce(sum(r.amount), 0) from payments_refund r where r.capture_id = c.id and r.reason <> 'asked' and r.again is null
);

-- name: repayments_within_orders
-- For goods that came back no more is asked back than their order cost.
select count(*) from (
  select o.id from checkout_repayment p join orders_order o on o.id = p."order"
  group by o.id, o.total having sum(p.amount) > o.total
) too_much;

-- name: returns_are_repaid
-- For what came back of an order, and for a paid order that was cancelled, money was asked back within an hour.
select (
  select count(*) from sales_return r
  join orders_order o on o.number = r.sale_receipt and o.receipt = r.sale_receipt
  join sales_sale s on s.source = r.sale_source and s.receipt = r.sale_receipt
  join events_event sold on sold.position = s.position and sold.touchpoint = 'vault'
  join events_event back on back.position = r.position and back.received_at < now() - interval '1 hour'
  where r.refund = 'as_paid' and r.status = 'applied'
    and not exists (select from checkout_repayment p where p.position = r.position)
) + (
  select count(*) from orders_order o join payments_capture c on c.purpose_id = o.id and c.wanted > 0
  join events_event e on e.position = o.position and e.received_at < now() - interval '1 hour'
  where o.state = 'cancelled' and c.amount > (
    select coalesce(sum(f.amount), 0) from payments_refund f where f.capture_id = c.id and f.again is null
  )
);

-- name: repayments_go_back
-- All money that is to go back for goods is asked of whoever took it.
select count(*) from checkout_repayment where why <> '' and by_hand = '';

-- name: payments_are_answered
-- No payment, refund or report of a provider waits for an answer for over an hour, and none that was refused, or went
-- back twice, for a person: what the vault's page of payments that wait shows.
select (
    select count(*) from payments_session
    where state in ('begun', 'open') and unknown_since < now() - interval '1 hour'
  ) + (
    select count(*) from payments_refund r join payments_capture c on c.id = r.capture_id
    where (
      r.state in ('queued', 'asked') and r.reference = '' and r.wanted_at < now() - interval '1 hour'
      or r.state = 'refused' and r.again is null and r.by_hand = '' and (
        r.reason = 'asked' and c.given_back <= c.amount - r.amount
        or r.reason <> 'asked' and c.given_back < c.amount - c.wanted
      )
      or r.state in ('done', 'noted') and r.settled = '' and (
        r.by_hand <> '' or exists (select from payments_refund i where i.id = r.again and i.state = 'done')
      )
    )
  )
  + (select count(*) from payments_report where applied_at is null and received_at < now() - interval '1 hour');

-- name: orders_match_their_money
-- What is paid for an order is what its lines and its delivery cost; a provider captured its part, a card was spent.
select count(*) from orders_order o where o.total <> (
  select coalesce(sum((l->>'amount')::bigint + case when (l->>'tax_on_top')::boolean
    then coalesce((l->>'tax')::bigint, 0) else 0 end), 0)
  from jsonb_array_elements(o.lines) l
) + coalesce((o.delivery->>'amount')::bigint + case when (o.delivery->>'on_top')::boolean
  then coalesce((o.delivery->>'tax')::bigint, 0) else 0 end, 0) or o.receipt is not null and (
  o.total <> (select coalesce(sum(p.value::bigint), 0) from jsonb_each_text(o.paid_by) p)
  or coalesce((o.paid_by->>'provider')::bigint, 0) <> (
    select coalesce(sum(c.wanted), 0) from payments_capture c where c.purpose_id = o.id
  )
  or coalesce((o.paid_by->>'gift_card')::bigint, 0) <> (
    select coalesce(sum(d.amount), 0) from giftcards_draw d where d.name = o.id::text and d.status = 'spent'
  )
);

-- name: orders_match_their_points
-- What points paid of an order is what was held for it and spent: one reservation, at so much for each point.
select count(*) from orders_order o where o.receipt is not null and o.paid_by ? 'points' and not exists (
  select from loyalty_reservation r where r.touchpoint = 'vault' and r.name = o.id::text and r.status = 'posted'
    and r.posted > 0 and (o.paid_by->>'points')::bigint % r.posted = 0
);

-- name: what_came_back_went_back
-- For goods that came back as much was given back as was asked: at the provider, onto the gift card, and in whole points.
-- What the provider was not asked for, since it had none of it left, somebody sees to: repayments_go_back.
select count(*) from (
  select p.amount - coalesce(f.given, 0) - coalesce(d.given, 0) as by_points,
    greatest(0, least(p.unasked, coalesce((o.paid_by->>'provider')::bigint, 0) - coalesce(f.given, 0))) as unasked,
    coalesce((o.paid_by->>'points')::bigint, 0) as points,
    coalesce((o.paid_by->>'points')::bigint / nullif(r.posted, 0), 1) as worth
  from orders_order o
  join (
    select "order", sum(amount) as amount, coalesce(sum(amount) filter (where why <> ''), 0) as unasked
    from checkout_repayment group by 1
  ) p on p."order" = o.id
  left join (
    select c.purpose_id, sum(f.amount) as given from payments_refund f join payments_capture c on c.id = f.capture_id
    where starts_with(f.key, c.purpose_id::text || ' return ') group by 1
  ) f on f.purpose_id = o.id
  left join (select name, sum(returned) as given from giftcards_draw group by 1) d on d.name = o.id::text
  left join loyalty_reservation r on r.touchpoint = 'vault' and r.name = o.id::text
  where o.state <> 'cancelled' and not exists (
    select from sales_return b where b.sale_receipt = o.receipt and b.refund = 'as_paid' and b.status = 'applied'
      and not exists (select from checkout_repayment done where done.position = b.position)
  )
) back where by_points < 0 or by_points > points + unasked or unasked = 0 and by_points % worth <> 0;

-- name: points_of_orders_went_back
-- The points that the checkout has given back are those of orders that were called off, and of goods that came back.
-- Of a return whose money could not be asked for, they are what is left of it beside at most that money.
with pending as (
  select from orders_order o join checkout_checkout k on k."order" = o.id
  where o.state = 'cancelled' and (k.step <> 'over' or k.due_at is not null)
  union all
  select from sales_return b join orders_order o on o.receipt = b.sale_receipt
  join checkout_checkout k on k."order" = o.id
  where b.refund = 'as_paid' and b.status = 'applied'
    and not exists (select from checkout_repayment done where done.position = b.position)
), paid as (
  select o.id, o.state, r.posted, (o.paid_by->>'points')::bigint / nullif(r.posted, 0) as worth,
    coalesce((o.paid_by->>'provider')::bigint, 0) as provider
  from orders_order o join loyalty_reservation r on r.touchpoint = 'vault' and r.name = o.id::text
  where r.status = 'posted'
), back as (
  select k.*,
    coalesce(p.amount, 0) - coalesce(f.given, 0)
      - coalesce((select sum(d.returned) from giftcards_draw d where d.name = k.id::text), 0) as by_points,
    greatest(0, least(coalesce(p.unasked, 0), k.provider - coalesce(f.given, 0))) as unasked
  from paid k left join lateral (
    select sum(p.amount) as amount, sum(p.amount) filter (where p.why <> '') as unasked
    from checkout_repayment p where p."order" = k.id
  ) p on true left join lateral (
    select sum(f.amount) as given from payments_refund f join payments_capture c on c.id = f.capture_id
    where c.purpose_id = k.id and starts_with(f.key, k.id::text || ' return ')
  ) f on true
), due as (
  select
    case when state = 'cancelled' then posted when unasked = 0 then trunc(by_points / nullif(worth, 0))
      else greatest(0, ceil((by_points - unasked) / nullif(worth, 0))) end as "least",
    case when state = 'cancelled' then posted when unasked = 0 then trunc(by_points / nullif(worth, 0))
      else greatest(0, least(posted, floor(by_points / nullif(worth, 0)))) end as "most"
  from back
), given as (
  select coalesce(sum(t.points), 0) as points from loyalty_transfer t join events_event e on e.position = t.position
  where e.type = 'points.adjust' and e.touchpoint = 'vault' and e.status = 'accepted' and t.reason = 'adjusted'
)
select case when exists (select from pending) then 0 else greatest(
  0, coalesce((select sum("least") from due), 0) - points, points - coalesce((select sum("most") from due), 0)
)::bigint end from given;

-- name: what_is_over_keeps_nothing
-- An order that came to nothing has no goods, no coupon, no gift card and no money left, and is said to be cancelled.
select count(*) from checkout_checkout k where k.step = 'over' and k.due_at is null and (
  exists (select from stock_hold h where h.hold = k."order" and h.ended = '')
  or exists (
    select from offers_redemption r
    where r.name = k."order"::text and r.status in ('held', 'redeemed') and r.promotion is not null
  )
  or exists (select from payments_capture c where c.purpose_id = k."order" and c.given_back < c.amount)
  or exists (
    select from giftcards_draw d where d.name = k."order"::text
      and (d.status = 'held' or d.status = 'spent' and d.returned < d.amount)
  )
  or exists (select from orders_order o where o.id = k."order" and o.state <> 'cancelled')
);

-- name: sales_match_orders
-- The sale of an order has the order's lines: so many, at that price, with that discount.
select count(*) from orders_order o join sales_sale s on s.receipt = o.receipt
join events_event e on e.position = s.position where (
  select array_agg((l->>'product', l->>'quantity', l->>'amount', coalesce(l->>'discount', '0'))::text order by n)
  from jsonb_array_elements(o.lines) with ordinality t(l, n)
) <> (
  select array_agg((l->>'product', l->>'quantity', l->>'amount', coalesce(l->>'discount', '0'))::text order by n)
  from json_array_elements(e.data->'lines') with ordinality t(l, n)
);

-- name: returned_orders_came_back
-- An order that somebody had is returned exactly when all of its pieces came back, by the returns of its own sale.
select count(*) from orders_order o where o.state in ('handed_over', 'returned') and (o.state = 'returned') <> (
  (select sum((l->>'quantity')::bigint) from jsonb_array_elements(o.lines) l) = (
    select sum((l->>'quantity')::bigint) from sales_sale s join events_event e on e.position = s.position
    join sales_return r on r.sale_source = s.source and r.sale_receipt = s.receipt and r.status = 'applied'
    cross join lateral jsonb_array_elements(r.lines) l
    where s.receipt = o.number and e.touchpoint = 'vault'
  ) is true
);

-- name: discounts_have_redemptions
-- What is off an order that is paid is what promotions have given it, each by a redemption of its own.
select count(*) from orders_order o where o.state in ('paid', 'packed', 'handed_over', 'returned') and (
  select coalesce(sum(coalesce((l->>'discount')::bigint, 0)), 0) from jsonb_array_elements(o.lines) l
) <> (
  select coalesce(sum(r.discount), 0) from offers_redemption r
  where r.name = o.id::text and r.status in ('redeemed', 'returned') and r.promotion is not null
);

-- name: gift_cards_match_log
-- The ledger of gift cards holds exactly the transfers that the log's decisions name.
select count(*) from (
  select position, json_array_length(decision) as transfers,
    (select sum((each->>3)::bigint) from json_array_elements(decision) each) as amount
  from events_event where starts_with(type, 'gift_card.') and decision is not null
) e
full join (
  select position, count(*) as transfers, sum(amount) as amount from giftcards_transfer group by position
) t on t.position = e.position
where e.position is null or t.position is null or e.transfers <> t.transfers or e.amount <> t.amount;

-- name: gift_cards_match_transfers
-- What is available and what is held of every gift card is the sum of its transfers, and below zero nowhere.
select count(*) from giftcards_card c full join (
  select card, sum(case when credit = 1 then amount when debit = 1 then -amount else 0 end) as available,
    sum(case when credit = 2 then amount when debit = 2 then -amount else 0 end) as held
  from giftcards_transfer group by card
) t on t.card = c.id
where c.id is null or (c.available, c.held) is distinct from (coalesce(t.available, 0), coalesce(t.held, 0))
  or c.available < 0 or c.held < 0;

-- name: gift_cards_owed_adds_up
-- What is owed on all gift cards is what was sold and given, less what was spent for good, taken off, or has run out.
select count(*) from (
  select currency, sum(available + held) as owed from giftcards_card group by currency
) c full join (
  select k.currency, sum(case when t.debit > 10 then t.amount else 0 end)
    - sum(case when t.credit > 10 then t.amount else 0 end) as owed
  from giftcards_transfer t join giftcards_card k on k.id = t.card group by k.currency
) t on t.currency = c.currency
where c.owed is distinct from t.owed;

-- name: gift_cards_held_matches_reservations
-- What is held of every gift card is what its open reservations hold.
select count(*) from giftcards_card c left join (
  select card, sum(amount) as held from giftcards_draw where status = 'held' group by card
) d on d.card = c.id
where c.held <> coalesce(d.held, 0);

-- name: gift_cards_spent_matches_draws
-- What was spent of every gift card, less what came back, is what its draws say.
select count(*) from (
  select card, sum(case when credit = 12 then amount when debit = 12 then -amount else 0 end) as spent
  from giftcards_transfer group by card
) t full join (
  select card, sum(amount - returned) filter (where status = 'spent') as spent from giftcards_draw group by card
) d on d.card = t.card
where coalesce(t.spent, 0) <> coalesce(d.spent, 0);

-- name: gift_cards_get_nothing_twice
-- No gift card was credited twice for the same return: each return's receipt gives back to each spending once.
select count(*) from (
  select from events_event where type = 'gift_card.credit' and status = 'accepted' and data->>'receipt' is not null
  group by source, coalesce(data->'spending'->>'source', source), data->'spending'->>'id', data->>'receipt'
  having count(*) > 1
) twice;
