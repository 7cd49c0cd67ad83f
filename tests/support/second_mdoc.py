"""A second verifier of mdocs, as small as ISO/IEC 18013-5 (9.1) allows, on ``cbor2`` and ``cryptography`` alone.

It judges an mdoc by itself: who signed it, whether it is as they signed it, whether it holds, whether the device has
signed for this session. Not here: which answer was asked for.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
from typing import Any

import cbor2
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils


def accepts(
    presentation: str, *, root: x509.Certificate, session: list[Any], document_type: str, now: dt.datetime
) -> bool:
    """Tell whether a device's response is authentic for this session."""
    if len(presentation) > 65_536:
        return False
    try:
        response = cbor2.loads(base64.urlsafe_b64decode(presentation + "=" * (-len(presentation) % 4)))
        (document,) = response["documents"]
        _check(document, root, session, document_type, now)
    except (
        AssertionError, InvalidSignature, KeyError, TypeError, ValueError, RecursionError, EOFError, binascii.Error,
        cbor2.CBORDecodeError, AttributeError,
    ):  # fmt: skip
        return False
    return True


def _check(
    document: dict[str, Any], root: x509.Certificate, session: list[Any], document_type: str, now: dt.datetime
) -> None:
    protected, unprotected, payload, signature = document["issuerSigned"]["issuerAuth"]
    signer = x509.load_der_x509_certificate(unprotected[33])
    signer.verify_directly_issued_by(root)
    assert signer.not_valid_before_utc <= now <= signer.not_valid_after_utc
    assert (
        x509.ObjectIdentifier("1.0.18013.5.1.2")
        in signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    )
    key = signer.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    _check_signature(key, protected, payload, signature)
    security = cbor2.loads(cbor2.loads(payload).value)
    assert security["docType"] == document["docType"] == document_type
    validity = security["validityInfo"]
    assert validity["validFrom"] <= now <= validity["validUntil"]
    for space, items in document["issuerSigned"]["nameSpaces"].items():
        for item in items:
            number = cbor2.loads(item.value)["digestID"]
            assert hashlib.sha256(cbor2.dumps(item)).digest() == security["valueDigests"][space][number]
    device = document["deviceSigned"]
    said = cbor2.CBORTag(24, cbor2.dumps(["DeviceAuthentication", session, document_type, device["nameSpaces"]]))
    numbers = security["deviceKeyInfo"]["deviceKey"]
    own = ec.EllipticCurvePublicNumbers(int.from_bytes(numbers[-2]), int.from_bytes(numbers[-3]), ec.SECP256R1())
    protected, _, _, signature = device["deviceAuth"]["deviceSignature"]
    _check_signature(own.public_key(), protected, cbor2.dumps(said), signature)


def _check_signature(key: ec.EllipticCurvePublicKey, protected: bytes, payload: bytes, signature: bytes) -> None:
    assert cbor2.loads(protected)[1] == -7
    pair = utils.encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
    key.verify(pair, cbor2.dumps(["Signature1", protected, b"", payload]), ec.ECDSA(hashes.SHA256()))
