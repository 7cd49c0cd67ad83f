"""Asks whether an attestation was revoked, by its issuer's status list (draft-ietf-oauth-status-list, as a JWT).

An attestation that names no list is taken by its own, short life. One that names a list is taken only if the shop's
file for the issuer names where such lists are, the list can be read, and it says that the attestation holds. A list is
the same for very many people and is kept for as long as it says, so that its publisher learns nothing of a visit.
Not here: the form of a list (``polaris-oid4vp``).
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store, VerificationError
from polaris_oid4vp.status import STATED, decide_by_fetching

from comptoir.vault.attestations.contracts import TrustedIssuer
from comptoir.vault.attestations.errors import AttestationRevoked, AttestationStatusUnknown

#: A list is asked for again after an hour, even if it says that it may be kept for longer.
KEPT_SECONDS: Final = 3_600
_BYTES_MAX: Final = 4 << 20
_SECONDS_MAX: Final = 5.0
_LISTS_MAX: Final = 64
_VALID: Final = 0

Fetch = Callable[[str], bytes]


def fetch_list(address: str) -> bytes:
    """Return a status list from its publisher: no redirect is followed, at most four mebibytes are read."""
    with (
        httpx.Client(follow_redirects=False, timeout=_SECONDS_MAX, trust_env=False) as client,
        client.stream("GET", address, headers={"Accept": "application/statuslist+jwt"}) as response,
    ):
        if response.status_code != httpx.codes.OK:
            raise OSError(f"status {response.status_code}")
        content = b""
        for piece in response.iter_bytes():
            content += piece
            if len(content) > _BYTES_MAX:
                raise OSError("too large")
        return content


class StatusLists:
    """Answers whether attestations hold; remembers lists for a while."""

    def __init__(self, fetch: Fetch = fetch_list) -> None:
        """Remember nothing yet; ``fetch`` reads a list from its address."""
        self._fetch = fetch
        self._lists: dict[str, tuple[float, bytes]] = {}
        self._lock = threading.Lock()

    def __call__(self, status: object, *, issuer: TrustedIssuer, now: dt.datetime) -> None:
        """Return if the attestation names no status list, or if its list says that it holds.

        Raises :class:`AttestationRevoked`, :class:`AttestationStatusUnknown`.
        """
        if status is None:
            return
        named = status.get("status_list") if isinstance(status, Mapping) else None
        address, index = (named.get("uri"), named.get("idx")) if isinstance(named, Mapping) else (None, None)
        if not isinstance(address, str) or not isinstance(index, int) or isinstance(index, bool):
            raise AttestationStatusUnknown
        if not any(address.startswith(beginning) for beginning in issuer.status_lists):
            raise AttestationStatusUnknown
        seconds = int(now.timestamp())
        answer = decide_by_fetching(
            index=index,
            expected_uri=address,
            authority=_Authority(issuer.certificates, now),
            fetch=lambda uri: self._kept(uri, seconds),
            now=seconds,
            credential_issuer=issuer.name,
            max_age_seconds=None,
        )
        if not answer.checked or not answer.get("fresh"):
            raise AttestationStatusUnknown
        if answer["status"] != _VALID:
            raise AttestationRevoked

    def _kept(self, address: str, now: int) -> bytes:
        with self._lock:
            kept = self._lists.get(address)
        if kept is not None and 0 <= now - kept[0] < KEPT_SECONDS:
            return kept[1]
        content = self._fetch(address)
        with self._lock:
            if len(self._lists) >= _LISTS_MAX:
                self._lists.clear()
            self._lists[address] = (now, content)
        return content


class _Authority:
    """Who may publish a status list: whoever an issuer's own certificates vouch for, and nobody else."""

    def __init__(self, certificates: Sequence[x509.Certificate], now: dt.datetime) -> None:
        self._certificates = certificates
        self._now = now

    def __call__(self, **_asked: object) -> tuple[Callable[..., bool], str, str]:
        """Return how a list's signature is checked: whoever it is for, by its own certificate."""
        return (self._verify, STATED, "its certificate chains to one of the issuer's")

    def _verify(self, signed: bytes, signature: bytes, header: Mapping[str, Any]) -> bool:
        chain = header.get("x5c")
        if header.get("alg") != "ES256" or not isinstance(chain, list) or not 1 <= len(chain) <= 4:
            return False
        try:
            certificates = [x509.load_der_x509_certificate(base64.b64decode(each)) for each in chain]
            PolicyBuilder().store(Store(list(self._certificates))).time(self._now).extension_policies(
                ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=ExtensionPolicy.permit_all()
            ).build_client_verifier().verify(certificates[0], certificates[1:])
        except (binascii.Error, ValueError, TypeError, VerificationError):
            return False
        key = certificates[0].public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or len(signature) != 64:
            return False
        pair = utils.encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
        try:
            key.verify(pair, signed, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True
