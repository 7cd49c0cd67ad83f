"""Deriving the catalog from the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from comptoir.foundation.events.contracts import Accepted
from comptoir.foundation.events.rebuilding import Logged
from comptoir.foundation.kernel.connection import Connection
from comptoir.square.catalog.contracts import CATALOG, EVENT_TYPES
from comptoir.square.catalog.effects import LastWords
from comptoir.square.community.rebuilding import tolerant

_READERS: Final = {each.name: msgspec.json.Decoder(tolerant(each.data)) for each in EVENT_TYPES}


class CatalogDeriver:
    """Of each thing the last word is kept, and written at the end."""

    tables = (
        "catalog_category",
        "catalog_product",
        "catalog_variant",
        "catalog_price",
        "catalog_store",
        "catalog_showing",
    )

    def __init__(self) -> None:
        """Start empty."""
        self._words = LastWords()

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:  # noqa: ARG002 - the derivers' shape
        """Note what the next events list and end."""
        for event in events:
            if event.type in CATALOG and event.is_accepted:
                data = _READERS[event.type].decode(event.data)
                self._words.add(Accepted(event.position, event.occurred_at, event.type, data))

    def finish(self, connection: Connection) -> None:
        """Write the catalog."""
        self._words.write(connection)
