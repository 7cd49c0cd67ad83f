"""The house as a tree of processes: gateway, pages, worker, on top of the database; ended together, in order.

:class:`House` is what ``comptoir serve`` and ``comptoir demo`` run. It knows no Django and opens no connection: each
part does that in a process of its own. Not here: what a part does, what is migrated.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import httpx
import msgspec

from comptoir.foundation.kernel import database, shop
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, ROOMS, SQUARE, VAULT, Room
from comptoir.vault.payments import pretend

DEFAULT_PORT = 8000
DEFAULT_GATEWAY_PORT = 8001

#: The provider simulator, a part where it is the shop's payment provider.
PRETEND = "pretend"
#: What can be asked for by name: the rooms' pages, and the parts that are no room's pages.
NAMES = ("gateway", "worker", PRETEND, *ROOMS)

#: A part that dies is started again, but not forever: more often than this within a minute, and the house closes.
RESTARTS_MAX = 5
_RESTARTS_WITHIN_SECONDS = 60.0

_PAUSE_SECONDS = 0.1
_HEALTHY_WITHIN_SECONDS = 90.0
_END_WITHIN_SECONDS = 15.0

_GATEWAY = "comptoir.doors.gateway.application:application"
_PAGES = "comptoir.config.asgi:application"
_WORKER = "comptoir.config.worker"
_SIMULATOR = "comptoir.config.pretending.application:application"
_PART = (sys.executable, "-m", "comptoir.config.part")


class HouseFell(Exception):  # noqa: N818 - what happened, as the other refusals say it
    """A part of the house does not stay up."""


class Part(msgspec.Struct, frozen=True):
    """A process of the house: its name, what is run, with which environment beside the common one, on which port."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = {}
    port: int | None = None
    host: str | None = None


