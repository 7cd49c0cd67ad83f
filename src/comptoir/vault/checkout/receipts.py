"""The receipt: what was bought, what it cost with which tax, what it earned, and where the order is found. By e-mail.

Sent once by the worker after the sale is booked, to the address that was given for it or, without one, to the one that
whoever ordered has given the shop. Its ``Message-ID`` follows from the order: if the worker dies between sending and
writing that down, a mail program shows the second copy as the first. Nobody but the vault reads the address.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from comptoir.counter.orders.codes import number_of
from comptoir.counter.taxes.rules import TaxOf
from comptoir.foundation.kernel.money import Money as Sum
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.square.catalog import queries as catalog
from comptoir.vault.checkout import recipients, rules
from comptoir.vault.checkout.models import Checkout
from comptoir.vault.contacts import delivery, queries
from comptoir.vault.contacts.contracts import Hidden
from comptoir.vault.contacts.errors import NotDelivered, NotReachable, VaultClosed

_log = logging.getLogger(__name__)
_PURPOSE: Final = "a receipt is sent"
#: Whoever sends it now has it for so long; then it is tried again.
_TRY_AGAIN: Final = dt.timedelta(minutes=10)
#: A mail server that is away for longer is not waited for: the order's own page says the same.
_GIVE_UP: Final = dt.timedelta(days=3)


def send(row: Checkout, *, now: dt.datetime) -> None:
    """Send the receipt of a settled order that is due; what cannot be sent now is due again, for three days.

    Call it outside of every transaction.
    """
    mine = Checkout.objects.filter(order=row.order, step="settled", mailed_at=None)
    if not mine.filter(due_at=row.due_at).update(due_at=now + _TRY_AGAIN):
        return  # somebody else has it
    try:
        email, key = _recipient(row, now=now)
        subject, text = composed(row, key=key)
        number = rules.request_of(row.order, "receipt")
        host = urlsplit(addresses.origin_of(VAULT)).hostname
        headers = {"Message-ID": f"<{number}@{host}>", "Auto-Submitted": "auto-generated"}
        delivery.send(email, subject=subject, text=text, headers=headers)
    except (NotDelivered, VaultClosed) as problem:
        _log.warning("a receipt was not sent (%s)", problem.name)
        if row.paid_at is None or now >= row.paid_at + _GIVE_UP:
            mine.update(due_at=None)
        return
    except NotReachable:  # forgotten, or no address
        mine.update(due_at=None)
        return
    mine.update(mailed_at=now, due_at=None)


def composed(row: Checkout, *, key: str) -> tuple[str, str]:
    """Return a receipt's subject and its text, in the language in which was ordered."""
    lines, currency = row.said["lines"], row.currency
    path = f"/checkout/orders/{row.order}/" + (f"{key}/" if key else "")
    with translation.override(row.language):
        names = catalog.called([each["product"] for each in lines])
        context: dict[str, Any] = {
            "number": number_of(row.order),
            "lines": [
                {"name": names[each["product"]], "quantity": each["quantity"], "total": Sum(each["amount"], currency)}
                for each in lines
            ],
            "total": Sum(row.total, currency),
            "paid_at": row.paid_at,
            "discount": Sum(row.said["discount"], currency) if row.said["discount"] else None,
            "taxes": taxes_of(row),
            "earned": row.said.get("earned", 0),
            "by": row.by,
            "url": addresses.url_of(VAULT, path),
        }
        subject = _("Receipt for order %(number)s") % {"number": context["number"]}
        return subject, render_to_string("checkout/receipt.txt", context).strip() + "\n"


def taxes_of(row: Checkout) -> list[dict[str, Any]]:
    """Return the tax by rate: ``rate`` in percent, net and tax as money. Nothing where nobody knows the rates."""
    return [
        {"rate": each.percent, "net": Sum(each.net, row.currency), "tax": Sum(each.tax, row.currency)}
        for each in msgspec.convert(row.said.get("taxes", []), list[TaxOf])
    ]


def _recipient(row: Checkout, *, now: dt.datetime) -> tuple[Hidden[str], str]:
    """Return where a receipt goes, and the order's key. Raises :class:`NotReachable`, :class:`VaultClosed`."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        found, key = recipients.opened(
            bytes(row.recipient), person=row.person, order=row.order, purpose=_PURPOSE, actor="worker", at=now
        )
    email = found.email
    if email is None and not row.is_guest:
        email = queries.read(row.person, fields=["email"], purpose=_PURPOSE, actor="worker", at=now).email
    if email is None:
        raise NotReachable
    return email, key
