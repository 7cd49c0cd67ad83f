"""Honest advice in figures: how often somebody is sent elsewhere, and how such conversations go on.

What is better elsewhere is said in a field of its own, so that it can be counted. The comparison of conversations with
and without it is a comparison: nobody has drawn lots who gets which answer. Not here: whether askers go on buying,
which only the counter can count. No Django.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any, Final

import msgspec
import psycopg

from comptoir.foundation.kernel.database import load_statements
from comptoir.square.health import rules
from comptoir.square.health.rules import Difference, Figure

_SQL: Final = load_statements(__package__, "honesty.sql")
#: Over so many days the public figure looks back, beside all of the time.
SPAN_DAYS: Final = 90
#: Conversations of a year are compared, each with the thirty days after it.
COMPARED_DAYS: Final = 365
AGAIN_DAYS: Final = 30
LATEST: Final = 5
_ASKED_MAX: Final = 20_000
_EVER: Final = dt.datetime.min.replace(tzinfo=dt.UTC)


class Advice(msgspec.Struct, frozen=True):
    """How many answers send somebody elsewhere, of how many; by customers and by staff.

    ``remarks`` are replies that do so, which are in no share; ``hidden`` is how many a decision has hidden.
    """

    all: Figure
    by_customers: Figure
    by_staff: Figure
    remarks: int
    hidden: int


class Honesty(msgspec.Struct, frozen=True):
    """The public figure: of the last ninety days before ``until``, and of all the time."""

    until: dt.datetime
    lately: Advice
    ever: Advice


class Said(msgspec.Struct, frozen=True):
    """An answer that sends somebody elsewhere."""

    thread: uuid.UUID
    post: uuid.UUID
    title: str
    language: str
    elsewhere: str
    at: dt.datetime
    is_staff: bool


class Compared(msgspec.Struct, frozen=True):
    """Conversations with honest advice (``honest``) beside others, by what became of them.

    Shares lie between 0 and 1, votes are those of the best answer on average.
    """

    helped: Difference
    again: Difference
    votes: Difference


class Asked(msgspec.Struct, frozen=True):
    """A question that was answered: under which name, when, and whether an answer sends elsewhere."""

    persona: str
    at: dt.datetime
    is_honest: bool


def asked(connection: psycopg.Connection[Any], *, until: dt.datetime) -> list[Asked]:
    """Return the questions of the last fifteen months that somebody has answered, as they stand in public."""
    since = until - dt.timedelta(days=COMPARED_DAYS + SPAN_DAYS)
    rows = _all(connection, "asked", {"since": since, "until": until, "limit": _ASKED_MAX})
    return [Asked(*row) for row in rows]


def honesty(connection: psycopg.Connection[Any], *, until: dt.datetime) -> Honesty:
    """Return the figure of the shop's honesty."""
    since = until - dt.timedelta(days=SPAN_DAYS)
    return Honesty(until, _advice(connection, since=since, until=until), _advice(connection, since=_EVER, until=until))


def latest(connection: psycopg.Connection[Any], *, limit: int = LATEST) -> list[Said]:
    """Return the latest answers that send somebody elsewhere."""
    return [Said(*row) for row in _all(connection, "latest", {"limit": limit})]


def compared(connection: psycopg.Connection[Any], *, until: dt.datetime) -> Compared:
    """Return how questions went on in which somebody was sent elsewhere, beside those in which nobody was."""
    latest_asked = until - dt.timedelta(days=AGAIN_DAYS)
    asked = {"since": until - dt.timedelta(days=COMPARED_DAYS), "until": latest_asked}
    rows = {row[0]: [int(each) for each in row[1:]] for row in _all(connection, "effects", asked)}
    honest, others = rows.get(True, [0] * 5), rows.get(False, [0] * 5)
    return Compared(
        helped=rules.difference(honest[1], honest[0], others[1], others[0]),
        again=rules.difference(honest[2], honest[0], others[2], others[0]),
        votes=rules.difference_of_means((honest[0], honest[3], honest[4]), (others[0], others[3], others[4])),
    )


def _advice(connection: psycopg.Connection[Any], *, since: dt.datetime, until: dt.datetime) -> Advice:
    asked = {"since": since, "until": until}
    (customers, staff), (honest_customers, honest_staff, remarks, hidden) = (
        _all(connection, name, asked)[0] for name in ("answers", "advice")
    )
    return Advice(
        all=rules.rate(honest_customers + honest_staff, customers + staff),
        by_customers=rules.rate(honest_customers, customers),
        by_staff=rules.rate(honest_staff, staff),
        remarks=remarks,
        hidden=hidden,
    )


def _all(connection: psycopg.Connection[Any], name: str, values: dict[str, Any]) -> list[Any]:
    with connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        return cursor.execute(_SQL[name].encode(), values).fetchall()
