"""``comptoir migrate``: create what is missing of database, roles, tables, grants, and the pages' own keys."""

from __future__ import annotations

import click

from comptoir.config.equipping import prepare_house
from comptoir.foundation.kernel import database


@click.command()
def command() -> None:
    r"""Create or update the shop's database: roles, tables, who may do what with them, and the pages' own keys.

    May be run at any time, also while the shop is open, and says what it did.

    \b
    Example:
      comptoir migrate
    """
    done: list[str] = []

    def report(line: str) -> None:
        done.append(line)
        click.echo(line)

    with database.server():
        prepare_house(report)
    if not done:
        click.echo("Everything is in place.")
