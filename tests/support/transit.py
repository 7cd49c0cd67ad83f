"""A small server that speaks the transit engine's interface, as much of it as wraps and unwraps keys.

Modelled on the published HTTP interface of the engine: keys, rotate, encrypt, decrypt, batches, versions, the token.
Not here: what the key keeper makes of its answers.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class TransitServer:
    """The server's state: the token that it takes, each key's versions, and what was asked."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.token = "s.good"  # noqa: S105 - a test's
        self.keys: dict[str, list[bytes]] = {}
        self.asked: list[str] = []
        self.redirect = ""

    def answer(self, method: str, path: str, token: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answer one request: a status and what goes out as JSON."""
        self.asked.append(f"{method} {path}")
        if token != self.token:
            return 403, {"errors": ["permission denied"]}
        match path.removeprefix("/v1/transit/").split("/"):
            case ["keys", name] if method == "GET":
                versions = self.keys.get(name)
                return (200, {"data": {"latest_version": len(versions)}}) if versions else (404, {"errors": []})
            case ["keys", name]:
                self.keys.setdefault(name, [os.urandom(32)])
                return 200, {"data": {"latest_version": 1}}
            case ["keys", name, "rotate"]:
                self.keys[name].append(os.urandom(32))
                return 200, {"data": {"latest_version": len(self.keys[name])}}
            case ["encrypt", name]:
                return 200, {"data": {"batch_results": [self._encrypt(name, item) for item in body["batch_input"]]}}
            case ["decrypt", name]:
                results = [self._decrypt(name, item) for item in body["batch_input"]]
                return (400 if any("error" in each for each in results) else 200), {"data": {"batch_results": results}}
        return 404, {"errors": ["no handler for route"]}

    def _encrypt(self, name: str, item: dict[str, Any]) -> dict[str, Any]:
        version = item.get("key_version") or len(self.keys[name])
        nonce = os.urandom(12)
        sealed = nonce + AESGCM(self.keys[name][version - 1]).encrypt(nonce, base64.b64decode(item["plaintext"]), None)
        return {"ciphertext": f"vault:v{version}:{base64.b64encode(sealed).decode()}", "key_version": version}

    def _decrypt(self, name: str, item: dict[str, Any]) -> dict[str, Any]:
        _, version, text = item["ciphertext"].split(":")
        sealed = base64.b64decode(text)
        try:
            key = self.keys[name][int(version[1:]) - 1]
            opened = AESGCM(key).decrypt(sealed[:12], sealed[12:], None)
        except (InvalidTag, KeyError, IndexError):
            return {"error": "cipher: message authentication failed"}
        return {"plaintext": base64.b64encode(opened).decode()}


@contextlib.contextmanager
def transit_server() -> Iterator[TransitServer]:
    """Have the server on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def log_message(self, *_words: object) -> None:
            """Write nothing."""

        def _serve(self, method: str) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            if server.redirect:
                self.send_response(307)
                self.send_header("Location", server.redirect)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            status, data = server.answer(method, self.path, self.headers.get("X-Vault-Token", ""), body)
            content = json.dumps(data).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        server = TransitServer(listener.server_port)
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()
