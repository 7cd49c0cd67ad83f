"""The statements of ``store.sql``, on a connection or cursor of the vault's role; for whoever does without Django."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any, Final

from comptoir.foundation.kernel.database import load_statements
from comptoir.foundation.kernel.ids import first_of_millisecond

_SQL = load_statements(__package__ or "")


#: So long after goods came back the clock looks whether their money was asked back.
RETURNS_WITHIN: Final = dt.timedelta(days=90)


def is_anything_due(connection: Any, *, source: str, now: dt.datetime) -> bool:
    """Tell whether the clock has anything to do; ``source`` is whose sales the checkout's are."""
    given = {"now": now, "source": source, "since": _since(now)}
    return bool(connection.execute(_SQL["is_anything_due"], given).fetchone()[0])


def find_returned(connection: Any, *, source: str, now: dt.datetime, limit: int) -> list[uuid.UUID]:
    """Return the orders of whose goods some came back, for which the money was not asked back yet."""
    given = {"source": source, "since": _since(now), "limit": limit}
    return [row[0] for row in connection.execute(_SQL["find_returned"], given).fetchall()]


def _since(now: dt.datetime) -> str:
    return first_of_millisecond(max(0, int((now - RETURNS_WITHIN).timestamp() * 1000)))


def find_taken(connection: Any, *, limit: int) -> list[uuid.UUID]:
    """Return the orders of placed checkouts that were handed over for money in a store."""
    return [row[0] for row in connection.execute(_SQL["find_taken"], (limit,)).fetchall()]


def find_news(connection: Any, *, now: dt.datetime, limit: int) -> list[uuid.UUID]:
    """Return the orders that lie ready or were given away, of which whoever ordered was not told yet."""
    return [row[0] for row in connection.execute(_SQL["find_news"], {"now": now, "limit": limit}).fetchall()]


def find_cancelled(connection: Any, *, limit: int) -> list[uuid.UUID]:
    """Return the orders of placed and settled checkouts that were cancelled since."""
    return [row[0] for row in connection.execute(_SQL["find_cancelled"], (limit,)).fetchall()]
