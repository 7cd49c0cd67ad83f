"""Whom the shop trusts: one file for each issuer, ``trust/NAME.toml`` in the shop's folder.

A file says what it is (``title``), the ``format`` and ``type`` of the attestation, where the answer stands (``path``),
the certificates that vouch for it (PEM), and where it is published what was revoked (``status_lists``). A file with a
fault closes the door for all: a shop that believes to trust somebody has to hear that it does not. Not here: how
a presentation is verified.
"""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from cryptography import x509
from msgspec import Meta

from comptoir.foundation.kernel import shop
from comptoir.vault.attestations.contracts import AGE_MARK, Kind, TrustedIssuer
from comptoir.vault.attestations.errors import TrustListInvalid
from comptoir.vault.attestations.rules import IDENTIFYING_TYPES

FILES_MAX: Final = 200
_BYTES_MAX: Final = 65_536
#: The document type of the EU's proof of age, and its namespace.
EU_PROOF_OF_AGE: Final = "eu.europa.ec.av.1"

_Text = Annotated[str, Meta(min_length=1, max_length=200)]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: _Text
    format: Literal["sd_jwt_vc", "mdoc"]
    certificates: Annotated[str, Meta(min_length=1)]
    type: _Text = EU_PROOF_OF_AGE
    path: Annotated[tuple[_Text, ...], Meta(max_length=4)] = ()
    status_lists: Annotated[tuple[Annotated[str, Meta(pattern=r"^https://\S{1,200}$")], ...], Meta(max_length=10)] = ()


def folder() -> Path:
    """Return where the files lie."""
    return shop.folder() / "trust"


def trusted_issuers() -> tuple[TrustedIssuer, ...]:
    """Return everybody whom this shop trusts, by name. Raises :class:`TrustListInvalid`."""
    paths = sorted(folder().glob("*.toml"))
    if len(paths) > FILES_MAX:
        raise TrustListInvalid(f"There are more than {FILES_MAX} files.")
    return _read(tuple((path, path.stat().st_mtime_ns) for path in paths))


@functools.lru_cache(maxsize=4)
def _read(files: tuple[tuple[Path, int], ...]) -> tuple[TrustedIssuer, ...]:
    return tuple(read_issuer(path.stem, path.read_bytes()) for path, _ in files)


def read_issuer(name: str, content: bytes) -> TrustedIssuer:
    """Read one file. Raises :class:`TrustListInvalid` with the file and the key at fault."""
    if len(content) > _BYTES_MAX:
        raise TrustListInvalid(f"It has more than {_BYTES_MAX} bytes.", field=name)
    try:
        said = msgspec.convert(tomllib.loads(content.decode()), _File)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise TrustListInvalid(str(error), field=name) from None
    if said.type in IDENTIFYING_TYPES:
        raise TrustListInvalid(
            "This type identifies a person and holds a date of birth: name a proof of age.", field=f"{name}.type"
        )
    path = said.path or ((said.type, f"age_over_{AGE_MARK}") if said.format == "mdoc" else (f"age_over_{AGE_MARK}",))
    if said.format == "mdoc" and len(path) != 2:
        raise TrustListInvalid("A path in an mdoc is a namespace and an element.", field=f"{name}.path")
    if sum(part.count(AGE_MARK) for part in path) != 1:
        raise TrustListInvalid(f"The path says once, by {AGE_MARK}, where the age stands.", field=f"{name}.path")
    try:
        certificates = tuple(x509.load_pem_x509_certificates(said.certificates.encode()))
    except ValueError:
        raise TrustListInvalid("These are no certificates in PEM.", field=f"{name}.certificates") from None
    return TrustedIssuer(name, said.title, Kind(said.format, said.type, path), certificates, said.status_lists)
