"""The countries' names for a form: the two letters of ISO 3166-1, and the names in the house's languages.

``countries.csv`` was made once from the names that come with phonenumbers (Unicode's CLDR). Not here: what is a valid
address (``rules.py``).
"""

from __future__ import annotations

import csv
import functools
import importlib.resources
import unicodedata
from collections.abc import Mapping


def name_of(code: str, language: str) -> str:
    """Return a country's name; without one, its letters."""
    names = _names().get(code)
    return code if names is None else names.get(language.partition("-")[0]) or names["en"]


@functools.cache
def choices(language: str) -> list[tuple[str, str]]:
    """Return every country's letters and name, in the order of the names."""
    named = [(code, name_of(code, language)) for code in _names()]
    return sorted(named, key=lambda each: unicodedata.normalize("NFKD", each[1]).casefold())


@functools.cache
def _names() -> Mapping[str, Mapping[str, str]]:
    text = importlib.resources.files(__package__ or "").joinpath("countries.csv").read_text()
    return {row["code"]: row for row in csv.DictReader(text.splitlines())}
