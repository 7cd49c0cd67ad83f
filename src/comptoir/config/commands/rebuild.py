"""``comptoir rebuild``: every derived table anew from the log."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from comptoir.config.rebuilding import Rebuilt, rebuild
from comptoir.foundation.kernel import codec, database


@click.command()
@click.option("--check", is_flag=True, help="Compare only, and leave everything as it is; exit 1 if anything differs.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(*, check: bool, as_json: bool) -> None:
    r"""Make every derived table anew from the log, and say whether anything came out different.

    \b
    Examples:
      comptoir rebuild
      comptoir rebuild --check --json
    """
    console = Console(stderr=True)
    with database.server(), _progress(console) as bar:
        task = bar.add_task("Reading the log", total=None)
        result = rebuild(progress=lambda done, total: bar.update(task, completed=done, total=total), keep=not check)
    if as_json:
        click.echo(codec.encode(result))
    else:
        _show(console, result)
    if check and result.changed:
        sys.exit(1)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    )


def _show(console: Console, result: Rebuilt) -> None:
    table = Table(box=None, pad_edge=False)
    for heading, justify in (("table", "left"), ("rows", "right"), ("", "left")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for name, digest in result.tables.items():
        verdict = "[yellow]differs from before[/]" if name in result.changed else "[green]identical[/]"
        table.add_row(name, f"{digest.rows:,}", verdict)
    console.print(table)
    console.print(f"{result.events:,} events in {result.seconds:.1f} s, {result.events_per_second:,.0f} a second.")
