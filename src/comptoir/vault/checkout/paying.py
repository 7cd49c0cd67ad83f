"""How the checkout asks for money, and hears of it (``vault/payments``)."""

from __future__ import annotations

import datetime as dt
import functools
import logging
import uuid

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from comptoir.counter.orders.codes import number_of
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.checkout import commands, rules, tenders, waiting
from comptoir.vault.checkout.commands import Money
from comptoir.vault.checkout.errors import PaymentAway
from comptoir.vault.checkout.models import Checkout
from comptoir.vault.payments import commands as payments
from comptoir.vault.payments.errors import PaymentDone, PaymentOver, PaymentRefused, PaymentsNotOffered, PaymentUnclear
from comptoir.vault.payments.listening import Ended

_log = logging.getLogger(__name__)


def begin(row: Checkout, *, return_url: str, cancel_url: str, language: str, now: dt.datetime) -> str:
    """Return the provider's page on which an order is paid, or nothing if there is nothing to pay any more.

    Raises :class:`PaymentAway`.
    """
    if row.step != "placed" or waiting.pays_in_store(row):
        return ""
    due = tenders.due(row)
    if due == 0:
        commands.note_paid(row.order, at=now)
        _go_on(row.order)
        return ""
    try:
        begun = payments.begin(
            row.order, amount=due, currency=row.currency,
            title=_("Order %(number)s") % {"number": number_of(row.order)}, return_url=return_url,
            cancel_url=cancel_url, expires_at=max(row.expires_at, now + rules.SESSION_MIN), language=language, now=now,
        )  # fmt: skip
    except (PaymentDone, PaymentOver):
        return ""
    except (PaymentRefused, PaymentUnclear, PaymentsNotOffered) as problem:
        raise PaymentAway(problem.detail) from None
    return begun.url


def _close(order: uuid.UUID) -> None:
    payments.close(order, now=timezone.now())


def _give_back(order: uuid.UUID, amount: int, name: str) -> None:
    # A key is one of all orders, so it names the order too.
    payments.want_refund(order, amount=amount, key=f"{order} {name}", now=timezone.now())


#: Who takes and gives back money for orders.
MONEY = Money(close=_close, give_back=_give_back)


def _go_on(order: uuid.UUID) -> None:
    """Book an order's sale now, and not only by the clock; what does not work out here, the clock does."""
    with entered(VAULT):
        try:
            commands.advance(order, now=timezone.now())
        except Problem as problem:
            _log.warning("a paid order is booked later (%s)", problem.name)


class OrdersHear:
    """What follows from a payment for its order: written down in the transaction that heard it, done by the clock."""

    def on_paid(self, purpose: uuid.UUID, *, amount: int, currency: str, at: dt.datetime) -> bool:  # noqa: ARG002
        """Say whether the money is wanted: of an order that waits for it, which goes on as soon as that is written."""
        is_wanted = commands.note_paid(purpose, at=at)
        if is_wanted:
            transaction.on_commit(functools.partial(_go_on, purpose), using=VAULT.name, robust=True)
        return is_wanted

    def on_over(self, purpose: uuid.UUID, *, why: Ended, at: dt.datetime) -> None:
        """Let an order end whose payment was closed; after a failed attempt it may be tried again."""
        if why == "closed":
            commands.note_over(purpose, at=at)

    def on_refunded(self, purpose: uuid.UUID, *, key: str, amount: int, currency: str, at: dt.datetime) -> None:
        """Nothing follows: the payments' own table tells of it."""

    def on_refund_refused(
        self, purpose: uuid.UUID, *, key: str, amount: int, currency: str, at: dt.datetime, was_told: bool
    ) -> None:
        """Nothing follows: staff see it among what nobody can answer for."""

    def on_charged_back(
        self, purpose: uuid.UUID, *, amount: int, currency: str, at: dt.datetime, is_returned: bool
    ) -> None:
        """Nothing follows: it is recorded as what it is."""
