"""Gift cards of the small world: what tills, the web shop and staff say of them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from comptoir.counter.assembly import handlers_for
from comptoir.counter.giftcards.codes import GiftCardCodes
from comptoir.foundation.events.contracts import HandlerMaker
from support import casting
from support.casting import CONSOLE, NOON, TILL, Event, event

TABLES = ("giftcards_card", "giftcards_transfer", "giftcards_draw")


def new_code() -> str:
    """Return a blank of the test's shop."""
    return GiftCardCodes.of_shop().new()


def digest(code: str) -> str:
    return GiftCardCodes.of_shop().digest(code)


def issued(
    code: str, amount: int, *, source: str = TILL, at: dt.datetime = NOON, id: str | None = None,  # noqa: A002
    **more: Any,
) -> Event:  # fmt: skip
    """A card is sold at a till."""
    return event(
        "gift_card.issue", {"code": code, "currency": "USD", "amount": amount, **more}, source=source, at=at, id=id
    )


def redeemed(
    code: str, amount: int, *, source: str = TILL, at: dt.datetime = NOON, id: str | None = None,  # noqa: A002
    **more: Any,
) -> Event:  # fmt: skip
    return event(
        "gift_card.redeem", {"code": code, "currency": "USD", "amount": amount, **more}, source=source, at=at, id=id
    )


def held(
    code: str, amount: int, name: str, *, source: str = TILL, seconds: int = 600, at: dt.datetime = NOON,
    id: str | None = None, **more: Any,  # noqa: A002
) -> Event:  # fmt: skip
    said = {"code": code, "currency": "USD", "amount": amount, "reservation": name, "expires_in": seconds, **more}
    return event("gift_card.reserve", said, source=source, at=at, id=id)


def posted(name: str, *, source: str = TILL, at: dt.datetime = NOON) -> Event:
    return event("gift_card.post", {"reservation": name}, source=source, at=at)


def voided(name: str, *, source: str = TILL, at: dt.datetime = NOON) -> Event:
    return event("gift_card.void", {"reservation": name}, source=source, at=at)


def credited(
    spending: str, amount: int, *, of: str | None = None, source: str = TILL, at: dt.datetime = NOON
) -> Event:  # fmt: skip
    """So much of what an event has taken comes back."""
    reference = {"id": spending} | ({"source": of} if of else {})
    return event("gift_card.credit", {"spending": reference, "amount": amount}, source=source, at=at)


def stopped(*, source: str = CONSOLE, at: dt.datetime = NOON, because: str = "lost", **more: Any) -> Event:
    return event("gift_card.stop", {"because": because, **more}, source=source, at=at)


def handlers() -> HandlerMaker:
    """Return what decides a batch of the small world."""
    return handlers_for(casting.versions(casting.PROGRAMME))
