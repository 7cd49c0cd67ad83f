"""What this shop can verify: the formats whose library is here, and of them the kinds somebody is trusted for."""

from __future__ import annotations

import datetime as dt
import importlib
import importlib.util
from collections.abc import Mapping

import msgspec

from comptoir.counter.answers.contracts import AttestedBy
from comptoir.vault.attestations.contracts import Kind, TrustedIssuer, Verifier
from comptoir.vault.attestations.errors import TrustListInvalid
from comptoir.vault.attestations.sd_jwt import SdJwtVerifier
from comptoir.vault.attestations.trust import folder, read_issuer, trusted_issuers


class Offer(msgspec.Struct, frozen=True):
    """The verifiers by format, the trusted issuers, and the kinds that can be verified, in one order."""

    verifiers: Mapping[AttestedBy, Verifier]
    issuers: tuple[TrustedIssuer, ...]

    def kinds(self, *formats: AttestedBy) -> list[Kind]:
        """Return the kinds of these formats (unset: of all) that can be verified, each once."""
        wanted = formats or tuple(self.verifiers)
        return sorted(
            {one.kind for one in self.issuers if one.kind.format in wanted and one.kind.format in self.verifiers}
        )

    def issuers_of(self, kind: Kind) -> list[TrustedIssuer]:
        """Return who is trusted for a kind."""
        return [issuer for issuer in self.issuers if issuer.kind == kind]

    @property
    def lacks_mdoc(self) -> bool:
        """Whether somebody is trusted for an mdoc and the library for it is not installed."""
        return "mdoc" not in self.verifiers and any(one.kind.format == "mdoc" for one in self.issuers)


def has_mdoc() -> bool:
    """Tell whether the extra ``mdoc`` is installed."""
    return importlib.util.find_spec("openvc") is not None


def present_offer() -> Offer:
    """Return what this shop can verify. Raises :class:`TrustListInvalid`."""
    verifiers: dict[AttestedBy, Verifier] = {"sd_jwt_vc": SdJwtVerifier()}
    if has_mdoc():
        verifiers["mdoc"] = importlib.import_module("comptoir.vault.attestations.mdoc").MdocVerifier()
    return Offer(verifiers, trusted_issuers())


def faults_in_trust(now: dt.datetime) -> list[str]:
    """Return what keeps the attestations of somebody who is trusted from being verified, a sentence each."""
    sentences: list[str] = []
    for path in sorted(folder().glob("*.toml")):
        try:
            issuer = read_issuer(path.stem, path.read_bytes())
        except TrustListInvalid as problem:
            sentences.append(f"trust/{path.name}: {problem.detail} ({problem.field})")
            continue
        sentences += [
            f"trust/{path.name}: a certificate of {issuer.title} is over since {each.not_valid_after_utc:%Y-%m-%d}"
            for each in issuer.certificates
            if each.not_valid_after_utc <= now
        ]
        if issuer.kind.format == "mdoc" and not has_mdoc():
            sentences.append(f"trust/{path.name}: documents of the kind mdoc need the extra of that name")
    return sentences
