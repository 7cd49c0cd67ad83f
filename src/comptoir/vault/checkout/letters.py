"""Letters about one order: its receipt, where it waits for its payment, that it lies ready, has left or was cancelled.

Each is sent once by the worker, in the language in which was ordered, to the address that was given for the order or,
without one, to the one that whoever ordered has given the shop. Its ``Message-ID`` follows from the order: if the
worker dies between sending and writing that down, a mail program shows the second copy as the first. Nobody but the
vault reads the address, and which letter it was read for is in the audit chain. Not here: what a receipt says
(``receipts.py``).
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from django.db import transaction
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from comptoir.counter.orders.codes import number_of
from comptoir.foundation.kernel.money import Money as Sum
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.square.catalog import queries as catalog
from comptoir.vault.checkout import gifts, numbering, receipts, recipients, rules, tenders, waiting
from comptoir.vault.checkout.contracts import Step
from comptoir.vault.checkout.models import Checkout
from comptoir.vault.contacts import delivery, queries
from comptoir.vault.contacts.contracts import Hidden
from comptoir.vault.contacts.errors import NotDelivered, NotReachable, VaultClosed

_log = logging.getLogger(__name__)
News = Literal["ready", "left"]
Kind = Literal["receipt", "waits", "cancelled"]
#: For which letter an address is opened, as the audit chain has it.
_PURPOSES: Final[Mapping[Kind | News, str]] = {
    "receipt": "a receipt is sent",
    "waits": "where an order waits is sent",
    "cancelled": "that an order was cancelled is sent",
    "ready": "that an order lies ready is sent",
    "left": "that a parcel has left is sent",
}
#: In which step an order has to be for each letter.
_STEPS: Final[Mapping[Kind, Step]] = {"receipt": "settled", "waits": "placed", "cancelled": "over"}
#: Whoever sends it now has it for so long; then it is tried again.
_TRY_AGAIN: Final = dt.timedelta(minutes=10)
#: A mail server that is away for longer is not waited for: the order's own page says the same.
_GIVE_UP: Final = dt.timedelta(days=3)


def send(row: Checkout, kind: Kind, *, now: dt.datetime) -> None:
    """Send a letter that is due; what cannot be sent now is due again, for three days.

    Call it outside of every transaction.
    """
    mine = Checkout.objects.filter(order=row.order, step=_STEPS[kind])
    if kind == "receipt":
        mine = mine.filter(mailed_at=None)
    # An order that waits is looked at again in any case, when its time is over.
    after = row.expires_at + rules.LOOK_AGAIN if kind == "waits" else None
    if kind in row.said.get("told", ()):
        mine.filter(due_at=row.due_at).update(due_at=after)
        return
    again = now + _TRY_AGAIN
    if not mine.filter(due_at=row.due_at).update(due_at=again if after is None else min(again, after)):
        return  # somebody else has it
    try:
        _deliver(row, kind, now=now)
    except (NotDelivered, VaultClosed) as problem:
        _log.warning("a letter about an order was not sent (%s)", problem.name)
        if now >= _since(row, kind) + _GIVE_UP:
            mine.update(due_at=after)
        return
    except NotReachable:  # forgotten, or no address
        mine.update(due_at=after)
        return
    if kind == "receipt":
        mine.update(mailed_at=now, due_at=None)
    else:
        mine.update(said={**row.said, "told": [*row.said.get("told", ()), kind]}, due_at=after)


def tell(row: Checkout, kind: News, *, since: dt.datetime, now: dt.datetime) -> None:
    """Send that an order lies ready or has left; what cannot be sent now is tried again, for three days.

    Call it outside of every transaction.
    """
    if now >= since + _GIVE_UP:
        Checkout.objects.filter(order=row.order).update(tells_at=None)
        return
    if not Checkout.objects.filter(order=row.order, tells_at=row.tells_at).update(tells_at=now + _TRY_AGAIN):
        return  # somebody else has it
    try:
        _deliver(row, kind, now=now)
    except (NotDelivered, VaultClosed) as problem:
        _log.warning("a letter about an order was not sent (%s)", problem.name)
        return
    except NotReachable:  # forgotten, or no address
        pass
    Checkout.objects.filter(order=row.order).update(tells_at=None)


def _deliver(row: Checkout, kind: Kind | News, *, now: dt.datetime) -> None:
    """Send one letter. Raises :class:`NotDelivered`, :class:`NotReachable`, :class:`VaultClosed`."""
    email, key = _recipient(row, kind, now=now)
    subject, text = _COMPOSED[kind](row, key=key)
    # A number that was corrected is another letter.
    number = rules.request_of(row.order, kind + row.said.get("parcel", "") if kind == "left" else kind)
    host = urlsplit(addresses.origin_of(VAULT)).hostname
    headers = {"Message-ID": f"<{number}@{host}>", "Auto-Submitted": "auto-generated"}
    delivery.send(email, subject=subject, text=text, headers=headers)


def _since(row: Checkout, kind: Kind) -> dt.datetime:
    """Return since when a letter is due."""
    if kind == "cancelled":
        return dt.datetime.fromisoformat(row.said["over_at"])
    return row.created_at if kind == "waits" or row.paid_at is None else row.paid_at


def waits(row: Checkout, *, key: str) -> tuple[str, str]:
    """Return what says where a pick-up waits that is paid in the store: subject and text, in the order's language."""
    with translation.override(row.language):
        store = catalog.store(row.store or "")
        context = {**_context(row, key=key), "store": "" if store is None else store.name, "until": row.expires_at}
        subject = _("Order %(number)s waits for you") % {"number": context["number"]}
        return subject, render_to_string("checkout/waits.txt", context).strip() + "\n"


