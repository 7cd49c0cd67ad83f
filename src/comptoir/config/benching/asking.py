"""Pages as a benchmark asks for them: servers in processes of their own, connections that stay, one or many at a time.

Not here: what is asked, and what that is compared with.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from comptoir.config.benching import stage
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.declaration import SQUARE, Room

CONNECTIONS: Final = 8
WORKERS: Final = 2
_START_SECONDS_MAX: Final = 60.0
_ANSWER_SECONDS_MAX: Final = 300.0


class Server(msgspec.Struct, frozen=True):
    """A running server: its port, and the process that has the others."""

    port: int
    process_id: int

    def cpu_seconds(self) -> float:
        """Return the processor time of the server's processes (Linux)."""
        ticks = 0
        for each in stage.family(self.process_id):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def served(interface: str, application: str, environment: Mapping[str, str]) -> Iterator[Server]:
    """Have an application served by granian, by two processes."""
    port = stage.free_port()
    command = [
        *(sys.executable, "-m", "granian", "--interface", interface, "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", str(WORKERS), "--http", "1", "--no-ws", "--log-level", "warning", application),
    ]
    with running(command, port, environment) as server:
        yield server


@contextlib.contextmanager
def running(
    command: Sequence[str], port: int, environment: Mapping[str, str], *, first: str = "/en/"
) -> Iterator[Server]:
    """Have a server's command running, from when it answers to its ``first`` page until the block ends."""
    # What a server says of itself is no figure.
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=sys.stderr)  # noqa: S603 - our own
    try:
        deadline = time.monotonic() + _START_SECONDS_MAX
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if get(connect(port), first):
                    break
            time.sleep(0.1)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def pages(gateway_port: int, *, kept_seconds: int | None = None) -> Iterator[Server]:
    """Have the house's pages in front of a gateway, as ``comptoir serve`` runs them."""
    environment = {"COMPTOIR_GATEWAY_URL": f"http://127.0.0.1:{gateway_port}", "COMPTOIR_POOL": "1"}
    if kept_seconds is not None:
        environment["COMPTOIR_PAGES_KEPT_SECONDS"] = str(kept_seconds)
    with served("asginl", "comptoir.config.asgi:application", environment) as server:
        yield server


def connect(port: int) -> http.client.HTTPConnection:
    """Return a connection that has yet to be opened."""
    return http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS_MAX)


def get(connection: http.client.HTTPConnection, path: str, cookie: str = "", *, room: Room = SQUARE) -> bytes:
    """Return a page. Raises :class:`http.client.HTTPException` for any answer but 200."""
    headers = {"Host": f"{host_of(room)}:{connection.port}", **({"Cookie": cookie} if cookie else {})}
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != http.client.OK:
        raise http.client.HTTPException(f"{path}: {answer.status}")
    return content


def together(action: Callable[[int], None], *, count: int = CONNECTIONS) -> None:
    """Do something so many times at once, each with its number; what goes wrong in one is raised at the end."""
    troubles: list[BaseException] = []

    def acting(number: int) -> None:
        try:
            action(number)
        except BaseException as trouble:  # noqa: BLE001 - raised below
            troubles.append(trouble)

    threads = [threading.Thread(target=acting, args=(number,)) for number in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if troubles:
        raise troubles[0]
