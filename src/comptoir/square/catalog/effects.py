"""What accepted listings leave in the tables: of each thing the last word, whichever came first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final

from comptoir.foundation.events.contracts import Accepted
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.square.catalog import store
from comptoir.square.catalog.contracts import (
    CATEGORY_LISTED,
    PRODUCT_DELISTED,
    PRODUCT_LISTED,
    PRODUCT_PICTURED,
    STORE_DELISTED,
    STORE_LISTED,
)

#: When it was said; of two words of one moment, the one that stands later in the log.
Order = tuple[dt.datetime, Id]
PORTION: Final = 2_000
#: What each type speaks of: a kind of thing, and whether it ends it.
_SPEAKS_OF: Final = {
    CATEGORY_LISTED: ("category", False),
    PRODUCT_LISTED: ("product", False),
    PRODUCT_DELISTED: ("product", True),
    PRODUCT_PICTURED: ("showing", False),
    STORE_LISTED: ("store", False),
    STORE_DELISTED: ("store", True),
}


class LastWords:
    """The last listing and the last delisting of each thing."""

    def __init__(self) -> None:
        """Start empty."""
        self._listed: dict[tuple[str, str], Order] = {}
        self._ended: dict[tuple[str, str], Order] = {}
        self._listings: dict[tuple[str, str], Accepted] = {}
        self._endings: dict[tuple[str, str], Accepted] = {}

    def had(self, kind: str, key: str, *, listed: Order, ended: Order | None) -> None:
        """Know what the tables have of a thing already."""
        self._listed[kind, key] = listed
        if ended is not None:
            self._ended[kind, key] = ended

    def knows(self, kind: str, key: str) -> bool:
        """Tell whether something of this name was ever listed."""
        return (kind, key) in self._listed

    def is_last(self, said: Accepted) -> bool:
        """Tell whether a word is later than all of its kind before it."""
        kind, is_ending = _SPEAKS_OF[said.type]
        before = (self._ended if is_ending else self._listed).get((kind, _key(kind, said)))
        return before is None or (said.at, said.position) > before

    def add(self, said: Accepted) -> None:
        """Take a word, and keep it if it is the last one."""
        if not self.is_last(said):
            return
        kind, is_ending = _SPEAKS_OF[said.type]
        key = (kind, _key(kind, said))
        if is_ending:
            self._ended[key], self._endings[key] = (said.at, said.position), said
        else:
            self._listed[key], self._listings[key] = (said.at, said.position), said

    def write(self, connection: Connection) -> None:
        """Write what is new."""
        for kind, write, end in (
            ("category", store.write_categories, None),
            ("product", store.write_products, store.end_products),
            ("store", store.write_stores, store.end_stores),
            ("showing", store.write_showings, None),
        ):
            for some in _portions(self._listings, kind):
                write(connection, some)
            if end is not None:
                for some in _portions(self._endings, kind):
                    end(connection, some)


def _key(kind: str, said: Accepted) -> str:
    return str(getattr(said.data, "product" if kind == "showing" else kind))


def _portions(words: dict[tuple[str, str], Any], kind: str) -> Iterable[list[Accepted]]:
    mine = [said for (of, _), said in sorted(words.items()) if of == kind]
    return (mine[at : at + PORTION] for at in range(0, len(mine), PORTION))
