"""The statements of ``store.sql``, on the caller's connection."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec

from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements, value_array
from comptoir.foundation.kernel.ids import Id
from comptoir.square.catalog.composing import Rule

_SQL = load_statements(__package__ or "")
_rules: Final = msgspec.json.Decoder(tuple[Rule, ...])


class Window(msgspec.Struct, frozen=True):
    """What a customer has composed, when, and at which place in the log."""

    customer: Id
    version: int
    rules: tuple[Rule, ...]
    at: dt.datetime
    position: Id


class Answered(msgspec.Struct, frozen=True):
    """What a customer answered to a guess."""

    customer: Id
    guess: str
    answer: str
    at: dt.datetime
    position: Id


def write_windows(connection: Connection, said: Sequence[Window]) -> None:
    """Write windows that are later than what is there; one for each customer."""
    if said:
        connection.tell(_SQL["write_windows"], msgspec.json.encode(said).decode())


def write_answers(connection: Connection, said: Sequence[Answered]) -> None:
    """Write answers that are later than what is there; one for each customer and guess."""
    if said:
        connection.tell(_SQL["write_answers"], msgspec.json.encode(said).decode())


def find_windows(connection: Any, customers: Collection[Id]) -> dict[Id, Window]:
    """Return what these customers have composed."""
    rows = connection.execute(_SQL["find_windows"], (value_array(sorted(customers)),))
    return {row[0]: Window(row[0], row[1], _rules.decode(row[2]), row[3], row[4]) for row in rows}


def find_answers(connection: Any, customers: Collection[Id]) -> set[str]:
    """Return which guesses these customers have answered."""
    return {row[0] for row in connection.execute(_SQL["find_answers"], (value_array(sorted(customers)),))}
