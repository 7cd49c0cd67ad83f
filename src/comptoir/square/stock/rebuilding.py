"""Deriving counts, shelf places and holds from the log. Requests are not decided again: their decisions are part of it.

Not here: movements, which whoever knows sales brings (``counter/sales``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec

from comptoir.foundation.events.rebuilding import Logged
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.touchpoints.contracts import CLOCK_SOURCE
from comptoir.square.community.rebuilding import tolerant
from comptoir.square.stock import rules, store
from comptoir.square.stock.contracts import (
    CLOCK_TYPES,
    COUNTED,
    EVENT_TYPES,
    HOLD,
    PLACED,
    PROLONG,
    RELEASE,
    SHORT,
    Article,
)
from comptoir.square.stock.rules import Held, Kept
from comptoir.square.stock.store import Spot

_READERS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    each.name: msgspec.json.Decoder(tolerant(each.data)) for each in (*EVENT_TYPES, *CLOCK_TYPES)
}


class _Sold(msgspec.Struct):
    hold: Id | None = None


_sold = msgspec.json.Decoder(_Sold)


class StockDeriver:
    """The last word on each article is kept, and every hold followed; written at the end."""

    tables = ("stock_article", "stock_place", "stock_hold", "stock_heldline")

    def __init__(self, *, selling: Collection[str]) -> None:
        """Start with empty shelves; ``selling`` are types of facts that end holds."""
        self._selling = selling
        self._kept: dict[Article, Kept] = {}
        self._spots: dict[Article, Spot] = {}
        self._holds: dict[Id, Held] = {}
        self._short: dict[Id, set[Article]] = {}

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:  # noqa: ARG002 - the derivers' shape
        """Follow what the next events say."""
        for event in events:
            if not event.is_accepted:
                continue
            if event.type in self._selling:
                if '"hold"' in event.data and (hold := self._holds.get(str(_sold.decode(event.data).hold))) is not None:
                    self._end(hold, rules.SOLD)
            elif event.type in _READERS:
                self._take(event)

    def finish(self, connection: Connection) -> None:
        """Write it."""
        store.insert_articles(connection, self._kept, is_followed=True)
        store.write_places(connection, list(self._spots.values()))
        store.insert_holds(connection, list(self._holds.values()), short=self._short)
        connection.send()
        store.sum_held(connection)

    def _take(self, event: Logged) -> None:
        data, at = _READERS[event.type].decode(event.data), event.occurred_at
        if event.type == COUNTED:
            for line in data.lines:
                article = Article(data.store, line.sku)
                kept = self._kept.get(article)
                if kept is None or (kept.counted_at, kept.position) <= (at, event.position):
                    self._kept[article] = Kept(line.quantity, at, event.position)
        elif event.type == PLACED:
            for line in data.lines:
                article = Article(data.store, line.sku)
                spot = self._spots.get(article)
                if spot is None or (spot.at, spot.position) <= (at, event.position):
                    self._spots[article] = Spot(article, line.aisle, line.shelf, at, event.position)
        elif event.type == HOLD:
            until = event.received_at + dt.timedelta(seconds=data.expires_in)
            self._holds[data.hold] = Held(
                data.hold, event.position, event.touchpoint, until, rules.summed(data.lines)
            )  # fmt: skip
        elif event.type == PROLONG:
            held = self._holds[data.hold]
            held.until = max(held.until, event.received_at + dt.timedelta(seconds=data.expires_in))
        elif event.type == RELEASE:
            self._end(self._holds[data.hold], rules.EXPIRED if event.source == CLOCK_SOURCE else rules.RELEASED)
        elif event.type == SHORT:
            for hold in data.holds:
                self._short.setdefault(hold, set()).add(Article(data.store, data.sku))

    def _end(self, held: Held, end: str) -> None:
        if not held.end:
            held.end, held.lines = end, {}
