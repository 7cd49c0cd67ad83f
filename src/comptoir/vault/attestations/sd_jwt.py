"""Verifies an SD-JWT VC by ``polaris-oid4vp``: signature, key binding, nonce, audience, freshness, type, time, status.

Every demand is said explicitly; nothing rests on a default of the library. Not here: mdoc (``mdoc.py``).
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from polaris_oid4vp.sdjwt import Verdict, verify_presentation

from comptoir.counter.answers.contracts import AttestedBy
from comptoir.foundation.kernel.problem import Problem
from comptoir.vault.attestations import rules
from comptoir.vault.attestations.contracts import Asked, Kind, StatusQuestion, TrustedIssuer
from comptoir.vault.attestations.errors import (
    AlgorithmNotAccepted,
    AttestationExpired,
    AttestationTampered,
    AttestationTypeWrong,
    DisclosesTooMuch,
    IssuerNotTrusted,
    KeyBindingMissing,
    KeyBindingStale,
    KeyBindingWrong,
    PredicateNotProven,
    PresentationMalformed,
    PresentationReplayed,
    PresentationRetargeted,
)

CHARACTERS_MAX: Final = 65_536
#: How old the key binding may be; as long as a request is open.
FRESH_SECONDS: Final = 300
#: How far clocks may differ where an attestation's own time is concerned.
_CLOCK_SECONDS: Final = 60

#: The library's codes, and what they are called here.
_PROBLEMS: Final[Mapping[str, type[Problem]]] = {
    "issuer_typ": AttestationTypeWrong,
    "vct": AttestationTypeWrong,
    "kb_typ": AttestationTypeWrong,
    "issuer_alg": AlgorithmNotAccepted,
    "kb_alg": AlgorithmNotAccepted,
    "sd_alg": AlgorithmNotAccepted,
    "issuer_key": IssuerNotTrusted,
    "issuer_signature": AttestationTampered,
    "disclosure": AttestationTampered,
    "sd_hash": AttestationTampered,
    "credential_validity": AttestationExpired,
    "kb_missing": KeyBindingMissing,
    "kb_cnf": KeyBindingMissing,
    "kb_signature": KeyBindingWrong,
    "kb_freshness": KeyBindingStale,
    "nonce": PresentationReplayed,
    "audience": PresentationRetargeted,
}


class SdJwtVerifier:
    """SD-JWT VC with key binding, ES256, issuer certificates in ``x5c``."""

    format: ClassVar[AttestedBy] = "sd_jwt_vc"

    def query(self, identifier: str, kind: Kind, *, age: int) -> dict[str, Any]:
        """Return the DCQL credential query that asks for this one answer."""
        return {
            "id": identifier,
            "format": "dc+sd-jwt",
            "meta": {"vct_values": [kind.type]},
            "claims": [{"path": kind.path_for(age), "values": [True]}],
        }

    def formats_supported(self) -> dict[str, Any]:
        """Return the member of ``vp_formats_supported``."""
        return {"dc+sd-jwt": {"sd-jwt_alg_values": ["ES256"], "kb-jwt_alg_values": ["ES256"]}}

    def verify(
        self, presentation: str, *, kind: Kind, asked: Asked, issuers: Sequence[TrustedIssuer],
        status: StatusQuestion, now: dt.datetime,
    ) -> None:  # fmt: skip
        """Check that the presentation proves what was asked: by a trusted issuer, for this request, and no more."""
        if len(presentation) > CHARACTERS_MAX or "~" not in presentation:
            raise PresentationMalformed
        rules.refuse_birth_dates(_names(presentation))
        issuer, verdict = _by_trusted(presentation, kind=kind, asked=asked, issuers=issuers, now=now)
        path = tuple(kind.path_for(asked.age))
        rules.refuse_more(_paths(verdict), asked=path)
        _refuse_clear_text(verdict.claims, asked=path)
        expires = verdict.claims.get("exp")
        if expires is None or now.timestamp() > expires + _CLOCK_SECONDS:
            raise AttestationExpired
        answer = functools.reduce(lambda value, part: value.get(part) if isinstance(value, dict) else None, path,
                                  verdict.claims)  # fmt: skip
        if answer is not True:
            raise PredicateNotProven
        status(verdict.claims.get("status"), issuer=issuer, now=now)


def _by_trusted(
    presentation: str, *, kind: Kind, asked: Asked, issuers: Sequence[TrustedIssuer], now: dt.datetime
) -> tuple[TrustedIssuer, Verdict]:
    """Return by which trusted issuer a presentation is authentic, and the verdict; raises what it is refused for."""
    refusal: Problem = IssuerNotTrusted()
    for issuer in issuers:
        verdict = verify_presentation(
            presentation,
            expected_nonce=asked.nonce,
            expected_audience=asked.client_id,
            trust_anchors=list(issuer.certificates),
            now=now.timestamp(),
            max_skew_seconds=FRESH_SECONDS,
            require_key_binding=True,
            expected_vct=kind.type,
        )
        if verdict.authentic:
            return issuer, verdict
        refusal = _PROBLEMS.get(verdict.code, PresentationMalformed)()
        if verdict.code != "issuer_key":
            break
    raise refusal


def _paths(verdict: Verdict) -> Iterator[tuple[str, ...]]:
    for path in verdict.disclosed:
        yield tuple(str(part) for part in path)


def _refuse_clear_text(claims: Mapping[str, Any], *, asked: tuple[str, ...]) -> None:
    # What the issuer signed in clear text cannot be left out by a wallet; an attestation that is made for this
    # purpose has nothing there but what the format needs, and further answers.
    for name in claims:
        is_answer = name == asked[0] or rules.is_answer(name)
        if name not in rules.TECHNICAL_CLAIMS and not is_answer:
            raise DisclosesTooMuch


def _names(presentation: str) -> Iterator[str]:
    """Yield the names of everything that a presentation shows, whether or not it can be believed."""
    issuer_jwt, *disclosures = presentation.split("~")[:-1]
    parts = issuer_jwt.split(".")
    if len(parts) != 3:
        raise PresentationMalformed
    yield from rules.names_in(_decoded(parts[1]))
    for disclosure in disclosures:
        content = _decoded(disclosure)
        if isinstance(content, list) and len(content) == 3 and isinstance(content[1], str):
            yield content[1]
        yield from rules.names_in(content)


def _decoded(text: str) -> Any:
    try:
        return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise PresentationMalformed from None
