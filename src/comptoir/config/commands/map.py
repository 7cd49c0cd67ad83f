"""``comptoir map``: judges the touchpoint map, draws it, prints it as AsyncAPI 3; prints the map of personal data."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from comptoir.foundation.rooms.personal import NothingPersonal, Personal
    from comptoir.foundation.touchpoints.contracts import TouchpointMap
    from comptoir.foundation.touchpoints.queries import MapFigures

_FILE = click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))


@click.group()
def command() -> None:
    """Look at the map of touchpoints: who sends what, who needs what, and how fast.

    Without FILE, the shop's own map is meant: touchpoints.toml in the shop's folder, or the demo shop's.
    """


@command.command(epilog="Example: comptoir map check touchpoints.toml")
@_FILE
def check(file: Path | None) -> None:
    """Judge a map, and name every fault with its line. Exits with 1 if there is one."""
    from comptoir.foundation.touchpoints.house import missing_from

    declared = _load(file)
    senders = sum(bool(touchpoint.sends) for touchpoint in declared.touchpoints)
    needers = sum(bool(touchpoint.needs) for touchpoint in declared.touchpoints)
    click.echo(
        f"{_path(file)}: no contradictions. {len(declared.touchpoints)} touchpoints, {senders} send, "
        f"{needers} need something."
    )
    for sentence in missing_from(declared):
        click.echo(f"Not all pages of the house can be used yet. {sentence}")


@command.command(epilog="Example: comptoir map show --svg map.svg")
@_FILE
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Draw the map into this file as well.")
@click.option("--narrow", is_flag=True, help="Draw the SVG for a telephone's width.")
@click.option("--language", type=click.Choice(["en", "ja", "fr"]), default="en", show_default=True)
def show(file: Path | None, svg: Path | None, *, narrow: bool, language: str) -> None:
    """Draw a map; with live figures if the shop's database is running."""
    from rich.console import Console

    from comptoir.foundation.touchpoints.picture import render_svg
    from comptoir.foundation.touchpoints.terminal import render_terminal

    declared = _load(file)
    figures = _figures(declared)
    console = Console()
    console.print(render_terminal(declared, figures, columns=console.width))
    if svg is not None:
        svg.write_text(render_svg(declared, figures, language, is_narrow=narrow, is_standalone=True), encoding="utf-8")
        click.echo(f"Drawn into {svg}.")


@command.command(epilog="Example: comptoir map asyncapi --host counter.example > asyncapi.json")
@_FILE
@click.option("--host", default="localhost:8001", show_default=True, help="Where the gateway answers.")
@click.option("--protocol", type=click.Choice(["http", "https"]), default="http", show_default=True)
def asyncapi(file: Path | None, host: str, protocol: str) -> None:
    """Print a map as an AsyncAPI 3 document, for whoever connects a system."""
    from comptoir.foundation.touchpoints.asyncapi import render_asyncapi

    document = render_asyncapi(_load(file), host=host, protocol=protocol)
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


@command.command(epilog="Example: comptoir map personal --json > personal-data.json")
@click.option("--json", "as_json", is_flag=True, help="Print the map as JSON.")
def personal(*, as_json: bool) -> None:
    """Print the map of personal data: what each table says about people, and what becomes of it."""
    from rich.console import Console
    from rich.table import Table

    from comptoir.foundation.rooms.commands import set_up_django
    from comptoir.foundation.rooms.personal import declared_tables

    set_up_django()
    rows = [_personal_row(table, each) for table, each in sorted(declared_tables().items())]
    if as_json:
        click.echo(json.dumps({"tables": rows}, indent=2, ensure_ascii=False))
        return
    shown = Table(box=None, pad_edge=False)
    for heading in ("table", "classes of data", "in a copy", "forgetting", "kept until"):
        shown.add_column(heading, overflow="fold")
    for row in rows:
        if row["columns"]:
            classes = ", ".join(sorted(set(row["columns"].values()) - {"mechanical"}))
            shown.add_row(row["table"], classes, row["exported"], row["erased"], row["kept_until"])
    Console().print(shown)
    click.echo(f"{sum(not row['columns'] for row in rows)} further tables say nothing about anybody.")


def _personal_row(table: str, declared: Personal | NothingPersonal | None) -> dict[str, Any]:
    from comptoir.foundation.rooms.personal import Personal

    if not isinstance(declared, Personal):
        return {"table": table, "columns": {}, "because": "" if declared is None else declared.because}
    return {
        "table": table,
        "columns": dict(declared.columns),
        "subject": declared.subject,
        "whose": str(declared.whose),
        "sealed": sorted(declared.sealed),
        "exported": str(declared.exported),
        "section": declared.section,
        "erased": str(declared.erased),
        "kept_until": declared.kept.until,
        "kept_days": declared.kept.days,
        "because": declared.because,
    }


def _path(file: Path | None) -> Path:
    """Return the file that is meant: without a map of its own, whoever looks around sees the demo shop's."""
    from comptoir.config import registry
    from comptoir.foundation.touchpoints.reading import map_path

    own = file or map_path()
    is_asked_for = file is not None or "COMPTOIR_MAP" in os.environ
    return own if is_asked_for or own.exists() else registry.example_map_path()


def _load(file: Path | None) -> TouchpointMap:
    """Read a map, or say what is wrong with it and end."""
    from comptoir.config import registry
    from comptoir.foundation.touchpoints.errors import MapContradictsItself

    path = _path(file)
    try:
        return registry.shop_map(path)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be read: {error.strerror or error}") from None
    except MapContradictsItself as error:
        for fault in error.faults:
            place = click.style(f"{path}:{fault.line}", bold=True)
            click.echo(f"{place}: {fault.field or 'the map'}: {click.style(fault.name, fg='red')}", err=True)
            click.echo(f"    {fault.message}", err=True)
        count = len(error.faults)
        click.echo(
            f"\n{count} {'fault' if count == 1 else 'faults'}; docs/touchpoints.md explains each name.", err=True
        )
        raise SystemExit(1) from None


def _figures(declared: TouchpointMap) -> MapFigures | None:
    """Return the live figures, or nothing where no database is running or it has no tables yet."""
    import psycopg

    from comptoir.foundation.kernel import database, embedded
    from comptoir.foundation.rooms.declaration import COUNTER
    from comptoir.foundation.touchpoints import queries

    if database.is_embedded() and not embedded.is_running():
        return None
    try:
        with database.connect(COUNTER.role) as connection:
            return queries.figures(connection, declared=declared, now=dt.datetime.now(dt.UTC))
    except psycopg.Error:
        return None
