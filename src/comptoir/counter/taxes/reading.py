"""The rates that hold in this shop: those of its country that come with the software, or those that it gives itself.

``taxes.toml`` in the shop's folder, or the file that ``COMPTOIR_TAXES`` names::

    country = "US"
    state = "NY"

    [states.NY]
    standard = "8.875"
    reduced = "0"
    delivery = "goods"    # or "zero", where a state does not tax what is charged for delivery

``registration`` is the number under which the shop is registered for tax, such as ``T7000012050002`` in Japan: receipts
say it, and one whose check digit is wrong is refused.

Without a file, nobody knows where the shop sells: prices are shown as they were listed, and no tax is said.
"""

from __future__ import annotations

import importlib.resources
import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from comptoir.counter.taxes import registrations
from comptoir.counter.taxes.errors import TaxesInvalid
from comptoir.counter.taxes.rules import DeliveryTax, Rates
from comptoir.foundation.kernel import shop

Percent = Annotated[str, msgspec.Meta(pattern=r"^(?:\d|[1-9]\d)(?:\.\d{1,3})?$")]
Rounding = Literal["nearest", "down"]


class _Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rates in percent; a class that is left out has the standard one, and ``zero`` is none."""

    standard: Percent = "0"
    reduced: Percent | None = None
    zero: Percent = "0"
    rounding: Rounding = "nearest"
    delivery: DeliveryTax = "goods"
    states: Literal["", "required"] = ""


class Taxes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The shop's own file."""

    country: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}$")]
    state: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{1,3}$")] | None = None
    rounding: Rounding | None = None
    registration: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    states: Annotated[Mapping[str, _Given], msgspec.Meta(max_length=200)] = {}


_KNOWN: Final = msgspec.toml.decode(
    importlib.resources.files(__package__).joinpath("rates.toml").read_text(), type=dict[str, _Given]
)


def taxes_path() -> Path:
    """Return where the shop says how it is taxed."""
    return Path(os.environ.get("COMPTOIR_TAXES") or shop.folder() / "taxes.toml")


def load_rates(path: Path | None = None, *, state: str | None = None) -> Rates | None:
    """Return the rates that hold here, or in a state; ``None`` for a shop that has no file.

    Raises :class:`TaxesInvalid` for a file that cannot be read, and for a country or state of which no rate is known.
    """
    path = path or taxes_path()
    try:
        taxes = msgspec.toml.decode(path.read_text(), type=Taxes)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise TaxesInvalid(f"{path.name}: {error}") from None
    return rates_in(taxes, state=state)


def rates_in(taxes: Taxes, *, state: str | None = None) -> Rates:
    """Return the rates of a country, or of one of its states. Raises :class:`TaxesInvalid`."""
    given = _KNOWN.get(taxes.country)
    place = taxes.country
    wanted = state or taxes.state
    if given is None:
        known = ", ".join(sorted(_KNOWN))
        raise TaxesInvalid(f"No rates are known of {taxes.country}; there are those of {known}.", field="country")
    if given.states:
        if wanted is None or wanted not in taxes.states:
            raise TaxesInvalid(f"Give the rates of the state in [states.{wanted or 'NAME'}].", field="state")
        given, place = taxes.states[wanted], f"{taxes.country}-{wanted}"
    rates = {"standard": given.standard, "reduced": given.reduced or given.standard, "zero": given.zero}
    found = {name: int(Decimal(each).scaleb(3)) for name, each in rates.items()}
    return Rates(place, found, taxes.rounding or given.rounding, given.delivery, _registration(taxes))


def _registration(taxes: Taxes) -> str:
    if taxes.registration is None:
        return ""
    try:
        return registrations.checked(taxes.registration, taxes.country)
    except ValueError as error:
        raise TaxesInvalid(f"The registration number cannot be used: {error}.", field="registration") from None
