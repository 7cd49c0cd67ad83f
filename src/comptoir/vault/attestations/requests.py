"""What wallets are asked: OpenID for Verifiable Presentations 1.0, one answer and nothing else.

Two ways. ``eu_app``: the EU's age verification profile (Annex A), an unsigned request by value that opens ``av://``,
with the response in clear inside TLS (``direct_post``). ``wallet``: a signed request object at an address, as the High
Assurance Interoperability Profile has it, with the response encrypted to a key made for this one request
(``direct_post.jwt``). Not here: where requests are kept (``commands.py``).
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import os
import secrets
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote, urlencode

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from joserfc import jws
from joserfc.jwk import ECKey

from comptoir.foundation.kernel import shop
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.attestations.contracts import Kind
from comptoir.vault.attestations.offer import Offer

Way = Literal["eu_app", "wallet"]
#: The audience of a request for whichever wallet there is (OpenID4VP 1.0, 5.8).
_ANY_WALLET: Final = "https://self-issued.me/v2"
_SCHEMES: Final[Mapping[Way, str]] = {"eu_app": "av", "wallet": "openid4vp"}
_CERTIFICATE_LIFE: Final = dt.timedelta(days=730)
_RENEWED_BEFORE: Final = dt.timedelta(days=30)
_SKEW: Final = dt.timedelta(minutes=5)


class Identity(msgspec.Struct, frozen=True):
    """Who the shop is to a wallet: the key that signs requests, and its certificates, the leaf first."""

    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...]

    @property
    def client_id(self) -> str:
        """Return the client identifier: the digest of the leaf (prefix ``x509_hash``)."""
        der = self.chain[0].public_bytes(serialization.Encoding.DER)
        return "x509_hash:" + _base64url(hashlib.sha256(der).digest())


def identity(now: dt.datetime) -> Identity:
    """Return who the shop is to a wallet, from ``keys/verifier.pem``; it is made if it is missing or nearly over.

    The file holds a private key and certificates in PEM. A shop that has a certificate from a registrar puts it there.
    """
    path = shop.folder() / "keys" / "verifier.pem"
    if not path.exists() or (held := _read_identity(path)).chain[0].not_valid_after_utc < now + _RENEWED_BEFORE:
        _write(path, _new_identity(now))
        held = _read_identity(path)
    return held


def dcql_query(offer: Offer, kinds: Sequence[Kind], *, age: int) -> dict[str, Any]:
    """Return the query for one answer, from an attestation of any of these kinds."""
    credentials = [
        offer.verifiers[kind.format].query(f"proof_of_age_{number}", kind, age=age) for number, kind in enumerate(kinds)
    ]
    query: dict[str, Any] = {"credentials": credentials}
    if len(credentials) > 1:
        query["credential_sets"] = [{"options": [[each["id"]] for each in credentials]}]
    return query


def client_id_for(way: Way, *, response_uri: str, now: dt.datetime) -> str:
    """Return as whom the shop asks."""
    return f"redirect_uri:{response_uri}" if way == "eu_app" else identity(now).client_id


def response_uri(handle: str) -> str:
    """Return where a wallet sends its response."""
    return addresses.url_of(VAULT, f"/prove/answer/{handle}/")


def return_uri(identifier: uuid.UUID, code: str) -> str:
    """Return where a wallet leads its owner afterwards, with the code that proves that it is the same device."""
    return addresses.url_of(VAULT, f"/prove/{identifier}/?{urlencode({'code': code})}")


def link_for_app(*, handle: str, nonce: str, query: Mapping[str, Any], formats: Mapping[str, Any]) -> str:
    """Return the link that opens the EU's app with the whole request in it."""
    address = response_uri(handle)
    parameters = {
        "response_type": "vp_token",
        "response_mode": "direct_post",
        "client_id": f"redirect_uri:{address}",
        "response_uri": address,
        "nonce": nonce,
        "state": handle,
        "dcql_query": _json(query),
        "client_metadata": _json({"vp_formats_supported": formats}),
    }
    return f"{_SCHEMES['eu_app']}://?{urlencode(parameters, quote_via=quote)}"


def link_for_wallet(*, handle: str, now: dt.datetime) -> str:
    """Return the link that opens a wallet, which then fetches the signed request."""
    parameters = {
        "client_id": identity(now).client_id,
        "request_uri": addresses.url_of(VAULT, f"/prove/request/{handle}/"),
        "request_uri_method": "post",
    }
    return f"{_SCHEMES['wallet']}://?{urlencode(parameters, quote_via=quote)}"


def signed_request(
    *, handle: str, nonce: str, query: Mapping[str, Any], formats: Mapping[str, Any], key: ec.EllipticCurvePrivateKey,
    now: dt.datetime, ends_at: dt.datetime, wallet_nonce: str | None,
) -> str:  # fmt: skip
    """Return the request object as a compact JWS (RFC 9101); ``key`` is the one to which the response is encrypted."""
    who = identity(now)
    claims: dict[str, Any] = {
        "iss": who.client_id,
        "aud": _ANY_WALLET,
        "client_id": who.client_id,
        "response_type": "vp_token",
        "response_mode": "direct_post.jwt",
        "response_uri": response_uri(handle),
        "nonce": nonce,
        "state": handle,
        "iat": int(now.timestamp()),
        "exp": int(ends_at.timestamp()),
        "client_metadata": {
            "jwks": {"keys": [encryption_key(key)]},
            "vp_formats_supported": dict(formats),
            "encrypted_response_enc_values_supported": ["A128GCM", "A256GCM"],
        },
        "dcql_query": dict(query),
    }
    if wallet_nonce is not None:
        claims["wallet_nonce"] = wallet_nonce
    certificates = [base64.b64encode(each.public_bytes(serialization.Encoding.DER)).decode() for each in who.chain]
    header = {"alg": "ES256", "typ": "oauth-authz-req+jwt", "x5c": certificates}
    pem = who.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signed: str = jws.serialize_compact(header, msgspec.json.encode(claims), ECKey.import_key(pem.decode()))
    return signed


def encryption_key(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    """Return the public half of the key for a response, as a JWK."""
    return {**_jwk(key), "use": "enc", "alg": "ECDH-ES", "kid": _base64url(thumbprint(key))}


def thumbprint(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the key's thumbprint (RFC 7638, SHA-256)."""
    return hashlib.sha256(msgspec.json.encode(_jwk(key), order="sorted")).digest()


def _jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {
        "crv": "P-256",
        "kty": "EC",
        "x": _base64url(numbers.x.to_bytes(32)),
        "y": _base64url(numbers.y.to_bytes(32)),
    }


def _new_identity(now: dt.datetime) -> bytes:
    """Return a new key with a certificate, in PEM, certified by an authority that signs this once and is forgotten.

    The leaf may not be self-signed, and the authority may not be sent along (HAIP 1.0, 6.1.1).
    """
    host = addresses.host_of(VAULT)
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{host} requests")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _CERTIFICATE_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
                key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )
        .sign(authority, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + leaf.public_bytes(serialization.Encoding.PEM)


def _read_identity(path: Path) -> Identity:
    content = path.read_bytes()
    key = serialization.load_pem_private_key(content, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path.name} holds no key on a curve")
    return Identity(key, tuple(x509.load_pem_x509_certificates(content)))


def _write(path: Path, content: bytes) -> None:
    """Put a finished file in place, readable by its owner only; of two processes at once the last one counts."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    fresh.replace(path)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
