"""``comptoir migrate``: create what is missing of database, roles, tables and grants."""

from __future__ import annotations

import click

from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.commands import migrate_house


@click.command()
def command() -> None:
    r"""Create or update the shop's database: roles, tables, and who may do what with them.

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
        migrate_house(report)
    if not done:
        click.echo("Everything is in place.")
