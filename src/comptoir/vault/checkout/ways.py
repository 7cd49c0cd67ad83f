"""How goods can get to somebody, and what each way costs, before anybody has chosen: for the checkout's page."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection

import msgspec
from django.utils import timezone

from comptoir.counter.baskets.pricing import Quote
from comptoir.counter.delivery.errors import NotDeliveredThere
from comptoir.foundation.kernel.money import Money as Sum
from comptoir.vault.checkout import commands, delivering, waiting
from comptoir.vault.contacts import countries


def store_until(quoted: Quote, *, is_guest: bool) -> dt.datetime | None:
    """Return until when a pick-up would wait for its payment in the store; nothing where that is not offered."""
    if not waiting.is_offered(quoted, is_guest=is_guest):
        return None
    return timezone.now() + waiting.patience()


class Way(msgspec.Struct, frozen=True):
    """A way in which goods get to somebody, with what it costs together: what ``digest`` is of.

    ``delivery`` is unset where the shop takes nothing for it.
    """

    by: str
    digest: str
    total: Sum
    delivery: Sum | None = None
    on_top: Sum | None = None


def ways(basket: str, quoted: Quote, country: str, *, known_as: Collection[uuid.UUID], is_sent: bool) -> list[Way]:
    """Return what each way costs: a country to which nothing is brought costs what the goods do, and is refused."""
    found = [_way("pickup", quoted)]
    if not delivering.delivers() or quoted.is_empty:
        return found
    for by, to in (("delivery", country), *((("gift", delivering.home()),) if is_sent else ())):
        try:
            found.append(_way(by, commands.quote(basket, customers=known_as, now=timezone.now(), to=to)[1]))
        except NotDeliveredThere:
            if by == "delivery":
                found.append(_way(by, quoted))
    return found


def _way(by: str, quote: Quote) -> Way:
    brought = None if quote.delivery is None else Sum(quote.delivery.paid, quote.currency)
    on_top = quote.tax_on_top - (quote.delivery.tax if quote.delivery and quote.delivery.on_top else 0)
    return Way(
        by, quote.digest, Sum(quote.total, quote.currency), brought, Sum(on_top, quote.currency) if on_top else None
    )


class Abroad(msgspec.Struct, frozen=True):
    """What delivery costs in some countries, by their names; without any, everywhere else."""

    countries: list[str]
    amount: Sum
    free_from: Sum | None


def abroad(quoted: Quote, language: str) -> list[Abroad]:
    """Return what delivery costs wherever the shop brings goods to, with the countries' names in a language."""
    names = dict(countries.choices(language))
    return [
        Abroad(
            [names.get(code, code) for code in each.countries], Sum(each.amount, each.currency),
            None if each.free_from is None or not each.amount else Sum(each.free_from, each.currency),
        )
        for each in delivering.prices_in(quoted.currency)
    ]  # fmt: skip
