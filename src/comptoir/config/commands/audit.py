"""``comptoir audit``: who did what to whose data, and whether that record is as it was written."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

import click
import psycopg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from comptoir.foundation.events import audit, checkpoints
from comptoir.foundation.events.verifying import Finding, verify
from comptoir.foundation.kernel import codec, database
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import OFFICE

_NOTE_BYTES_MAX = 64 * 1024


@click.group()
def command() -> None:
    r"""Check the audit chain, and read in it.

    \b
    Examples:
      comptoir audit verify
      comptoir audit verify --against checkpoint.txt --json
      comptoir audit show --last 20
      comptoir audit show --subject 0198a7c2-5d1e-7b3a-9c4f-2e6d8f0a1b3c
      comptoir audit prove 4711 > proof.json
      comptoir audit resume --purpose "backup of 3 March restored after the disk failed"
      comptoir audit key
    """


@command.command("verify")
@click.option(
    "--against",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with a checkpoint that was kept elsewhere.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the finding as JSON.")
def verify_chain(*, against: Path | None, as_json: bool) -> None:
    """Check every entry against the chain and the signed checkpoints; name the first bad one, and end with 1 then."""
    note = None
    if against is not None:
        if against.stat().st_size > _NOTE_BYTES_MAX:
            raise click.ClickException(f"{against.name} is too large to be a checkpoint.")
        note = against.read_text(errors="replace").rstrip("\n") + "\n"
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    )
    with database.server(), bar, psycopg.connect(database.owner_conninfo()) as connection:
        connection.execute("set transaction isolation level repeatable read, read only")
        task = bar.add_task("Reading the chain", total=None)
        finding = verify(
            connection,
            against=note,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if as_json:
        click.echo(codec.encode(finding))
    else:
        _tell(finding)
    if not finding.holds:
        sys.exit(1)


@command.command()
@click.option("--subject", type=click.UUID, help="Only what concerns this person, by the vault's id.")
@click.option("--last", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many entries.")
@click.option("--json", "as_json", is_flag=True, help="Print one entry a line, as JSON.")
def show(*, subject: uuid.UUID | None, last: int, as_json: bool) -> None:
    """Print the newest entries, the oldest of them first."""
    query = (
        "select number, content from events_audit where %(subject)s::uuid is null or subject = %(subject)s"
        " order by number desc limit %(last)s"
    )
    with database.server(), psycopg.connect(database.owner_conninfo()) as connection:
        rows = connection.execute(query, {"subject": subject, "last": last}).fetchall()
    for number, content in reversed(rows):
        if as_json:
            click.echo(codec.encode({"number": number, **codec.decode(content, dict)}))
            continue
        entry = audit.read(content)
        whose = "" if entry.subject is None else f" of {entry.subject}"
        detail = "".join(f"; {key}: {value}" for key, value in entry.detail.items())
        when = f"{entry.at:%Y-%m-%d %H:%M:%S}"
        click.echo(f"{number} {when} {entry.room} {entry.actor} {entry.action}{whose}: {entry.purpose}{detail}")


@command.command()
@click.argument("number", type=click.IntRange(min=0))
def prove(*, number: int) -> None:
    """Print, as JSON, what proves to anybody that entry NUMBER is in the chain: the entry, a path, a signed checkpoint.

    Hash the entry as RFC 6962 hashes a leaf, then along the path: the result is the root of the checkpoint.
    """
    with database.server(), psycopg.connect(database.owner_conninfo()) as connection:
        row = connection.execute("select content from events_audit where number = %s", (number,)).fetchone()
    try:
        proven = checkpoints.prove(number)
    except (checkpoints.OutOfStep, checkpoints.NoteInvalid) as error:
        raise click.ClickException(f"{error}; comptoir audit verify says more.") from None
    if row is None or proven is None:
        raise click.ClickException("There is no such entry, or no checkpoint covers it yet.")
    note, proof = proven
    click.echo(
        codec.encode({"number": number, "entry": row[0], "proof": [each.hex() for each in proof], "checkpoint": note})
    )


@command.command()
@click.option("--purpose", required=True, help="Why: which backup was restored, and what had happened.")
def resume(*, purpose: str) -> None:
    """Let the chain go on after an older backup was restored: what was lost is set aside as evidence, and recorded."""
    with database.server(), database.connect(OFFICE.role) as connection:
        try:
            resumed = checkpoints.resume(connection, actor="operator", purpose=purpose, at=SYSTEM_CLOCK.now())
        except (checkpoints.OutOfStep, checkpoints.NoteInvalid) as error:
            raise click.ClickException(f"{error}; comptoir audit verify says more. Nothing was changed.") from None
        except Problem as problem:
            raise click.ClickException(problem.detail or problem.title()) from None
    if resumed is None:
        click.echo("Nothing that was signed is missing.")
    else:
        click.echo(f"The chain goes on behind {resumed.entries} entries. {resumed.lost} signed ones were lost.")
        click.echo(f"What is known of them lies in {', '.join(resumed.kept_aside)}.")


@command.command()
def key() -> None:
    """Print the public key that checkpoints are signed with, for whoever checks them elsewhere (C2SP signed-note)."""
    click.echo(checkpoints.verifier_key())


def _tell(finding: Finding) -> None:
    console = Console()
    console.print(
        f"{finding.entries:,} entries; {finding.signed:,} are covered by {finding.checkpoints:,} signed checkpoints."
    )
    for sentence in finding.sentences:
        console.print(f"[bold red]{sentence[0].upper()}{sentence[1:]}.[/]")
    if finding.holds:
        console.print("[green]The chain is as it was written.[/]")
