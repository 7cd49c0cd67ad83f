"""``comptoir import stock`` and ``comptoir stock export``: counts and shelf places, in from a list and out as one."""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from pathlib import Path

import click


@click.command("stock", epilog="Example: comptoir import stock inventory.csv --send")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", default="/webshop", show_default=True, help="Who counted, as the map of links has it.")
@click.option("--at", type=click.DateTime(), help="When it was counted, in UTC. Unset: when the file was changed last.")
@click.option("--dry-run", is_flag=True, help="Count and show what would be refused. Nothing is written or sent.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write every refused row to a CSV.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The recording to write.")
@click.option("--send", is_flag=True, help="Send the recording at once.")
@click.option("--gateway", envvar="COMPTOIR_GATEWAY", default="http://localhost:8001", show_default=True, metavar="URL")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def import_stock(
    *,
    file: Path,
    source: str,
    at: dt.datetime | None,
    dry_run: bool,
    report: Path | None,
    out: Path | None,
    send: bool,
    gateway: str,
    as_json: bool,
) -> None:
    """Take in what FILE counts and where it lies: a CSV with store, sku, quantity, aisle, shelf.

    It becomes a recording, which --send or `comptoir replay` sends. The latest count of each article holds; what was
    sold since it was taken is weighed, also if it is told first.
    """
    from comptoir.config.commands.catalog import take_in
    from comptoir.config.replaying import recordings
    from comptoir.config.shelving import counting

    began = time.monotonic()
    moment = (at or dt.datetime.fromtimestamp(int(file.stat().st_mtime), dt.UTC)).replace(tzinfo=dt.UTC)
    read = counting.StockRead()
    events = counting.events(file, source=source, at=moment, read=read)
    take_in(
        file, events, read, out or recordings.folder() / f"{file.stem}.stock.jsonl.gz", began=began, dry_run=dry_run,
        report=report, send=send, gateway=gateway, as_json=as_json,
        said=lambda: f"{read.counted:,} counted and {read.placed:,} placed in {read.stores:,} stores",
    )  # fmt: skip


@click.group(epilog="Example: comptoir stock export inventory.csv")
def command() -> None:
    """Take the stock along."""


@command.command(epilog="Example: comptoir stock export inventory.csv")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def export(*, file: Path, as_json: bool) -> None:
    """Write what is on hand of every article into FILE, and where it lies; `comptoir import stock` reads it again."""
    from comptoir.config.replaying import progress
    from comptoir.config.shelving import counting
    from comptoir.foundation.kernel import database
    from comptoir.foundation.rooms.declaration import SQUARE

    output = progress.console()
    try:
        with (
            database.server(),
            progress.Bar("Writing", total=None, output=output) as bar,
            database.connect(SQUARE.role) as connection,
        ):
            count = counting.write(connection, file, passed=bar.at)
    except OSError as error:
        raise click.ClickException(str(error)) from None
    output.print(f"{count:,} articles in {file}.", soft_wrap=True)
    if as_json:
        sys.stdout.write(json.dumps({"file": str(file), "written": count}) + "\n")
