"""``comptoir restore``: a backup takes the place of the database, and forgets again whom the shop has forgotten."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from comptoir.config.backups import BackupFailed, keys_path, restore
from comptoir.foundation.kernel import database


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--keys", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="The keys of persons; unset: FILE.keys, if it is there.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(file: Path, keys: Path | None, *, yes: bool) -> None:
    r"""Put the backup FILE in the place of the shop's database. Close the shop first; what came since is lost.

    Everybody on the list of who was forgotten (forgotten.list in the shop's folder) is forgotten again, before the
    restored database can be reached.

    \b
    Examples:
      comptoir restore /backups/shop-monday.dump --keys /elsewhere/shop.keys
      comptoir restore shop.dump --yes
    """
    beside = keys_path(file)
    used = keys or (beside if beside.exists() else None)
    if used is None:
        click.echo("Without the keys of persons nobody's contact data will open.", err=True)
    if not yes:
        click.confirm(f"This throws the present database {database.database_name()} away. Go on?", abort=True)
    console = Console(stderr=True)
    try:
        with database.server(), console.status("Restoring") as status:
            replayed = restore(file, used, status.update)
    except BackupFailed as error:
        raise click.ClickException(f"nothing was changed: {error}") from None
    click.echo(f"Restored {file}.")
    click.echo(
        f"Forgotten again: {replayed.customers:,} customers and {replayed.users:,} users, of {replayed.marks:,} marks."
    )
    if replayed.lost:
        lost = f"{replayed.lost:,} signed entries were lost"
        click.echo(f"The audit chain goes on; {lost}, and what is known of them is set aside.")
    if replayed.chain:
        click.echo(f"THE AUDIT CHAIN DOES NOT GO ON: {replayed.chain}. comptoir audit verify says more.", err=True)
    click.echo("See that everything holds: comptoir doctor")
