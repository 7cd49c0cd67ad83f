"""Verifies an ISO mdoc by ``openvc-core``: issuer, digests, time, document type, device signature over this request.

The library comes with the extra ``mdoc``; without it this module cannot be loaded and mdoc is not offered. Its binding
to OpenID4VP by redirect is built here (OpenID4VP 1.0, B.2.6.1). Not here: SD-JWT VC (``sd_jwt.py``).
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from openvc import cbor, cose, mdoc

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
    PredicateNotProven,
    PresentationMalformed,
    PresentationRetargeted,
)

CHARACTERS_MAX: Final = 65_536
_CLOCK_SECONDS: Final = 60
_EMPTY_MAP: Final = b"\xa0"
_ES256: Final = -7

#: The library's refusals, and what they are called here. The first that fits counts.
_PROBLEMS: Final[tuple[tuple[type[Exception], type[Problem]], ...]] = (
    (mdoc.MdocTrustError, IssuerNotTrusted),
    (mdoc.MdocSignatureInvalid, AttestationTampered),
    (mdoc.MdocDigestMismatch, AttestationTampered),
    (mdoc.MdocValidityError, AttestationExpired),
    (mdoc.MdocDocTypeMismatch, AttestationTypeWrong),
    (mdoc.MdocDeviceAuthError, PresentationRetargeted),
    (mdoc.MdocError, PresentationMalformed),
)


class MdocVerifier:
    """ISO/IEC 18013-5 documents with a device signature, ES256."""

    format: ClassVar[AttestedBy] = "mdoc"

    def query(self, identifier: str, kind: Kind, *, age: int) -> dict[str, Any]:
        """Return the DCQL credential query that asks for this one answer."""
        return {
            "id": identifier,
            "format": "mso_mdoc",
            "meta": {"doctype_value": kind.type},
            "claims": [{"path": kind.path_for(age), "values": [True]}],
        }

    def formats_supported(self) -> dict[str, Any]:
        """Return the member of ``vp_formats_supported``."""
        return {"mso_mdoc": {"issuerauth_alg_values": [_ES256], "deviceauth_alg_values": [_ES256]}}

    def verify(
        self, presentation: str, *, kind: Kind, asked: Asked, issuers: Sequence[TrustedIssuer],
        status: StatusQuestion, now: dt.datetime,
    ) -> None:  # fmt: skip
        """Check that the presentation proves what was asked: by a trusted issuer, for this request, and no more."""
        content, document = _document(presentation)
        shown = dict(_shown(document))
        rules.refuse_birth_dates(name for names in shown.values() for name in names)
        security = _check_form(document, kind)
        issuer, verified = _by_trusted(content, kind=kind, asked=asked, issuers=issuers, now=now)
        namespace, element = kind.path_for(asked.age)
        rules.refuse_more(
            ((space, name) for space, names in shown.items() for name in names), asked=(namespace, element)
        )
        if verified.elements(namespace).get(element) is not True:
            raise PredicateNotProven
        status(security.get("status"), issuer=issuer, now=now)


def session_transcript(asked: Asked) -> bytes:
    """Return what the device has signed with: the request's parameters in one digest (OpenID4VP 1.0, B.2.6.1)."""
    information = cbor.encode([asked.client_id, asked.nonce, asked.thumbprint, asked.response_uri])
    return cbor.encode([None, None, ["OpenID4VPHandover", hashlib.sha256(information).digest()]])


def _document(presentation: str) -> tuple[bytes, Mapping[Any, Any]]:
    """Return a response's bytes and its only document."""
    if len(presentation) > CHARACTERS_MAX:
        raise PresentationMalformed
    try:
        content = base64.b64decode(presentation + "=" * (-len(presentation) % 4), altchars=b"-_", validate=True)
        response = cbor.decode(content)
    except (binascii.Error, ValueError, RecursionError, cbor.CborError):
        raise PresentationMalformed from None
    documents = response.get("documents") if isinstance(response, dict) else None
    if not isinstance(documents, list) or not documents or not isinstance(documents[0], dict):
        raise PresentationMalformed
    if len(documents) > 1:
        raise DisclosesTooMuch
    return content, documents[0]


def _shown(document: Mapping[Any, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield the names of all elements by namespace, whether or not they can be believed."""
    signed = document.get("issuerSigned")
    spaces = signed.get("nameSpaces") if isinstance(signed, dict) else None
    if not isinstance(spaces, dict):
        raise PresentationMalformed
    for space, items in spaces.items():
        if not isinstance(space, str) or not isinstance(items, list):
            raise PresentationMalformed
        yield space, [str(_embedded(item).get("elementIdentifier")) for item in items]


def _check_form(document: Mapping[Any, Any], kind: Kind) -> Mapping[Any, Any]:
    """Check what needs no signature; return the security object that the issuer signed."""
    if document.get("docType") != kind.type:
        raise AttestationTypeWrong
    device = document.get("deviceSigned")
    if not isinstance(device, dict) or not isinstance(device.get("deviceAuth"), dict):
        raise KeyBindingMissing
    if "deviceSignature" not in device["deviceAuth"]:
        raise KeyBindingMissing
    own = device.get("nameSpaces")
    if not isinstance(own, cbor.CborTag) or own.value != _EMPTY_MAP:
        raise DisclosesTooMuch
    try:
        signed = cose.parse_sign1(document["issuerSigned"].get("issuerAuth"))
        by_device = cose.parse_sign1(device["deviceAuth"]["deviceSignature"])
    except cose.CoseUnsupportedAlgorithm:
        raise AlgorithmNotAccepted from None
    except cose.CoseError:
        raise PresentationMalformed from None
    if signed.protected_header.get(1) != _ES256 or by_device.protected_header.get(1) != _ES256:
        raise AlgorithmNotAccepted
    try:
        return _embedded(cbor.decode(signed.payload or b""))
    except cbor.CborError:
        raise PresentationMalformed from None


def _by_trusted(
    content: bytes, *, kind: Kind, asked: Asked, issuers: Sequence[TrustedIssuer], now: dt.datetime
) -> tuple[TrustedIssuer, mdoc.VerifiedMdoc]:
    """Return by which trusted issuer a response is authentic, and what it shows; raises what it is refused for."""
    transcript = session_transcript(asked)
    refusal: Problem = IssuerNotTrusted()
    for issuer in issuers:
        try:
            (verified,) = mdoc.verify_device_response(
                content,
                trust_anchors=list(issuer.certificates),
                session_transcript=transcript,
                now=now,
                leeway_s=_CLOCK_SECONDS,
                expected_doc_type=kind.type,
            )
        except mdoc.MdocError as error:
            refusal = next(problem for each, problem in _PROBLEMS if isinstance(error, each))()
            if not isinstance(error, mdoc.MdocTrustError):
                break
        else:
            return issuer, verified
    raise refusal


def _embedded(item: Any) -> Mapping[Any, Any]:
    """Return the map inside a tagged byte string."""
    if not isinstance(item, cbor.CborTag) or not isinstance(item.value, bytes | bytearray):
        raise PresentationMalformed
    try:
        inner = cbor.decode(bytes(item.value))
    except (cbor.CborError, RecursionError):
        raise PresentationMalformed from None
    if not isinstance(inner, dict):
        raise PresentationMalformed
    return inner
