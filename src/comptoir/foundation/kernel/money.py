"""Money: a whole number of minor units and a currency (ISO 4217). Never a float.

Not here: prices, taxes, exchange rates.
"""

from __future__ import annotations

import decimal
from typing import Final

import msgspec

#: Digits after the point, where they are not two (ISO 4217, list one).
_EXPONENTS: Final = {
    "BHD": 3, "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "IQD": 3, "ISK": 0, "JOD": 3, "JPY": 0, "KMF": 0, "KRW": 0,
    "KWD": 3, "LYD": 3, "OMR": 3, "PYG": 0, "RWF": 0, "TND": 3, "UGX": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0,
    "XPF": 0,
}  # fmt: skip


def exponent(currency: str) -> int:
    """Return how many digits a currency has after the point."""
    return _EXPONENTS.get(currency, 2)


class Money(msgspec.Struct, frozen=True, order=True):
    """An amount: ``minor`` units (cents, yen) of ``currency`` (three capital letters)."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        """Refuse a currency that is not three capital letters."""
        if len(self.currency) != 3 or not self.currency.isascii() or not self.currency.isupper():
            raise ValueError("a currency is three capital letters (ISO 4217)")

    def __add__(self, other: Money) -> Money:
        """Add two amounts of one currency; :class:`ValueError` for two currencies."""
        if self.currency != other.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        return Money(self.minor + other.minor, self.currency)

    def __neg__(self) -> Money:
        """Return the opposite amount."""
        return Money(-self.minor, self.currency)

    @classmethod
    def parse(cls, text: str, currency: str) -> Money:
        """Read a decimal number such as ``"3.49"``; more digits than the currency has are refused.

        Raises :class:`ValueError` for what is no number, and for what would have to be rounded.
        """
        try:
            scaled = decimal.Decimal(text.strip()).scaleb(exponent(currency))
        except decimal.InvalidOperation:
            raise ValueError(f"not an amount: {text!r}") from None
        if not scaled.is_finite() or scaled != scaled.to_integral_value():
            raise ValueError(f"not an amount in {currency}: {text!r}")
        return cls(int(scaled), currency)

    def __str__(self) -> str:
        """Return the amount with its point and its currency, such as ``3.49 USD``."""
        digits = exponent(self.currency)
        return f"{decimal.Decimal(self.minor).scaleb(-digits):,.{digits}f} {self.currency}"
