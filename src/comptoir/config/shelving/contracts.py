"""What a list is made of: rows that say something of a product, whichever form the file has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

#: The largest list: so many variants, so many bytes of one file, so many characters in a cell.
ROWS_MAX: Final = 1_000_000
BYTES_MAX: Final = 1 << 30
CELL_CHARACTERS_MAX: Final = 20_000


class ListError(Exception):
    """A file that is no such list; the message says what is missing, and where."""


class Row(msgspec.Struct, frozen=True):
    """One variant of a product, where it stands in the file: ``said`` are fields of ``product.listed``.

    ``path`` are the names of the categories from the top, ``category`` the slug of the last one where the file has it.
    """

    line: int
    product: str
    said: dict[str, Any]
    variant: dict[str, Any]
    path: tuple[str, ...] = ()
    category: str = ""


class Refused(msgspec.Struct, frozen=True):
    """A row that was not taken: the line in the file, a short reason, the column or field, and a sentence."""

    line: int
    reason: str
    column: str
    detail: str


Rows = Iterator[Row | Refused]
