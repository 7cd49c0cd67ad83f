"""What a basket costs: list prices, promotions and coupons, tax, every line explained. Pure.

The same function answers the page, a till and the checkout; what differs between them is only what promotions ask
about (where, when, who). Prices come from the catalog. A line's deductions are split over its pieces in whole minor
units, the remainder with the last one, so that a refund of all pieces, in whichever order, is what was paid. Not here:
reading (``quoting.py``), what a promotion gives (``counter/offers/pricing.py``), rates (``counter/taxes``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Final, Literal

import msgspec

from comptoir.counter.baskets.contracts import PIECES_MAX
from comptoir.counter.baskets.folding import Content, Left, Line
from comptoir.counter.delivery import rules as delivering
from comptoir.counter.delivery.contracts import Delivery
from comptoir.counter.delivery.rules import Price
from comptoir.counter.offers.contracts import BasketLine, Deduction, NotApplied, Priced, Uuid
from comptoir.counter.taxes import rules as taxes
from comptoir.counter.taxes.rules import Rates, Taxable, TaxOf
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.ids import Id
from comptoir.square.catalog.store import Goods

#: So many different products in a basket are priced; a wholesaler's order goes another way.
LINES_MAX: Final = 200

Why = Literal["unknown", "delisted", "no_price", "too_many", "too_many_lines"]


class Off(msgspec.Struct, frozen=True):
    """What one promotion takes off a line, in minor units, and why, by language."""

    promotion: str
    amount: int
    because: Mapping[str, str]


class QuotedLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A product and what its pieces cost, in minor units.

    ``amount`` is the list price of all, ``total`` what is left of it after ``discount``. ``piece`` is what each piece
    costs then, and ``last_piece`` the last one, which has the remainder. ``tax`` is this line's part of its rate's tax,
    inside ``total`` or, with ``tax_on_top``, beside it. ``unit_before`` is what one piece cost when it was put in,
    where that was something else.
    """

    product: str
    page: str
    quantity: int
    name: Mapping[str, str]
    unit: int
    amount: int
    discount: int
    total: int
    piece: int
    last_piece: int
    puts: tuple[Left, ...]
    options: Mapping[str, str] = {}
    off: tuple[Off, ...] = ()
    tax_rate: int | None = None
    tax: int = 0
    tax_on_top: bool = False
    unit_before: int | None = None
    asks_over: int | None = None
    category: str | None = None
    gtin: str | None = None


