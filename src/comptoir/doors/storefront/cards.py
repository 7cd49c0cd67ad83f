"""What a card page shows, gathered in one value. Not here: HTTP (``views.py``), words (the templates)."""

from __future__ import annotations

import uuid
from typing import Final

import msgspec

from comptoir.counter.customers import queries as customers
from comptoir.counter.loyalty import queries as loyalty

ENTRIES_SHOWN: Final = 20


class Card(msgspec.Struct, frozen=True):
    """A customer's card: balance, what expires next, a page of the history, and how to turn the page.

    ``code`` is what the square code says: the opaque id, which a till sends as an identifier of kind ``customer``.
    """

    code: str
    customers: tuple[uuid.UUID, ...]
    wallet: loyalty.Wallet
    expiring: loyalty.Lot | None
    entries: tuple[loyalty.Entry, ...]
    before: uuid.UUID | None
    next: uuid.UUID | None


def read_card(customer: uuid.UUID, *, before: uuid.UUID | None = None) -> Card:
    """Return the card of the person that a customer belongs to; somebody who was never seen has an empty one."""
    members = members_of(customer)
    wallet = loyalty.wallet(members)
    entries, following = loyalty.history(members, before=before, limit=ENTRIES_SHOWN)
    return Card(
        code=str(customer),
        customers=members,
        wallet=wallet,
        expiring=wallet.expiring,
        entries=tuple(entries),
        before=before,
        next=following,
    )


def members_of(customer: uuid.UUID) -> tuple[uuid.UUID, ...]:
    """Return the customers of the person that a customer belongs to; a stranger is a person alone."""
    person = customers.person_of(customer)
    return person.customers if person else (customer,)
