"""``comptoir import stackexchange`` and its kin: a community is carried here from another place."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

    from comptoir.config.carrying.contracts import Source
    from comptoir.square.community.pictures import Developed

_Command = TypeVar("_Command", bound=Callable[..., Any])
_LANGUAGES = click.Choice(["en", "ja", "fr"])


def _shared(function: _Command) -> _Command:
    """Give a format's command the options that all of them have."""
    for option in reversed((
        click.option("--place", help="The host of the place, such as meta.example.org; unset, the files say it."),
        click.option("--language", type=_LANGUAGES, default="en", show_default=True,
                     help="The language of a text that does not show its own."),
        click.option("--dry-run", is_flag=True, help="Read and count everything. Nothing is sent."),
        click.option("--report", type=click.Path(dir_okay=False, path_type=Path),
                     help="Write every post that was refused to a CSV, with the reason."),
        click.option("--gateway", envvar="COMPTOIR_GATEWAY", default="http://localhost:8001", show_default=True,
                     metavar="URL"),
        click.option("--key", envvar="COMPTOIR_KEY", show_envvar=True, help="The key of the touchpoint `carried`."),
        click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object."),
    )):  # fmt: skip
        function = option(function)
    return function


@click.command(epilog="Example: comptoir import stackexchange french.meta.stackexchange.com --language fr --dry-run")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_shared
def stackexchange(*, folder: Path, place: str | None, language: str, **options: Any) -> None:
    """Carry a Stack Exchange site here, from the folder of its public dump.

    Questions, answers, comments as replies, the answers that helped, votes in sums, tags as topics, each with its
    author's public name, its address and its licence. Nothing else about people is taken, and nobody who wrote
    nothing. Carrying the same dump again changes nothing.
    """
    from comptoir.config.carrying.stackexchange import StackExchange, place_of

    host = place or place_of(folder)
    if host is None:
        raise click.UsageError(f"{folder} does not say of which site it is; name it with --place")
    _carry(lambda passed: StackExchange(folder, host, language=language, passed=passed), **options)


@click.command(epilog="Example: comptoir import discourse category-export.json --place forum.example.org --dry-run")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--licence", help="Under what the forum publishes its posts, such as 'CC BY-NC-SA 4.0'.")
@_shared
def discourse(*, file: Path, licence: str | None, place: str | None, language: str, **options: Any) -> None:
    """Carry categories or topics of a Discourse forum here, from the JSON that its own script writes.

    On the forum's machine: script/discourse export_category ID, or export_topics ID. Of its users only the names under
    which they wrote are read. Carrying the same file again changes nothing.
    """
    from comptoir.config.carrying.discourse import Discourse

    if place is None:
        raise click.UsageError("the file does not say of which forum it is; name it with --place")
    _carry(lambda passed: Discourse(file, place, language=language, licence=licence, passed=passed), **options)


@click.command(epilog="Example: comptoir import community square-2026 --dry-run")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_shared
def community(*, folder: Path, place: str | None, language: str, **options: Any) -> None:  # noqa: ARG001 - it says both
    """Carry another shop's square here, from what `comptoir community export` wrote."""
    from comptoir.config.carrying.archive import Archive

    with contextlib.ExitStack() as stack:
        keep = None if options["dry_run"] or not (folder / "pictures").is_dir() else _keeper(stack)
        _carry(lambda passed: Archive(folder, passed=passed, keep=keep), **options)


