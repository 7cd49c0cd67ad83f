"""Writes that the house itself makes: coupons for customers. Everything else comes through the gateway as an event."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection
from typing import Final

from comptoir.counter.customers.contracts import CUSTOMER_KIND, Identifier
from comptoir.counter.offers import store
from comptoir.counter.offers.contracts import ISSUED, CouponIssued
from comptoir.counter.offers.errors import PromotionUnknown
from comptoir.foundation.events.commands import record
from comptoir.foundation.events.contracts import HandlerMaker
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.touchpoints.clock import said_by_clock

BATCH_EVENTS: Final = 500


def issue(
    connection: Connection,
    *,
    handlers: HandlerMaker,
    promotion_id: uuid.UUID | Id,
    customer_ids: Collection[uuid.UUID | Id],
    campaign_id: uuid.UUID | Id | None,
    at: dt.datetime,
) -> dict[Id, Id]:
    """Give each of these customers a coupon of a promotion and return their coupons, by customer.

    The same promotion, campaign and customer have one coupon, however often and from wherever this is called. The
    connection is the counter's (``database.connect(COUNTER.role)``), outside a transaction: each 500 are one. A
    customer whom nobody knows any more gets none. Raises :class:`PromotionUnknown` for a promotion that is none, has
    ended, or has no coupons.
    """
    promotion = str(promotion_id)
    campaign = None if campaign_id is None else str(campaign_id)
    customers = sorted({str(each) for each in customer_ids})
    offered = store.find_promotions(connection, [promotion]).get(promotion)
    if offered is None or offered.promotion.codes != "each":
        raise PromotionUnknown(field="promotion_id")
    found: dict[Id, Id] = {}
    for start in range(0, len(customers), BATCH_EVENTS):
        part = customers[start : start + BATCH_EVENTS]
        have = store.find_issued(connection, promotion, campaign, part)
        missing = [customer for customer in part if customer not in have]
        if missing:
            if offered.ended_at is not None:
                raise PromotionUnknown(field="promotion_id")
            arrivals = [
                said_by_clock(
                    ISSUED,
                    f"issue/{promotion}/{campaign or ''}/{customer}",
                    CouponIssued(Identifier(CUSTOMER_KIND, customer), promotion, campaign),
                    at=at,
                    now=at,
                    customer=customer,
                )
                for customer in missing
            ]
            record(connection, arrivals, handlers=handlers)
            have = store.find_issued(connection, promotion, campaign, part)
        found.update(have)
    return found
