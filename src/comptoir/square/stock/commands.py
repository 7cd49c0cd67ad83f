"""What the house itself says of stock: holds for a checkout, in its own transaction, and what follows from movements.

Everything else comes through the gateway as an event. A hold is an event too, whoever asks for it.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from comptoir.foundation.events.commands import record
from comptoir.foundation.events.contracts import Arrival
from comptoir.foundation.events.rules import content_fingerprint
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.touchpoints.clock import said_by_clock
from comptoir.foundation.touchpoints.contracts import CLOCK, HOUSE_SOURCE
from comptoir.square.stock import rules, store
from comptoir.square.stock.contracts import (
    HOLD,
    HOLD_SECONDS_MAX,
    PROLONG,
    RELEASE,
    SHORT,
    Article,
    HoldLine,
    Moved,
    StockHold,
    StockProlong,
    StockRelease,
    StockShort,
)
from comptoir.square.stock.handlers import StockHandler

#: Where the house speaks from when it holds something by itself.
SOURCE: Final = f"{HOUSE_SOURCE}stock"


def hold(
    connection: Connection, *, hold_id: Id, lines: Sequence[HoldLine], until: dt.datetime, now: dt.datetime
) -> None:
    """Set articles aside until a moment, all of them or none; of 1 to 100 lines.

    The connection is the counter's or the vault's (``database.connect(ROOM.role)``). In a transaction of the caller's
    it becomes a part of that one, and the articles stay locked until its end: take the hold last. ``hold_id`` is a
    random UUID as text, which the sale that ends the hold names in ``hold``. Raises :class:`OutOfStock` (its ``extra``
    has ``store``, ``sku`` and ``available``), :class:`StockUnknown`, :class:`HoldTaken`; then nothing is held.
    """
    assert lines, "a hold has lines"
    said = StockHold(hold_id, list(lines), _seconds(until - now))
    _ask(connection, HOLD, f"hold/{hold_id}/{now.isoformat()}", said, now=now)


def prolong(connection: Connection, *, hold_id: Id, until: dt.datetime, now: dt.datetime) -> None:
    """Hold it until a later moment: a payment is under way. An earlier moment changes nothing.

    Also after its time, as long as the clock has not released it. Raises :class:`HoldUnknown`, :class:`HoldOver`.
    """
    said = StockProlong(hold_id, _seconds(until - now))
    _ask(connection, PROLONG, f"prolong/{hold_id}/{now.isoformat()}/{until.isoformat()}", said, now=now)


def release(connection: Connection, *, hold_id: Id, now: dt.datetime) -> None:
    """Let what was held be free again. Raises :class:`HoldUnknown`, :class:`HoldOver`."""
    _ask(connection, RELEASE, f"release/{hold_id}/{now.isoformat()}", StockRelease(hold_id), now=now)


def bring(
    connection: Connection,
    moved: Sequence[Moved],
    *,
    sold: Collection[Id] = (),
    followed: Collection[Article] = (),
    counted: Iterable[Article] = (),
    now: dt.datetime,
) -> None:
    """Let stock follow what moved, each movement once, however often it is told; in a transaction.

    ``sold`` are holds that sales among these have named, ``followed`` articles of whose sales since their first count
    none is missing now, ``counted`` articles that were counted. Holds that are not covered any more are told of.
    """
    holds = store.find_sold(connection, sold) if sold else set()
    locked = store.lock_holds(connection, holds) if holds else {}
    touched = {Article(each.store, each.sku) for each in moved} | {*followed, *counted}
    touched |= {article for held in locked.values() for article in held.lines}
    if not touched:
        return
    store.lock_articles(connection, touched)
    store.insert_movements(connection, moved)
    if holds:
        store.settle_lines(connection, holds)
    if followed:
        store.mark_followed(connection, followed)
    _tell_short(connection, touched, now=now)


def _tell_short(connection: Connection, articles: Collection[Article], *, now: dt.datetime) -> None:
    """Tell once of each hold that an article does not cover it any more."""
    said = []
    for article, (on_hand, held) in sorted(store.find_overheld(connection, articles).items()):
        fresh = [each.hold for each in rules.uncovered(on_hand, held) if not each.is_short]
        if fresh:
            missing = sum(each.quantity for each in held) - on_hand
            data = StockShort(article.store, article.sku, missing, fresh)
            name = f"short/{article.store}/{article.sku}/{fresh[0]}"
            said.append(said_by_clock(SHORT, name, data, at=now, now=now))
    if said:
        record(connection, said, handlers=lambda _types: (StockHandler(),))


def _ask(connection: Connection, kind: str, name: str, data: Any, *, now: dt.datetime) -> None:
    """Record one request of the house's own, and raise why it was refused."""
    written, at = codec.encode(data), now.astimezone(dt.UTC)
    arrival = Arrival(
        source=SOURCE, id=name, type=kind, touchpoint=CLOCK, occurred_at=at, received_at=now, data=data,
        written=written, fingerprint=content_fingerprint(kind, at.isoformat(), written),
    )  # fmt: skip
    record(connection, [arrival], handlers=lambda _types: (StockHandler(),))
    if arrival.refusal is not None:
        raise arrival.refusal


def _seconds(length: dt.timedelta) -> int:
    return min(max(1, math.ceil(length.total_seconds())), HOLD_SECONDS_MAX)
