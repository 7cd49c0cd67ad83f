"""``comptoir backup``: everything in one file, and the keys of persons in another."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from comptoir.config.backups import BackupFailed, back_up, keys_path
from comptoir.foundation.kernel import database


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--keys", type=click.Path(dir_okay=False, path_type=Path), help="Where the keys go; unset: FILE.keys.")
def command(file: Path, keys: Path | None) -> None:
    r"""Write a backup to FILE, while the shop is open, and the keys of persons to a file of their own.

    Keep several of FILE, and of the keys the newest only: then what is destroyed stays destroyed. The folder of the
    shop (map, programme, keys, the list of who was forgotten) is not part of it.

    \b
    Examples:
      comptoir backup /backups/shop-monday.dump --keys /elsewhere/shop.keys
      comptoir backup shop.dump
    """
    console = Console(stderr=True)
    try:
        with database.server(), console.status("Writing") as status:
            made = back_up(file, keys or keys_path(file), status.update)
    except BackupFailed as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{made.file}: {made.bytes:,} bytes")
    click.echo(f"{made.keys_file}: {made.keys_bytes:,} bytes, the keys of persons; keep it apart, and only the newest")
