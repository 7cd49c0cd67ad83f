"""From a list to events: rows of one product become one listing, each category is listed before what stands in it."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from comptoir.config.replaying.recordings import Event
from comptoir.config.shelving import graphs, tables
from comptoir.config.shelving.contracts import BYTES_MAX, ROWS_MAX, ListError, Refused, Row, Rows
from comptoir.foundation.kernel import codec
from comptoir.square.catalog import rules
from comptoir.square.catalog.contracts import CATEGORY_LISTED, PRODUCT_LISTED, ProductListed

FORMS: Final[dict[str, Callable[..., Rows]]] = {
    "csv": tables.own, "shopify": tables.shopify, "jsonld": graphs.jsonld,
}  # fmt: skip
_FIELD: Final = re.compile(r"`\$\.?([^`]*)`")


class ListRead(msgspec.Struct):
    """What became of a list: products and variants that were taken, and every row that was not."""

    products: int = 0
    variants: int = 0
    categories: int = 0
    rows: int = 0
    refused: list[Refused] = []


def events(
    path: Path, *, form: str, source: str, at: dt.datetime, language: str, currency: str, read: ListRead
) -> Iterator[Event]:
    """Yield what a list says as events of ``source``, said at ``at``; ``read`` counts along.

    An event's id is made of what it says, so the same list at the same time is the same events. Of one product that
    stands in several places, the first place with all its rows counts, and the others are refused.
    Raises :class:`ListError`.
    """
    if path.stat().st_size > BYTES_MAX:
        raise ListError(f"a list has at most {BYTES_MAX >> 20} MiB")
    products: dict[str, list[Row]] = {}
    for row in FORMS[form](path, language=language, currency=currency):
        read.rows += 1
        if read.rows > ROWS_MAX:
            raise ListError(f"a list has at most {ROWS_MAX:,} rows")
        if isinstance(row, Refused):
            read.refused.append(row)
        else:
            products.setdefault(row.product, []).append(row)
    listed: set[str] = set()
    for product, rows in products.items():
        data = _listing(product, rows)
        if (refused := _refused(data, rows)) is not None:
            read.refused.append(refused)
            continue
        for category in _categories(rows[0], language):
            if category["category"] not in listed:
                listed.add(category["category"])
                read.categories += 1
                yield _event(CATEGORY_LISTED, category["category"], category, source=source, at=at)
        read.products += 1
        read.variants += len(rows)
        yield _event(PRODUCT_LISTED, product, data, source=source, at=at)


def _listing(product: str, rows: list[Row]) -> dict[str, Any]:
    """Return what the rows of one product say: the first one of it all, each one of its variant."""
    data = {"product": product, **rows[0].said, "variants": [row.variant for row in rows]}
    if (category := _slug_of(rows[0])) is not None:
        data["category"] = category
    return data


def _refused(data: dict[str, Any], rows: list[Row]) -> Refused | None:
    """Return why the counter would refuse this listing, or nothing."""
    try:
        listing = msgspec.convert(data, ProductListed)
    except msgspec.ValidationError as error:
        field = _FIELD.search(str(error))
        return Refused(rows[0].line, "field_invalid", field[1] if field else "", str(error).partition(" - at")[0])
    problem = rules.judge_product(listing)
    if problem is None:
        return None
    number = re.match(r"data\.variants\[(\d+)\]", problem.field or "")
    row = rows[int(number[1])] if number else rows[0]
    return Refused(row.line, problem.name, (problem.field or "").removeprefix("data."), problem.detail)


def _categories(row: Row, language: str) -> list[dict[str, Any]]:
    """Return the listings of the categories above a product, from the top."""
    if not row.path:
        return []
    found: list[dict[str, Any]] = []
    for depth in range(1, len(row.path) + 1):
        slug = row.category if row.category and depth == len(row.path) else _slug(" ".join(row.path[:depth]))
        said: dict[str, Any] = {"category": slug, "name": {language: row.path[depth - 1]}}
        if found:
            said["within"] = found[-1]["category"]
        found.append(said)
    return found


def _slug_of(row: Row) -> str | None:
    if row.category:
        return row.category
    return _slug(" ".join(row.path)) if row.path else None


def _slug(words: str) -> str:
    """Return a name as an address writes it; one without Latin letters by a number made of it."""
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].rstrip("-")
    return slug or hashlib.sha256(words.encode()).hexdigest()[:12]


def _event(kind: str, key: str, data: dict[str, Any], *, source: str, at: dt.datetime) -> Event:
    digest = hashlib.sha256(codec.encode([at.isoformat(), data])).hexdigest()[:16]
    return Event(id=f"list-{key[:64]}-{digest}", source=source, type=kind, time=at, data=data)
