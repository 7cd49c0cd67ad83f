"""A message to a browser, through the push service of its maker: RFC 8030, sealed by RFC 8291, signed by RFC 8292.

The service learns from which shop a message comes and to which browser it goes; what it says only that browser can
open, and every message has the same size. Where to send was said by a browser, so it is asked like any address that
somebody else had a say in (``foundation/kernel/outbound.py``), and only at services that the shop knows: those of
``COMPTOIR_PUSH_SERVICES``. No database, no Django. Not here: whose browser it is (``subscriptions.py``), what a message
says (``counter/letters``).
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import ipaddress
import os
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from comptoir.foundation.kernel import outbound, shop
from comptoir.vault.contacts.errors import PushServicesInvalid, PushServiceUnknown, SubscriptionInvalid

#: Those of Chrome and others, of Firefox, of Safari, of Edge on Windows.
SERVICES_DEFAULT: Final = (
    "fcm.googleapis.com", "updates.push.services.mozilla.com", "*.push.apple.com", "*.notify.windows.com",
)  # fmt: skip
#: Every message has so many bytes before it is sealed; services take 4,096 in all.
PLAIN_BYTES: Final = 2_048
ENDPOINT_CHARACTERS_MAX: Final = 1_000
SERVICES_MAX: Final = 20
SECONDS_MAX: Final = 10.0
_ANSWER_BYTES_MAX: Final = 4 << 10
_RECORD_BYTES: Final = 4_096
_POINT_BYTES: Final = 65
_SECRET_BYTES: Final = 16
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_SIGNATURE_LIFE: Final = dt.timedelta(hours=12)
_SERVICE: Final = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:\d{1,5})?")
_TRYING: Final = re.compile(r"http://(127\.0\.0\.1|\[::1\]):\d{1,5}")
_LOOPBACK: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))

Urgency = Literal["low", "normal"]
#: What became of a message: the service has it, the browser wants none any more, the service has certainly not taken it
#: and may do so later, or it could not be handed over.
Fate = Literal["sent", "gone", "away", "failed"]


class Keys(msgspec.Struct, frozen=True):
    """A browser's public key and the secret that it shares with whoever may write to it, in base64url."""

    p256dh: Annotated[str, msgspec.Meta(max_length=200)]
    auth: Annotated[str, msgspec.Meta(max_length=100)]


class Subscription(msgspec.Struct, frozen=True):
    """Where a browser is reached, as its ``PushSubscription`` says it."""

    endpoint: Annotated[str, msgspec.Meta(max_length=ENDPOINT_CHARACTERS_MAX)]
    keys: Keys


class Service(msgspec.Struct, frozen=True):
    """A push service that the shop knows: a host, all below one, or for trying out one of this machine."""

    written: str
    is_for_trying: bool = False

    def has(self, endpoint: str) -> bool:
        """Tell whether an address is one of this service's: https, at the host and port that the shop wrote."""
        try:
            parts = urlsplit(endpoint)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return False
        if parts.username is not None or parts.password is not None or not endpoint.isascii():
            return False
        if self.is_for_trying:
            return f"{parts.scheme}://{parts.netloc}" == self.written
        name, _, own_port = self.written.partition(":")
        if parts.scheme != "https" or (port or 443) != int(own_port or 443):
            return False
        return host.endswith(name[1:]) if name.startswith("*.") else host == name


def services() -> tuple[Service, ...]:
    """Return the push services that the shop knows; none if it wants none. Raises :class:`PushServicesInvalid`."""
    written = os.environ.get("COMPTOIR_PUSH_SERVICES", "").replace(",", " ").split() or SERVICES_DEFAULT
    if list(written) == ["none"]:
        return ()
    for each in written:
        if not _SERVICE.fullmatch(each) and not _TRYING.fullmatch(each):
            raise PushServicesInvalid(f"COMPTOIR_PUSH_SERVICES: {each!r} is no host, such as push.example.org")
    if len(written) > SERVICES_MAX:
        raise PushServicesInvalid(f"COMPTOIR_PUSH_SERVICES names more than {SERVICES_MAX} hosts")
    return tuple(Service(each, is_for_trying=each.startswith("http:")) for each in written)


def service_of(endpoint: str) -> Service:
    """Return the service that an address belongs to. Raises :class:`PushServiceUnknown`."""
    for each in services():
        if each.has(endpoint):
            return each
    raise PushServiceUnknown(field="subscription.endpoint")


def read(text: str) -> Subscription:
    """Read what a browser says of itself. Raises :class:`SubscriptionInvalid` and :class:`PushServiceUnknown`."""
    try:
        found = msgspec.json.decode(text, type=Subscription)
    except (msgspec.DecodeError, UnicodeError):
        raise SubscriptionInvalid(field="subscription") from None
    service_of(found.endpoint)
    try:
        _point(found.keys.p256dh)
    except ValueError:
        raise SubscriptionInvalid(field="subscription.keys.p256dh") from None
    try:
        _auth(found.keys.auth)
    except ValueError:
        raise SubscriptionInvalid(field="subscription.keys.auth") from None
    return found


