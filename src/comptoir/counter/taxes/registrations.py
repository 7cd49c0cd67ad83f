"""Numbers under which a shop is registered for tax, as a receipt says them: form and check digits, by country.

Whether a number was really given to somebody only its authority knows. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, Literal

import msgspec

from comptoir.counter.taxes.rules import Rates

#: What a receipt calls it: the issuer of a qualified invoice, or a number for value added tax.
Kind = Literal["invoice", "vat"]


class Form(msgspec.Struct, frozen=True):
    """How a country's numbers look, what they are called, and whether one adds up."""

    kind: Kind
    looks: str
    adds_up: Callable[[str], bool]


def _japan(number: str) -> bool:
    """Check the first of the thirteen digits: 9 less the weighted sum of the others, modulo 9.

    The digits are weighted 1 and 2 in turn, from the right (ordinance on designating corporate numbers, article 2;
    National Tax Agency, "Structure of a corporate number"; the registration number of a company is T and that number).
    """
    first, base = int(number[1]), number[2:]
    weighted = sum(int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(base)))
    return first == 9 - weighted % 9


def _france(number: str) -> bool:
    """Check the SIREN by Luhn's sum, and the key before it: 12 and three times the SIREN, modulo 97.

    Code général des impôts, article 286 ter; Annexe 4 of the SIREN's decree gives Luhn's sum.
    """
    key, siren = int(number[2:4]), number[4:]
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(siren))]
    return sum(each // 10 + each % 10 for each in doubled) % 10 == 0 and key == (12 + 3 * (int(siren) % 97)) % 97


def _germany(number: str) -> bool:
    """Check the last digit by ISO/IEC 7064, MOD 11,10 (Bundeszentralamt für Steuern)."""
    product = 10
    for digit in number[2:10]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(number[10])


def _great_britain(number: str) -> bool:
    """Check the last two digits modulo 97: weights 8 to 2 over the others, plainly or with 55 (HMRC)."""
    digits = number[2:]
    whole = sum(int(digit) * weight for digit, weight in zip(digits, range(8, 1, -1), strict=False)) + int(digits[7:9])
    return whole % 97 in {0, 42}


FORMS: Final[Mapping[str, Form]] = {
    "JP": Form("invoice", r"T\d{13}", _japan),
    "FR": Form("vat", r"FR\d{11}", _france),
    "DE": Form("vat", r"DE\d{9}", _germany),
    "GB": Form("vat", r"GB\d{9}", _great_britain),
}


def checked(number: str, country: str) -> str:
    """Return a number without the spaces, dots and dashes of how it is written.

    Raises :class:`ValueError`, which says what is wrong with it.
    """
    form = FORMS.get(country)
    if form is None:
        known = ", ".join(sorted(FORMS))
        raise ValueError(f"of {country} no registration number is known; there are those of {known}")
    plain = re.sub(r"[ .-]", "", number).upper()
    if not re.fullmatch(form.looks, plain, re.ASCII):
        raise ValueError(f"a number of {country} looks like {form.looks}")
    if not form.adds_up(plain):
        raise ValueError("its check digit is wrong: a digit is mistyped")
    return plain


def kind_in(place: str) -> Kind:
    """Return what a number is called where a shop is taxed (a country, or a state of one)."""
    form = FORMS.get(place.partition("-")[0])
    return "vat" if form is None else form.kind


class Registration(msgspec.Struct, frozen=True):
    """The number under which a shop is registered for tax, and what it is called there."""

    kind: Kind
    number: str


def of(rates: Rates | None) -> Registration | None:
    """Return the number that receipts say; ``None`` where the shop has given none."""
    return Registration(kind_in(rates.place), rates.registration) if rates is not None and rates.registration else None
