"""Reads for pages: a basket as somebody on the storefront sees it. Runs in the counter's room."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection
from typing import Final

import msgspec

from comptoir.counter.baskets import models, quoting, store
from comptoir.counter.baskets.folding import Content
from comptoir.counter.baskets.pricing import Quote
from comptoir.counter.baskets.quoting import Found
from comptoir.counter.loyalty.store import find_programmes
from comptoir.counter.taxes.reading import load_rates
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.rooms.borrowing import borrowed
from comptoir.square.catalog import store as catalog
from comptoir.square.catalog.store import Goods

_SOURCE: Final = "/storefront"
_CHANNEL: Final = "web"


class Shown(msgspec.Struct, frozen=True):
    """A basket and what it costs now; ``basket`` is the id that changes are said of, unset where there is none yet."""

    found: Found
    quote: Quote
    basket: Id | None = None


def of_nobody(basket: uuid.UUID) -> Found | None:
    """Return what a basket holds that nobody has claimed; ``None`` for any other."""
    found = quoting.find(borrowed(models.Basket), str(basket))
    return found if found is not None and found.customer is None else None


def of_person(members: Collection[uuid.UUID]) -> Found:
    """Return what all baskets of a person hold."""
    return quoting.find_of(borrowed(models.Basket), [str(each) for each in members])


def shown(found: Found, *, now: dt.datetime) -> Shown | None:
    """Return what it costs on the shop's own pages; ``None`` for a shop without a programme, which has no currency."""
    connection = borrowed(models.Basket)
    programmes = find_programmes(connection)
    if programmes is None:
        return None
    quote = quoting.quote(
        connection, found.content, members=found.members, source=_SOURCE, channel=_CHANNEL, at=now,
        programmes=programmes, rates=load_rates(),
    )  # fmt: skip
    return Shown(found, quote, found.baskets[0] if found.baskets else None)


def nothing() -> Found:
    """Return a basket with nothing in it, which is no basket yet."""
    return Found(Content())


def goods(number: str) -> Goods | None:
    """Return what a SKU or a barcode means, if the shop sells it."""
    connection = borrowed(models.Basket)
    sku = catalog.find_scanned(connection, number)
    found = catalog.find_goods(connection, [sku]).get(sku) if sku is not None else None
    return found if found is not None and found.is_listed else None


def currency() -> str:
    """Return the currency that baskets have; nothing in a shop without a programme."""
    programmes = find_programmes(borrowed(models.Basket))
    return "" if programmes is None else programmes.currency


def show_at_till(basket: Id, number: str, *, ends_at: dt.datetime, now: dt.datetime) -> bool:
    """Let a short number mean a basket until a moment; tells whether it was free."""
    return store.insert_number(borrowed(models.Basket), number, basket, ends_at=ends_at, now=now)


def number_of(basket: Id, *, now: dt.datetime) -> tuple[str, dt.datetime] | None:
    """Return the short number under which a basket is being shown, and until when."""
    return store.find_shown(borrowed(models.Basket), basket, now=now)