def push(
    to: Subscription, message: bytes, *, subject: str, life: dt.timedelta, urgency: Urgency, now: dt.datetime
) -> tuple[Fate, str]:
    """Hand a message to a browser's push service, once; returns what became of it, and why in a word.

    ``subject`` is how the service reaches the shop, ``life`` how long it may keep the message. What is no longer
    allowed to be asked fails as well; nothing is raised.
    """
    try:
        service = service_of(to.endpoint)
    except PushServiceUnknown:
        return "failed", "service"
    headers = {
        "TTL": str(int(life.total_seconds())),
        "Urgency": urgency,
        "Content-Type": "application/octet-stream",
        "Content-Encoding": "aes128gcm",
        "Authorization": authorization(to.endpoint, subject=subject, now=now),
    }
    networks: Sequence[outbound.Network] = _LOOPBACK if service.is_for_trying else ()
    try:
        answer = outbound.fetch(
            to.endpoint, method="POST", headers=headers, content=seal(to, message), networks=networks,
            bytes_max=_ANSWER_BYTES_MAX, seconds_max=SECONDS_MAX, is_cut=True,
        )  # fmt: skip
    except outbound.NotFetched as refused:
        is_certain = refused.why in {"away", "slow"} and not refused.is_asked
        return ("away" if is_certain else "failed"), refused.why
    if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return "gone", str(answer.status)
    if answer.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        return "away", str(answer.status)
    return ("sent" if HTTPStatus(200) <= answer.status < HTTPStatus(300) else "failed"), str(answer.status)


# -- sealed for the browser (RFC 8291, RFC 8188) ------------------------------------------------------------------


def seal(
    to: Subscription,
    message: bytes,
    *,
    plain_bytes: int = PLAIN_BYTES,
    key: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """Seal a message so that only the browser opens it, as one record, filled up to ``plain_bytes``.

    ``key`` and ``salt`` are made for each message; they are arguments for the examples of the standard.
    """
    assert len(message) <= plain_bytes, "whoever makes a message keeps to the size"
    ours, salt = key or ec.generate_private_key(ec.SECP256R1()), salt or os.urandom(_SECRET_BYTES)
    theirs = _point(to.keys.p256dh)
    public = _written(ours.public_key())
    shared = ours.exchange(ec.ECDH(), theirs)
    secret = _derive(_auth(to.keys.auth), shared, b"WebPush: info\0" + _written(theirs) + public, 32)
    content_key = _derive(salt, secret, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derive(salt, secret, b"Content-Encoding: nonce\0", 12)
    # One mark says that it is the last record, then zeros.
    filled = message + b"\x02" + bytes(plain_bytes - len(message))
    header = salt + _RECORD_BYTES.to_bytes(4, "big") + bytes([_POINT_BYTES]) + public
    return header + AESGCM(content_key).encrypt(nonce, filled, None)


def _derive(salt: bytes, secret: bytes, about: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=about).derive(secret)


# -- signed by the shop (RFC 8292) --------------------------------------------------------------------------------


def public_key() -> str:
    """Return the key by which services and browsers know this shop, as a page hands it to ``subscribe()``."""
    return _text(_written(_own_key().public_key()))


def authorization(endpoint: str, *, subject: str, now: dt.datetime) -> str:
    """Return the header that says to an address's service which shop sends, good for twelve hours."""
    parts = urlsplit(endpoint)
    said = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int((now + _SIGNATURE_LIFE).timestamp()),
        "sub": subject,
    }
    head = msgspec.json.encode({"typ": "JWT", "alg": "ES256"})
    signed = f"{_text(head)}.{_text(msgspec.json.encode(said))}"
    one, other = utils.decode_dss_signature(_own_key().sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    signature = one.to_bytes(32, "big") + other.to_bytes(32, "big")
    return f"vapid t={signed}.{_text(signature)}, k={public_key()}"


def _own_key() -> ec.EllipticCurvePrivateKey:
    # Any number from 1 up to the curve's order is a key.
    number = int.from_bytes(shop.secret("push"), "big") % (_ORDER - 1) + 1
    return ec.derive_private_key(number, ec.SECP256R1())


# -- as it is written ---------------------------------------------------------------------------------------------


def _written(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeError) as error:
        raise ValueError("not base64url") from error


def _point(text: str) -> ec.EllipticCurvePublicKey:
    data = _bytes(text)
    if len(data) != _POINT_BYTES:
        raise ValueError("not an uncompressed point")
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), data)


def _auth(text: str) -> bytes:
    data = _bytes(text)
    if len(data) != _SECRET_BYTES:
        raise ValueError("not sixteen bytes")
    return data
