"""A counter whose log is followed by the figures of the office. Not here: what becomes of them."""

from __future__ import annotations

from collections.abc import Collection

from comptoir.counter.audiences import following
from comptoir.counter.loyalty.store import insert_programme
from support.casting import HEARD, PLAIN, Counter, Event
from support.shop import Shop


class Followed(Counter):
    """A counter whose log is followed when a test says so, each event by its position."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop)
        insert_programme(self.connection, PLAIN, None)
        self._heard: set[str] = set()

    def fresh(self) -> list[str]:
        found = {row["position"] for row in self.shop.rows("select position::text from events_event")} - self._heard
        self._heard |= found
        return sorted(found)

    def bring(self, positions: Collection[str]) -> set[str]:
        with self.connection.transaction():
            zone = following.time_zone_of(self.connection)
            return following.bring(self.connection, positions, time_zone=zone, now=HEARD)

    def say(self, *said: Event) -> None:
        for each in said:
            self.tell(each)
