"""The current room's own connection of Django's, for reads of packages that know no Django.

In whatever transaction it is, so that what a page has just written is seen. Not here: prepared reads (``reading.py``).
"""

from __future__ import annotations

from typing import Any

from django.db import connections, router

from comptoir.foundation.kernel.connection import Borrowed


def borrowed(model: type[Any]) -> Any:
    """Return the connection on which the current room reads a model."""
    own = connections[router.db_for_read(model)]
    own.ensure_connection()
    return Borrowed(own.connection)
