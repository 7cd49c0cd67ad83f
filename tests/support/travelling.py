"""Journeys for tests: one by mail on coffee, sales that begin it, and hands that remember what they were asked.

Not here: people and segments (``campaigning.py``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from comptoir.office.journeys.contracts import FirstVisit, Happens, Say, Version, Wait
from support.shop import Shop

DAY: Final = dt.timedelta(days=1)
COFFEE_MAIL: Final = Say("mail", "coffee")


class Hands:
    """Hands that remember."""

    def __init__(self, refused: Mapping[uuid.UUID, str] | None = None) -> None:
        """Begin with nothing; ``refused``: who gets no points, by which problem."""
        self.refused = refused or {}
        self.given: dict[str, tuple[uuid.UUID, int]] = {}
        self.issued: dict[tuple[uuid.UUID, uuid.UUID, uuid.UUID], uuid.UUID] = {}

    def give(self, customer: uuid.UUID, points: int, *, reason: str, name: str, at: dt.datetime) -> str:
        """Give points once for each name, but to whoever is refused them."""
        if customer not in self.refused:
            self.given.setdefault(name, (customer, points))
        return self.refused.get(customer, "")

    def issue(
        self, promotion: uuid.UUID, customer: uuid.UUID, *, campaign: uuid.UUID, at: dt.datetime
    ) -> uuid.UUID | None:
        """Issue one coupon for each promotion, campaign and customer."""
        return self.issued.setdefault((promotion, campaign, customer), uuid.uuid4())


def journey(**changed: Any) -> Version:
    """Return a journey: two days after a basket was left, a mail on coffee; whoever buys before gets none."""
    plain = Version(
        name="A basket was left", trigger=Happens("basket.left"), steps=(Wait(48), COFFEE_MAIL),
        why={"en": "you left coffee in your basket"}, exit_events=("sale.closed",),
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changed)


def first_visit(store: str = "") -> FirstVisit:
    """Return a trigger: the first time at a store, or at any."""
    return FirstVisit(store)


def heard(shop: Shop, *told: tuple[str, uuid.UUID, dt.datetime], data: Sequence[str] = ()) -> None:
    """Put accepted events (type, customer, when) in the log, heard as soon as they happened."""
    rows = []
    for number, (kind, customer, at) in enumerate(told):
        position = uuid.UUID(
            int=(int(at.timestamp() * 1000) << 80) | 7 << 76 | 2 << 62 | uuid.uuid4().int & ((1 << 62) - 1)
        )
        rows.append((position, customer, at, f"e-{position}", kind, data[number] if data else "{}"))
    with shop.connect("comptoir_counter") as connection:
        for row in rows:
            connection.execute(
                "insert into events_event (position, customer, occurred_at, received_at, source, id, type, touchpoint,"
                " status, data, outcome) values (%s, %s, %s, %s, '/webshop', %s, %s, 'webshop', 'accepted', %s, '{}')",
                (row[0], row[1], row[2], row[2], *row[3:]),
            )


def bought(shop: Shop, who: uuid.UUID, at: dt.datetime, *, store: str = "S1", minor: int = 1_000) -> None:
    """Put a sale where the counter keeps it, and in the log."""
    receipt = f"r-{uuid.uuid4()}"
    with shop.connect("comptoir_counter") as connection:
        connection.execute(
            "insert into sales_sale (source, receipt, position, customer, occurred_at, store, currency, total_minor)"
            " values ('/tills/1', %s, gen_random_uuid(), %s, %s, %s, 'USD', %s)",
            (receipt, who, at, store, minor),
        )
    said = msgspec.json.encode({"customer": {"kind": "customer", "value": str(who)}, "store": store}).decode()
    heard(shop, ("sale.closed", who, at), data=[said])
