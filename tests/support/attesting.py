"""Issuers and wallets for tests: attestations of both formats, good and bad in one way at a time.

The issuers' certificates are as ISO/IEC 18013-5 wants them. SD-JWTs are made by ``sd-jwt``, mdocs by hand with
``cbor2`` and ``cryptography``, so that nothing here is the code that is tested. Not here: what should be refused.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID, ObjectIdentifier

DOCUMENT_SIGNER = ObjectIdentifier("1.0.18013.5.1.2")
EU_TYPE = "eu.europa.ec.av.1"
VCT = "urn:example:proof-of-age:1"
ISSUER = "https://issuer.example"


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def unbase64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {
        "kty": "EC", "crv": "P-256", "x": base64url(numbers.x.to_bytes(32)), "y": base64url(numbers.y.to_bytes(32)),
    }  # fmt: skip


def es256(key: ec.EllipticCurvePrivateKey, content: bytes) -> bytes:
    r, s = utils.decode_dss_signature(key.sign(content, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


def jwt(key: ec.EllipticCurvePrivateKey | None, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    signed = base64url(json.dumps(header).encode()) + "." + base64url(json.dumps(claims).encode())
    return signed + "." + ("" if key is None else base64url(es256(key, signed.encode())))


@dataclass
class Authority:
    """An issuer: a root that shops trust, and a signer of documents below it."""

    now: dt.datetime
    name: str = "Age of Nowhere"
    key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    root_key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)

    def __post_init__(self) -> None:
        self.root = self._certificate(self.root_key, None)
        self.signer = self._certificate(self.key, self.root)

    @property
    def pem(self) -> str:
        return self.root.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def x5c(self) -> list[str]:
        return [base64.b64encode(self.signer.public_bytes(serialization.Encoding.DER)).decode()]

    def trusted_for(self, kind: str, **more: Any) -> str:
        """Return the file by which a shop trusts this issuer."""
        kind_of = {"mdoc": EU_TYPE, "sd_jwt_vc": VCT}[kind]
        lines = [f'title = "{self.name}"', f'format = "{kind}"', f'type = "{kind_of}"']
        lines += [f"{name} = {json.dumps(value)}" for name, value in more.items()]
        return "\n".join(lines) + f"\ncertificates = '''\n{self.pem}'''\n"

    def _certificate(self, key: ec.EllipticCurvePrivateKey, issuer: x509.Certificate | None) -> x509.Certificate:
        is_root = issuer is None
        names = [x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"),
                 x509.NameAttribute(NameOID.COMMON_NAME, self.name + ("" if is_root else " signer"))]  # fmt: skip
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
             "decipher_only"), False,
        )  # fmt: skip
        name = x509.Name(names)
        builder = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name if issuer is None else issuer.subject)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(self.now - dt.timedelta(days=30)).not_valid_after(self.now + dt.timedelta(days=300))
            .add_extension(x509.BasicConstraints(ca=is_root, path_length=0 if is_root else None), critical=True)
            .add_extension(x509.KeyUsage(digital_signature=not is_root, key_cert_sign=is_root, crl_sign=is_root,
                                         **usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.root_key.public_key()),
                           critical=False)
            .add_extension(x509.IssuerAlternativeName([x509.UniformResourceIdentifier(ISSUER)]), critical=False)
        )  # fmt: skip
        if not is_root:
            builder = builder.add_extension(x509.ExtendedKeyUsage([DOCUMENT_SIGNER]), critical=True)
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.UniformResourceIdentifier(ISSUER)]), critical=False
            )
        return builder.sign(self.root_key, hashes.SHA256())


# -- SD-JWT VC ----------------------------------------------------------------------------------------------------


def sd_jwt(
    authority: Authority, holder: ec.EllipticCurvePrivateKey, *, shown: Mapping[str, Any] | None = None,
    clear: Mapping[str, Any] | None = None, header: Mapping[str, Any] | None = None,
    signer: ec.EllipticCurvePrivateKey | None = None, expires: dt.timedelta = dt.timedelta(days=30),
) -> str:  # fmt: skip
    """Return an attestation, with everything in ``shown`` to be disclosed one by one, and all of it disclosed."""
    from jwcrypto.jwk import JWK
    from sd_jwt.common import SDObj
    from sd_jwt.issuer import SDJWTIssuer

    now = authority.now
    claims: dict[Any, Any] = {
        "iss": ISSUER, "vct": VCT, "iat": int(now.timestamp()), "exp": int((now + expires).timestamp()),
        **(clear or {}),
    }  # fmt: skip
    claims |= {SDObj(name): value for name, value in (shown or {"age_over_18": True}).items()}
    pem = (signer or authority.key).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    issued = SDJWTIssuer(
        user_claims=claims, issuer_key=JWK.from_pem(pem), holder_key=JWK(**jwk(holder)), sign_alg="ES256",
        extra_header_parameters={"typ": "dc+sd-jwt", "x5c": authority.x5c, **(header or {})},
    )  # fmt: skip
    text: str = issued.sd_jwt_issuance
    return text


def bound(
    attestation: str, holder: ec.EllipticCurvePrivateKey, *, nonce: str, audience: str, now: dt.datetime, **changed: Any
) -> str:
    """Return a presentation: the attestation with a key binding for one request. ``changed`` replaces its claims."""
    digest = base64url(hashlib.sha256(attestation.encode()).digest())
    claims = {"iat": int(now.timestamp()), "aud": audience, "nonce": nonce, "sd_hash": digest, **changed}
    return attestation + jwt(holder, {"typ": "kb+jwt", "alg": "ES256"}, claims)


# -- mdoc ---------------------------------------------------------------------------------------------------------


def transcript(*, client_id: str, nonce: str, response_uri: str, thumbprint: bytes | None = None) -> list[Any]:
    """Return what a device signs with (OpenID4VP 1.0, B.2.6.1), as a wallet builds it."""
    digest = hashlib.sha256(cbor2.dumps([client_id, nonce, thumbprint, response_uri])).digest()
    return [None, None, ["OpenID4VPHandover", digest]]


def cose_key(key: ec.EllipticCurvePrivateKey) -> dict[int, Any]:
    numbers = key.public_key().public_numbers()
    return {1: 2, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}


def sign1(
    key: ec.EllipticCurvePrivateKey, payload: bytes, *, certificate: bytes | None, is_detached: bool = False,
    algorithm: int = -7,
) -> list[Any]:  # fmt: skip
    protected = cbor2.dumps({1: algorithm})
    signature = es256(key, cbor2.dumps(["Signature1", protected, b"", payload]))
    return [protected, {} if certificate is None else {33: certificate}, None if is_detached else payload, signature]


def mdoc(
    authority: Authority, holder: ec.EllipticCurvePrivateKey, session: list[Any] | None, *,
    shown: Mapping[str, Any] | None = None, document_type: str = EU_TYPE, expires: dt.timedelta = dt.timedelta(days=30),
    spoiled: bool = False, algorithm: int = -7, device: ec.EllipticCurvePrivateKey | None = None,
    status: Mapping[str, Any] | None = None, own: Mapping[str, Any] | None = None,
) -> str:  # fmt: skip
    """Return a device's response for one session; without a session the device has signed nothing."""
    now = authority.now
    items = [
        cbor2.CBORTag(24, cbor2.dumps(
            {"random": secrets.token_bytes(32), "digestID": number, "elementValue": value, "elementIdentifier": name}
        ))
        for number, (name, value) in enumerate((shown or {"age_over_18": True}).items())
    ]  # fmt: skip
    security = {
        "docType": document_type, "version": "1.0", "digestAlgorithm": "SHA-256",
        "validityInfo": {
            name: cbor2.CBORTag(0, (now + when).strftime("%Y-%m-%dT%H:%M:%SZ"))
            for name, when in (("signed", dt.timedelta(days=-10)), ("validFrom", dt.timedelta(days=-10)),
                               ("validUntil", expires))
        },
        "valueDigests": {
            document_type: {
                number: hashlib.sha256(cbor2.dumps(item)).digest() for number, item in enumerate(items)
            }
        },
        "deviceKeyInfo": {"deviceKey": cose_key(holder)},
        **({"status": status} if status is not None else {}),
    }  # fmt: skip
    if spoiled:
        content = cbor2.loads(items[0].value)
        items[0] = cbor2.CBORTag(24, cbor2.dumps({**content, "elementValue": not content["elementValue"]}))
    certificate = authority.signer.public_bytes(serialization.Encoding.DER)
    payload = cbor2.dumps(cbor2.CBORTag(24, cbor2.dumps(security)))
    document: dict[str, Any] = {
        "docType": document_type,
        "issuerSigned": {
            "nameSpaces": {document_type: items},
            "issuerAuth": sign1(authority.key, payload, certificate=certificate, algorithm=algorithm),
        },
    }
    if session is not None:
        spaces = cbor2.CBORTag(24, cbor2.dumps(dict(own or {})))
        authentication = cbor2.CBORTag(
            24, cbor2.dumps(["DeviceAuthentication", session, document_type, spaces])
        )  # fmt: skip
        signature = sign1(device or holder, cbor2.dumps(authentication), certificate=None, is_detached=True)
        document["deviceSigned"] = {"nameSpaces": spaces, "deviceAuth": {"deviceSignature": signature}}
    return base64url(cbor2.dumps({"version": "1.0", "documents": [document], "status": 0}))
