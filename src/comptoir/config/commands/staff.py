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
      comptoir staff provider check
    """


@command.command()
@click.argument("email")
@click.option("--name", required=True, help="What the person is called.")
def add(*, email: str, name: str) -> None:
    """Take a staff member on, and print their first one-time link. Nobody on the square can be called so any more."""
    with _vault():
        from comptoir.config.equipping import reserve_staff_names
        from comptoir.vault.credentials import commands

        commands.take_on(name=name, email=email, now=SYSTEM_CLOCK.now())
        reserve_staff_names()
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


@command.group()
def provider() -> None:
    r"""Let staff sign in with the shop's own identity provider (OpenID Connect), as openid.toml declares it.

    \b
    Examples:
      comptoir staff provider check
      comptoir staff provider link camille@example.org --provider keycloak --subject 0d2f5c9e
      comptoir staff provider unlink camille@example.org
    """


@provider.command()
@click.argument("name", required=False)
def check(*, name: str | None) -> None:
    r"""Say in plain words whether each identity provider (or NAME) is set up as it should be; ends with 1 if not.

    \b
    Example:
      comptoir staff provider check
    """
    with _vault():
        from comptoir.vault.credentials.openid import checking, declared

        found = [declared.provider_named(name)] if name else declared.providers()
        if not found:
            click.echo(f"None is declared: there is no {declared.path()}.")
        is_good = True
        for each in found:
            click.echo(f"{each.name} ({each.title})")
            for finding in checking.check(each):
                is_good = is_good and finding.is_good
                click.echo(f"  {'ok   ' if finding.is_good else 'WRONG'} {finding.sentence}")
    if not is_good:
        raise SystemExit(1)


@provider.command("link")
@click.argument("email")
@click.option("--provider", "name", required=True, help="The provider's name in openid.toml.")
@click.option("--subject", required=True, help="The account's sub there, letter by letter.")
def link_provider(*, email: str, name: str, subject: str) -> None:
    r"""Say which account at the provider is which staff member.

    \b
    Example:
      comptoir staff provider link camille@example.org --provider keycloak --subject 0d2f5c9e
    """
    with _vault():
        from comptoir.vault.credentials.openid import commands, declared

        commands.link_member(
            email=email, provider=declared.provider_named(name), subject=subject, now=SYSTEM_CLOCK.now()
        )
        click.echo(f"{email} can sign in with {name}.")


@provider.command("unlink")
@click.argument("email")
def unlink_provider(*, email: str) -> None:
    r"""Undo a staff member's links with identity providers, and sign them out.

    \b
    Example:
      comptoir staff provider unlink camille@example.org
    """
    with _vault():
        from comptoir.vault.credentials.openid import commands

        click.echo(f"{commands.unlink_member(email=email, now=SYSTEM_CLOCK.now())} links are undone.")


@contextlib.contextmanager
def _vault() -> Iterator[None]:
    with database.server():
        set_up_django()
        try:
            yield
        except Problem as problem:
            where = f"{problem.field}: " if problem.field else ""
            raise click.ClickException(f"{where}{problem.title()} {problem.detail}".strip()) from None
