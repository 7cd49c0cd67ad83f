-- name: find_drawn
-- Which cards these reservations, and the draws of the events at these positions, are of; nothing is locked.
select card::text from giftcards_draw d where position = any(%s::uuid[]) or exists (
  select from unnest(%s::text[], %s::text[]) as asked(touchpoint, name)
  where d.touchpoint = asked.touchpoint and d.name = asked.name
);

-- name: lock_cards
-- Cards by the digests of their codes and by their numbers; nobody else moves anything of them until the end.
select row_to_json(c)::text from giftcards_card c
where id = any(%s::uuid[]) or number = any(%s::text[]) order by id for no key update;

-- name: find_draws
-- These reservations, and the draws of the events at these positions, as they stand; their cards are locked.
select row_to_json(d)::text from giftcards_draw d where position = any(%s::uuid[]) or exists (
  select from unnest(%s::text[], %s::text[]) as asked(touchpoint, name)
  where d.touchpoint = asked.touchpoint and d.name = asked.name
);

-- name: insert_cards
-- Cards that are issued; a code that is in use fails the whole batch.
insert into giftcards_card (id, number, position, currency, amount, available, held, origin, source, issued_at,
  expires_at, receipt, stopped_at, stopped_because, instead)
select id, number, position, currency, amount, available, held, origin, source, issued_at, expires_at, receipt,
  stopped_at, stopped_because, instead
from jsonb_to_recordset(%s::text::jsonb) as new(id uuid, number text, position uuid, currency text, amount bigint,
  available bigint, held bigint, origin text, source text, issued_at timestamptz, expires_at timestamptz,
  receipt text, stopped_at timestamptz, stopped_because text, instead text);

-- name: update_cards
-- Cards after their moves; the rows are locked.
update giftcards_card c set position = n.position, available = n.available, held = n.held, expires_at = n.expires_at,
  stopped_at = n.stopped_at, stopped_because = n.stopped_because, instead = n.instead
from jsonb_to_recordset(%s::text::jsonb) as n(id uuid, position uuid, available bigint, held bigint,
  expires_at timestamptz, stopped_at timestamptz, stopped_because text, instead text)
where c.id = n.id;

-- name: insert_draws
-- What was taken; a name that is in use fails the whole batch.
insert into giftcards_draw (position, card, touchpoint, name, source, amount, returned, status, expires_at, receipt)
select position, card, touchpoint, name, source, amount, returned, status, expires_at, receipt
from jsonb_to_recordset(%s::text::jsonb) as new(position uuid, card uuid, touchpoint text, name text, source text,
  amount bigint, returned bigint, status text, expires_at timestamptz, receipt text);

-- name: update_draws
-- What became of it; the rows' cards are locked.
update giftcards_draw d set returned = n.returned, status = n.status, receipt = n.receipt
from jsonb_to_recordset(%s::text::jsonb) as n(position uuid, returned bigint, status text, receipt text)
where d.position = n.position;

-- name: find_overdue
-- Reservations whose time is over.
select touchpoint, name, position::text, expires_at from giftcards_draw
where status = 'held' and expires_at <= %s order by expires_at, position limit %s;

-- name: find_run_out
-- Cards whose days are over and on which something is left.
select number, position::text, expires_at from giftcards_card
where expires_at <= %s and available > 0 order by expires_at, id limit %s;

-- name: find_cards
-- Cards as they stand, by the digests of their codes and by their numbers.
select row_to_json(c)::text from giftcards_card c where id = any(%s::uuid[]) or number = any(%s::text[]) order by id;

-- name: find_spent
-- What was spent of cards for a source's receipt, the first one first. What was held for it was spent by a later event.
select d.position::text, c.number, d.amount, d.returned, c.stopped_at is not null,
  coalesce((select t.position from giftcards_transfer t where t.card = d.card and t.position >= d.position and t.credit = 12 and t.amount = d.amount
    order by t.position limit 1), d.position)::text
from giftcards_draw d join giftcards_card c on c.id = d.card
where d.receipt = %s and d.source = %s and d.status = 'spent' order by d.position;

-- name: find_latest
-- The cards that were issued last.
select row_to_json(c)::text from giftcards_card c order by issued_at desc, id limit %s;

-- name: find_history
-- What was moved on a card, the latest first.
select position::text, ordinal, debit, credit, amount, source, moved_at from giftcards_transfer
where card = %s order by position desc, ordinal desc limit %s;

-- name: sum_owed
-- What all cards can still be spent for, what of it is held, and how many have something left, by currency.
select currency, sum(available + held)::bigint, sum(held)::bigint, count(*) filter (where available + held > 0)
from giftcards_card group by currency order by currency;

-- name: count_guess
-- One more wrong code in this hour, under each of these keys; how many that are now.
insert into giftcards_guess as g (hour, whose, count) select %s, whose, 1 from unnest(%s::uuid[]) as whose order by whose
on conflict (hour, whose) do update set count = g.count + 1 returning whose::text, count;

-- name: uncount_guess
-- It was right after all.
update giftcards_guess set count = greatest(count - 1, 0) where hour = %s and whose = any(%s::uuid[]);

-- name: drop_guesses
-- Counts of former days.
delete from giftcards_guess where hour < %s;
