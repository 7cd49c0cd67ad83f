"""The shop's identity providers, as its operator declares them in ``openid.toml``. Not here: asking them anything."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from comptoir.foundation.events.destinations import is_this_machine
from comptoir.foundation.kernel import outbound, shop
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.credentials.openid.errors import OpenidInvalid, OpenidUnknown

PROVIDERS_MAX: Final = 5
_BYTES_MAX: Final = 65_536
_SECRET_BYTES_MAX: Final = 4_096
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,30}")
_Text = Annotated[str, Meta(min_length=1, max_length=200)]
_Texts = Annotated[tuple[_Text, ...], Meta(max_length=20)]

_log = logging.getLogger("comptoir.vault")


class Provider(msgspec.Struct, frozen=True):
    """One identity provider. ``title`` is what its button is called.

    ``acr`` and ``amr`` are the values of which one says that a second factor was shown there; none: it never counts.
    ``networks`` are those inside which its addresses may lie. ``is_only``: whoever is linked comes by no other way.
    """

    name: str
    title: str
    issuer: str
    client_id: str
    secret: str | None = None
    networks: tuple[outbound.Network, ...] = ()
    acr: tuple[str, ...] = ()
    amr: tuple[str, ...] = ()
    is_only: bool = False

    @property
    def redirect_uri(self) -> str:
        """Where it sends people back: an address for each provider, so that one cannot pass for another."""
        return addresses.url_of(VAULT, f"/sign-in/with/{self.name}/back/")

    @property
    def logout_uri(self) -> str:
        """Where it says that somebody is signed out (back-channel logout)."""
        return addresses.url_of(VAULT, f"/sign-in/with/{self.name}/signed-out/")

    @property
    def gives_factor(self) -> bool:
        """Whether its word can stand for a second factor."""
        return bool(self.acr or self.amr)


class _Declared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: Annotated[str, Meta(min_length=1, max_length=40)]
    issuer: _Text
    client_id: _Text
    secret: _Text | None = None
    networks: _Texts = ()
    acr: _Texts = ()
    amr: _Texts = ()
    only: bool = False


def path() -> Path:
    """Return where they are declared: ``COMPTOIR_OPENID``, or ``openid.toml`` in the shop's folder."""
    return Path(os.environ.get("COMPTOIR_OPENID") or shop.folder() / "openid.toml")


def providers() -> tuple[Provider, ...]:
    """Return every declared identity provider; none if there is no such file. Raises :class:`OpenidInvalid`."""
    where = path()
    try:
        content = where.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise OpenidInvalid(f"{where.name} cannot be read: {type(error).__name__}.") from None
    if len(content) > _BYTES_MAX:
        raise OpenidInvalid(f"{where.name} has more than {_BYTES_MAX:,} bytes.")
    return read_providers(content, folder=where.parent)


def offered() -> tuple[Provider, ...]:
    """Return those that the entrance offers: none while the file has a fault, which the operator's log then names."""
    try:
        return providers()
    except OpenidInvalid as problem:
        _log.error("No identity provider is offered. %s: %s", problem.field or "openid.toml", problem.detail)
        return ()


def provider_named(name: str) -> Provider:
    """Return one of them. Raises :class:`OpenidUnknown`, :class:`OpenidInvalid`."""
    found = next((each for each in providers() if each.name == name), None)
    if found is None:
        raise OpenidUnknown
    return found


def read_providers(content: bytes, *, folder: Path) -> tuple[Provider, ...]:
    """Read a table ``[provider.NAME]`` for each. Paths of secrets are relative to the folder."""
    try:
        tables = msgspec.toml.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OpenidInvalid(str(error)) from None
    if unknown := tables.keys() - {"provider"}:
        raise OpenidInvalid("Only provider is known here.", field=min(unknown))
    declared = tables.get("provider", {})
    if not isinstance(declared, dict) or len(declared) > PROVIDERS_MAX:
        raise OpenidInvalid(f"Write a table [provider.NAME] for each; at most {PROVIDERS_MAX}.", field="provider")
    found = tuple(_read(name, table, folder) for name, table in declared.items())
    for number, each in enumerate(found):
        if any(each.issuer == other.issuer for other in found[:number]):
            raise OpenidInvalid("Two providers have one issuer.", field=f"provider.{each.name}.issuer")
    return found


def _read(name: str, table: object, folder: Path) -> Provider:
    field = f"provider.{name}"
    if not _NAME.fullmatch(name):
        raise OpenidInvalid("A name is small letters, digits and -, and begins with a letter.", field=field)
    try:
        declared = msgspec.convert(table, _Declared)
    except msgspec.ValidationError as error:
        sentence, _, place = str(error).partition(" - at `$.")
        inner = place.rstrip("`") or (re.findall(r"field `(\w+)`", sentence) or [""])[0]
        raise OpenidInvalid(sentence, field=f"{field}.{inner}".rstrip(".")) from None
    _check_issuer(declared.issuer, f"{field}.issuer")
    try:
        networks = outbound.networks_of(declared.networks)
    except ValueError as error:
        raise OpenidInvalid(f"A network, such as 10.0.0.0/8: {error}.", field=f"{field}.networks") from None
    secret = None if declared.secret is None else _secret(folder / declared.secret, f"{field}.secret")
    return Provider(
        name, declared.title, declared.issuer, declared.client_id, secret, networks, declared.acr, declared.amr,
        declared.only,
    )  # fmt: skip


def _check_issuer(issuer: str, field: str) -> None:
    try:
        parts = urlsplit(issuer)
        host = parts.hostname or ""
        is_whole = bool(host) and (parts.port is None or parts.port > 0)
    except ValueError:
        raise OpenidInvalid("Not an address.", field=field) from None
    if not is_whole or parts.query or parts.fragment or "@" in parts.netloc or not issuer.isascii():
        raise OpenidInvalid("An issuer is an address without a question, a mark, a name or a password.", field=field)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_this_machine(host)):
        raise OpenidInvalid("Outside this machine an issuer begins with https://", field=field)


def _secret(where: Path, field: str) -> str:
    try:
        mode = where.stat().st_mode
        content = where.read_bytes()[: _SECRET_BYTES_MAX + 1]
    except OSError as error:
        raise OpenidInvalid(f"{where.name} cannot be read: {type(error).__name__}.", field=field) from None
    if mode & 0o077:
        raise OpenidInvalid(f"Others than its owner may read {where.name}: chmod 600.", field=field)
    try:
        secret = content.decode().strip()
    except UnicodeDecodeError:
        raise OpenidInvalid("A secret is one line of text.", field=field) from None
    if not secret or len(content) > _SECRET_BYTES_MAX or not secret.isprintable():
        raise OpenidInvalid("A secret is one line of text.", field=field)
    return secret
