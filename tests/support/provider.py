"""A provider in a process of its own: it takes messages over HTTP, and answers as badly as a test wants.

``python -m support.provider`` prints its port. The first part of a path says how it answers: ``ok``, ``slow`` (after a
while), ``twice`` (two answers to one question), ``never``, ``nonsense`` (a page of HTML that says that all is well),
``other`` and ``odd`` (JSON of another shape, and of the right one about nobody), ``noise`` (no HTTP), ``gone`` (hangs
up) and ``failed`` (500). What it was sent it tells at ``/got``. Providers' own answers: Postmark's for ``/MODE/email``,
a push service's (RFC 8030) for the rest.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import httpx

_SLOW_SECONDS = 0.6
_NEVER_SECONDS = 30.0


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    got: ClassVar[list[dict[str, Any]]] = []
    lock = threading.Lock()

    def do_GET(self) -> None:
        with self.lock:
            self._answer(200, json.dumps(self.got).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        mode, _, rest = self.path.strip("/").partition("/")
        with self.lock:
            self.got.append({"mode": mode, "path": rest, "body": body.decode("latin-1")})
        is_mail = rest.startswith("email")
        said = {"ErrorCode": 0, "Message": "OK", "MessageID": "m", "SubmittedAt": ""}
        if is_mail:
            said["To"] = json.loads(body)["To"]
        status, answer = (200, json.dumps(said).encode()) if is_mail else (201, b"")
        if mode == "never":
            time.sleep(_NEVER_SECONDS)
        elif mode == "gone":
            self.close_connection = True
        elif mode == "noise":
            self.wfile.write(b"\x00\xff\xfeHELO 250 OK accepted\r\n\r\n")
            self.close_connection = True
        elif mode == "nonsense":
            self._answer(200 if is_mail else 302, b"<html>All is well!</html>", kind="text/html")
        elif mode == "other":
            self._answer(200, b'[["accepted"], null, 7]')
        elif mode == "odd":
            self._answer(200, json.dumps(said | {"To": ""}).encode())
        elif mode == "failed":
            self._answer(500, b"oops")
        else:
            if mode == "slow":
                time.sleep(_SLOW_SECONDS)
            self._answer(status, answer)
            if mode == "twice":
                self._answer(status, answer)

    def _answer(self, status: int, body: bytes, *, kind: str = "application/json") -> None:
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


class Provider:
    """The process, as a test sees it."""

    def __init__(self, port: int) -> None:
        """Know where it is."""
        self.origin = f"http://127.0.0.1:{port}"

    def got(self) -> list[dict[str, Any]]:
        """Return what it was sent."""
        found: list[dict[str, Any]] = httpx.get(f"{self.origin}/got", timeout=5, trust_env=False).json()
        return found


@contextlib.contextmanager
def running_provider() -> Iterator[Provider]:
    """Have one until the end of the block."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, "-m", "support.provider"], stdout=subprocess.PIPE, env=environment, text=True
    )
    try:
        assert process.stdout is not None
        yield Provider(int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def main() -> None:
    """Serve until killed."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
