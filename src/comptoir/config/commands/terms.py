"""``comptoir terms``: what customer and shop have agreed, for whoever wants to check it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import msgspec

from comptoir.counter.customers import records
from comptoir.foundation.kernel.problem import Problem

_BYTES_MAX = 65_536


@click.group()
def command() -> None:
    r"""Check records of agreements, and receipts of consents. Needs no server.

    \b
    Examples:
      comptoir terms verify terms-SD-BASE.jws
      comptoir terms verify terms-SD-BASE.jws --key shop.json
    """


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", "key_file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="The shop's public key, as its page /terms/key gives it. Unset: this shop's own.")  # fmt: skip
def verify(*, file: Path, key_file: Path | None) -> None:
    """Say what a record in FILE says and who has signed it; fails, by name, if one byte of it was changed."""
    text = _read(file)
    try:
        said = records.verify(text, key=None if key_file is None else _key(key_file))
    except Problem as problem:
        raise click.ClickException(f"{problem.name}: {problem.title()} {problem.detail}".rstrip()) from None
    for name, value in msgspec.to_builtins(records.agreement_in(said) or said).items():
        click.echo(f"{name}: {value if isinstance(value, str) else json.dumps(value)}")
    click.echo("Signed by the shop.")
    if isinstance(said, records.SignedAgreement):
        click.echo(f"Signed by the customer, with a passkey of {said.customer.site}.")
        click.echo(f"Its public key: {json.dumps(said.customer.public_key, sort_keys=True)}")
    elif isinstance(said, records.Agreement):
        click.echo(
            f"Not signed by the customer, who was known by: {said.agreed_by or 'nothing that was written down'}."
        )


def _read(file: Path) -> str:
    if file.stat().st_size > _BYTES_MAX:
        raise click.ClickException(f"{file} is larger than any record.")
    try:
        return file.read_text(encoding="ascii")
    except UnicodeDecodeError:
        raise click.ClickException(f"{file} is no record: it holds more than letters.") from None


def _key(file: Path) -> dict[str, Any]:
    """Return the key in a file: a JWK, or a set of them with one in it."""
    try:
        found = json.loads(_read(file))
        if "keys" in found:
            [found] = found["keys"]
        return {name: str(found[name]) for name in ("kty", "crv", "x")}
    except (ValueError, KeyError, TypeError):
        raise click.ClickException(f"{file} holds no public key of a shop (a JWK of the type OKP).") from None
