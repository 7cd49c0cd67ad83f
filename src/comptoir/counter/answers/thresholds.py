"""Reads the ages from which something may be sold: the lines that come with the software, then the shop's own.

The shop's shelf is one setting, ``COMPTOIR_ADULT_SHELF``: a country and the categories that stand there, such as
``JP: alcohol, tobacco``. Not here: the ages themselves (``thresholds.toml``).
"""

from __future__ import annotations

import functools
import importlib.resources
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import msgspec

from comptoir.counter.answers.errors import ThresholdsInvalid
from comptoir.foundation.kernel import shop

_BYTES_MAX: Final = 65_536
_SHELF: Final = re.compile(r"\s*([A-Z]{2})\s*:\s*([a-z_]+(?:\s*,\s*[a-z_]+)*)\s*")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_CATEGORY: Final = re.compile(r"[a-z][a-z_]{0,31}")


class Threshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An age in years, and where it was taken from."""

    age: Annotated[int, msgspec.Meta(ge=10, le=99)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Thresholds(msgspec.Struct, frozen=True):
    """Ages by country and category; what has no line of its own has the default."""

    default: Threshold
    lines: Mapping[tuple[str, str], Threshold]

    def of(self, country: str, category: str) -> Threshold:
        """Return the threshold for a category in a country."""
        return self.lines.get((country, category), self.default)


class Shelf(msgspec.Struct, frozen=True):
    """What the shop sells from an age on: a country, and the age of each category that stands there."""

    country: str
    ages: Mapping[str, int]

    @property
    def age(self) -> int:
        """Return the age from which somebody may have everything on the shelf."""
        return max(self.ages.values())


def read_thresholds(*texts: str) -> Thresholds:
    """Read lists of thresholds; later ones come before earlier ones. Raises :class:`ThresholdsInvalid`."""
    default: Threshold | None = None
    lines: dict[tuple[str, str], Threshold] = {}
    for text in texts:
        try:
            countries = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ThresholdsInvalid(str(error)) from None
        if "default" in countries:
            default = _line(countries.pop("default"), "default")
        for country, categories in countries.items():
            if not _COUNTRY.fullmatch(country) or not isinstance(categories, dict):
                raise ThresholdsInvalid("A country has two capital letters and a table.", field=country)
            for category, line in categories.items():
                if not _CATEGORY.fullmatch(category):
                    raise ThresholdsInvalid("A category has small letters.", field=f"{country}.{category}")
                lines[country, category] = _line(line, f"{country}.{category}")
    if default is None:
        raise ThresholdsInvalid("There is no default.", field="default")
    return Thresholds(default, lines)


def thresholds() -> Thresholds:
    """Return the thresholds of this shop. Raises :class:`ThresholdsInvalid`."""
    own = shop.folder() / "thresholds.toml"
    try:
        stamp = own.stat().st_mtime_ns
    except FileNotFoundError:
        return _read(None, 0)
    return _read(own, stamp)


def shelf() -> Shelf:
    """Return the shop's shelf; unset, everything of the default age. Raises :class:`ThresholdsInvalid`."""
    known, said = thresholds(), os.environ.get("COMPTOIR_ADULT_SHELF") or ""
    if not said:
        return Shelf("", {"": known.default.age})
    found = _SHELF.fullmatch(said)
    if found is None:
        raise ThresholdsInvalid('Write it as "JP: alcohol, tobacco".', field="COMPTOIR_ADULT_SHELF")
    country, categories = found[1], [each.strip() for each in found[2].split(",")]
    return Shelf(country, {each: known.of(country, each).age for each in categories})


@functools.lru_cache(maxsize=4)
def _read(own: Path | None, _stamp: int) -> Thresholds:
    shipped = (importlib.resources.files(__package__) / "thresholds.toml").read_text(encoding="utf-8")
    if own is None:
        return read_thresholds(shipped)
    content = own.read_bytes()
    if len(content) > _BYTES_MAX:
        raise ThresholdsInvalid(f"It has more than {_BYTES_MAX} bytes.")
    try:
        return read_thresholds(shipped, content.decode())
    except UnicodeDecodeError:
        raise ThresholdsInvalid("It is not UTF-8.") from None


def _line(value: object, field: str) -> Threshold:
    try:
        return msgspec.convert(value, Threshold)
    except msgspec.ValidationError as error:
        raise ThresholdsInvalid(str(error), field=field) from None
