"""Where a shop ships from and to, and for how much.

A gift costs what delivery in the shop's own country costs, wherever it goes: another price would tell its giver where.
"""

from __future__ import annotations

import os

from comptoir.counter.delivery.errors import NotDeliveredThere
from comptoir.counter.delivery.reading import load_prices
from comptoir.counter.delivery.rules import Price, price_for


def ships_from() -> str:
    """Return the store from which parcels leave; nothing where the shop says none."""
    return os.environ.get("COMPTOIR_SHIPS_FROM", "")


def delivers() -> bool:
    """Tell whether the shop brings goods to an address: where it says from where they leave."""
    return bool(ships_from())


def home() -> str:
    """Return the shop's own country, with which an address begins."""
    return os.environ.get("COMPTOIR_COUNTRY", "")


def price_to(country: str, currency: str) -> Price | None:
    """Return what delivery to a country costs; ``None`` in a shop that takes nothing for it.

    Raises :class:`NotDeliveredThere` where the shop has prices and none for this country and currency, and
    :class:`DeliveryInvalid`.
    """
    prices = load_prices()
    if prices is None:
        return None
    found = price_for(prices, country, currency)
    if found is None:
        raise NotDeliveredThere(field="country")
    return found


def prices_in(currency: str) -> list[Price]:
    """Return every price of delivery in a currency, as the shop's file has them; none where it takes nothing."""
    return [each for each in load_prices() or () if each.currency == currency]