@click.command(epilog="Example: comptoir community export square-2026 --json")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--place", help="The host that the archive names; unset, the square's own.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def export(*, folder: Path, place: str | None, as_json: bool) -> None:
    """Write everything that everybody may read on the square into DIR, in open formats.

    JSON Lines that `comptoir import community` reads, and every conversation as schema.org says it (JSON-LD). Of people
    there are public names and nothing else.
    """
    from comptoir.config.carrying import archive
    from comptoir.config.carrying.contracts import PLACE, CarryingError
    from comptoir.config.replaying import progress
    from comptoir.foundation.kernel import database
    from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
    from comptoir.foundation.rooms import addresses
    from comptoir.foundation.rooms.commands import set_up_django
    from comptoir.foundation.rooms.declaration import SQUARE

    host = place or addresses.origin_of(SQUARE).split("://")[1]
    if not PLACE.fullmatch(host):
        if place:
            raise click.UsageError(f"{place!r} is not the name of a host, such as shop.example")
        host = "square.localhost"
    output = progress.console()
    try:
        with database.server(), progress.Bar("Writing", total=None, output=output) as bar:
            set_up_django()
            with database.connect(SQUARE.role) as connection:
                counts = archive.write(connection, folder, place=host, at=SYSTEM_CLOCK.now(), passed=bar.at)
            counts["threads"] = archive.write_described(folder)
    except (CarryingError, OSError) as error:
        raise click.ClickException(str(error)) from None
    output.print(", ".join(f"{count:,} {name}" for name, count in counts.items()) + f" in {folder}.", soft_wrap=True)
    if as_json:
        sys.stdout.write(json.dumps({"place": host, **counts}) + "\n")


def _keeper(stack: contextlib.ExitStack) -> Callable[[Developed], None] | None:
    """Return what keeps pictures in this shop's database, as the square; nothing where the database is elsewhere."""
    import psycopg

    from comptoir.foundation.kernel import database
    from comptoir.foundation.rooms.declaration import SQUARE
    from comptoir.square.community.store import insert_picture

    try:
        connection = stack.enter_context(database.connect(SQUARE.role))
    except psycopg.OperationalError:
        return None
    return lambda made: insert_picture(connection, made)


def _carry(
    opened: Callable[[Callable[[int], None]], Source],
    *,
    dry_run: bool,
    report: Path | None,
    gateway: str,
    key: str | None,
    as_json: bool,
) -> None:
    from comptoir.config.carrying import taking
    from comptoir.config.carrying.contracts import CarryingError
    from comptoir.config.commands.replay import keyring_of
    from comptoir.config.replaying import progress, sending

    output = progress.console()
    keyring = None if dry_run else keyring_of(key)
    refusals: list[sending.Refusal] = []
    try:
        with contextlib.ExitStack() as stack:
            if dry_run:
                bar = stack.enter_context(progress.Bar("Reading", total=None, output=output))
                source = opened(bar.at)
                result = taking.take(source, gateway=gateway, keyring=None)
            else:
                shown = stack.enter_context(progress.sending_bar("Carrying"))
                source = opened(lambda _: None)
                result = taking.take(
                    source, gateway=gateway, keyring=keyring, progress=shown, on_refusal=refusals.append
                )
    except CarryingError as error:
        raise click.ClickException(str(error)) from None
    except sending.SendingError as error:
        raise click.ClickException(f"{error}. The same command goes on where it was.") from None
    except OSError as error:
        raise click.ClickException(str(error)) from None
    _say(result, output)
    if report is not None:
        _write_report(report, source, refusals)
        output.print(f"Every refused post stands in {report}.", soft_wrap=True)
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")


def _say(result: dict[str, Any], output: Console) -> None:
    """Say in a few lines what came of it."""
    lines = [f"{result['posts']:,} posts of {result['place']}, in {result['seconds']:.1f} s."]
    for name, value in result.items():
        if isinstance(value, int) and name != "posts":
            lines.append(f"{value:>9,}  {name.replace('_', ' ')}")
    lines += [f"{count:>9,}  left out: {name.replace('_', ' ')}" for name, count in result["left_out"].items()]
    lines += [f"{count:>9,}  refused: {reason.replace('_', ' ')}" for reason, count in result["refused"].items()]
    if sent := result.get("sent"):
        lines.append(f"{sent['accepted']:>9,}  events new here, {sent['duplicates']:,} known already")
        lines += [f"{count:>9,}  refused by the gateway: {name}" for name, count in sent["refused_by_reason"].items()]
    else:
        lines.append("This was a dry run: nothing was sent.")
    for line in lines:
        output.print(line, markup=False, soft_wrap=True)


def _write_report(path: Path, source: Source, refusals: list[Any]) -> None:
    from comptoir.config.commands.reporting import write_rows

    rows = [(post, "import", reason, "", "") for post, reason in source.refused_posts]
    rows += [(each.id, "gateway", each.reason, each.field or "", each.detail) for each in refusals]
    write_rows(path, ["post", "refused_by", "reason", "field", "detail"], rows)
