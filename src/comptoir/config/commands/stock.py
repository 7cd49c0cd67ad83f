"""``comptoir import stock`` and ``comptoir stock export``: counts and shelf places, in from a list and out as one."""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from pathlib import Path
from typing import Any

import click

_REFUSED_EXAMPLES = 5


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
    from comptoir.config.commands.catalog import report_refused, send_recording
    from comptoir.config.replaying import progress, recordings
    from comptoir.config.shelving import counting
    from comptoir.config.shelving.contracts import ListError

    began = time.monotonic()
    moment = (at or dt.datetime.fromtimestamp(int(file.stat().st_mtime), dt.UTC)).replace(tzinfo=dt.UTC)
    read = counting.StockRead()
    events = counting.events(file, source=source, at=moment, read=read)
    path = out or recordings.folder() / f"{file.stem}.stock.jsonl.gz"
    output = progress.console()
    try:
        if dry_run:
            count = sum(1 for _ in events)
        else:
            with progress.Bar("Reading", total=None, output=output) as bar:
                count = recordings.write(path, bar.counted(event.encode() for event in events))
    except (ListError, OSError) as error:
        raise click.ClickException(f"{file}: {error}") from None
    result: dict[str, Any] = {
        "rows": read.rows, "counted": read.counted, "placed": read.placed, "stores": read.stores, "events": count,
        "refused": len(read.refused),
    }  # fmt: skip
    output.print(
        f"{read.counted:,} counted and {read.placed:,} placed in {read.stores:,} stores;"
        f" {len(read.refused):,} rows refused, in {time.monotonic() - began:.1f} s."
    )
    for refused in read.refused[:_REFUSED_EXAMPLES]:
        output.print(f"line {refused.line}: {refused.reason} {refused.column} {refused.detail}", markup=False)
    if report is not None:
        report_refused(report, file.name, read.refused)
        output.print(f"Every refused row stands in {report}.", soft_wrap=True)
    if not dry_run:
        result["recording"] = str(path)
        result |= send_recording(path, gateway) if send else {}
        if not send:
            output.print(f"Send it with: comptoir replay {path}", soft_wrap=True)
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")


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
