"""Promotions and coupons of the small world: what staff publish, what tills and the web shop say of a basket."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from comptoir.counter.assembly import handlers_for
from comptoir.counter.offers.codes import CouponCodes
from comptoir.counter.offers.commands import issue
from support import casting
from support.casting import ALICE, CONSOLE, HEARD, NOON, PROGRAMME, TILL, Event, Reference, event, identify
from support.shop import Shop

TABLES = (
    "offers_promotion",
    "offers_honeycode",
    "offers_alert",
    "offers_coupon",
    "offers_redemption",
    "offers_targeting",
)


def new() -> str:
    return str(uuid.uuid4())


def published(
    promotion: str, *, benefit: Mapping[str, Any] | None = None, at: dt.datetime = NOON, title: str = "Coffee week",
    **definition: Any,
) -> Event:  # fmt: skip
    """Staff publish a promotion; without more it takes ten per cent off everything."""
    said = {"titles": {"en": title}, "benefit": benefit or {"kind": "Percentage", "percent": 10}, **definition}
    return event(
        "promotion.published", {"staff": "camille", "promotion": promotion, "definition": said}, source=CONSOLE, at=at
    )


def ended(promotion: str, *, at: dt.datetime = NOON) -> Event:
    return event("promotion.ended", {"staff": "camille", "promotion": promotion}, source=CONSOLE, at=at)


def targeted(series: str, *, of: Reference, at: dt.datetime = NOON) -> Event:
    """Another system has told somebody of its promotions."""
    return event("promotion.targeted", {"customer": dict(of), "series": series}, source=CONSOLE, at=at)


def goods(amount: int, *, quantity: int = 1, product: str = "bread", category: str | None = None) -> dict[str, Any]:
    return {"product": product, "quantity": quantity, "amount": amount} | ({"category": category} if category else {})


def taken(
    *codes: str, basket: Sequence[Mapping[str, Any]] | None = None, of: Reference | None = None, source: str = TILL,
    receipt: str | None = None, id: str | None = None, at: dt.datetime = NOON,  # noqa: A002
) -> Event:  # fmt: skip
    """A till takes off a basket what these codes give."""
    data = {"basket": basket or [goods(1000)], "codes": list(codes), "customer": of, "receipt": receipt}
    return event("coupon.redeem", data, source=source, id=id, at=at)


def held(
    name: str, *codes: str, basket: Sequence[Mapping[str, Any]] | None = None, of: Reference | None = None,
    source: str = TILL, seconds: int = 600, at: dt.datetime = NOON, id: str | None = None,  # noqa: A002
) -> Event:  # fmt: skip
    data = {
        "basket": basket or [goods(1000)], "codes": list(codes), "customer": of, "reservation": name,
        "expires_in": seconds,
    }  # fmt: skip
    return event("coupon.reserve", data, source=source, at=at, id=id)


def posted(name: str, *, source: str = TILL, at: dt.datetime = NOON, receipt: str | None = None) -> Event:
    data = {"reservation": name} | ({"receipt": receipt} if receipt else {})
    return event("coupon.post", data, source=source, at=at)


def released(name: str, *, source: str = TILL, at: dt.datetime = NOON) -> Event:
    return event("coupon.release", {"reservation": name}, source=source, at=at)


def given_back(redemption: Event, *, source: str = TILL, at: dt.datetime = NOON) -> Event:
    """A till gives back what an event has taken."""
    reference = {"id": redemption["id"], "source": redemption["source"]}
    return event("coupon.return", {"redemption": reference}, source=source, at=at)


def issued(
    shop: Shop, promotion: str, *references: Reference, campaign: str | None = None, at: dt.datetime = HEARD
) -> dict[str, str]:
    """Give the cast coupons; returns their codes by the value of the reference."""
    with shop.connect() as connection:
        coupons = issue(
            connection, handlers=handlers_for(casting.versions(PROGRAMME)), promotion_id=promotion,
            customer_ids=[identify(each) for each in references], campaign_id=campaign, at=at,
        )  # fmt: skip
    codes = CouponCodes.of_shop()
    return {each["value"]: codes.code(coupons[identify(each)]) for each in references}


def alices_code(shop: Shop, promotion: str) -> str:
    return issued(shop, promotion, ALICE)["alice"]


def code_for(shop: Shop, promotion: str, customer: str, *, at: dt.datetime = HEARD) -> str:
    """Give somebody whom the shop's own key made a coupon; returns its code."""
    with shop.connect() as connection:
        coupons = issue(
            connection, handlers=handlers_for(casting.versions(PROGRAMME)), promotion_id=promotion,
            customer_ids=[customer], campaign_id=None, at=at,
        )  # fmt: skip
    return CouponCodes.of_shop().code(coupons[customer])
