"""The shop's prices for delivery: ``delivery.toml`` in its folder, or the file that ``COMPTOIR_DELIVERY`` names.

::

    [[prices]]
    countries = ["FR", "MC"]
    currency = "EUR"
    amount = 490
    free_from = 5000

    [[prices]]              # no countries: everywhere else
    currency = "EUR"
    amount = 1490
    on_withdrawal = "kept"  # only where the law lets a shop keep it

Amounts are in minor units. Without a file, delivery costs nothing and is no line of anything.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from comptoir.counter.delivery.errors import DeliveryInvalid
from comptoir.counter.delivery.rules import Price
from comptoir.foundation.kernel import shop

_AMOUNT_MAX: Final = 10**9
_Amount = Annotated[int, msgspec.Meta(ge=0, le=_AMOUNT_MAX)]
_Country = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}$")]
_Currency = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$")]


class _Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    currency: _Currency
    amount: _Amount
    countries: Annotated[tuple[_Country, ...], msgspec.Meta(max_length=250)] = ()
    free_from: _Amount | None = None
    includes_tax: bool = True
    on_withdrawal: Literal["given_back", "kept"] = "given_back"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    prices: Annotated[tuple[_Given, ...], msgspec.Meta(min_length=1, max_length=250)]


def delivery_path() -> Path:
    """Return where the shop says what delivery costs."""
    return Path(os.environ.get("COMPTOIR_DELIVERY") or shop.folder() / "delivery.toml")


def load_prices(path: Path | None = None) -> tuple[Price, ...] | None:
    """Return what delivery costs; ``None`` for a shop that has no file and takes nothing for it.

    Raises :class:`DeliveryInvalid` for a file that cannot be read, and for two prices of one country and currency.
    """
    path = path or delivery_path()
    try:
        given = msgspec.toml.decode(path.read_text(), type=_File).prices
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise DeliveryInvalid(f"{path.name}: {error}") from None
    seen: set[tuple[str, str]] = set()
    for each in given:
        for place in each.countries or ("",):
            if (place, each.currency) in seen:
                where = place or "everywhere else"
                raise DeliveryInvalid(f"{path.name}: two prices for {where} in {each.currency}.", field="prices")
            seen.add((place, each.currency))
    return tuple(
        Price(
            each.currency, each.amount, each.countries, each.free_from, each.includes_tax,
            each.on_withdrawal == "kept",
        )
        for each in given
    )  # fmt: skip
