"""Paying with a gift card: looked at when its code is typed, held with the goods, spent with the sale, given back.

The code is not kept: the order remembers the card's digest, which nobody can show anywhere. A wrong code counts as a
try, from one address and in all; a right one does not. Not here: how much of an order which means pays (``rules.py``),
and the ledger of cards (``counter/giftcards``).
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import msgspec
from allauth.core.internal import ratelimit
from django.http import HttpRequest

from comptoir.counter.giftcards import contracts as giftcards
from comptoir.counter.giftcards import queries
from comptoir.counter.giftcards.codes import is_well_typed
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.house import Answer, Said
from comptoir.vault.checkout import rules, tenders
from comptoir.vault.checkout.errors import CardMistyped, CardNotHeld, CardTriedTooOften
from comptoir.vault.checkout.models import Checkout

#: So many wrong codes from one address, and from everywhere.
_RATES: Final = {"gift_card": "10/h/ip,300/h/key"}
_EVERYBODY: Final = "everybody"
_NEEDED: Final = (giftcards.RESERVE, giftcards.POST, giftcards.VOID, giftcards.CREDIT)


class Pays(msgspec.Struct, frozen=True):
    """What a card that was typed in pays of an order, in minor units, and what is left on it afterwards.

    ``card`` is the digest of its code. ``seen`` is what a page remembers of having shown just this.
    """

    card: str
    number: str
    amount: int
    left: int

    @property
    def seen(self) -> str:
        """Return the card and the amount in one word."""
        return f"{self.number}:{self.amount}"


def are_taken() -> bool:
    """Tell whether the shop's map lets this room spend gift cards."""
    return all(house.may_send(house.VAULT, each) for each in _NEEDED)


def look(request: HttpRequest, code: str, *, currency: str, due: int, now: dt.datetime) -> Pays:
    """Return what a card pays of what is due (minor units).

    Raises :class:`CardMistyped` for a slip, which counts as no try; :class:`CardTriedTooOften`; and
    :class:`CardNotHeld` for whatever else is wrong with it.
    """
    if not is_well_typed(code):
        raise CardMistyped(field="card")
    tried = ratelimit.consume(request, app="comptoir", action="gift_card", config=_RATES, key=_EVERYBODY)
    if tried is None:
        raise CardTriedTooOften(field="card")
    found = queries.shown(code, now=now)
    if found is None:
        raise CardNotHeld(field="card")
    tried.rollback()
    amount = min(found.available, due)
    if found.currency != currency or not amount:
        raise CardNotHeld(field="card")
    return Pays(found.card, found.number, amount, found.available - amount)


def hold(row: Checkout, *, seconds: int) -> Answer | None:
    """Hold what the card pays; nothing where none does. Raises :class:`GatewayAway`."""
    paid = tenders.card(row)
    if paid is None:
        return None
    data = {
        "code": row.said["card"]["card"], "currency": row.currency, "amount": paid.amount,
        "reservation": str(row.order), "expires_in": seconds,
    }  # fmt: skip
    return house.send(giftcards.RESERVE, data, request=rules.request_of(row.order, "hold card"), at=row.created_at)


def freed(row: Checkout, late: str) -> list[Said]:
    """Return what lets the card go; ``late`` is part of the request's id."""
    return _closing(row, giftcards.VOID, {}, f"void card{late}")


def spent(row: Checkout, *, receipt: str) -> list[Said]:
    """Return what spends it."""
    return _closing(row, giftcards.POST, {"receipt": receipt}, "post card")


def _closing(row: Checkout, kind: str, more: dict[str, Any], step: str) -> list[Said]:
    if tenders.card(row) is None:
        return []
    return [Said(kind, {"reservation": str(row.order), **more}, rules.request_of(row.order, step), row.created_at)]


def give_back(row: Checkout, amount: int, name: str, *, at: dt.datetime) -> None:
    """Give so much (minor units) back onto the card, once for each name.

    Raises :class:`GatewayAway`, and :class:`CardNotHeld` where more should come back than was spent.
    """
    if tenders.card(row) is None or not amount:
        return
    data = {"spending": {"id": str(rules.request_of(row.order, "hold card"))}, "amount": amount}
    answer = house.send(giftcards.CREDIT, data, request=rules.request_of(row.order, f"card {name}"), at=at)
    if answer.problem is not None:
        raise CardNotHeld(answer.problem.title)
