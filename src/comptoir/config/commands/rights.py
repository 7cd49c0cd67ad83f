"""``comptoir rights``: what people may ask of the shop about their own data, done by the one who runs the machine."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import click

from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.commands import set_up_django


@click.group()
def command() -> None:
    r"""Do for somebody what they could do on their own page. Each needs a purpose, and the person sees it.

    \b
    Examples:
      comptoir rights copy 0198a7c2-5d1e-7b3a-9c4f-2e6d8f0a1b3c --purpose "letter of 3 March" --to copy.zip
      comptoir rights forget 0198a7c2-5d1e-7b3a-9c4f-2e6d8f0a1b3c --to receipt.txt
      comptoir rights forget-card 0198a7c2-5d1e-7b3a-9c4f-2e6d8f0a1b3c --number 4711 --to receipt.txt
      comptoir rights forget-purchase 0198a7c2-5d1e-7b3a-9c4f-2e6d8f0a1b3c \
        --receipt 311985 --source /webshop --points kept --to receipt.txt
    """


@command.command()
@click.argument("user", type=click.UUID)
@click.option("--purpose", required=True, help="Why, in words that the person will read.")
@click.option("--to", "path", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
def copy(*, user: uuid.UUID, purpose: str, path: Path) -> None:
    """Write a copy of everything about a USER, given by the vault's id, into a new ZIP file."""
    with database.server():
        set_up_django()
        from comptoir.vault.rights.copying import as_bytes, copy_of

        try:
            made = copy_of(user, actor="operator", purpose=purpose, at=SYSTEM_CLOCK.now())
        except Problem as problem:
            raise click.ClickException(problem.detail or problem.title()) from None
        try:
            # Nobody else may read it, and nothing that is there already is written over.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            made.close()
            raise click.ClickException(f"{path} cannot be written: {error.strerror or error}") from None
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(as_bytes(made))
    click.echo(f"Written into {path}. Hand it over safely, and delete it then.")


@command.command()
@click.argument("user", type=click.UUID)
@click.option("--to", "path", required=True, type=click.Path(dir_okay=False, path_type=Path), help="For the receipt.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(*, user: uuid.UUID, path: Path, yes: bool) -> None:
    """Forget a USER, given by the vault's id, for good, and write the signed receipt. The gateway has to be open."""
    if not yes:
        click.confirm("This cannot be undone. Go on?", abort=True)
    with database.server():
        set_up_django()
        from comptoir.vault.rights.commands import forget as forget_user

        try:
            receipt = forget_user(user, actor="operator", at=SYSTEM_CLOCK.now())
        except Problem as problem:
            raise click.ClickException(f"{problem.title()} {problem.detail}".strip()) from None
    path.write_text(receipt + "\n")
    click.echo(f"Forgotten. The receipt is in {path}: hand it over, it names nobody.")


@command.command("forget-card")
@click.argument("user", type=click.UUID)
@click.option("--kind", default="card", show_default=True, help="What it is, as the channels call it.")
@click.option("--number", required=True, prompt=True, hide_input=True, help="Its number; asked for if it is not given.")
@click.option("--to", "path", required=True, type=click.Path(dir_okay=False, path_type=Path), help="For the receipt.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget_card(*, user: uuid.UUID, kind: str, number: str, path: Path, yes: bool) -> None:
    """Forget one card of a USER, who stays. Its points go with it. The gateway has to be open."""

    def forgotten() -> uuid.UUID:
        from comptoir.counter.customers.rules import customer_id
        from comptoir.foundation.kernel import shop
        from comptoir.vault.rights import pieces

        customer = uuid.UUID(customer_id(shop.secret("identifiers"), kind, number))
        return pieces.forget_card(user, customer, actor="operator", at=SYSTEM_CLOCK.now())

    _piece(forgotten, path=path, yes=yes)


@command.command("forget-purchase")
@click.argument("user", type=click.UUID)
@click.option("--receipt", required=True, help="The number on the receipt.")
@click.option("--source", required=True, help="Who booked it, such as /stores/330/tills/1.")
@click.option("--points", type=click.Choice(["kept", "given_up"]), required=True, help="What becomes of its points.")
@click.option("--to", "path", required=True, type=click.Path(dir_okay=False, path_type=Path), help="For the receipt.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget_purchase(
    *, user: uuid.UUID, receipt: str, source: str, points: Literal["kept", "given_up"], path: Path, yes: bool
) -> None:
    """Forget one purchase of a USER, who stays. It becomes a guest's. The gateway has to be open."""

    def forgotten() -> uuid.UUID:
        from comptoir.vault.rights import pieces

        return pieces.forget_purchase(
            user, source=source, receipt=receipt, points=points, actor="operator", at=SYSTEM_CLOCK.now()
        )

    _piece(forgotten, path=path, yes=yes)


def _piece(forgotten: Callable[[], uuid.UUID], *, path: Path, yes: bool) -> None:
    """Have a piece forgotten, and write the receipt; what is refused is said, and nothing was changed."""
    if not yes:
        click.confirm("This cannot be undone. Go on?", abort=True)
    with database.server():
        set_up_django()
        from comptoir.vault.rights.commands import receipt_of

        try:
            receipt = receipt_of(forgotten())
        except Problem as problem:
            raise click.ClickException(f"{problem.title()} {problem.detail}".strip()) from None
    path.write_text(f"{receipt}\n")
    click.echo(f"Forgotten. The receipt is in {path}: hand it over, it says neither who nor what.")
