"""Statements that make what goes with what anew, on the caller's connection and transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements
from comptoir.square.companions.contracts import Made, Pair, Popular

_SQL: Final = load_statements(__package__)
_PORTION: Final = 20_000


def write(connection: Connection, pairs: Sequence[Pair], popular: Sequence[Popular], made: Made) -> None:
    """Put these in the place of everything that was made before."""
    connection.execute(_SQL["lock"])
    for name in ("clear_pairs", "clear_popular", "clear_makings"):
        connection.execute(_SQL[name])
    for start in range(0, len(pairs), _PORTION):
        some = pairs[start : start + _PORTION]
        values = [[getattr(each, name) for each in some] for name in Pair.__struct_fields__]
        connection.execute(_SQL["insert_pairs"], values)
    if popular:
        values = [[getattr(each, name) for each in popular] for name in Popular.__struct_fields__]
        connection.execute(_SQL["insert_popular"], values)
    connection.execute(_SQL["insert_making"], [getattr(made, name) for name in Made.__struct_fields__])
