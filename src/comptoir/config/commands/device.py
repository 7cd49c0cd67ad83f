"""``comptoir device``: the shop's own devices that may ask people to let them read something."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import click

from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.commands import set_up_django


@click.group()
def command() -> None:
    r"""Register the shop's own readers, kiosks and tills, list them, and remove them.

    \b
    Examples:
      comptoir device register "Kiosk by the door" --store /stores/7 --scope points:read
      comptoir device register "Till 2" --store /stores/7 --scope name:read
      comptoir device list
      comptoir device remove 5f0c...
    """


@command.command()
@click.argument("name")
@click.option("--store", required=True, help="The source of the store where it stands, such as /stores/7.")
@click.option("--scope", "scopes", multiple=True, required=True, help="What it may read; may be given several times.")
@click.option("--own", is_flag=True, help="A device that one person carries, not a screen that others see too.")
def register(*, name: str, store: str, scopes: tuple[str, ...], own: bool) -> None:
    r"""Register a device, and print its number and its key, once.

    \b
    Example:
      comptoir device register "Kiosk by the door" --store /stores/7 --scope points:read --scope answers:read
    """
    with _vault():
        from comptoir.vault.devices import commands

        number, key = commands.register(
            name=name, store=store, scopes=scopes, is_shared=not own, now=SYSTEM_CLOCK.now()
        )
        click.echo(f"number: {number}")
        click.echo(f"key:    {key}")
        click.echo("The key is not shown again.")


@command.command(name="list")
def list_() -> None:
    """List the shop's devices: number, store, name, and what each may read."""
    with _vault():
        from comptoir.foundation.rooms.current import entered
        from comptoir.foundation.rooms.declaration import VAULT
        from comptoir.vault.devices import queries

        with entered(VAULT):
            for each in queries.devices():
                click.echo(f"{each.pk}  {each.store}  {each}  {' '.join(each.client.get_scopes())}")


@command.command()
@click.argument("number")
def remove(*, number: str) -> None:
    """Remove a device: whatever it could read, it reads no more."""
    with _vault():
        from comptoir.vault.devices import commands

        ended = commands.remove(device=number, now=SYSTEM_CLOCK.now())
        click.echo(f"{number} is removed; {ended} people had let it read something.")


@contextlib.contextmanager
def _vault() -> Iterator[None]:
    with database.server():
        set_up_django()
        try:
            yield
        except Problem as problem:
            raise click.ClickException(problem.title()) from None
