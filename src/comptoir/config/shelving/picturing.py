"""What lists say of pictures: addresses with what they show, as ``product.listed`` names them. Pure.

An address that cannot be one is refused by itself: the product is taken without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from comptoir.config.shelving.contracts import Refused
from comptoir.square.catalog.contracts import ADDRESS_CHARACTERS_MAX, ALT_CHARACTERS_MAX, PICTURES_MAX

_ADDRESS: Final = re.compile(r"https?://[^\s\"'<>\\^`{|}\x00-\x1f\x7f]+")
#: Addresses without a scheme, as pages write them.
_NO_SCHEME: Final = "//"


class Named:
    """The pictures that a list names for one product, each once and in their order; and what was refused of them."""

    def __init__(self, language: str) -> None:
        """Start empty; what is said of a picture without a language is in this one."""
        self._language = language
        self._found: dict[str, dict[str, Any]] = {}
        self._refused: list[Refused] = []

    def add(self, url: str, *, line: int, column: str, words: dict[str, str] | str = "") -> None:
        """Take an address, with what it shows in words."""
        address = f"https:{url}" if url.startswith(_NO_SCHEME) else url
        if len(address) > ADDRESS_CHARACTERS_MAX or not _ADDRESS.fullmatch(address):
            self._refused.append(Refused(line, "picture_invalid", column, f"no address of a picture: {url[:200]!r}"))
        elif address not in self._found and len(self._found) >= PICTURES_MAX:
            self._refused.append(Refused(line, "pictures_too_many", column, f"at most {PICTURES_MAX} of a product"))
        else:
            said = {self._language: words} if isinstance(words, str) else words
            alt = {language: text[:ALT_CHARACTERS_MAX].strip() for language, text in said.items() if text.strip()}
            self._found.setdefault(address, {"url": address, **({"alt": alt} if alt else {})})

    @property
    def said(self) -> dict[str, Any]:
        """Return the field of the listing; nothing where there is no picture."""
        return {"pictures": list(self._found.values())} if self._found else {}

    def refused(self) -> Iterator[Refused]:
        """Yield what was not taken."""
        yield from self._refused


def of_graph(said: Any, named: Named, *, line: int) -> None:
    """Take what schema.org calls an image: an address, an ``ImageObject``, or several (https://schema.org/image)."""
    for each in said if isinstance(said, list) else [said]:
        if isinstance(each, str) and each.strip():
            named.add(each.strip(), line=line, column="image")
        elif isinstance(each, dict):
            address = next(_texts(each.get(name) for name in ("contentUrl", "url", "@id")), "")
            words = next(_texts(each.get(name) for name in ("caption", "description", "name")), "")
            if address:
                named.add(address, line=line, column="image", words=words)


def _texts(said: Iterable[Any]) -> Iterator[str]:
    return (each.strip() for each in said if isinstance(each, str) and each.strip())
