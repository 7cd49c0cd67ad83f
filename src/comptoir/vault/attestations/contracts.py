"""What a verifier is given, and what every verifier offers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, ClassVar, Final, Protocol

import msgspec
from cryptography import x509

from comptoir.counter.answers.contracts import AttestedBy

#: Where an age stands in a trusted issuer's path, such as ``age_over_NN``.
AGE_MARK: Final = "NN"


class Kind(msgspec.Struct, frozen=True, order=True):
    """A kind of attestation: its format, its type (``vct`` or document type), and where its answer stands."""

    format: AttestedBy
    type: str
    path: tuple[str, ...]

    def path_for(self, age: int) -> list[str]:
        """Return where the answer for an age stands."""
        return [part.replace(AGE_MARK, str(age)) for part in self.path]


class TrustedIssuer(msgspec.Struct, frozen=True):
    """Somebody whose attestations count: what they issue, the certificates that vouch for it, their status lists.

    ``status_lists`` are the beginnings of addresses where it is published what was revoked. Without any, an
    attestation that names a status list is refused, since nobody can say whether it still holds.
    """

    name: str
    title: str
    kind: Kind
    certificates: tuple[x509.Certificate, ...]
    status_lists: tuple[str, ...] = ()


class Asked(msgspec.Struct, frozen=True):
    """What one request asked for, and what its presentation has to be bound to.

    ``thumbprint`` is that of the key to which the response was encrypted (RFC 7638), if it was.
    """

    age: int
    nonce: str
    client_id: str
    response_uri: str
    thumbprint: bytes | None = None


class StatusQuestion(Protocol):
    """Answers whether an attestation still holds, as its issuer publishes it; raises a problem if not."""

    def __call__(self, status: object, *, issuer: TrustedIssuer, now: dt.datetime) -> None:
        """Return if the attestation names no status, or if its status list says that it holds."""
        ...


class Verifier(Protocol):
    """One format's verifier. It says yes by returning, and no by raising the problem that names why."""

    format: ClassVar[AttestedBy]

    def query(self, identifier: str, kind: Kind, *, age: int) -> dict[str, Any]:
        """Return the DCQL credential query that asks for this one answer."""
        ...

    def formats_supported(self) -> dict[str, Any]:
        """Return the member of ``vp_formats_supported`` for this format."""
        ...

    def verify(
        self,
        presentation: str,
        *,
        kind: Kind,
        asked: Asked,
        issuers: Sequence[TrustedIssuer],
        status: StatusQuestion,
        now: dt.datetime,
    ) -> None:
        """Check that the presentation proves what was asked: by a trusted issuer, for this request, and no more."""
        ...
