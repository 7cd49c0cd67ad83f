"""``comptoir bench``: figures, each beside a reference measured in the same run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from comptoir.config.benching import (
    campaign,
    coupons,
    forget,
    growth,
    ledger,
    link,
    recommendations,
    segments,
    shop,
    square,
    vault,
)
from comptoir.foundation.kernel import codec

_BENCHMARKS: dict[str, Callable[..., Any]] = {
    "ledger": ledger.measure,
    "coupons": coupons.measure,
    "link": link.measure,
    "growth": growth.measure,
    "vault": vault.measure,
    "forget": forget.measure,
    "square": square.measure,
    "campaign": campaign.measure,
    "segments": segments.measure,
    "shop": shop.measure,
    "recommendations": recommendations.measure,
}


@click.command()
@click.argument("name", type=click.Choice(list(_BENCHMARKS)))
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--seconds", type=click.FloatRange(1, 600), default=10.0, show_default=True, help="Length of a round.")
@click.option("--customers", type=click.IntRange(1_000, 10_000_000), help="How many customers the house has.")
@click.option("--posts", type=click.IntRange(1_000, 10_000_000), help="How many posts the square has.")
@click.option("--events", type=click.IntRange(1_000, 100_000_000), help="How many events there are to forget among.")
@click.option(
    "--lake", type=click.Path(path_type=Path, file_okay=False),
    help="A folder that keeps the lake of segments for the next time.",
)  # fmt: skip
def command(
    *, name: str, as_json: bool, seconds: float, customers: int | None, events: int | None, posts: int | None,
    lake: Path | None,
) -> None:  # fmt: skip
    r"""Measure the house in a folder of its own, one of its parts at a time. Takes minutes.

    Absolute figures depend on the machine and on what else it does; the ratios hold.

    \b
    Examples:
      comptoir bench ledger
      comptoir bench coupons --json
      comptoir bench link --json
      comptoir bench growth --seconds 20
      comptoir bench vault --json
      comptoir bench forget --customers 10000 --events 100000
      comptoir bench square --json
      comptoir bench campaign --customers 100000
      comptoir bench segments --customers 100000
      comptoir bench segments --lake /var/tmp/lake
      comptoir bench shop --json
      comptoir bench recommendations --json
    """
    if events is not None and name != "forget":
        raise click.UsageError("--events is for forget")
    if lake is not None and name != "segments":
        raise click.UsageError("--lake is for segments")
    if posts is not None and name != "square":
        raise click.UsageError("--posts is for square")
    console = Console(stderr=True)
    options: dict[str, Any] = {"seconds": seconds}
    if customers is not None:
        if name in {"vault", "shop", "recommendations"}:
            raise click.UsageError(f"--customers is not for {name}.")
        options["customers"] = customers
    if events is not None:
        options["events"] = events
    if lake is not None:
        options["lake"] = lake
    if posts is not None:
        options["posts"] = posts
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
        elif isinstance(value, msgspec.Struct):
            for key, each in msgspec.structs.asdict(value).items():
                table.add_row(f"{field} {key}".replace("_", " "), _figure(each))
        else:
            table.add_row(field.replace("_", " "), _figure(value))
    Console().print(table)


def _figure(value: object) -> str:
    if isinstance(value, list):
        return "  ".join(_figure(each) for each in value)
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
