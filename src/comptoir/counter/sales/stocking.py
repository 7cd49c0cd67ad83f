"""What sales and returns move on the shelves: brought to stock behind the gateway, in the order of commits or again.

Facts move whatever order they arrive in: a return whose sale is late moves with that sale, a sale that is told late is
weighed by when it happened. A delivery is no sale; it follows on the same way. Not here: counts and holds, which are
decided at once (``square/stock``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from typing import Final

import msgspec

from comptoir.counter.sales import store
from comptoir.counter.sales.contracts import SALE_CLOSED, SALE_RETURNED
from comptoir.counter.sales.rules import Key, Line
from comptoir.foundation.events.rebuilding import Logged
from comptoir.foundation.events.store import Recorded, find_follower, read_beyond, read_types, read_types_since
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id, first_of_millisecond
from comptoir.foundation.touchpoints.reading import CLOCK_SECONDS_MAX
from comptoir.square.stock import commands as stock
from comptoir.square.stock import store as stocked
from comptoir.square.stock.contracts import COUNTED, MOVED, Article, Moved

#: What the follower is called among those who read the outbox.
FOLLOWER: Final = "house.stock"
#: What moves goods.
MOVING: Final = (SALE_CLOSED, SALE_RETURNED, MOVED)
#: Nothing was received longer before it happened: no touchpoint's clock is tolerated to be further ahead.
_AHEAD: Final = dt.timedelta(seconds=CLOCK_SECONDS_MAX)
_PORTION: Final = 2_000


class _Reference(msgspec.Struct):
    receipt: str
    source: str | None = None


class _Counted(msgspec.Struct):
    sku: str
    quantity: int


class _Said(msgspec.Struct):
    """What an event says, of whichever of these types."""

    store: str | None = None
    receipt: str | None = None
    sale: _Reference | None = None
    hold: Id | None = None


class _Closed(msgspec.Struct):
    lines: tuple[Line, ...]


class _Delivered(msgspec.Struct):
    lines: tuple[_Counted, ...]


_said = msgspec.json.Decoder(_Said)
_closed = msgspec.json.Decoder(_Closed)
_delivered = msgspec.json.Decoder(_Delivered)


def bring(connection: Connection, positions: Collection[Id], *, now: dt.datetime) -> None:
    """Let stock follow what stands at these positions of the log; in a transaction, and the same when done again."""
    if not stocked.has_articles(connection):
        return
    moving = read_types(connection, positions, (*MOVING, COUNTED))
    sold = {hold for each in moving if each.type == SALE_CLOSED and (hold := _said.decode(each.data).hold)}
    counted = {
        Article(str(_said.decode(each.data).store), line.sku)
        for each in moving
        if each.type == COUNTED
        for line in _delivered.decode(each.data).lines
    }
    first = stocked.find_unfollowed(connection, counted) if counted else {}
    moved = moved_by(connection, [each for each in moving if each.type != COUNTED])
    if first:
        for some in _since(connection, min(first.values())):
            moved += [each for each in moved_by(connection, some) if Article(each.store, each.sku) in first]
    stock.bring(connection, moved, sold=sold, followed=first.keys(), counted=counted, now=now)


def catch_up(connection: Connection) -> bool:
    """Let stock follow what no follower has come to; ``False`` if there never was a follower."""
    place = find_follower(connection, FOLLOWER)
    if place is None:
        return False
    positions = read_beyond(connection, place)
    for start in range(0, len(positions), _PORTION):
        bring(connection, positions[start : start + _PORTION], now=SYSTEM_CLOCK.now())
    return True


def moved_by(connection: Connection, moving: Sequence[Recorded]) -> list[Moved]:
    """Return what sales, the returns that count, and deliveries have moved; a sale with all of its returns."""
    moved: list[Moved] = []
    keys: set[Key] = set()
    for each in moving:
        said = _said.decode(each.data)
        if each.type == MOVED:
            lines = _delivered.decode(each.data).lines
            moved += _moved(each.position, str(said.store), each.at, [(line.sku, line.quantity) for line in lines])
        elif each.type == SALE_CLOSED:
            if said.store is not None:
                sold = _closed.decode(each.data).lines
                moved += _moved(each.position, said.store, each.at, [(line.product, -line.quantity) for line in sold])
            keys.add((each.source, str(said.receipt)))
        elif said.sale is not None:
            keys.add((said.sale.source or each.source, said.sale.receipt))
    returns = [each for each in store.find_returns_of(connection, keys) if each.status == "applied"] if keys else []
    sales = store.find_sales(connection, {each.sale for each in returns}) if returns else {}
    for one in returns:
        sale = sales[one.sale]
        where = one.store or sale.store
        if where is not None and one.goods == "on_shelf":
            back = [(sale.lines[line.line - 1].product, line.quantity) for line in one.lines]
            moved += _moved(one.position, where, one.occurred_at, back)
    return moved


def _moved(position: Id, where: str, at: dt.datetime, lines: Sequence[tuple[str, int]]) -> list[Moved]:
    return [
        Moved(position, number, where, sku, at, quantity) for number, (sku, quantity) in enumerate(lines) if quantity
    ]


def _since(connection: Connection, at: dt.datetime) -> Iterator[list[Recorded]]:
    """Return whatever moved after a moment, in portions."""
    after = first_of_millisecond(max(0, int((at - _AHEAD).timestamp() * 1000)))
    while some := read_types_since(connection, at, MOVING, after=after, limit=_PORTION):
        yield some
        after = some[-1].position


class MovementsDeriver:
    """Derives what moved since the counts, which are written before it."""

    tables = ("stock_movement",)

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:
        """Nothing yet: what counts is known at the end."""

    def finish(self, connection: Connection) -> None:
        """Write what moved."""
        first = stocked.first_count(connection)
        if first is not None:
            for some in _since(connection, first):
                stocked.insert_movements(connection, moved_by(connection, some))
