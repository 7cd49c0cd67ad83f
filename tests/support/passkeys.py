"""A device with passkeys, in Python: it answers what a page asks, and can be made to answer wrongly.

Speaks WebAuthn Level 3 with ES256 and no attestation, as most telephones do. Not here: what a page should do with it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode

if TYPE_CHECKING:
    from playwright.sync_api import Page

_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Passkey:
    """One passkey: its id, its key, and the user that it was made for."""

    identifier: bytes
    key: ec.EllipticCurvePrivateKey
    handle: bytes
    counter: int = 0


@dataclass
class Device:
    """A telephone with its passkeys. ``origin`` is the site that its browser says it shows them to."""

    origin: str
    passkeys: list[Passkey] = field(default_factory=list)
    counts: bool = False

    def make(self, options: Mapping[str, Any], *, flags: int = _PRESENT | _VERIFIED) -> dict[str, Any]:
        """Make a passkey, as ``navigator.credentials.create`` does; returns the answer's JSON."""
        asked = options["publicKey"]
        passkey = Passkey(
            secrets.token_bytes(32), ec.generate_private_key(ec.SECP256R1()), websafe_decode(asked["user"]["id"])
        )
        self.passkeys.append(passkey)
        public = cbor.encode(dict(ES256.from_cryptography_key(passkey.key.public_key())))  # type: ignore[no-untyped-call]
        attested = bytes(16) + struct.pack(">H", len(passkey.identifier)) + passkey.identifier + public
        data = self._data(asked["rp"]["id"], flags | _ATTESTED, passkey) + attested
        response = {
            "clientDataJSON": websafe_encode(self._said("webauthn.create", asked["challenge"])),
            "attestationObject": websafe_encode(cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})),
        }
        return self._answer(passkey, response) | {"clientExtensionResults": {"credProps": {"rk": True}}}

    def show(
        self, options: Mapping[str, Any], *, passkey: Passkey | None = None, flags: int = _PRESENT | _VERIFIED,
        kind: str = "webauthn.get",
    ) -> dict[str, Any]:  # fmt: skip
        """Show a passkey, as ``navigator.credentials.get`` does (the last one made); returns the answer's JSON."""
        asked = options["publicKey"]
        passkey = passkey or self.passkeys[-1]
        if self.counts:
            passkey.counter += 1
        data = self._data(asked["rpId"], flags, passkey)
        said = self._said(kind, asked["challenge"])
        signature = passkey.key.sign(data + hashlib.sha256(said).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": websafe_encode(said),
            "authenticatorData": websafe_encode(data),
            "signature": websafe_encode(signature),
            "userHandle": websafe_encode(passkey.handle),
        }
        return self._answer(passkey, response)

    def _said(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    @staticmethod
    def _data(party: str, flags: int, passkey: Passkey) -> bytes:
        return hashlib.sha256(party.encode()).digest() + struct.pack(">BI", flags, passkey.counter)

    @staticmethod
    def _answer(passkey: Passkey, response: Mapping[str, str]) -> dict[str, Any]:
        identifier = websafe_encode(passkey.identifier)
        return {"type": "public-key", "id": identifier, "rawId": identifier, "response": response}


# -- the one that a browser has


def telephone(page: Page) -> Any:
    """Give a browser a device that keeps passkeys and makes sure of who holds it."""
    device: Any = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    device.identifier = device.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
    return device


def watched(page: Page) -> list[str]:
    """Return what the browser complains of from now on."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    return complaints
