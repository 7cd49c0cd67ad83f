"""Object storage for tests: the interface of Amazon S3, in a process of its own. Not here: what is put there."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

import httpx

from support.processes import free_port, wait_until
from support.shop import environment

BUCKET: Final = "lakes"


@contextlib.contextmanager
def object_storage() -> Iterator[str]:
    """Have object storage while the block runs, an empty bucket there, and in the environment what leads to it."""
    port = free_port()
    where = f"http://127.0.0.1:{port}"
    told = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
    with environment(**told, AWS_ENDPOINT_URL=where, AWS_EC2_METADATA_DISABLED="true"):
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "--port", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until(lambda: _put(where), what="object storage")
            yield BUCKET
        finally:
            server.kill()
            server.wait()


def _put(where: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.put(f"{where}/{BUCKET}").is_success
    return False
