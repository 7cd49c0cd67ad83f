"""The statements of ``store.sql``, on the caller's cursor."""

from __future__ import annotations

import uuid
from typing import Any

from comptoir.foundation.kernel.database import load_statements

_SQL = load_statements(__package__ or "", "store.sql")


def lock(cursor: Any) -> None:
    """Let one import at a time write, until the transaction ends."""
    cursor.execute(_SQL["lock"])


def find_neighbours(cursor: Any, *, shared_by_max: int) -> list[uuid.UUID]:
    """Return entries that were compared before and share a key with one that was not."""
    cursor.execute(_SQL["find_neighbours"], {"shared_by_max": shared_by_max})
    return [entry for (entry,) in cursor.fetchall()]
