"""The statements of ``store.sql``, on the caller's connection."""

from __future__ import annotations

from collections.abc import Mapping

from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements, value_array
from comptoir.foundation.kernel.ids import Id

_SQL = load_statements(__package__ or "")


def sever(connection: Connection, fresh: Mapping[Id, Id]) -> None:
    """End these customers' trips, and put the fresh ids in their place."""
    old = list(fresh)
    connection.execute(_SQL["sever_trips"], (value_array(old), value_array([fresh[each] for each in old])))
