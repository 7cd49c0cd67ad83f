"""What a card page shows, gathered in one value. Not here: HTTP (``views.py``), words (the templates)."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Final

import msgspec

from comptoir.counter.customers import queries as customers
from comptoir.counter.loyalty import queries as loyalty
from comptoir.counter.loyalty.codes import MintedCode
from comptoir.counter.sales import queries as sales
from comptoir.foundation.events import queries as events
from comptoir.square.community import queries as community
from comptoir.square.community.contracts import PRODUCT_CHARACTERS_MAX

ENTRIES_SHOWN: Final = 20
INVITATIONS_SHOWN: Final = 4
_LOOKED_AT: Final = 20
_PRODUCTS_MAX: Final = 200


class Card(msgspec.Struct, frozen=True):
    """A customer's card: balance, what expires next, a page of the history, and how to turn the page.

    ``code`` is what the customer shows at a till, good for a minute and once.
    """

    code: MintedCode
    customers: tuple[uuid.UUID, ...]
    wallet: loyalty.Wallet
    expiring: loyalty.Lot | None
    entries: tuple[loyalty.Entry, ...]
    before: uuid.UUID | None
    next: uuid.UUID | None


def read_card(customer: uuid.UUID, *, now: dt.datetime, before: uuid.UUID | None = None) -> Card:
    """Return the card of the person that a customer belongs to; somebody who was never seen has an empty one."""
    members = members_of(customer)
    wallet = loyalty.wallet(members)
    entries, following = loyalty.history(members, before=before, limit=ENTRIES_SHOWN)
    return Card(
        code=loyalty.fresh_code(customer, now=now),
        customers=members,
        wallet=wallet,
        expiring=wallet.expiring,
        entries=tuple(entries),
        before=before,
        next=following,
    )


class Invitation(msgspec.Struct, frozen=True):
    """Something that somebody has bought and could tell others of: its number, and what the square calls it."""

    product: str
    title: str
    bought_at: dt.datetime


def invitations(members: tuple[uuid.UUID, ...]) -> list[Invitation]:
    """Return what a person has bought lately, the latest first; what the square has a name for comes first."""
    moved = loyalty.latest_positions_of(members, limit=_LOOKED_AT)
    places = {*moved, *events.latest_positions_of(members, limit=_LOOKED_AT)}
    found: dict[str, dt.datetime] = {}
    for purchase in sales.purchases(sorted(places, reverse=True)[:_LOOKED_AT]):
        for line in purchase.lines:
            if line.product and len(line.product) <= PRODUCT_CHARACTERS_MAX:
                found.setdefault(line.product, purchase.occurred_at)
    titles = community.titles_of(list(found)[:_PRODUCTS_MAX])
    made = [Invitation(product, titles.get(product, ""), at) for product, at in found.items()]
    return sorted(made, key=lambda each: not each.title)[:INVITATIONS_SHOWN]


def members_of(customer: uuid.UUID) -> tuple[uuid.UUID, ...]:
    """Return the customers of the person that a customer belongs to; a stranger is a person alone."""
    person = customers.person_of(customer)
    return person.customers if person else (customer,)