def ready(row: Checkout, *, key: str) -> tuple[str, str]:
    """Return what says that an order lies ready in its store: subject and text, in the order's language."""
    with translation.override(row.language):
        store = catalog.store(row.store or "")
        context = {**_context(row, key=key), "store": "" if store is None else store.name}
        if waiting.pays_in_store(row):
            context |= {"until": row.expires_at, "in_store": True}
        subject = _("Order %(number)s lies ready for you") % {"number": context["number"]}
        return subject, render_to_string("checkout/ready.txt", context).strip() + "\n"


def left(row: Checkout, *, key: str) -> tuple[str, str]:
    """Return what says that the carrier has a parcel, with its number: subject and text, in the order's language.

    Whoever gives something away gets no number: it would tell where the parcel goes.
    """
    with translation.override(row.language):
        context = {**_context(row, key=key), "is_gift": gifts.is_gift(row), "parcel": numbering.parcel_of(row)}
        subject = _("Order %(number)s is on its way") % {"number": context["number"]}
        return subject, render_to_string("checkout/left.txt", context).strip() + "\n"


def cancelled(row: Checkout, *, key: str) -> tuple[str, str]:
    """Return what says that the shop has cancelled an order, and what is paid back: subject and text."""
    back = {name: amount for name, amount in row.said.get("back", {}).items() if amount}
    paid = tenders.points(row)
    points = back.pop("points", 0)
    with translation.override(row.language):
        context = _context(row, key=key) | {
            "money": Sum(sum(back.values()), row.currency) if any(back.values()) else None,
            "points": points // paid.unit if paid is not None else 0,
        }
        subject = _("Order %(number)s was cancelled") % {"number": context["number"]}
        return subject, render_to_string("checkout/cancelled.txt", context).strip() + "\n"


def _context(row: Checkout, *, key: str) -> dict[str, Any]:
    lines = row.said["lines"]
    names = catalog.called([each["product"] for each in lines])
    return {
        "number": number_of(row.order),
        "lines": [(each["quantity"], names[each["product"]]) for each in lines],
        "total": Sum(row.total, row.currency),
        "url": addresses.url_of(VAULT, f"/checkout/orders/{row.order}/" + (f"{key}/" if key else "")),
    }


_COMPOSED: Final[Mapping[Kind | News, Callable[..., tuple[str, str]]]] = {
    "receipt": receipts.composed, "waits": waits, "cancelled": cancelled, "ready": ready, "left": left,
}  # fmt: skip


def _recipient(row: Checkout, kind: Kind | News, *, now: dt.datetime) -> tuple[Hidden[str], str]:
    """Return where a letter goes, and the order's key. Raises :class:`NotReachable`, :class:`VaultClosed`."""
    purpose = _PURPOSES[kind]
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        found, key = recipients.opened(
            bytes(row.recipient), person=row.person, order=row.order, purpose=purpose, actor="worker", at=now
        )
    email = found.email
    if email is None and not row.is_guest:
        email = queries.read(row.person, fields=["email"], purpose=purpose, actor="worker", at=now).email
    if email is None:
        raise NotReachable
    return email, key
