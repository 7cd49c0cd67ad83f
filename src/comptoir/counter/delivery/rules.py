"""What delivery costs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from comptoir.counter.delivery.contracts import Delivery
from comptoir.counter.taxes import rules as taxes
from comptoir.counter.taxes.rules import Rates, Settled, Taxable


class Price(msgspec.Struct, frozen=True):
    """What the shop takes for delivery to some countries, in minor units of a currency.

    ``free_from`` is what the goods have to cost, after everything was taken off and as they are priced, for it to be
    free. Without ``countries`` it holds wherever no other price does. ``is_kept`` as in :class:`Delivery`.
    """

    currency: str
    amount: int
    countries: tuple[str, ...] = ()
    free_from: int | None = None
    includes_tax: bool = True
    is_kept: bool = False

    def for_goods(self, total: int) -> int:
        """Return what delivery of goods for so much costs."""
        return 0 if self.free_from is not None and total >= self.free_from else self.amount


def price_for(prices: Sequence[Price], country: str, currency: str) -> Price | None:
    """Return the price that holds in a country: one that names it, else the one for everywhere else, else none."""
    mine = [each for each in prices if each.currency == currency]
    named = next((each for each in mine if country in each.countries), None)
    return named or next((each for each in mine if not each.countries), None)


def taxables(price: Price, goods: Sequence[Taxable], rates: Rates) -> list[Taxable]:
    """Return delivery as parts under each class of tax that it is taxed by, which sum to its price.

    Where delivery follows the goods, it is shared over their classes in proportion to what they cost.
    """
    amount = price.for_goods(sum(each.amount for each in goods))
    if rates.delivery != "goods":
        return [Taxable(rates.delivery, amount, price.includes_tax)]
    weights: dict[int, tuple[str, int]] = {}
    for each in goods:
        rate = taxes.rate_of(each.tax, rates)
        weights[rate] = (each.tax, weights.get(rate, ("", 0))[1] + each.amount)
    parts = taxes.shares(amount, [weight for _, weight in weights.values()])
    return [Taxable(tax, part, price.includes_tax) for (tax, _), part in zip(weights.values(), parts, strict=True)]


def charged(price: Price, goods: Sequence[Taxable], rates: Rates | None) -> tuple[Delivery, Settled | None]:
    """Return what is paid for delivery of these goods, and the tax on everything together, where rates are known.

    Each rate's tax is rounded once, over goods and delivery; the first parts of what was settled are the goods'.
    """
    amount = price.for_goods(sum(each.amount for each in goods))
    if rates is None:
        return Delivery(amount, is_kept=price.is_kept), None
    settled = taxes.settle([*goods, *taxables(price, goods, rates)], rates)
    tax = sum(settled.lines[len(goods) :])
    return Delivery(amount, tax, on_top=not price.includes_tax, is_kept=price.is_kept), settled


def comes_back(delivery: Delivery | None, *, sold: Sequence[int], gone: Mapping[int, int]) -> int:
    """Return what delivery gives back once so many pieces of each line are back: all of it with the last piece."""
    if delivery is None or delivery.is_kept:
        return 0
    return delivery.paid if all(gone.get(number, 0) >= pieces for number, pieces in enumerate(sold)) else 0
