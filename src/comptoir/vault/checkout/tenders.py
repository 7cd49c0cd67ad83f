"""With what an order is paid, as it was written down: points and a gift card in part, and the rest at the provider.

An order from before there were several means is paid at the provider. Not here: how each of them is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from comptoir.vault.checkout import rules
from comptoir.vault.checkout.contracts import Tender
from comptoir.vault.checkout.models import Checkout


def of(row: Checkout) -> list[Tender]:
    """Return with what an order is paid."""
    said = row.said.get("tenders")
    return rules.tenders_of(row.total) if said is None else msgspec.convert(said, list[Tender])


def points(row: Checkout) -> Tender | None:
    """Return the part that is paid with points, if there is one."""
    return next((each for each in of(row) if each.means == "points"), None)


def card(row: Checkout) -> Tender | None:
    """Return the part that is paid with a gift card, if there is one."""
    return next((each for each in of(row) if each.means == "gift_card"), None)


def due(row: Checkout) -> int:
    """Return how much of an order is paid at the provider, in minor units."""
    return sum(each.amount for each in of(row) if each.means == "provider")


def left(row: Checkout, gone: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Return how much of each means has not gone back."""
    return {each.means: each.amount - sum(parts.get(each.means, 0) for parts in gone) for each in of(row)}
