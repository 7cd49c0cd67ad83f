"""``comptoir bench``: figures, each beside a reference measured in the same run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from comptoir.config.benching import growth, ledger, link
from comptoir.foundation.kernel import codec

_BENCHMARKS: dict[str, Callable[..., Any]] = {
    "ledger": ledger.measure,
    "link": link.measure,
    "growth": growth.measure,
}


@click.command()
@click.argument("name", type=click.Choice(list(_BENCHMARKS)))
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--seconds", type=click.FloatRange(1, 600), default=10.0, show_default=True, help="Length of a round.")
@click.option("--customers", type=click.IntRange(1_000, 10_000_000), help="How many customers the house has.")
def command(*, name: str, as_json: bool, seconds: float, customers: int | None) -> None:
    r"""Measure the house in a folder of its own: ledger, link or growth. Takes minutes.

    Absolute figures depend on the machine and on what else it does; the ratios hold.

    \b
    Examples:
      comptoir bench ledger
      comptoir bench link --json
      comptoir bench growth --seconds 20
    """
    console = Console(stderr=True)
    options: dict[str, Any] = {"seconds": seconds}
    if customers is not None:
        options["customers"] = customers
    with console.status("") as status:

        def say(line: str) -> None:
            status.update(line)

        figures = _BENCHMARKS[name](say, **options)
    if as_json:
        click.echo(codec.encode(figures))
    else:
        _show(name, figures)


def _show(name: str, figures: msgspec.Struct) -> None:
    table = Table(title=f"bench {name}", box=None, pad_edge=False, show_header=False, title_justify="left")
    for field, value in msgspec.structs.asdict(figures).items():
        if isinstance(value, dict):
            for key, each in value.items():
                table.add_row(f"{field.replace('_', ' ')} {key}", _figure(each))
        else:
            table.add_row(field.replace("_", " "), _figure(value))
    Console().print(table)


def _figure(value: object) -> str:
    if isinstance(value, list):
        return "  ".join(_figure(each) for each in value)
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
