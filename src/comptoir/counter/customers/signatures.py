"""A customer's signature: what a passkey says to a record, and how anybody checks it. Needs no network and no shop.

A passkey signs no text, but a challenge (WebAuthn Level 3). So the challenge is the SHA-256 of the record's text, byte
for byte. Kept are the three things that such an answer consists of, and the public key that checks them; neither the
passkey's id nor anything of whoever holds it. Still a public key is a pseudonym: two records with the same one are
somebody's. Not here: asking for a passkey (``vault/credentials``), the shop's own signature (``records.py``).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from comptoir.counter.customers.errors import SignatureWrong

_PRESENT, _VERIFIED = 0x01, 0x04
#: The hash of the site's name, flags, and a counter.
_AUTHENTICATOR_BYTES_MIN: Final = 37
_CURVES: Final[Mapping[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm]]] = {
    "P-256": (ec.SECP256R1(), hashes.SHA256()),
    "P-384": (ec.SECP384R1(), hashes.SHA384()),
    "P-521": (ec.SECP521R1(), hashes.SHA512()),
}


class CustomerSignature(msgspec.Struct, frozen=True):
    """What a passkey has said to a text. Bytes are written as base64url without padding.

    ``public_key`` is a JWK (RFC 7517); ``site`` is the name of the site to which the passkey belongs (its RP ID).
    """

    public_key: dict[str, str]
    site: str
    authenticator_data: str
    client_data: str
    signature: str


class _ClientData(msgspec.Struct):
    """What the browser says that the passkey was asked."""

    type: str
    challenge: str
    origin: str
    crossOrigin: bool = False  # noqa: N815 - WebAuthn's name


def challenge_of(text: bytes) -> bytes:
    """Return the challenge that a passkey answers to sign a record's text."""
    return hashlib.sha256(text).digest()


def check(signature: CustomerSignature, text: bytes) -> None:
    """Raise :class:`SignatureWrong` unless a passkey with this public key has said yes to exactly this text."""
    try:
        told = read(signature.client_data)
        data = read(signature.authenticator_data)
        client = msgspec.json.decode(told, type=_ClientData)
        host = urlsplit(client.origin).hostname or ""
    except (ValueError, msgspec.MsgspecError):
        raise SignatureWrong("It cannot be read.", field="record") from None
    if client.type != "webauthn.get" or client.crossOrigin or host != signature.site:
        raise SignatureWrong("It was not given on the site that it names.", field="record")
    if client.challenge != written(challenge_of(text)):
        raise SignatureWrong("It was given to another text.", field="record")
    if len(data) < _AUTHENTICATOR_BYTES_MIN or data[:32] != hashlib.sha256(signature.site.encode()).digest():
        raise SignatureWrong("The passkey belongs to another site.", field="record")
    if data[32] & (_PRESENT | _VERIFIED) != _PRESENT | _VERIFIED:
        raise SignatureWrong("The device did not make sure of who held it.", field="record")
    try:
        _verifier(signature.public_key)(read(signature.signature), data + hashlib.sha256(told).digest())
    except (InvalidSignature, ValueError, KeyError, TypeError):
        raise SignatureWrong("The public key does not fit it.", field="record") from None


def read(text: str) -> bytes:
    """Return the bytes that a text stands for in base64url without padding; a text that is not their only one: none.

    Raises ``ValueError``.
    """
    content = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if written(content) != text:
        raise ValueError("not the one way to write these bytes")
    return content


def written(content: bytes) -> str:
    """Write bytes as base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _verifier(key: Mapping[str, str]) -> Callable[[bytes, bytes], None]:
    """Return what raises ``InvalidSignature`` unless it is given a signature of some bytes."""
    if key["kty"] == "EC":
        curve, digest = _CURVES[key["crv"]]
        point = ec.EllipticCurvePublicNumbers(_number(key["x"]), _number(key["y"]), curve).public_key()
        return lambda signature, said: point.verify(signature, said, ec.ECDSA(digest))
    if key["kty"] == "OKP" and key["crv"] == "Ed25519":
        edwards = ed25519.Ed25519PublicKey.from_public_bytes(read(key["x"]))
        return edwards.verify
    if key["kty"] == "RSA":
        modulus = rsa.RSAPublicNumbers(_number(key["e"]), _number(key["n"])).public_key()
        return lambda signature, said: modulus.verify(signature, said, padding.PKCS1v15(), hashes.SHA256())
    raise ValueError("no passkey has such a key")


def _number(text: str) -> int:
    return int.from_bytes(read(text), "big")
