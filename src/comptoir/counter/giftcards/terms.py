"""How soon a card may run out where the shop is: data, which comes with the software in ``terms.toml``.

The shop's country is ``COMPTOIR_COUNTRY``. Not here: what happens to a card that has run out (``rules.py``).
"""

from __future__ import annotations

import datetime as dt
import importlib.resources
import os
from typing import Annotated, Final

import msgspec


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A card runs out so many years after its issue at the earliest; with ``year_end`` at the end of that year."""

    years: Annotated[int, msgspec.Meta(ge=0, le=30)] = 0
    year_end: bool = False

    def earliest(self, issued_at: dt.datetime) -> dt.datetime:
        """Return the first moment at which a card that was issued then may run out."""
        year = issued_at.year + self.years
        if self.year_end:
            return issued_at.replace(year=year + 1, month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
        try:
            return issued_at.replace(year=year)
        except ValueError:  # a leap day
            return issued_at.replace(year=year, month=3, day=1)


_KNOWN: Final = msgspec.toml.decode(
    importlib.resources.files(__package__).joinpath("terms.toml").read_text(), type=dict[str, Terms]
)


def terms_of_shop() -> Terms:
    """Return what holds in the shop's country; no limit where none is known."""
    return terms_in(os.environ.get("COMPTOIR_COUNTRY", ""))


def terms_in(country: str) -> Terms:
    """Return what holds in a country (ISO 3166-1, two letters)."""
    return _KNOWN.get(country, Terms())
