"""What is in a basket and what it costs, read for whoever asks: a page, a till, the checkout. Nothing is taken by it.

Knows no Django. Not here: what is decided (``pricing.py``, ``folding.py``).
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from comptoir.counter.baskets import pricing, store
from comptoir.counter.baskets.folding import Content, fold
from comptoir.counter.baskets.pricing import Quote
from comptoir.counter.customers.store import find_members
from comptoir.counter.delivery.rules import Price
from comptoir.counter.loyalty.codes import Code
from comptoir.counter.loyalty.errors import CodeExpired, CodeInvalid
from comptoir.counter.loyalty.programme import Programmes
from comptoir.counter.offers import quoting
from comptoir.counter.offers.contracts import BasketLine
from comptoir.counter.offers.pricing import Circumstances
from comptoir.counter.taxes.rules import Rates
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.square.catalog.store import find_goods

#: So long a customer's code opens their basket at a till: as long as a basket's own number is shown.
CODE_SECONDS: Final = 900
_CODE: Final = "C1"


class Found(msgspec.Struct, frozen=True):
    """What a basket holds, together with all other baskets of whoever has claimed it.

    ``baskets`` are their ids, the one that was asked for first, ``customer`` whose that one is, ``members`` everybody
    who is one person with them.
    """

    content: Content
    baskets: tuple[Id, ...] = ()
    customer: Id | None = None
    members: tuple[Id, ...] = ()
    changed_at: dt.datetime | None = None


class Read(msgspec.Struct, frozen=True):
    """A basket as a channel reads it: what it costs there now, and how many points its customer could spend.

    ``passes`` stand for the codes of the coupons that it shows, in the order of ``quote.codes``: whoever takes it over
    shows them in the codes' place.
    """

    basket: Id
    customer: Id | None
    changed_at: dt.datetime | None
    available: int
    quote: Quote
    passes: tuple[str, ...] = ()


def is_customers(shown: str) -> bool:
    """Tell whether what is shown is a customer's code, not a basket's id or number."""
    return shown.upper().startswith(_CODE)


def whose(code: Code | None, *, now: dt.datetime) -> Id:
    """Return whose basket a code opens. It says who somebody is, and that they are here: an old one opens nothing.

    Raises :class:`CodeInvalid` and :class:`CodeExpired`.
    """
    if code is None:
        raise CodeInvalid(field="code")
    if now.timestamp() >= code.issued_at + CODE_SECONDS:
        raise CodeExpired("Let the customer show the one that their page has now.", field="code")
    return code.customer


def find(connection: Connection, basket: Id) -> Found | None:
    """Return what a basket holds, or ``None`` where there is none."""
    one = store.find_baskets(connection, [basket]).get(basket)
    if one is None:
        return None
    if one.customer is None:
        return Found(fold(one.operations), (one.id,), changed_at=one.changed_at)
    members = find_members(connection, [one.customer]).get(one.customer, (one.customer,))
    found = find_of(connection, members)
    others = tuple(each for each in found.baskets if each != basket)
    return msgspec.structs.replace(found, baskets=(basket, *others), customer=one.customer)


def find_of(connection: Connection, members: Collection[Id]) -> Found:
    """Return what all baskets of a person hold together, the one that was changed last first."""
    claimed = sorted(store.find_of_customers(connection, members), key=lambda each: each.position, reverse=True)
    if not claimed:
        return Found(Content(), members=tuple(members))
    content = fold(itertools.chain.from_iterable(each.operations for each in claimed))
    return Found(
        content, tuple(each.id for each in claimed), claimed[0].customer, tuple(members),
        max(each.changed_at for each in claimed),
    )  # fmt: skip


def quote(
    connection: Connection,
    content: Content,
    *,
    members: Sequence[Id],
    source: str,
    channel: str,
    at: dt.datetime,
    programmes: Programmes,
    rates: Rates | None,
    delivery: Price | None = None,
) -> Quote:
    """Return what a basket costs for a person (or for nobody), asked from a source of a channel, at a moment.

    ``delivery`` is what bringing it to an address costs, where that is asked for.
    """
    version, currency = programmes.at(at), programmes.currency
    where = Circumstances(at, version.local_time(at), source, channel, currency, bool(members))
    given = quoting.candidates(connection, content.codes, where, members=members)

    def earns(lines: Sequence[BasketLine]) -> int:
        return sum(earning.points for earning in version.for_sale(at, lines))

    return pricing.quote(
        content,
        find_goods(connection, [line.product for line in content.lines]),
        currency=currency,
        price=lambda lines: given.price(lines, where),
        earns=earns,
        rates=rates,
        delivery=delivery,
    )
