"""XML tables of a dump, row by row: what is not a plain table of rows is refused before anything comes of it.

A document type, an entity of its own, a row of more than a few megabytes: each is refused by name, so that a small file
cannot become a large one (https://owasp.org/www-community/vulnerabilities/XML_External_Entity_(XXE)_Processing).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NoReturn
from xml.parsers import expat

ROW_BYTES_MAX: Final = 4 << 20
ROWS_MAX: Final = 50_000_000
_CHUNK_BYTES: Final = 1 << 16


class TableError(Exception):
    """A file that is no such table; the message says where, and why."""


def rows(path: Path) -> Iterator[dict[str, str]]:
    """Yield the attributes of every ``<row …/>``; raises :class:`TableError` and :class:`OSError`."""
    found: list[dict[str, str]] = []
    parser = expat.ParserCreate()
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)

    def started(name: str, attributes: dict[str, str]) -> None:
        if name == "row":
            found.append(attributes)

    def refused(*_: object) -> NoReturn:
        raise TableError(f"{path.name}, line {parser.CurrentLineNumber}: a table declares no document type or entity")

    parser.StartElementHandler = started
    parser.StartDoctypeDeclHandler = refused
    parser.EntityDeclHandler = refused
    parser.ExternalEntityRefHandler = refused
    count = fed = 0
    with path.open("rb") as file:
        try:
            while chunk := file.read(_CHUNK_BYTES):
                parser.Parse(chunk, False)  # noqa: FBT003 - expat takes it by place only
                fed = 0 if found else fed + len(chunk)
                if fed > ROW_BYTES_MAX:
                    raise TableError(f"{path.name}, line {parser.CurrentLineNumber}: more than 4 MiB without a row")
                count += len(found)
                if count > ROWS_MAX:
                    raise TableError(f"{path.name} has more than {ROWS_MAX:,} rows")
                yield from found
                found.clear()
            parser.Parse(b"", True)  # noqa: FBT003
        except expat.ExpatError as error:
            raise TableError(f"{path.name}: {error}") from None
    yield from found
