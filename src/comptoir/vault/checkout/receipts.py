"""The receipt: what was bought, what it cost with which tax, what it earned, and where the order is found.

Sent once by the worker after the sale is booked (``letters.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from comptoir.counter.orders.codes import number_of
from comptoir.counter.taxes import registrations
from comptoir.counter.taxes.reading import load_rates
from comptoir.counter.taxes.rules import TaxOf
from comptoir.foundation.kernel.money import Money as Sum
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.square.catalog import queries as catalog
from comptoir.vault.checkout import quoted, tenders
from comptoir.vault.checkout.models import Checkout


def composed(row: Checkout, *, key: str) -> tuple[str, str]:
    """Return a receipt's subject and its text, in the language in which was ordered."""
    path = f"/checkout/orders/{row.order}/" + (f"{key}/" if key else "")
    with translation.override(row.language):
        context = shown(row, catalog.called([each["product"] for each in row.said["lines"]])) | {
            "paid_at": row.paid_at,
            "registration": registration(),
            "earned": row.said.get("earned", 0),
            "by": row.by,
            "url": addresses.url_of(VAULT, path),
        }
        subject = _("Receipt for order %(number)s") % {"number": context["number"]}
        return subject, render_to_string("checkout/receipt.txt", context).strip() + "\n"


def shown(row: Checkout, names: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an order's page and its receipt both say of it, with the ``names`` of the products."""
    paid = tenders.points(row)
    return {
        "number": number_of(row.order),
        "lines": lines_of(row, names),
        "on_top": on_top_of(row),
        "delivery": delivery_of(row),
        "total": Sum(row.total, row.currency),
        "discount": discount_of(row),
        "taxes": taxes_of(row),
        "paid_with": paid,
        "paid_with_points": Sum(paid.amount, row.currency) if paid else None,
        **card_of(row),
    }


def card_of(row: Checkout) -> dict[str, Any]:
    """Return how much a gift card has paid (``paid_with_card``), and its number; both empty where none has."""
    paid = tenders.card(row)
    if paid is None:
        return {"paid_with_card": None, "card_number": ""}
    return {"paid_with_card": Sum(paid.amount, row.currency), "card_number": row.said["card"]["number"]}


def delivery_of(row: Checkout) -> Sum | None:
    """Return what delivery costs, its tax included; nothing where none was taken, nought where it is free."""
    found = quoted.delivery_of(row.said)
    return None if found is None else Sum(found.paid, row.currency)


def registration() -> registrations.Registration | None:
    """Return the number that receipts say; nothing where the shop has given none. Raises :class:`TaxesInvalid`."""
    return registrations.of(load_rates())


def rates_of(row: Checkout) -> list[str]:
    """Return the tax rate of each line in percent, where there are several: an invoice says which goods have which."""
    found = [each or 0 for each in row.said.get("rates", [])]
    if len(set(found)) < 2:
        return ["" for _ in row.said["lines"]]
    return [TaxOf(each, 0, 0).percent for each in found]


def lines_of(row: Checkout, names: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return an order's lines as its page and its receipt show them, with the ``names`` of the products."""
    return [
        {
            "name": names[each["product"]],
            "product": each["product"],
            "quantity": each["quantity"],
            "total": Sum(each["amount"], row.currency),
            "rate": rate,
            "earned": earned,
        }
        for each, rate, earned in zip(row.said["lines"], rates_of(row), earned_of(row), strict=True)
    ]


def on_top_of(row: Checkout) -> Sum | None:
    """Return the tax that comes beside an order's lines; ``None`` where it is inside them. Delivery has its own."""
    beside = sum(each.get("tax", 0) for each in row.said["lines"] if each.get("tax_on_top"))
    return Sum(beside, row.currency) if beside else None


def discount_of(row: Checkout) -> Sum | None:
    """Return what promotions took off an order's lines, whose amounts are what is left; ``None`` where none did."""
    return Sum(row.said["discount"], row.currency) if row.said["discount"] else None


def earned_of(row: Checkout) -> list[int]:
    """Return how many points each line has earned, where there are several, as the counter said when it was sold."""
    return row.said.get("earned_by_line") or [0] * len(row.said["lines"])


def taxes_of(row: Checkout) -> list[dict[str, Any]]:
    """Return the tax by rate: ``rate`` in percent, net and tax as money. Nothing where nobody knows the rates."""
    return [
        {"rate": each.percent, "net": Sum(each.net, row.currency), "tax": Sum(each.tax, row.currency)}
        for each in msgspec.convert(row.said.get("taxes", []), list[TaxOf])
    ]
