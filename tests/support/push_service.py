"""A push service of this machine, and the browsers behind it: it takes messages over HTTP, and they open them.

Opening is written after RFC 8291 and RFC 8188 by itself, with nothing of what seals.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def data(written: str) -> bytes:
    return base64.urlsafe_b64decode(written + "=" * (-len(written) % 4))


def _hmac(key: bytes, said: bytes) -> bytes:
    digest = hmac.HMAC(key, hashes.SHA256())
    digest.update(said)
    return digest.finalize()


def opened(body: bytes, *, private: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """Return what a message says, and fail for one that was not sealed for this key; padding is taken away."""
    salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
    sender = body[21 : 21 + length]
    sealed = body[21 + length :]
    assert len(sealed) <= size, "one record"
    public = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
    secret = _hmac(_hmac(auth, shared), b"WebPush: info\0" + public + sender + b"\x01")
    start = _hmac(salt, secret)
    key = _hmac(start, b"Content-Encoding: aes128gcm\0\x01")[:16]
    nonce = _hmac(start, b"Content-Encoding: nonce\0\x01")[:12]
    plain = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")
    assert plain[-1:] == b"\x02", "the last record"
    return plain[:-1]


def claims(authorization: str, *, endpoint_origin: str) -> dict[str, Any]:
    """Return what a sender says of itself (RFC 8292); its signature and for whom it is are looked at."""
    scheme, _, said = authorization.partition(" ")
    assert scheme == "vapid"
    parts = dict(each.strip().split("=", 1) for each in said.split(","))
    head, body, signature = parts["t"].split(".")
    assert json.loads(data(head)) == {"typ": "JWT", "alg": "ES256"}
    raw = data(signature)
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), data(parts["k"]))
    written = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key.verify(written, f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))
    found: dict[str, Any] = json.loads(data(body))
    assert found["aud"] == endpoint_origin
    return found | {"k": parts["k"]}


@dataclass
class Device:
    """A browser behind the service."""

    endpoint: str
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = b"sixteen bytes..."

    def subscription(self) -> str:
        """Return what it says of itself, as ``JSON.stringify(subscription)`` writes it."""
        point = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": text(point), "auth": text(self.auth)}
        return json.dumps({"endpoint": self.endpoint, "expirationTime": None, "keys": keys})


@dataclass
class PushService:
    """The service: what it was sent by which path, and what it answers there (``201`` unless a test says otherwise)."""

    origin: str
    messages: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    #: Whoever is asked at one of these waits until it is set.
    holding: dict[str, threading.Event] = field(default_factory=dict)

    def device(self, path: str) -> Device:
        return Device(f"{self.origin}{path}")

    def shown(self, device: Device) -> list[dict[str, Any]]:
        """Return what a device has shown."""
        path = device.endpoint.removeprefix(self.origin)
        mine = [body for where, _headers, body in self.messages if where == path]
        return [json.loads(opened(body, private=device.private, auth=device.auth)) for body in mine]


@contextlib.contextmanager
def running_push_service(*, port: int = 0) -> Iterator[PushService]:
    """Have a push service on this machine."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            service.messages.append((self.path, dict(self.headers.items()), body))
            if self.path in service.holding:
                service.holding[self.path].wait(20)
            with contextlib.suppress(OSError):
                self.send_response(service.statuses.get(self.path, 201))
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    service = PushService(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield service
    finally:
        for each in service.holding.values():
            each.set()
        server.shutdown()
        thread.join()
        server.server_close()
