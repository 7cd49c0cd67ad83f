"""``comptoir replay``: sends a recording through the gateway, as the stores' tills would have."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import datetime as dt
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from comptoir.config.replaying.keyring import Keyring
    from comptoir.config.replaying.recordings import Entry
    from comptoir.config.replaying.sending import Refusal


class _Speed(click.ParamType[float]):
    name = "N|max"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if value == "max":
            return math.inf
        try:
            speed = float(value)
        except ValueError:
            speed = 0.0
        if math.isnan(speed) or speed <= 0:
            self.fail("a number greater than 0, or max", param, ctx)
        return speed


@click.command(epilog="Example: comptoir replay var/shop/recordings/completejourney.jsonl.gz --speed 3600")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--gateway", envvar="COMPTOIR_GATEWAY", default="http://localhost:8001", show_default=True, metavar="URL")
@click.option(
    "--key",
    envvar="COMPTOIR_KEY",
    show_envvar=True,
    help="The touchpoint's key. Better in the environment, where other users cannot see it. Without it, the shop's "
    "keyring is used, in which the demo keeps the keys of its tills.",
)
@click.option(
    "--speed",
    type=_Speed(),
    default="max",
    show_default=True,
    help="Recorded seconds in a second; 3600 is an hour a second.",
)
@click.option("--batch", type=click.IntRange(1, 1000), default=500, show_default=True, help="Events in a request.")
@click.option("--in-flight", type=click.IntRange(1, 16), default=4, show_default=True, help="Requests at a time.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="Stop before this time (UTC).")
@click.option("--resume", is_flag=True, help="Skip what an earlier replay of this file got through, after a check.")
@click.option("--patience", type=click.FloatRange(0), default=600, show_default=True, help="Seconds without an answer.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write every refused event to a CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def command(
    *,
    file: Path,
    gateway: str,
    key: str | None,
    speed: float,
    batch: int,
    in_flight: int,
    until: dt.datetime | None,
    resume: bool,
    patience: float,
    report: Path | None,
    as_json: bool,
) -> None:
    """Send the events of a recording through the gateway, in the order of their time.

    What was sent before is answered with its first outcome and changes nothing, so that a replay can be broken off
    and started again as often as one likes. A busy or restarting gateway is waited for. Exits with 1 if the sending
    could not be finished.
    """
    from comptoir.config.replaying import progress, recordings, sending
    from comptoir.config.replaying.bookmarks import Bookmark
    from comptoir.config.replaying.phone import Phone

    keyring = keyring_of(key)
    end = until.replace(tzinfo=dt.UTC) if until else None

    def entries() -> Iterator[Entry]:
        return recordings.read(file, until=end)

    failure: str | None = None
    output = progress.console()
    with contextlib.ExitStack() as stack:
        on_refusal = stack.enter_context(_refusals_into(report)) if report else None
        try:
            total = sum(1 for _ in entries()) if output.is_terminal else None
        except recordings.RecordingError as error:
            raise click.ClickException(f"{file}: {error}") from None
        sender = sending.Sender(
            gateway,
            keyring,
            phone=Phone.at_hand(),
            batch=batch,
            in_flight=in_flight,
            give_up_seconds=patience,
            progress=stack.enter_context(progress.sending_bar("Replaying", total)),
            on_refusal=on_refusal,
        )
        pace = sending.Pace(speed) if math.isfinite(speed) else None
        try:
            if resume:
                bookmark = Bookmark(f"replay-{recordings.fingerprint(file)}")
                asyncio.run(sender.resume(entries, bookmark, pace=pace))
            else:
                asyncio.run(sender.send(entries(), pace=pace))
        except (sending.SendingError, recordings.RecordingError) as error:
            failure = str(error)
        except KeyboardInterrupt:
            failure = "stopped; the same command goes on, and what was sent is not counted twice"
    output.print(progress.summary(sender.tally))
    if report:
        output.print(f"Every refused event stands in {report}.", soft_wrap=True)
    if as_json:
        sys.stdout.write(json.dumps(sender.tally.as_members() | {"finished": failure is None}) + "\n")
    if failure is not None:
        raise click.ClickException(failure)


def keyring_of(key: str | None) -> Keyring:
    """Return a keyring of the one key that was given, or the shop's; a click error if there is neither."""
    from comptoir.config.replaying.keyring import Keyring, KeyringError, keyring_path

    if key:
        return Keyring.of_one_key(key.strip())
    try:
        keyring = Keyring.load()
    except KeyringError as error:
        raise click.ClickException(str(error)) from None
    if keyring is None:
        raise click.ClickException(f"no key: set COMPTOIR_KEY or give --key (there is no keyring at {keyring_path()})")
    return keyring


@contextlib.contextmanager
def _refusals_into(path: Path) -> Iterator[Any]:
    from comptoir.foundation.kernel.codec import harmless

    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "id", "type", "reason", "field", "detail"])

        def write(refusal: Refusal) -> None:
            cells = (refusal.source, refusal.id, refusal.type, refusal.reason, refusal.field or "", refusal.detail)
            writer.writerow([harmless(cell) for cell in cells])

        yield write
