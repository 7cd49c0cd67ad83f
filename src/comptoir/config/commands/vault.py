"""``comptoir vault``: the key that everything in the vault is sealed with: what there is of it, and a new one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from comptoir.foundation.kernel import codec, database
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.commands import set_up_django


@click.group()
def command() -> None:
    r"""Look at the vault's key, and go on to a new one.

    \b
    Examples:
      comptoir vault status --json
      comptoir vault rotate
      comptoir vault rotate --data-keys
    """


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print the state as JSON.")
def status(*, as_json: bool) -> None:
    """Say whether the vault opens, and how many keys are wrapped with which version. Ends with 1 if it is closed."""
    with _vault():
        from comptoir.vault.contacts import rotation

        state = rotation.status()
    if as_json:
        click.echo(codec.encode(state))
    else:
        _show(state)
    if not state.is_open:
        raise SystemExit(1)


@command.command()
@click.option("--data-keys", "with_data_keys", is_flag=True, help="Make every person's data key anew as well.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def rotate(*, with_data_keys: bool, as_json: bool) -> None:
    """Go on to a new version of the key, while the house is open. Broken off, it goes on when called again."""
    bar = Progress(TextColumn("Keys"), BarColumn(), MofNCompleteColumn(), console=Console(stderr=True), transient=True)
    with _vault(), bar:
        from comptoir.vault.contacts import rotation

        task = bar.add_task("", total=None)
        done = rotation.rotate(
            at=SYSTEM_CLOCK.now(),
            with_data_keys=with_data_keys,
            progress=lambda changed, total: bar.update(task, completed=changed, total=total),
        )
    if as_json:
        click.echo(codec.encode(done))
        return
    went_on = ", going on with a rotation that was broken off" if done.was_resumed else ""
    click.echo(f"{done.changed:,} keys are wrapped with version {done.version}{went_on}.")
    click.echo("Keep the former key as long as backups that need it.")


@contextlib.contextmanager
def _vault() -> Iterator[None]:
    with database.server():
        set_up_django()
        try:
            yield
        except Problem as problem:
            raise click.ClickException(problem.detail or problem.title()) from None


def _show(state: object) -> None:
    from comptoir.vault.contacts.rotation import Status

    assert isinstance(state, Status)
    console = Console()
    table = Table(box=None, pad_edge=False)
    for title in ("version", "kept by", "since", "retired", "keys", ""):
        table.add_column(title, justify="right" if title == "keys" else "left")
    for version in state.versions:
        table.add_row(
            str(version.number),
            f"{version.keeper} {version.keeper_number}",
            f"{version.made_at:%Y-%m-%d}",
            f"{version.retired_at:%Y-%m-%d}" if version.retired_at else "",
            f"{version.keys:,}",
            "[green]opens[/]" if version.opens else "[bold red]does not open[/]",
        )
    console.print(table)
    for version in state.versions:
        if version.reason:
            console.print(f"[red]Version {version.number}: {version.reason}[/]", soft_wrap=True)
    console.print(
        f"{state.persons:,} persons, {state.faces:,} faces, {state.pieces:,} pieces, {state.tombstones:,} tombstones."
    )
    if state.is_rotating:
        console.print("[yellow]A rotation is not done: comptoir vault rotate goes on with it.[/]")
    console.print("[green]The vault is open.[/]" if state.is_open else "[bold red]The vault is closed.[/]")
