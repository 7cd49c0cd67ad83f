"""``comptoir staff``: who may sign in, by the one who runs the shop's machine."""

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
    r"""Take staff on, let them go, and make their one-time links.

    \b
    Examples:
      comptoir staff add camille@example.org --name Camille
      comptoir staff link camille@example.org
      comptoir staff forget camille@example.org
      comptoir staff remove camille@example.org
    """


@command.command()
@click.argument("email")
@click.option("--name", required=True, help="What the person is called.")
def add(*, email: str, name: str) -> None:
    """Take a staff member on, and print their first one-time link."""
    with _vault():
        from comptoir.vault.credentials import commands

        commands.take_on(name=name, email=email, now=SYSTEM_CLOCK.now())
        click.echo(commands.one_time_link(email=email, now=SYSTEM_CLOCK.now()))


@command.command()
@click.argument("email")
def link(*, email: str) -> None:
    """Print a link that signs a staff member in once, within ten minutes."""
    with _vault():
        from comptoir.vault.credentials import commands

        click.echo(commands.one_time_link(email=email, now=SYSTEM_CLOCK.now()))


@command.command()
@click.argument("email")
def forget(*, email: str) -> None:
    """Forget a staff member's lost factors; a one-time link then lets them enrol new ones."""
    with _vault():
        from comptoir.vault.credentials import commands

        click.echo(f"{commands.forget_factors(email=email)} factors are forgotten.")


@command.command()
@click.argument("email")
def remove(*, email: str) -> None:
    """Let a staff member go: nothing signs them in any more."""
    with _vault():
        from comptoir.vault.credentials import commands

        commands.let_go(email=email)
        click.echo(f"{email} can no longer sign in.")


@contextlib.contextmanager
def _vault() -> Iterator[None]:
    with database.server():
        set_up_django()
        try:
            yield
        except Problem as problem:
            raise click.ClickException(problem.title()) from None