class House:
    """The running house; a context manager that has everything started and healthy inside its block.

    ``names`` are those of :data:`NAMES` (unset: the whole house). ``log_folder`` takes what the parts write; unset, it
    goes where this process writes. ``report`` is told one line for each thing that happens.
    """

    def __init__(
        self,
        names: Iterable[str] = (),
        *,
        port: int = DEFAULT_PORT,
        gateway_port: int = DEFAULT_GATEWAY_PORT,
        host: str = "127.0.0.1",
        log_folder: Path | None = None,
        report: Callable[[str], None] = lambda _line: None,
    ) -> None:
        """Plan the house; nothing is started yet. Raises :class:`ValueError` for a name that is no part's."""
        wanted = tuple(dict.fromkeys(names)) or NAMES
        if unknown := set(wanted) - set(NAMES):
            raise ValueError(f"no part of the house: {', '.join(sorted(unknown))}")
        self.port, self.gateway_port, self.host = port, gateway_port, host
        self._log_folder, self._report = log_folder, report
        self._rooms = tuple(room for room in ROOMS.values() if room.name in wanted)
        self.parts = tuple(self._plan(wanted))
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._restarts: dict[str, deque[float]] = {part.name: deque() for part in self.parts}
        self._stack = contextlib.ExitStack()

    # -- in the order in which it happens ---------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Start, and wait until every part answers."""
        try:
            self.start()
            self.wait_healthy()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def start(self) -> None:
        """Start the database (if it is the shop's own) and every part. Raises :class:`HouseFell` for a port in use."""
        for part in self.parts:
            if part.port is not None and _is_taken(self.host, part.port):
                raise HouseFell(f"port {part.port} is in use; choose another one for {part.name}")
        self._stack.enter_context(database.server())
        for part in self.parts:
            self._start(part)

    def wait_healthy(self, *, seconds_max: float = _HEALTHY_WITHIN_SECONDS) -> None:
        """Return when every part answers. Raises :class:`HouseFell` if one does not within the time."""
        deadline = time.monotonic() + seconds_max
        pause = threading.Event()
        waiting = [part for part in self.parts if part.port is not None]
        with httpx.Client(timeout=5, trust_env=False) as client:
            while waiting := [part for part in waiting if not self._is_healthy(part, client)]:
                self.tend()
                if time.monotonic() > deadline:
                    names = ", ".join(part.name for part in waiting)
                    raise HouseFell(f"{names} did not answer within {seconds_max:.0f} seconds")
                pause.wait(_PAUSE_SECONDS)

    def tend(self) -> None:
        """Start again what has died; call it every now and then. Raises :class:`HouseFell` if a part dies too often."""
        for part in self.parts:
            process = self._running.get(part.name)
            if process is None or process.poll() is None:
                continue
            restarts, now = self._restarts[part.name], time.monotonic()
            while restarts and now - restarts[0] > _RESTARTS_WITHIN_SECONDS:
                restarts.popleft()
            if len(restarts) >= RESTARTS_MAX:
                where = f"; see {self._log(part)}" if self._log_folder else ""
                raise HouseFell(f"{part.name} died {RESTARTS_MAX + 1} times within a minute{where}")
            restarts.append(now)
            self._report(f"{part.name} ended ({_ending(process)}) and is started again")
            self._start(part)

    def run_until(self, end: threading.Event) -> None:
        """Keep the house running until ``end`` is set."""
        while not end.wait(_PAUSE_SECONDS):
            self.tend()

    def stop(self) -> None:
        """End every part, politely and then firmly, then leave the database. May be called twice."""
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _END_WITHIN_SECONDS
        for process in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0.0, deadline - time.monotonic()))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # also a worker that its parent left behind
            process.wait()
        self._running.clear()
        self._stack.close()

    # -- what stands where ------------------------------------------------------------------------------------------

    @property
    def gateway_url(self) -> str:
        """Return where the gateway answers on this machine."""
        return f"http://localhost:{self.gateway_port}"

    def process_id(self, name: str) -> int | None:
        """Return the process id of a part, or ``None`` if it is not running."""
        process = self._running.get(name)
        return process.pid if process is not None and process.poll() is None else None

    def addresses(self) -> list[tuple[str, str]]:
        """Return what can be opened and where, in the order in which one would: pairs of a name and an address."""
        with _environment(self._common_environment()):
            pages = [(words, addresses.origin_of(room)) for room, words in _WORDS if room in self._rooms]
        has_gateway = any(part.name == "gateway" for part in self.parts)
        return pages + ([("gateway", self.gateway_url)] if has_gateway else [])

    # -- one part ---------------------------------------------------------------------------------------------------

    def _plan(self, wanted: tuple[str, ...]) -> Iterable[Part]:
        if "gateway" in wanted:
            yield Part("gateway", self._granian(_GATEWAY, self.gateway_port), port=self.gateway_port)
        if self._rooms:
            yield Part(
                "pages",
                self._granian(_PAGES, self.port, interface="asginl"),  # Django has no lifespan
                environment={"COMPTOIR_ROOMS": ",".join(room.name for room in self._rooms), "COMPTOIR_POOL": "1"},
                port=self.port,
                host=_with_port(addresses.host_of(self._rooms[0]), self.port),
            )
        if "worker" in wanted and importlib.util.find_spec(_WORKER) is not None:
            yield Part("worker", (*_PART, _WORKER))
        if PRETEND in wanted and os.environ.get("COMPTOIR_PAYMENTS") == PRETEND and not addresses.is_production():
            port = pretend.public_port()
            yield Part(PRETEND, self._granian(_SIMULATOR, port), port=port)

    def _granian(self, application: str, port: int, *, interface: str = "asgi") -> tuple[str, ...]:
        return (
            *(*_PART, "granian", "--interface", interface, "--host", self.host, "--port", str(port)),
            *("--workers", "1", "--loop", "uvloop", "--http", "1", "--no-ws", "--log-level", "warning"),
            *("--workers-kill-timeout", "10", "--backlog", "2048"),
            # Beyond this many connections nobody is answered at all; idle tills and live streams are connections too.
            *("--backpressure", "16384", application),
        )

    def _common_environment(self) -> dict[str, str]:
        # Behind a proxy the public port is the proxy's; without one it is the port of the pages.
        own = {} if addresses.is_production() or "COMPTOIR_PORT" in os.environ else {"COMPTOIR_PORT": str(self.port)}
        return {
            "COMPTOIR_DATA": str(shop.folder()),
            "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "comptoir.config.settings"),
            "COMPTOIR_GATEWAY_URL": os.environ.get("COMPTOIR_GATEWAY_URL") or self.gateway_url,
            "PYTHONUNBUFFERED": "1",
            **own,
        }

    def _start(self, part: Part) -> None:
        output: IO[bytes] | None = None
        if self._log_folder is not None:
            self._log_folder.mkdir(parents=True, exist_ok=True)
            output = self._log(part).open("ab")
        try:
            self._running[part.name] = subprocess.Popen(  # noqa: S603 - this project's own programs
                part.command,
                env={**os.environ, **self._common_environment(), **part.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output is not None else None,
                # A Ctrl-C is for the house, which ends its parts in order.
                start_new_session=True,
            )
        finally:
            if output is not None:
                output.close()

    def _log(self, part: Part) -> Path:
        assert self._log_folder is not None
        return self._log_folder / f"{part.name}.log"

    def _is_healthy(self, part: Part, client: httpx.Client) -> bool:
        headers = {} if part.host is None else {"Host": part.host}
        try:
            answer = client.get(f"http://{self.host}:{part.port}/health", headers=headers)
        except httpx.TransportError:
            return False
        return answer.is_success


_WORDS: tuple[tuple[Room, str], ...] = (
    (SQUARE, "the shop's front"),
    (COUNTER, "a customer's card"),
    (OFFICE, "the console"),
    (VAULT, "signing in"),
)


def _with_port(host: str, port: int) -> str:
    return host if addresses.is_production() else f"{host}:{port}"


def _is_taken(host: str, port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError:
            return True
    return False


def _ending(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    return f"signal {-code}" if code < 0 else f"exit {code}"


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
