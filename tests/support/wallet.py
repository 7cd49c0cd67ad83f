"""A wallet for tests: reads the link that a page shows, asks for the request, answers it. OpenID4VP 1.0, two ways.

It is given ``call``, by which it reaches the shop: in the same process or over HTTP. Responses are encrypted by
``joserfc``, which is not what opens them. Not here: attestations (``attesting.py``).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from joserfc import jwe
from joserfc.jwk import ECKey

from support import attesting
from support.attesting import Authority, base64url, bound, mdoc, sd_jwt, transcript

#: Reaches the shop: a method, an address, the form; returns status, content type and body.
Call = Callable[[str, str, Mapping[str, str] | None], tuple[int, str, bytes]]


@dataclass
class Wallet:
    """Somebody's wallet, with the attestations of one issuer."""

    authority: Authority
    call: Call
    key: ec.EllipticCurvePrivateKey

    def read(self, link: str, *, wallet_nonce: str | None = None) -> dict[str, Any]:
        """Return what a link asks for, checked as a wallet checks it."""
        parts = urlsplit(link)
        said = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.scheme == "av":
            assert said["client_id"] == "redirect_uri:" + said["response_uri"]
            return {**said, "dcql_query": json.loads(said["dcql_query"])}
        assert parts.scheme == "openid4vp"
        form = None if wallet_nonce is None else {"wallet_nonce": wallet_nonce}
        status, kind, body = self.call("GET" if form is None else "POST", said["request_uri"], form)
        assert (status, kind) == (200, "application/oauth-authz-req+jwt"), body
        return self._signed(body.decode(), said["client_id"])

    def answer(self, asked: Mapping[str, Any], presentation: str, *, query: str | None = None) -> dict[str, str]:
        """Return the form that answers a request with a presentation."""
        name = query or asked["dcql_query"]["credentials"][0]["id"]
        token = {name: [presentation]}
        if asked["response_mode"] == "direct_post":
            return {"vp_token": json.dumps(token), "state": asked["state"]}
        return {"response": self.sealed(asked, {"vp_token": token, "state": asked["state"]})}

    def sealed(self, asked: Mapping[str, Any], content: Mapping[str, Any]) -> str:
        """Return a response encrypted to the request's key."""
        (key,) = asked["client_metadata"]["jwks"]["keys"]
        header = {"alg": "ECDH-ES", "enc": "A128GCM", "kid": key["kid"]}
        text: str = jwe.encrypt_compact(header, json.dumps(content).encode(), ECKey.import_key(key))
        return text

    def send(self, asked: Mapping[str, Any], form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Send a form to where the request wants it; returns the status and what was said."""
        status, _, body = self.call("POST", asked["response_uri"], form)
        return status, json.loads(body)

    def shown(self, asked: Mapping[str, Any], kind: str = "mdoc", **changed: Any) -> str:
        """Return a good presentation for a request, or one with something changed."""
        if kind == "mdoc":
            session = transcript(
                client_id=asked["client_id"], nonce=asked["nonce"], response_uri=asked["response_uri"],
                thumbprint=self._thumbprint(asked),
            )  # fmt: skip
            return mdoc(self.authority, self.key, session, **changed)
        attestation = sd_jwt(self.authority, self.key, **changed)
        return bound(attestation, self.key, nonce=asked["nonce"], audience=asked["client_id"], now=self.authority.now)

    @staticmethod
    def _thumbprint(asked: Mapping[str, Any]) -> bytes | None:
        if asked["response_mode"] == "direct_post":
            return None
        (key,) = asked["client_metadata"]["jwks"]["keys"]
        return base64.urlsafe_b64decode(ECKey.import_key(key).thumbprint() + "=")

    @staticmethod
    def _signed(text: str, client_id: str) -> dict[str, Any]:
        header = json.loads(attesting.unbase64url(text.split(".", maxsplit=1)[0]))
        assert (header["typ"], header["alg"]) == ("oauth-authz-req+jwt", "ES256")
        leaf = x509.load_der_x509_certificate(base64.b64decode(header["x5c"][0]))
        digest = hashlib.sha256(leaf.public_bytes(serialization.Encoding.DER)).digest()
        assert client_id == "x509_hash:" + base64url(digest)
        assert leaf.subject != leaf.issuer, "HAIP 1.0, 6.1.1"
        key = leaf.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        signed, _, signature = text.rpartition(".")
        raw = attesting.unbase64url(signature)
        pair = utils.encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
        key.verify(pair, signed.encode(), ec.ECDSA(hashes.SHA256()))
        claims: dict[str, Any] = json.loads(attesting.unbase64url(signed.split(".")[1]))
        assert claims["client_id"] == claims["iss"] == client_id
        return claims
