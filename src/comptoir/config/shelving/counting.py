"""Counts and shelf places as a list: in from a CSV of an inventory, out as one that can be read again.

A row is an article: ``store``, ``sku``, ``quantity``, ``aisle``, ``shelf``. Rows of one store become events of up to so
many lines as the counter takes at once.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from comptoir.config.replaying.recordings import Event
from comptoir.config.shelving import tables
from comptoir.config.shelving.contracts import BYTES_MAX, ROWS_MAX, ListError, Refused
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.codec import harmless
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements
from comptoir.foundation.kernel.numbers import whole
from comptoir.square.catalog.contracts import Reference
from comptoir.square.stock import rules
from comptoir.square.stock.contracts import COUNTED, LINES_MAX, PLACED, CountedLine, PlacedLine

_SQL: Final = load_statements(__package__, "writing.sql")
_FIELD: Final = re.compile(r"`\$\.?([^`]*)`")
_PORTION: Final = 2_000


class _Key(msgspec.Struct):
    store: Reference
    sku: Reference


class StockRead(msgspec.Struct):
    """What became of a list: articles that were counted or placed, and every row that was not taken."""

    rows: int = 0
    counted: int = 0
    placed: int = 0
    stores: int = 0
    refused: list[Refused] = []


def events(path: Path, *, source: str, at: dt.datetime, read: StockRead) -> Iterator[Event]:
    """Yield what a list counts and places as events of ``source``, counted at ``at``; ``read`` goes along.

    An event's id is made of what it says, so the same list at the same time is the same events. Of an article that
    stands in several rows the first one is taken. Raises :class:`ListError`.
    """
    if path.stat().st_size > BYTES_MAX:
        raise ListError(f"a list has at most {BYTES_MAX >> 20} MiB")
    heading, table = tables.table(path)
    if not {"store", "sku"} <= set(heading) or not {"quantity", "aisle", "shelf"} & set(heading):
        raise ListError("the list needs the columns store and sku, and quantity or aisle or shelf")
    counted: dict[str, list[dict[str, Any]]] = {}
    placed: dict[str, list[dict[str, Any]]] = {}
    seen: set[tuple[str, str]] = set()
    for line, cells in table:
        read.rows += 1
        if read.rows > ROWS_MAX:
            raise ListError(f"a list has at most {ROWS_MAX:,} rows")
        count, place, refused = _row(line, cells)
        key = (cells.get("store", ""), cells.get("sku", ""))
        if refused is None and key in seen:
            refused = Refused(line, "repeated", "sku", "this article stands further up")
        if refused is not None:
            read.refused.append(refused)
            continue
        seen.add(key)
        if count is not None:
            counted.setdefault(key[0], []).append(count)
        if place is not None:
            placed.setdefault(key[0], []).append(place)
    read.stores = len({*counted, *placed})
    read.counted, read.placed = (sum(map(len, lists.values())) for lists in (counted, placed))
    for kind, lists in ((COUNTED, counted), (PLACED, placed)):
        for store, lines in lists.items():
            for start in range(0, len(lines), LINES_MAX):
                data = {"store": store, "lines": lines[start : start + LINES_MAX]}
                digest = hashlib.sha256(codec.encode([at.isoformat(), kind, data])).hexdigest()[:24]
                yield Event(id=f"list-{digest}", source=source, type=kind, time=at, data=data)


def write(connection: Connection, path: Path, *, passed: Callable[[int], None]) -> int:
    """Write a row for each article that was counted or has a place; returns how many. ``quantity`` is on hand."""
    count = 0
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        with path.open("w", encoding="utf-8", newline="") as file, connection.cursor("articles") as cursor:
            writer = csv.writer(file)
            writer.writerow(["store", "sku", "quantity", "aisle", "shelf", "held", "available", "counted_at"])
            cursor.itersize = _PORTION
            for row in cursor.execute(_SQL["articles"]):
                writer.writerow([harmless(cell) for cell in row])
                count += 1
                if count % _PORTION == 0:
                    passed(count)
    return count


def _row(line: int, cells: dict[str, str]) -> tuple[dict[str, Any] | None, dict[str, Any] | None, Refused | None]:
    """Return what a row counts and where it places it, either of them or both; or why it cannot be taken."""
    count: dict[str, Any] | None = None
    place: dict[str, Any] | None = None
    said = cells.get("quantity", "")
    if said:
        quantity = whole(said, 10**9 - 1)
        if quantity is None:
            return None, None, Refused(line, "cell_invalid", "quantity", f"not a whole number: {said!r}")
        count = {"sku": cells.get("sku", ""), "quantity": quantity}
    spot = {name: cells[name] for name in ("aisle", "shelf") if cells.get(name)}
    if spot:
        place = {"sku": cells.get("sku", ""), **spot}
    if count is None and place is None:
        return None, None, Refused(line, "cell_invalid", "quantity", "neither a quantity nor a place")
    try:
        msgspec.convert({"store": cells.get("store", ""), "sku": cells.get("sku", "")}, _Key)
        if count is not None:
            msgspec.convert(count, CountedLine)
        problem = rules.judge_places([msgspec.convert(place, PlacedLine)]) if place is not None else None
    except msgspec.ValidationError as error:
        field = _FIELD.search(str(error))
        column = (field[1] if field else "").rpartition(".")[2]
        return None, None, Refused(line, "field_invalid", column, str(error).partition(" - at")[0])
    if problem is not None:
        return None, None, Refused(line, problem.name, (problem.field or "").rpartition(".")[2], problem.detail)
    return count, place, None
