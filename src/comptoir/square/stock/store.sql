-- name: lock_holds
-- These holds in one order, before any article; nobody else ends them until the end of the transaction.
select h.hold::text, h.position::text, h.touchpoint, h.until, h.ended from stock_hold h
where h.hold = any(%s::uuid[]) order by h.hold for update;

-- name: find_lines
-- What these holds have.
select hold::text, store, sku, quantity from stock_heldline where hold = any(%s::uuid[]);

-- name: lock_articles
-- These articles in one order; nobody else moves or holds them until the end of the transaction.
select a.store, a.sku, a.counted, a.counted_at, a.position::text, a.moved, a.held
from stock_article a join unnest(%s::text[], %s::text[]) as asked(store, sku)
  on a.store = asked.store and a.sku = asked.sku
order by a.store, a.sku for update of a;

-- name: sum_movements
-- What moved of these articles after a moment each.
select asked.store, asked.sku, asked.at, coalesce(sum(m.quantity), 0)::bigint
from unnest(%s::text[], %s::text[], %s::timestamptz[]) as asked(store, sku, at)
left join stock_movement m on m.store = asked.store and m.sku = asked.sku and m.at > asked.at
group by asked.store, asked.sku, asked.at;

-- name: insert_articles
-- Articles that are counted for the first time; somebody who has just done the same is found by the key.
insert into stock_article (store, sku, counted, counted_at, position, moved, held, is_followed)
select store, sku, counted, counted_at, position, moved, held, is_followed
from jsonb_to_recordset(%s::jsonb) as r(store text, sku text, counted bigint, counted_at timestamptz, position uuid,
  moved bigint, held bigint, is_followed boolean);

-- name: update_articles
-- Articles that are locked, as they are now.
update stock_article a set counted = r.counted, counted_at = r.counted_at, position = r.position, moved = r.moved,
  held = r.held
from jsonb_to_recordset(%s::jsonb) as r(store text, sku text, counted bigint, counted_at timestamptz, position uuid,
  moved bigint, held bigint)
where a.store = r.store and a.sku = r.sku;

-- name: drop_movements
-- Movements that a count has seen.
delete from stock_movement m using unnest(%s::text[], %s::text[], %s::timestamptz[]) as counted(store, sku, at)
where m.store = counted.store and m.sku = counted.sku and m.at <= counted.at;

-- name: write_places
-- Where articles lie; the last word holds.
insert into stock_place as p (store, sku, aisle, shelf, at, position)
select store, sku, aisle, shelf, at, position
from jsonb_to_recordset(%s::jsonb) as r(store text, sku text, aisle text, shelf text, at timestamptz, position uuid)
order by store, sku
on conflict (store, sku) do update set aisle = excluded.aisle, shelf = excluded.shelf, at = excluded.at,
  position = excluded.position
where (p.at, p.position) < (excluded.at, excluded.position);

-- name: insert_holds
-- Holds.
insert into stock_hold (hold, position, touchpoint, until, ended)
select hold, position, touchpoint, until, ended
from jsonb_to_recordset(%s::jsonb) as r(hold uuid, position uuid, touchpoint text, until timestamptz, ended text);

-- name: insert_lines
-- What they have.
insert into stock_heldline (hold, store, sku, quantity, is_short)
select hold, store, sku, quantity, is_short
from jsonb_to_recordset(%s::jsonb) as r(hold uuid, store text, sku text, quantity bigint, is_short boolean);

-- name: update_holds
-- Holds that are locked, as they are now.
update stock_hold h set until = r.until, ended = r.ended
from jsonb_to_recordset(%s::jsonb) as r(hold uuid, until timestamptz, ended text) where h.hold = r.hold;

-- name: delete_lines
-- These holds have nothing any more.
delete from stock_heldline where hold = any(%s::uuid[]);

-- name: mark_short
-- Holds of which was told that this article does not cover them.
update stock_heldline set is_short = true where store = %s and sku = %s and hold = any(%s::uuid[]);

-- name: find_overdue
-- Holds whose time is over.
select hold::text, touchpoint, until from stock_hold where ended = '' and until <= %s order by until, hold limit %s;

-- name: has_articles
-- Whether anything was ever counted.
select exists (select from stock_article);

-- name: find_unfollowed
-- Those of these articles of which is not known yet what was sold before their first count arrived.
select a.store, a.sku, a.counted_at from stock_article a join unnest(%s::text[], %s::text[]) as asked(store, sku)
  on a.store = asked.store and a.sku = asked.sku
where not a.is_followed;

-- name: find_sold
-- Those of these holds that a sale has ended, and that still have what was sold.
select h.hold::text from stock_hold h where h.hold = any(%s::uuid[]) and h.ended = 'sold'
  and exists (select from stock_heldline l where l.hold = h.hold);

-- name: insert_movements
-- Movements of counted articles since their counts, each once; and their sums.
with fresh as (
  insert into stock_movement (position, line, store, sku, at, quantity)
  select r.position, r.line, r.store, r.sku, r.at, r.quantity
  from jsonb_to_recordset(%s::jsonb) as r(position uuid, line int, store text, sku text, at timestamptz,
    quantity bigint)
  join stock_article a on a.store = r.store and a.sku = r.sku and r.at > a.counted_at
  on conflict (position, line) do nothing
  returning store, sku, quantity
)
update stock_article a set moved = a.moved + f.quantity
from (select store, sku, sum(quantity) as quantity from fresh group by store, sku) f
where a.store = f.store and a.sku = f.sku;

-- name: settle_lines
-- What these holds had has left with their sale.
with gone as (delete from stock_heldline where hold = any(%s::uuid[]) returning store, sku, quantity)
update stock_article a set held = a.held - g.quantity
from (select store, sku, sum(quantity) as quantity from gone group by store, sku) g
where a.store = g.store and a.sku = g.sku;

-- name: mark_followed
-- Articles of which everything is known now.
update stock_article a set is_followed = true from unnest(%s::text[], %s::text[]) as asked(store, sku)
where a.store = asked.store and a.sku = asked.sku and not a.is_followed;

-- name: find_overheld
-- Those of these articles of which more is held than there is: how much there is, and who holds it.
select a.store, a.sku, a.counted + a.moved, h.hold::text, h.position::text, l.quantity, l.is_short
from stock_article a join unnest(%s::text[], %s::text[]) as asked(store, sku)
  on a.store = asked.store and a.sku = asked.sku
join stock_heldline l on l.store = a.store and l.sku = a.sku join stock_hold h on h.hold = l.hold
where a.held > a.counted + a.moved;

-- name: sum_held
-- How much of each article is held.
update stock_article a set held = l.quantity
from (select store, sku, sum(quantity) as quantity from stock_heldline group by store, sku) l
where a.store = l.store and a.sku = l.sku;

-- name: first_count
-- When the oldest count was taken that holds.
select min(counted_at) from stock_article;

-- name: available
-- How much there is of these SKUs, at one store or at all.
select store, sku, counted + moved, held, counted_at from stock_article
where sku = any(%s::text[]) and (%s::text is null or store = %s) order by store, sku;

-- name: short_holds
-- Those of these holds of which was told that they are not covered any more.
select distinct hold::text from stock_heldline where hold = any(%s::uuid[]) and is_short;
