"""``comptoir community``: how the square does, the filter that helps to look after it, and what is said taken along."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import click
import msgspec
from rich.console import Console
from rich.table import Table

from comptoir.config.commands.carrying import export
from comptoir.config.commands.filtering import filter_
from comptoir.foundation.kernel import codec, database
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.square.health import figures, honesty
from comptoir.square.health.figures import Health, Place, Safety
from comptoir.square.health.rules import Figure


@click.group()
def command() -> None:
    r"""Look at how the square does, or take it along.

    \b
    Examples:
      comptoir community health
      comptoir community health --weeks 12 --until 2026-06-01 --json
      comptoir community export square-2026
      comptoir community filter --evaluate data/sms_spam --json
    """


command.add_command(filter_)
command.add_command(export)


@command.command()
@click.option("--weeks", type=click.IntRange(1, figures.SPAN_WEEKS_MAX), default=figures.SPAN_WEEKS, show_default=True,
              help="Over how many weeks.")  # fmt: skip
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="As it was at the beginning of this day, in UTC.")
@click.option("--json", "as_json", is_flag=True, help="Print every figure, week and cohort as JSON.")
def health(*, weeks: int, until: dt.datetime | None, as_json: bool) -> None:
    """Print who begins, who answers and who comes back, each with what it was made of and how sure it is."""
    moment = SYSTEM_CLOCK.now() if until is None else until.replace(tzinfo=dt.UTC)
    with database.server(), database.connect(OFFICE.role) as connection:
        found = figures.health(connection, until=moment, span_weeks=weeks)
        safety = figures.safety(connection, until=moment, span_weeks=weeks)
        advice = honesty.honesty(connection, until=moment)
        compared = honesty.compared(connection, until=moment)
    if as_json:
        told = {**msgspec.to_builtins(found), "safety": msgspec.to_builtins(safety)}
        told |= {"honest_advice": msgspec.to_builtins(advice)}
        click.echo(codec.encode({**told, "honest_advice_compared": msgspec.to_builtins(compared)}))
    else:
        _show(found, safety)


def _show(found: Health, safety: Safety) -> None:
    console = Console()
    console.print(f"The {found.span_weeks} weeks before {found.until:%Y-%m-%d %H:%M} UTC.")
    _show_place(console, "Said here", found.here)
    if found.imported is not None:
        _show_place(console, "Brought from elsewhere", found.imported)
    _show_figures(console, "Looked after", safety.figures)
    console.print(f"{safety.reporters} reporters whose flags were decided; {safety.held} posts are held now.")
    console.print(f"Next: {found.advice.replace('_', ' ')}{'' if found.is_sure else ' (cannot tell yet)'}")


def _show_place(console: Console, title: str, place: Place) -> None:
    _show_figures(console, title, place.figures)
    console.print(
        f"{place.contributors} contributors, {place.newcomers} of them new; {place.waiting} conversations wait for a"
        f" first word; half of it was written by {place.half_writers}."
    )


def _show_figures(console: Console, title: str, shown: Mapping[str, Figure]) -> None:
    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for name in ("", "value", "made of", "95 % interval"):
        table.add_column(name, justify="left" if not name else "right")
    for name, figure in shown.items():
        table.add_row(name.replace("_", " "), *_told(figure))
    console.print(table)


def _told(figure: Figure) -> tuple[str, str, str]:
    made_of = f"{figure.numerator:g} / {figure.denominator:g}"
    if figure.value is None:
        return "–", made_of, ""
    interval = figure.interval
    return f"{figure.value:.2f}", made_of, "" if interval is None else f"{interval.low:.2f} – {interval.high:.2f}"
