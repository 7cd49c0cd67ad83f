"""Money for goods that came back: reckoned from the returns of an order's sale, asked back once for each of them.

Returns are booked at any channel, by events of the counter's; which of them ask for money the way it was paid, they
say themselves. Not here: who takes goods back, and how a provider gives money back (``vault/payments``).
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from django.db import transaction

from comptoir.counter.orders.codes import number_of
from comptoir.counter.orders.contracts import OrderLine
from comptoir.counter.orders.rules import given_back
from comptoir.counter.sales.rules import Return
from comptoir.counter.sales.store import find_returns_of
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.borrowing import borrowed
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.touchpoints import house
from comptoir.vault.checkout import cards, quoted, rules, store, telling, tenders
from comptoir.vault.checkout.models import Checkout, Repayment

_log = logging.getLogger(__name__)
_LOOK_MAX: Final = 200
#: Has so much of an order's money given back, once for each name.
GiveBack = Callable[[uuid.UUID, int, str], None]


class CameBack(msgspec.Struct, frozen=True):
    """A return of an order's goods, what it gives back (minor units), and how much of that to which means.

    What is less than a point waits for the next return, or for nothing.
    """

    back: Return
    amount: int
    parts: Mapping[str, int]


def came_back(row: Checkout) -> list[CameBack]:
    """Return what came back of an order, in the order in which it was booked."""
    key = (house.vault_source(), number_of(row.order))
    found = sorted(
        (each for each in find_returns_of(borrowed(Checkout), [key]) if each.status == "applied"),
        key=lambda each: each.position,
    )
    lines = msgspec.convert(row.said["lines"], list[OrderLine])
    amounts = given_back(lines, found, quoted.delivery_of(row.said))
    parts = rules.split_back(tenders.of(row), amounts)
    return [CameBack(*each) for each in zip(found, amounts, parts, strict=True)]


def waiting(*, now: dt.datetime) -> list[uuid.UUID]:
    """Return the orders for which money is to be asked back, or coupons are to be given back."""
    return store.find_returned(borrowed(Checkout), source=house.vault_source(), now=now, limit=_LOOK_MAX)


def is_waiting(row: Checkout) -> bool:
    """Tell whether something came back of an order whose money was not asked back yet."""
    done = set(Repayment.objects.filter(order=row.order).values_list("position", flat=True))
    return row.step == "settled" and any(
        each.back.refund == "as_paid" and uuid.UUID(each.back.position) not in done for each in came_back(row)
    )


def repay(order: uuid.UUID, *, give_back: GiveBack, now: dt.datetime) -> None:
    """Ask back what everything that came back of an order gives back, each return once.

    Points go back first and what a gift card paid next, under ids that follow from the return; then money is asked back
    and all of it is written down together. Where everything came back, coupons and budgets do as well, before that,
    however its money is given back.
    Raises :class:`GatewayAway`; then it is tried again.
    """
    row = Checkout.objects.get(order=order)
    done = set(Repayment.objects.filter(order=order).values_list("position", flat=True))
    found = came_back(row)
    pieces_left, _ = telling.left_of(row, [each.back for each in found])
    if not any(pieces_left) and row.freed_at is None:
        telling.free(row, at=found[-1].back.occurred_at)
        Checkout.objects.filter(order=order).update(freed_at=now)
    for each in found:
        position = uuid.UUID(each.back.position)
        if each.back.refund != "as_paid" or position in done:
            continue
        telling.give_points(row, each.parts.get("points", 0), f"return {position}", at=each.back.occurred_at)
        cards.give_back(row, each.parts.get("gift_card", 0), f"return {position}", at=each.back.occurred_at)
        _ask_back(row, position, each, give_back=give_back, now=now)


def _ask_back(row: Checkout, position: uuid.UUID, each: CameBack, *, give_back: GiveBack, now: dt.datetime) -> None:
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        Checkout.objects.select_for_update().get(order=row.order)
        if Repayment.objects.filter(position=position).exists():
            return
        why, money = "", each.parts.get("provider", 0)
        try:
            if money:
                give_back(row.order, money, f"return {position}")
        except Problem as problem:
            why = problem.name
            _log.error("money for goods that came back does not go back (%s)", problem.name)
        amount = sum(each.parts.values())
        Repayment.objects.create(position=position, order=row.order, amount=amount, why=why, asked_at=now)
