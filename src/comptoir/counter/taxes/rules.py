"""Tax on lines of goods: whole minor units, one rounding for each rate, and parts that add up. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final, Literal

import msgspec

#: A rate of 20 % is so many.
WHOLE: Final = 100_000
#: How delivery is taxed: at the rates of the goods, in proportion to what they cost, or at one rate.
DeliveryTax = Literal["goods", "standard", "zero"]


class Rates(msgspec.Struct, frozen=True):
    """What holds in one place: thousandths of a percent by class of goods, and how a rate's tax is rounded.

    ``delivery`` says how bringing goods to an address is taxed: as they are, or as a class of its own. ``registration``
    is the number under which the shop is registered there, as its receipts say it.
    """

    place: str
    rates: Mapping[str, int]
    rounding: Literal["nearest", "down"] = "nearest"
    delivery: DeliveryTax = "goods"
    registration: str = ""


class Taxable(msgspec.Struct, frozen=True):
    """A line: what is paid for it after all deductions, in minor units, its tax included in that or not."""

    tax: str
    amount: int
    includes_tax: bool


class TaxOf(msgspec.Struct, frozen=True):
    """The tax of one rate: net and tax make gross."""

    rate: int
    net: int
    tax: int

    @property
    def gross(self) -> int:
        """Return both together."""
        return self.net + self.tax

    @property
    def percent(self) -> str:
        """Return the rate in percent, with no more digits than it has: ``20``, ``5.5``."""
        return f"{self.rate / 1000:.3f}".rstrip("0").rstrip(".")


class Settled(msgspec.Struct, frozen=True):
    """The tax on all lines: by rate, the highest first; what each line has of it; how much of that comes on top."""

    taxes: tuple[TaxOf, ...]
    lines: tuple[int, ...]
    on_top: tuple[int, ...]

    @property
    def added(self) -> int:
        """Return what is paid beside the lines' amounts."""
        return sum(self.on_top)


def settle(lines: Sequence[Taxable], rates: Rates) -> Settled:
    """Return the tax on these lines; a class without a rate of its own has the standard one.

    Of prices that include their tax it is a part, on the others it comes on top; where both stand under one rate, it is
    still rounded once, and what comes on top is the rest.
    """
    numbers: dict[int, list[int]] = {}
    for number, line in enumerate(lines):
        numbers.setdefault(rate_of(line.tax, rates), []).append(number)
    taxes, parts, on_top = [], [0] * len(lines), [0] * len(lines)
    for rate in sorted(numbers, reverse=True):
        inside = [number for number in numbers[rate] if lines[number].includes_tax]
        outside = [number for number in numbers[rate] if not lines[number].includes_tax]
        gross, net = (sum(lines[number].amount for number in those) for those in (inside, outside))
        exact = Fraction(gross * rate, WHOLE + rate) + Fraction(net * rate, WHOLE)
        whole = _rounded(exact, rates.rounding)
        included = min(whole, _rounded(Fraction(gross * rate, WHOLE + rate), rates.rounding)) if outside else whole
        for those, tax in ((inside, included), (outside, whole - included)):
            for number, part in zip(those, shares(tax, [lines[each].amount for each in those]), strict=True):
                parts[number] = part
        for number in outside:
            on_top[number] = parts[number]
        taxes.append(TaxOf(rate, gross + net - included, whole))
    return Settled(tuple(taxes), tuple(parts), tuple(on_top))


def rate_of(tax: str, rates: Rates) -> int:
    """Return the rate of a class of goods."""
    return rates.rates.get(tax, rates.rates["standard"])


def shares(amount: int, weights: Sequence[int]) -> list[int]:
    """Split an amount by weights, by largest remainder; without any weight the last one has it all."""
    whole = sum(weights)
    if not whole:
        return [0] * (len(weights) - 1) + [amount] if weights else []
    parts = [amount * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda number: (-(amount * weights[number] % whole), number))
    for number in by_remainder[: amount - sum(parts)]:
        parts[number] += 1
    return parts


def pieces(amount: int, quantity: int) -> tuple[int, int]:
    """Return what one piece of a line costs, and the last one, which has the remainder."""
    each = amount // quantity
    return each, amount - each * (quantity - 1)


def refund(amount: int, quantity: int, *, returned: int, coming_back: int) -> int:
    """Return what is paid back for pieces of a line of which some came back before; of all of them, all of it."""
    each, last = pieces(amount, quantity)
    whole = each * coming_back
    return whole - each + last if coming_back and returned + coming_back == quantity else whole


def _rounded(exact: Fraction, rounding: str) -> int:
    return exact.numerator // exact.denominator if rounding == "down" else int(exact + Fraction(1, 2))
