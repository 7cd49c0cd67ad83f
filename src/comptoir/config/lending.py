"""What the jobs of the worker borrow for a moment: Django, and a look whether there is anything to do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import LiteralString

from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import OFFICE


def has_any(table: LiteralString) -> bool:
    """Tell whether a table of the office has any row: Django is not loaded for nothing."""
    with database.connect(OFFICE.role) as office:
        row = office.execute(f"select exists (select from {table})").fetchone()  # noqa: S608 - a name of the caller's
    return row is not None and bool(row[0])


@contextlib.contextmanager
def django() -> Iterator[None]:
    """Have Django for a job; most of the time the worker does without."""
    set_up_django()
    from django.db import connections  # noqa: PLC0415

    try:
        yield
    finally:
        connections.close_all()
