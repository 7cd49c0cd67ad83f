"""What stock does when a batch arrives: count, place, hold, prolong, release; and end the holds that sales name.

Holds are locked first and articles after them, each in one order. Movements are not written here: they follow.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from comptoir.foundation.events.contracts import Arrival, Batch
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.touchpoints.contracts import CLOCK_SOURCE
from comptoir.square.stock import rules, store
from comptoir.square.stock.contracts import COUNTED, ENDING, HOLD, PLACED, PROLONG, SHORT, STOCK, Article
from comptoir.square.stock.errors import HoldOver, HoldTaken, HoldUnknown
from comptoir.square.stock.rules import Held, Kept
from comptoir.square.stock.store import Spot


class StockHandler:
    """One batch's counts and holds."""

    def __init__(self, *, selling: Collection[str] = ()) -> None:
        """``selling`` are types of facts that name in ``data.hold`` what left with them."""
        self._selling = selling
        self._is_needed = False
        self._holds: dict[Id, Held] = {}
        self._kept: dict[Article, Kept] = {}
        self._since: dict[tuple[Article, dt.datetime], int] = {}
        # What the batch decides.
        self._fresh: dict[Article, Kept] = {}
        self._touched: set[Article] = set()
        self._counted: set[tuple[Article, dt.datetime]] = set()
        self._new_holds: list[Held] = []
        self._changed: dict[Id, Held] = {}
        self._emptied: set[Id] = set()
        self._spots: dict[Article, Spot] = {}
        self._short: list[Arrival] = []

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Lock the holds that are spoken of, then the articles."""
        named: set[Id] = set()
        articles: set[Article] = set()
        for arrival in batch.arrivals:
            if arrival.type in self._selling:
                if arrival.data.hold is not None:
                    named.add(arrival.data.hold)
                    self._is_needed = True
            elif arrival.type in STOCK:
                self._is_needed = True
                if arrival.type == COUNTED:
                    articles.update(Article(arrival.data.store, line.sku) for line in arrival.data.lines)
                elif arrival.type == HOLD:
                    named.add(arrival.data.hold)
                    articles.update(rules.summed(arrival.data.lines))
                elif arrival.type in ENDING:
                    named.add(arrival.data.hold)
        if named:
            self._holds = store.lock_holds(connection, named)
            for each in self._holds.values():
                batch.saw(each.position)
                articles.update(each.lines)
        if articles:
            self._kept = store.lock_articles(connection, articles)
            for kept in self._kept.values():
                batch.saw(kept.position)

    def load(self, connection: Connection, batch: Batch) -> None:
        """Read what has moved since these counts were taken."""
        if not self._is_needed:
            return
        since = {
            (article, arrival.occurred_at)
            for arrival in batch.fresh
            if arrival.type == COUNTED
            for line in arrival.data.lines
            if (article := Article(arrival.data.store, line.sku)) in self._kept
        }
        if since:
            self._since = store.sum_movements(connection, since)

    def decide(self, batch: Batch) -> None:
        """Decide each in the order of arrival, on what the ones before it have left."""
        if not self._is_needed:
            return
        for arrival in batch.accepted():
            if arrival.type == COUNTED:
                arrival.refusal = rules.judge_count(arrival.data.lines)
                if arrival.refusal is None:
                    self._count(arrival)
            elif arrival.type == PLACED:
                arrival.refusal = rules.judge_places(arrival.data.lines)
                if arrival.refusal is None:
                    self._place(arrival)
            elif arrival.type == HOLD:
                arrival.refusal = self._hold(arrival)
            elif arrival.type in ENDING:
                arrival.refusal = self._end(arrival)
            elif arrival.type == SHORT:
                self._short.append(arrival)
            elif arrival.type in self._selling and arrival.data.hold is not None:
                self._sell(arrival.data.hold)

    def write(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002 - the handlers' shape
        """Write all of it as sets."""
        if not self._is_needed:
            return
        if self._fresh:
            store.insert_articles(connection, self._fresh, is_followed=False)
        touched = {each: self._kept[each] for each in sorted(self._touched - self._fresh.keys())}
        if touched:
            store.update_articles(connection, touched)
        if self._counted:
            store.drop_movements(connection, self._counted)
        if self._new_holds:
            store.insert_holds(connection, self._new_holds, short={})
        if self._changed:
            store.update_holds(connection, list(self._changed.values()), emptied=self._emptied)
        if self._spots:
            store.write_places(connection, list(self._spots.values()))
        for arrival in self._short:
            data = arrival.data
            store.mark_short(connection, Article(data.store, data.sku), data.holds)

    def _count(self, arrival: Arrival) -> None:
        at, position = arrival.occurred_at, arrival.position
        assert position is not None
        for line in arrival.data.lines:
            article = Article(arrival.data.store, line.sku)
            kept = self._kept.get(article)
            if kept is None:
                self._kept[article] = self._fresh[article] = Kept(line.quantity, at, position)
            elif (kept.counted_at, kept.position) <= (at, position):
                kept.counted, kept.counted_at, kept.position = line.quantity, at, position
                kept.moved = self._since.get((article, at), 0)
                self._touched.add(article)
                self._counted.add((article, at))

    def _place(self, arrival: Arrival) -> None:
        assert arrival.position is not None
        for line in arrival.data.lines:
            article = Article(arrival.data.store, line.sku)
            spot = Spot(article, line.aisle, line.shelf, arrival.occurred_at, arrival.position)
            before = self._spots.get(article)
            if before is None or (before.at, before.position) <= (spot.at, spot.position):
                self._spots[article] = spot

    def _hold(self, arrival: Arrival) -> Problem | None:
        data = arrival.data
        assert arrival.position is not None
        if data.hold in self._holds:
            return HoldTaken(field="data.hold")
        if (problem := rules.judge_hold(data.lines, self._kept)) is not None:
            return problem
        until = arrival.received_at + dt.timedelta(seconds=data.expires_in)
        held = Held(data.hold, arrival.position, arrival.touchpoint, until, rules.summed(data.lines))
        for article, quantity in held.lines.items():
            self._kept[article].held += quantity
            self._touched.add(article)
        self._holds[data.hold] = held
        self._new_holds.append(held)
        return None

    def _end(self, arrival: Arrival) -> Problem | None:
        data, at, is_clock = arrival.data, arrival.received_at, arrival.source == CLOCK_SOURCE
        held = self._holds.get(data.hold)
        if held is None or held.touchpoint != arrival.touchpoint:
            return HoldUnknown(field="data.hold")
        if held.end:
            return HoldOver(f"It is {held.end}.", field="data.hold")
        if arrival.type == PROLONG:
            held.until = max(held.until, at + dt.timedelta(seconds=data.expires_in))
            self._changed[held.hold] = held
            return None
        if is_clock and at < held.until:
            return HoldOver("It was prolonged.", field="data.hold")
        held.end = rules.EXPIRED if is_clock else rules.RELEASED
        for article, quantity in held.lines.items():
            self._kept[article].held -= quantity
            self._touched.add(article)
        self._changed[held.hold] = held
        self._emptied.add(held.hold)
        return None

    def _sell(self, hold: Id) -> None:
        """Let a hold end with its sale; what it has stays held until the sale is followed, and then leaves at once."""
        held = self._holds.get(hold)
        if held is not None and not held.end:
            held.end = rules.SOLD
            self._changed[held.hold] = held
