"""``comptoir import catalog`` and ``comptoir catalog export``: what the shop sells, in from a list and out as one."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from comptoir.config.replaying.recordings import Event
    from comptoir.config.shelving.contracts import Refused
    from comptoir.config.shelving.counting import StockRead
    from comptoir.config.shelving.reading import ListRead

_FORMS = click.Choice(["csv", "shopify", "jsonld"])
_REFUSED_EXAMPLES = 5


@click.command("catalog", epilog="Example: comptoir import catalog products.csv --currency EUR --send")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "form", type=_FORMS, default="csv", show_default=True, help="How the list is written.")
@click.option("--currency", default="", metavar="CODE", help="Of prices that name none, such as EUR.")
@click.option("--language", type=click.Choice(["en", "ja", "fr"]), default="en", show_default=True,
              help="Of words that do not say theirs.")  # fmt: skip
@click.option("--source", default="/webshop", show_default=True, help="Who lists it, as the map of links has it.")
@click.option("--at", type=click.DateTime(), help="When it was said, in UTC. Unset: when the file was changed last.")
@click.option("--dry-run", is_flag=True, help="Count and show what would be refused. Nothing is written or sent.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write every refused row to a CSV.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The recording to write.")
@click.option("--send", is_flag=True, help="Send the recording at once.")
@click.option("--gateway", envvar="COMPTOIR_GATEWAY", default="http://localhost:8001", show_default=True, metavar="URL")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def import_catalog(
    *,
    file: Path,
    form: str,
    currency: str,
    language: str,
    source: str,
    at: dt.datetime | None,
    dry_run: bool,
    report: Path | None,
    out: Path | None,
    send: bool,
    gateway: str,
    as_json: bool,
) -> None:
    """List what FILE says is sold: a CSV of the house's, a Shopify product CSV, or JSON-LD.

    It becomes a recording, which --send or `comptoir replay` sends. The last word on a product holds: with a file that
    is older than what was said since, nothing changes.
    """
    from comptoir.config.replaying import recordings
    from comptoir.config.shelving import reading

    began = time.monotonic()
    moment = (at or dt.datetime.fromtimestamp(int(file.stat().st_mtime), dt.UTC)).replace(tzinfo=dt.UTC)
    read = reading.ListRead()
    events = reading.events(
        file, form=form, source=source, at=moment, language=language, currency=currency, read=read
    )  # fmt: skip
    take_in(
        file, events, read, out or recordings.folder() / f"{file.stem}.catalog.jsonl.gz", began=began, dry_run=dry_run,
        report=report, send=send, gateway=gateway, as_json=as_json,
        said=lambda: (
            f"{read.products:,} products with {read.variants:,} variants in {read.categories:,} categories"
        ),
    )  # fmt: skip


def take_in(
    file: Path,
    events: Iterator[Event],
    read: ListRead | StockRead,
    path: Path,
    *,
    began: float,
    dry_run: bool,
    report: Path | None,
    send: bool,
    gateway: str,
    as_json: bool,
    said: Callable[[], str],
) -> None:
    """Make a recording out of a list's events, and send it if that is wanted; say what came of it.

    ``read`` counts along with the events; ``said`` tells it in words, and is asked when all of them were read.
    """
    from comptoir.config.replaying import progress, recordings
    from comptoir.config.shelving.contracts import ListError

    output = progress.console()
    try:
        if dry_run:
            count = sum(1 for _ in events)
        else:
            with progress.Bar("Reading", total=None, output=output) as bar:
                count = recordings.write(path, bar.counted(event.encode() for event in events))
    except (ListError, OSError) as error:
        raise click.ClickException(f"{file}: {error}") from None
    result: dict[str, Any] = {**msgspec.structs.asdict(read), "events": count, "refused": len(read.refused)}
    output.print(f"{said()}; {len(read.refused):,} rows refused, in {time.monotonic() - began:.1f} s.")
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


def send_recording(path: Path, gateway: str) -> dict[str, Any]:
    """Send a recording, one batch after the other; returns how many of its events were accepted, refused, known."""
    from comptoir.config.commands.replay import keyring_of
    from comptoir.config.replaying import progress, recordings, sending

    with progress.sending_bar("Sending") as bar:
        # One batch after the other: a product comes after its category.
        sender = sending.Sender(gateway, keyring_of(None), in_flight=1, progress=bar)
        try:
            asyncio.run(sender.send(recordings.read(path)))
        except sending.SendingError as error:
            raise click.ClickException(f"{error}; go on with: comptoir replay {path}") from None
    progress.console().print(progress.summary(sender.tally))
    tally = sender.tally.as_members()
    return {f"sent_{name}": tally[name] for name in ("accepted", "refused", "duplicates")}


def report_refused(path: Path, name: str, refused: list[Refused]) -> None:
    """Write every refused row of a list to a CSV."""
    from comptoir.config.commands.reporting import write_rows

    in_order = sorted(refused, key=lambda each: each.line)
    rows = ([name, each.line, each.reason, each.column, each.detail] for each in in_order)
    write_rows(path, ["file", "line", "reason", "column", "detail"], rows)


@click.group(epilog="Example: comptoir catalog export products.csv")
def command() -> None:
    """Take the catalog along."""


@command.command(epilog="Example: comptoir catalog export products.jsonl --format jsonld")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--format", "form", type=click.Choice(["csv", "jsonld"]), default="csv", show_default=True,
              help="A row for each variant, or a product a line as schema.org says it.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def export(*, file: Path, form: str, as_json: bool) -> None:
    """Write everything that is listed into FILE; `comptoir import catalog` reads it again."""
    from comptoir.config.replaying import progress
    from comptoir.config.shelving import writing
    from comptoir.foundation.kernel import database
    from comptoir.foundation.rooms import addresses
    from comptoir.foundation.rooms.commands import set_up_django
    from comptoir.foundation.rooms.declaration import SQUARE

    output = progress.console()
    try:
        with database.server(), progress.Bar("Writing", total=None, output=output) as bar:
            set_up_django()
            with database.connect(SQUARE.role) as connection:
                origin = addresses.origin_of(SQUARE)
                if form == "csv":
                    count = writing.write_csv(connection, file, origin=origin, passed=bar.at)
                else:
                    count = writing.write_jsonld(connection, file, origin=origin, passed=bar.at)
    except OSError as error:
        raise click.ClickException(str(error)) from None
    output.print(f"{count:,} {'variants' if form == 'csv' else 'products'} in {file}.", soft_wrap=True)
    if as_json:
        sys.stdout.write(json.dumps({"file": str(file), "written": count}) + "\n")
