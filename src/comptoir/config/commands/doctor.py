"""``comptoir doctor``: what must always hold, checked on the live data."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.table import Table

from comptoir.config.checking import Report, check_house
from comptoir.foundation.kernel import codec, database
from comptoir.foundation.rooms.commands import set_up_django


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(*, as_json: bool) -> None:
    r"""Check on the live data everything that must always hold. Changes nothing; ends with 1 if something does not.

    \b
    Examples:
      comptoir doctor
      comptoir doctor --json
    """
    set_up_django()  # the declaration of grants stands with the models
    console = Console(stderr=True)
    with database.server(), console.status("Checking") as status:
        report = check_house(progress=lambda name: status.update(f"Checking: {name.replace('_', ' ')}"))
    if as_json:
        click.echo(codec.encode(report))
    else:
        _show(report)
    if not report.healthy:
        sys.exit(1)


def _show(report: Report) -> None:
    console = Console()
    table = Table(box=None, pad_edge=False, show_header=False)
    for check in report.checks:
        verdict = "[green]holds[/]" if check.holds else f"[bold red]broken {check.broken:,} times[/]"
        table.add_row(verdict, check.meaning, f"[dim]{check.seconds:.2f} s[/]")
        for detail in check.details:
            table.add_row("", f"[red]{detail}[/]", "")
    console.print(table)
    console.print(f"{report.server}; {report.processes}.")
    console.print("[green]Everything holds.[/]" if report.healthy else "[bold red]Something does not hold.[/]")
