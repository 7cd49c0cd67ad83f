"""``comptoir import customers``: brings a shop's customer lists in, sealed, and proposes likely duplicates."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from comptoir.config.listing.mapping import ListMapping
    from comptoir.config.listing.telling import Rows, Told


@click.command(epilog="Example: comptoir import customers clients.csv --mapping clients.toml --dry-run")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--mapping",
    "mapping_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What the columns mean (see docs/importing.md).",
)
@click.option("--dry-run", is_flag=True, help="Show what would come of it. Nothing is kept, sent or proposed.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write every refused row and every cell left out to a CSV, without their values.",
)
@click.option("--send", is_flag=True, help="Tell the counter who is known now, and to what they had agreed.")
@click.option("--gateway", envvar="COMPTOIR_GATEWAY", default="http://localhost:8001", show_default=True, metavar="URL")
@click.option("--key", envvar="COMPTOIR_KEY", show_envvar=True, help="The touchpoint's key, for --send.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def customers(
    *,
    file: Path,
    mapping_file: Path,
    dry_run: bool,
    report: Path | None,
    send: bool,
    gateway: str,
    key: str | None,
    as_json: bool,
) -> None:
    """Import a shop's customer list: of the till, of the web shop, of the newsletter.

    Identifiers become opaque ids at once, contact data is sealed in the vault, and what was agreed to comes along where
    the list proves it. Nobody is joined: likely duplicates are proposed to the staff, in the vault. Importing the same
    list again changes nothing, and one that was broken off goes on.
    """
    from comptoir.config.commands.importing import write_report
    from comptoir.config.listing import mapping, reading, taking
    from comptoir.config.replaying import progress
    from comptoir.config.replaying.mapping import MappingError
    from comptoir.config.replaying.rows import RowsError
    from comptoir.foundation.kernel import database
    from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
    from comptoir.foundation.kernel.problem import Problem
    from comptoir.foundation.rooms.commands import set_up_django

    if dry_run and send:
        raise click.UsageError("--dry-run sends nothing, and --send does")
    output = progress.console()
    began = time.monotonic()
    notes: list[reading.Note] = []
    told = None
    try:
        rules = mapping.load(mapping_file)
        with _steps(output) as steps:
            read = reading.read(file, rules, passed=steps.step("Reading rows", None))
            result = taking.read_summary(read, rules)
            notes += read.notes
            if not dry_run:
                with database.server():
                    set_up_django()
                    kept = taking.take(read, rules, at=SYSTEM_CLOCK.now(), steps=steps)
                    steps.close()
                    if send:
                        told = _told(kept.rows, rules, gateway=gateway, key=key)
                        result["sent"] = told.tally.as_members()
                result |= kept.figures
                notes += kept.notes
    except MappingError as error:
        raise click.ClickException(f"{mapping_file}: {error}") from None
    except (RowsError, OSError) as error:
        raise click.ClickException(f"{file}: {error}") from None
    except Problem as problem:
        raise click.ClickException(" ".join(filter(None, (problem.title(), problem.detail)))) from None
    result["seconds"] = round(time.monotonic() - began, 3)
    _say(result, output, dry_run=dry_run)
    if report is not None:
        write_report(report, file.name, sorted(notes, key=lambda note: note.line), told.notes if told else [])
        output.print(f"Every refused row and every cell left out stands in {report}.", soft_wrap=True)
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")


def _told(rows: Rows, rules: ListMapping, *, gateway: str, key: str | None) -> Told:
    from comptoir.config.commands.replay import keyring_of
    from comptoir.config.listing import telling
    from comptoir.config.replaying import progress, sending
    from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
    from comptoir.vault.lists import commands

    try:
        with progress.sending_bar("Telling the counter") as bar:
            told = telling.tell(
                rows, source=f"/lists/{rules.about.name}", gateway=gateway, keyring=keyring_of(key), progress=bar
            )
    except sending.SendingError as error:
        raise click.ClickException(f"{error}. The list is in the vault; --send again tells the rest.") from None
    commands.tell(told.entries, at=SYSTEM_CLOCK.now())
    return told


class _Bars:
    """One bar after another."""

    def __init__(self, output: Console) -> None:
        self._output = output
        self._open = contextlib.ExitStack()

    def step(self, title: str, total: int | None) -> Callable[[int], None]:
        from comptoir.config.replaying import progress

        self.close()
        return self._open.enter_context(progress.Bar(title, total=total, output=self._output)).at

    def close(self) -> None:
        self._open.close()


@contextlib.contextmanager
def _steps(output: Console) -> Iterator[_Bars]:
    with contextlib.closing(_Bars(output)) as bars:
        yield bars


def _say(result: dict[str, Any], output: Console, *, dry_run: bool) -> None:
    """Say in a few lines what came of it."""
    sums = f"{result['listed']:,} listed + {result['repeated']:,} said twice + {result['refused']:,} refused"
    lines = [f"{result['rows']:,} rows = {sums}, in {result['seconds']:.1f} s."]
    lines += [f"{count:>9,}  refused: {reason}" for reason, count in result["refused_by_reason"].items()]
    lines += [f"{count:>9,}  cells left out: {reason}" for reason, count in result["cells_left_out"].items()]
    lines += [f"{count:>9,}  identifiers: {kind}" for kind, count in result["identifiers"].items()]
    lines += [f"{result['with_contact_data']:>9,}  with contact data"]
    lines += [f"{count:>9,}  consents: {what}" for what, count in result["consents"].items()]
    if result["consents_without_proof"]:
        lines.append(
            f"{result['consents_without_proof']:>9,}  consents that the list does not prove (when, and how they were"
            " given): they give none"
        )
    if result["columns_of_birth"]:
        lines.append(f"Not taken, and not to be taken: {', '.join(result['columns_of_birth'])}. {_INSTEAD}")
    if other := [each for each in result["columns_left_out"] if each not in result["columns_of_birth"]]:
        lines.append(f"Columns that the mapping does not name: {', '.join(other)}.")
    lines += [_NOTHING_KEPT] if dry_run else list(_said_of_kept(result))
    for line in lines:
        output.print(line, markup=False, soft_wrap=True)


_INSTEAD = "No date of birth and no age is kept anywhere; docs/importing.md says what to do instead."
_NOTHING_KEPT = "This was a dry run: nothing was kept, sent or proposed."


def _said_of_kept(result: dict[str, Any]) -> Iterator[str]:
    yield f"{result['new']:>9,}  new in the vault, {result['same']:,} there already"
    if result["forgotten"]:
        yield f"{result['forgotten']:>9,}  asked to be forgotten, and nothing of theirs was taken in"
    if result["consents_stopped"]:
        yield f"{result['consents_stopped']:>9,}  consents to offers by text that a STOP from that number ended later"
    if result["changed_and_kept"]:
        yield (
            f"{result['changed_and_kept']:>9,}  say something else than before; what was there stays"
            ' (list.changed = "replace" would replace it)'
        )
    if result["changed_and_replaced"]:
        yield f"{result['changed_and_replaced']:>9,}  say something else than before, and replaced it"
    if "sent" in result:
        sent = result["sent"]
        yield (
            f"{sent['accepted']:>9,}  events new to the counter (who is known, what was agreed to),"
            f" {sent['duplicates']:,} known, {sent['refused']:,} refused"
        )
    else:
        yield "The counter was not told of it: --send says who is known now, and to what they had agreed."
    if result["proposals"] is not None:
        yield (
            f"{result['proposals']:>9,}  likely duplicates proposed to the staff, of a weight of"
            f" {result['proposals_threshold']:g} or more; {result['compared']:,} entries compared,"
            f" {result['opened_to_compare']:,} earlier ones opened for it. Nobody was joined."
        )
    elif result["proposals_missing"] == "matching":
        yield "No duplicates are proposed: install the extra `matching`, and import the list again."
    else:
        yield "No duplicates are proposed: the list is too large to be compared in memory. Nobody was joined."
