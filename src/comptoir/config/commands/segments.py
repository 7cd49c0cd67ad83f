"""``comptoir segments``: what an expression names, and the segments that staff have defined."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import click

from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.problem import Problem


class _Refused(click.ClickException):
    """A refusal as people read it, with the place marked, or for software as a problem; on standard error."""

    exit_code = 2

    def __init__(self, problem: Problem, *, as_json: bool, expression: str = "") -> None:
        lines = [" ".join(filter(None, (problem.title(), problem.detail)))]
        position = problem.extra.get("position")
        if isinstance(position, int) and "\n" not in expression:
            start = max(0, position - 41)
            lines += [expression[start : start + 100], " " * (position - 1 - start) + "^"]
        super().__init__("\n".join(lines))
        self._members = problem.as_members() if as_json else None

    def show(self, file: Any = None) -> None:
        if self._members is None:
            super().show(file)
        else:
            click.echo(json.dumps(self._members), err=True)


_AS_JSON = click.option("--json", "as_json", is_flag=True, help="For software.")


@click.group()
def command() -> None:
    """Ask how many customers an expression names, and define segments."""


@command.command(epilog="Example: comptoir segments count \"spend(90) > 100 AND NOT visited('367', 30)\" --on postgres")
@click.argument("expression")
@click.option(
    "--on", "engine", type=click.Choice(["postgres", "duckdb", "spark"]), default="postgres", show_default=True,
    help="The database as it is now, or an engine over the lake.",
)  # fmt: skip
@_AS_JSON
def count(expression: str, engine: str, as_json: bool) -> None:
    """Count the customers that an expression names."""
    try:
        with database.server():
            counting, is_rough = _brought_up_to_date(engine, expression)
            started = time.perf_counter()
            found = counting()
            seconds = time.perf_counter() - started
    except Problem as problem:
        raise _Refused(problem, as_json=as_json, expression=expression) from None
    if as_json:
        told = {"on": engine, **_numbered("count", found, is_rough=is_rough), "seconds": round(seconds, 3)}
        click.echo(json.dumps(told))
    else:
        click.echo(f"{_in_words(found, is_rough=is_rough)} ({engine}, {seconds:.2f} s)")


def _numbered(name: str, count: int, *, is_rough: bool) -> dict[str, Any]:
    """Return a number of people for software; where the square was asked, by the score, and saying so."""
    from comptoir.office.segments.telling import roughly

    return {name: roughly(count), "is_rough": True} if is_rough else {name: count}


def _in_words(count: int, *, is_rough: bool) -> str:
    from comptoir.office.segments.telling import STEP, roughly

    if not is_rough:
        return f"{count:,}"
    return f"fewer than {STEP}" if count < STEP else f"about {roughly(count):,}"


def _brought_up_to_date(engine: str, expression: str) -> tuple[Callable[[], int], bool]:
    """Read an expression, bring figures, or the lake, up to date; return what counts, and whether that is told roughly.

    The square says under everybody's eyes who said what (``office/segments/telling.py``).
    """
    from comptoir.counter.audiences import lake
    from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
    from comptoir.foundation.rooms.declaration import COUNTER, OFFICE
    from comptoir.office.segments import engines, queries, telling

    now = SYSTEM_CLOCK.now()
    with database.connect(OFFICE.role) as connection:
        tree = queries.tree_of(connection, expression)
    is_rough = telling.is_of_square(tree)
    if engine == "postgres":
        with database.connect(COUNTER.role) as connection:
            lake.make_current(connection)
        return lambda: queries.count(expression, at=now), is_rough
    found = lake.Lake()
    lake.write_all(found, now=now, seconds_max=5.0)
    with database.connect(OFFICE.role) as connection:
        terms = queries.terms(connection, at=now)
    on: engines.Engine = "duckdb" if engine == "duckdb" else "spark"
    return lambda: engines.count_in_lake(found, on, tree, terms), is_rough


@command.command(epilog="Example: comptoir segments define Coffee \"bought('COFFEE', 60)\" --by Ada")
@click.argument("name")
@click.argument("expression")
@click.option("--by", required=True, help="Who defines it.")
@_AS_JSON
def define(name: str, expression: str, by: str, as_json: bool) -> None:
    """Define a segment, and count who is in it."""
    from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
    from comptoir.foundation.rooms.declaration import OFFICE
    from comptoir.office.segments import commands, jobs, queries, store

    now = SYSTEM_CLOCK.now()
    try:
        with database.server(), database.connect(OFFICE.role) as connection:
            segment = commands.define(connection, name=name, expression=expression, by=by, at=now)
            jobs.refresh(connection, now=now)
            members = store.count_in(connection).get(str(segment.id), 0)
            is_rough = bool(queries.ever_asked_square([segment.id]))
    except Problem as problem:
        raise _Refused(problem, as_json=as_json, expression=expression) from None
    told = {"id": str(segment.id), "name": segment.name, **_numbered("members", members, is_rough=is_rough)}
    words = _in_words(members, is_rough=is_rough)
    click.echo(json.dumps(told) if as_json else f"{segment.name}: {words} members ({segment.id})")


@command.command("list", epilog="Example: comptoir segments list --json")
@_AS_JSON
def list_(as_json: bool) -> None:
    """Show the segments, and how many are in each."""
    from comptoir.foundation.rooms.declaration import OFFICE
    from comptoir.office.segments import queries, store

    with database.server(), database.connect(OFFICE.role) as connection:
        counts = store.count_in(connection)
        segments = [each.segment for each in store.find_segments(connection)]
        rough = queries.ever_asked_square([each.id for each in segments])
    rows = [
        {
            "id": str(each.id), "name": each.name, "expression": each.expression, "version": each.version,
            **_numbered("members", counts.get(str(each.id), 0), is_rough=each.id in rough),
        }
        for each in segments
    ]  # fmt: skip
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        is_rough = bool(row.get("is_rough"))
        click.echo(f"{row['name']}: {_in_words(row['members'], is_rough=is_rough)}   {row['expression']}")
