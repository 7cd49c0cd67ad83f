"""What came of an experiment's units, read from the rows of the health figures: for pages. No Django.

A unit counts once it is ripe: a conversation after its days, a week once it is over. What is not public any more does
not count, as in every figure of health.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg

from comptoir.foundation.kernel.database import load_statements
from comptoir.square.programme import experiments
from comptoir.square.programme.experiments import PAST_WEEKS, WEEK, Experiment, Unit, Variant

_SQL: Final = load_statements(__package__, "outcomes.sql")
_DAY: Final = dt.timedelta(days=1)


def registered(connection: psycopg.Connection[Any]) -> list[Experiment]:
    """Return every experiment, the latest first; two hundred at most."""
    return [Experiment(*row) for row in _all(connection, "experiments", {})]


def reminders(connection: psycopg.Connection[Any]) -> list[Experiment]:
    """Return the experiments whose reminders may be shown now."""
    return [Experiment(*row) for row in _all(connection, "reminders", {})]


def units(connection: psycopg.Connection[Any], experiment: Experiment, *, now: dt.datetime) -> list[Unit]:
    """Return what was assigned, in order, with the outcomes of what is ripe."""
    if experiment.started_at is None or experiment.over_at is None:
        return []
    since, until = experiment.started_at, min(experiment.over_at, now)
    if experiment.unit == "week":
        return _weeks(connection, experiment, until=until)
    found: list[tuple[str, dt.datetime, Variant]] = []
    if experiment.element == "prompt":
        asked = {"experiment": experiment.experiment, "since": since, "until": until}
        for day, thread, at in _all(connection, "posted", asked):
            number = experiments.number_of_week(experiment, dt.date.fromisoformat(day))
            found.append((thread, at, experiments.assign_in_order(experiment.seed, number)))
    else:
        for thread, at in _opened(connection, experiment, origin="member", since=since, until=until):
            found.append((thread, at, experiments.assign(experiment.seed, thread)))
    values = _values(connection, experiment, [(thread, at) for thread, at, _variant in found], now=now)
    return [Unit(thread, at, variant, values.get(thread)) for thread, at, variant in found]


def past(connection: psycopg.Connection[Any], experiment: Experiment, *, now: dt.datetime) -> tuple[list[float], float]:
    """Return outcomes of the weeks before, without any experiment, and how many units a week brings."""
    since = now - PAST_WEEKS * WEEK
    if experiment.unit == "week":
        first = dt.datetime.combine(experiments.monday(since) + WEEK, dt.time(), dt.UTC)
        until = dt.datetime.combine(experiments.monday(now), dt.time(), dt.UTC)
        said = _contributions(connection, experiment, since=first, until=until)
        day, values = first.date(), []
        while day < until.date():
            values.append(float(min(experiment.cap, said.get(day, 0))))
            day += WEEK
        return (values if said else []), 1.0
    origin = "seeded" if experiment.element == "prompt" else "member"
    opened = _opened(connection, experiment, origin=origin, since=since, until=now)
    values = list(_values(connection, experiment, opened, now=now).values())
    return values, 1.0 if experiment.element == "prompt" else len(opened) / PAST_WEEKS


def _weeks(connection: psycopg.Connection[Any], experiment: Experiment, *, until: dt.datetime) -> list[Unit]:
    """Return the whole weeks of an experiment; the one in which it began and the one in which it ends are not whole."""
    assert experiment.started_at is not None
    first = experiments.monday(experiment.started_at)
    if experiment.started_at > dt.datetime.combine(first, dt.time(), dt.UTC):
        first += WEEK
    begin = dt.datetime.combine(first, dt.time(), dt.UTC)
    said = _contributions(connection, experiment, since=begin, until=until)
    made = []
    while begin < until:
        value = float(min(experiment.cap, said.get(begin.date(), 0))) if begin + WEEK <= until else None
        number = experiments.number_of_week(experiment, begin.date())
        made.append(Unit(str(begin.date()), begin, experiments.assign_in_order(experiment.seed, number), value))
        begin += WEEK
    return made


def _values(
    connection: psycopg.Connection[Any], experiment: Experiment, opened: Sequence[tuple[str, dt.datetime]], *,
    now: dt.datetime,
) -> dict[str, float]:  # fmt: skip
    ripe = [thread for thread, at in opened if at + experiment.days * _DAY <= now]
    if not ripe:
        return {}
    rows = _all(connection, "answers", {"threads": ripe, "days": experiment.days})
    cap = 1 if experiment.outcome == "answered" else experiment.cap
    return {thread: float(min(cap, count)) for thread, count in rows}


def _opened(
    connection: psycopg.Connection[Any], experiment: Experiment, *, origin: str, since: dt.datetime, until: dt.datetime
) -> list[tuple[str, dt.datetime]]:
    asked = {"origin": origin, "kind": experiment.kind, "language": experiment.language, "since": since, "until": until}
    return [(thread, at) for thread, at in _all(connection, "opened", asked)]


def _contributions(
    connection: psycopg.Connection[Any], experiment: Experiment, *, since: dt.datetime, until: dt.datetime
) -> dict[dt.date, int]:
    asked = {"kind": experiment.kind, "language": experiment.language, "since": since, "until": until}
    return dict(_all(connection, "contributions", asked))


def _all(connection: psycopg.Connection[Any], name: str, values: Mapping[str, Any]) -> list[Any]:
    with connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        return cursor.execute(_SQL[name].encode(), values).fetchall()
