"""The statements of ``store.sql``, on a connection or cursor of the vault's role; for whoever does without Django."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from comptoir.foundation.kernel.database import load_statements

_SQL = load_statements(__package__ or "")


def is_anything_due(connection: Any, *, now: dt.datetime) -> bool:
    """Tell whether the clock has anything to do."""
    return bool(connection.execute(_SQL["is_anything_due"], {"now": now}).fetchone()[0])


def find_cancelled(connection: Any, *, limit: int) -> list[uuid.UUID]:
    """Return the orders of settled checkouts that were cancelled since."""
    return [row[0] for row in connection.execute(_SQL["find_cancelled"], (limit,)).fetchall()]