class Missing(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is in the basket and cannot be sold as it is; it is not priced."""

    product: str
    quantity: int
    why: Why
    puts: tuple[Left, ...]
    name: Mapping[str, str] = {}
    page: str = ""


class Quote(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a basket costs at a moment. ``before`` is the sum of list prices, ``tax_on_top`` comes beside the lines.

    ``digest`` is of everything that is paid for and of what is paid: whoever pays says which quote they have seen, and
    another one is refused with ``price_changed``. ``place`` is where tax was reckoned; empty where nobody knows.
    ``delivery`` is there where the price was asked for goods that are brought to an address, and the shop takes one.
    """

    digest: str
    currency: str
    lines: tuple[QuotedLine, ...]
    missing: tuple[Missing, ...]
    before: int
    discount: int
    tax_on_top: int
    total: int
    taxes: tuple[TaxOf, ...]
    place: str
    deductions: tuple[Deduction, ...] = ()
    not_applied: tuple[NotApplied, ...] = ()
    codes: tuple[str, ...] = ()
    points_times: int = 1
    points: int = 0
    delivery: Delivery | None = None

    @property
    def pieces(self) -> int:
        """Return how many pieces can be bought."""
        return sum(line.quantity for line in self.lines)

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing in the basket, not even what cannot be sold."""
        return not self.lines and not self.missing


class Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody has seen of a quote, in minor units: what they are to pay, each product's total, what was given."""

    total: int
    lines: Annotated[dict[str, int], msgspec.Meta(max_length=LINES_MAX)]
    off: Annotated[tuple[Uuid, ...], msgspec.Meta(max_length=LINES_MAX)]


def quote(
    content: Content,
    goods: Mapping[str, Goods],
    *,
    currency: str,
    price: Callable[[Sequence[BasketLine]], Priced],
    earns: Callable[[Sequence[BasketLine]], int],
    rates: Rates | None,
    delivery: Price | None = None,
) -> Quote:
    """Return what a basket costs in a currency, with its ``delivery`` where it is brought to an address for a price.

    ``goods`` are the products of its lines, as far as the catalog knows them, ``price`` and ``earns`` what promotions
    and earning rules make of lines of the catalog's prices.
    """
    sold: list[tuple[Line, Goods, int, bool]] = []
    missing: list[Missing] = []
    for line in content.lines:
        found = goods.get(line.product)
        listed = next((each for each in found.prices if each.currency == currency), None) if found else None
        why = _why_not(line, found, has_price=listed is not None, count=len(sold))
        if why is not None:
            name, page = (found.name, found.product) if found else ({}, "")
            missing.append(Missing(line.product, line.quantity, why, line.puts, name, page))
        else:
            assert found is not None, "what is unknown is missing"
            assert listed is not None, "what has no price is missing"
            sold.append((line, found, listed.amount, listed.includes_tax))
    basket = [
        BasketLine(each.sku, line.quantity, unit * line.quantity, each.category, each.gtin)
        for line, each, unit, _ in sold
    ]
    priced = price(basket) if basket else Priced(0, 0, 0, ())
    off: list[list[Off]] = [[] for _ in basket]
    for deduction in priced.deductions:
        for part in deduction.lines:
            off[part.line - 1].append(Off(deduction.promotion, part.amount, deduction.because))
    totals = [each.amount - sum(one.amount for one in off[number]) for number, each in enumerate(basket)]
    taxable = [Taxable(each.tax, total, included) for total, (_, each, _, included) in zip(totals, sold, strict=True)]
    settled, brought = None, None
    if delivery is not None and basket:
        brought, settled = delivering.charged(delivery, taxable, rates)
    elif rates is not None:
        settled = taxes.settle(taxable, rates)
    lines = tuple(
        _line(line, each, unit, tuple(off[number]), totals[number]) for number, (line, each, unit, _) in enumerate(sold)
    )
    if settled is not None and rates is not None:
        lines = tuple(
            msgspec.structs.replace(
                line, tax_rate=taxes.rate_of(each.tax, rates), tax=settled.lines[number], tax_on_top=not included
            )
            for number, (line, (_, each, _, included)) in enumerate(zip(lines, sold, strict=True))
        )
    on_top = settled.added if settled else 0
    total = sum(totals) + on_top + (brought.amount if brought else 0)
    paid = [msgspec.structs.replace(each, amount=total) for each, total in zip(basket, totals, strict=True)]
    return Quote(
        _digest(currency, lines, priced, on_top, total, brought), currency, lines, tuple(missing), priced.before,
        priced.discount, on_top, total, settled.taxes if settled else (), rates.place if rates else "",
        priced.deductions, priced.not_applied, content.codes, priced.points_times,
        earns(paid) * priced.points_times if paid else 0, brought,
    )  # fmt: skip


def seen_in(quote: Quote) -> Seen:
    """Return what somebody has seen of a quote."""
    return Seen(
        quote.total, {line.product: line.total for line in quote.lines},
        tuple(each.promotion for each in quote.deductions),
    )  # fmt: skip


def changes(seen: Seen, now: Quote) -> dict[str, int]:
    """Return what costs something else now than what somebody has seen: the difference by product.

    The empty name has what no line explains, such as tax on top. For ``price_changed``.
    """
    after = {line.product: line.total for line in now.lines}
    found = {
        product: after.get(product, 0) - seen.lines.get(product, 0)
        for product in sorted(seen.lines.keys() | after.keys())
        if after.get(product, 0) != seen.lines.get(product, 0)
    }
    rest = now.total - seen.total - sum(found.values())
    return {**found, **({"": rest} if rest else {})}


def gone(seen: Seen, now: Quote) -> list[Id]:
    """Return the promotions that somebody has seen to be given, and that give nothing any more."""
    still = {each.promotion for each in now.deductions}
    return [each for each in seen.off if each not in still]


def _why_not(line: Line, goods: Goods | None, *, has_price: bool, count: int) -> Why | None:
    if goods is None:
        return "unknown"
    if not goods.is_listed:
        return "delisted"
    if not has_price:
        return "no_price"
    if line.quantity > PIECES_MAX:
        return "too_many"
    return "too_many_lines" if count >= LINES_MAX else None


def _line(line: Line, goods: Goods, unit: int, off: tuple[Off, ...], total: int) -> QuotedLine:
    piece, last = taxes.pieces(total, line.quantity)
    seen = next((put.seen.amount for put in reversed(line.puts) if put.seen is not None), None)
    return QuotedLine(
        line.product, goods.product, line.quantity, goods.name, unit, unit * line.quantity,
        unit * line.quantity - total, total, piece, last, line.puts, goods.options, off,
        unit_before=seen if seen != unit else None, asks_over=goods.asks_over, category=goods.category,
        gtin=goods.gtin,
    )  # fmt: skip


def _digest(
    currency: str, lines: Sequence[QuotedLine], priced: Priced, on_top: int, total: int, delivery: Delivery | None
) -> str:
    said = {
        "currency": currency,
        "lines": [[each.product, each.quantity, each.unit, each.total, each.tax, each.tax_on_top] for each in lines],
        "deductions": [[each.promotion, each.amount] for each in priced.deductions],
        "on_top": on_top,
        "total": total,
        **({} if delivery is None else {"delivery": [delivery.amount, delivery.tax, delivery.on_top]}),
    }
    return hashlib.sha256(codec.canonical(said)).hexdigest()[:32]
