"""What the office's decisions do at the counter: coupons are issued and points given, as the counter, by the worker.

The office itself may only append decisions. Each of these happens once, by an event of the house's clock whose id says
what it belongs to. Not here: who gets one (``office/campaigns``, ``office/journeys``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection

import msgspec

from comptoir.counter.assembly import handlers_for
from comptoir.counter.customers.contracts import CUSTOMER_KIND, Identifier
from comptoir.counter.loyalty.contracts import ADJUST, PointsAdjust
from comptoir.counter.loyalty.programme import Programmes
from comptoir.counter.offers import commands as offers
from comptoir.foundation.events.commands import record
from comptoir.foundation.events.contracts import Outcome
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.problem import TYPE_PREFIX
from comptoir.foundation.touchpoints.clock import said_by_clock


class CounterHands:
    """Hands on a connection of the counter's, outside of any transaction."""

    def __init__(self, connection: Connection, programmes: Programmes) -> None:
        """Use a connection, and decide by these programmes."""
        self._connection, self._handlers = connection, handlers_for(programmes)

    def give(self, customer: uuid.UUID, points: int, *, reason: str, name: str, at: dt.datetime) -> str:
        """Give points, once for each name; returns by which problem they were refused, now or before."""
        said = PointsAdjust(Identifier(CUSTOMER_KIND, str(customer)), points, reason)
        gift = said_by_clock(ADJUST, name, said, at=at, now=at, customer=str(customer))
        record(self._connection, [gift], handlers=self._handlers)
        problem = msgspec.json.decode(gift.outcome, type=Outcome).problem
        return "" if problem is None else str(problem["type"]).removeprefix(TYPE_PREFIX)

    def issue(
        self, promotion: uuid.UUID, customer: uuid.UUID, *, campaign: uuid.UUID, at: dt.datetime
    ) -> uuid.UUID | None:
        """Have a coupon for a customer; ``None`` if it was refused. Raises a problem for a promotion that has none."""
        return self.issue_all(promotion, [customer], campaign=campaign, at=at).get(customer)

    def issue_all(
        self, promotion: uuid.UUID, customers: Collection[uuid.UUID], *, campaign: uuid.UUID, at: dt.datetime
    ) -> dict[uuid.UUID, uuid.UUID]:
        """Have a coupon for each of these customers; whoever is refused one has none."""
        issued = offers.issue(
            self._connection, handlers=self._handlers, promotion_id=promotion, customer_ids=customers,
            campaign_id=campaign, at=at,
        )  # fmt: skip
        return {uuid.UUID(customer): uuid.UUID(coupon) for customer, coupon in issued.items()}
