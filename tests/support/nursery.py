"""A process that has loaded what servers load, and whose children begin from there: a server starts at once.

Each worker of the run has one. What it is asked for comes over its standard input, a socket: an argument list, an
environment, a file for the output. The child it has then is granian in a session of its own, as if it had been started
from a shell, and reads its own environment; only loading is shared. What an environment decides while it is loaded (our
own pages, Django's settings) is therefore not loaded here.

Not here: what is served, and when it is ready (``processes.py``).
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

_MESSAGE_BYTES_MAX = 1 << 20
_MAP = Path(__file__).parents[2] / "src" / "comptoir" / "config" / "examples" / "touchpoints.toml"


class Born:
    """A server that the nursery has started: what :class:`subprocess.Popen` offers, as far as tests ask for it."""

    def __init__(self, nursery: Nursery, pid: int, args: Sequence[str]) -> None:
        """Know a child of ``nursery`` by its ``pid``."""
        self._nursery, self._watch = nursery, os.pidfd_open(pid)
        self.pid, self.args, self.returncode = pid, args, None

    returncode: int | None

    def poll(self) -> int | None:
        """Return how it ended, negative for a signal; ``None`` while it runs."""
        if self.returncode is None:
            self.returncode = self._nursery.ask({"of": self.pid})["ended"]
            if self.returncode is not None:
                os.close(self._watch)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return how it ended, once it has; raises :class:`subprocess.TimeoutExpired` after ``timeout`` seconds."""
        if self.returncode is None:
            ready, _, _ = select.select([self._watch], [], [], timeout)
            if not ready:
                raise subprocess.TimeoutExpired(list(self.args), timeout or 0)
        ended = self.poll()
        assert ended is not None
        return ended

    def send_signal(self, number: int) -> None:
        """Send a signal to it, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The nursery of this worker, seen from the tests."""

    def __init__(self) -> None:
        """Start it; it ends when this process does, since its socket ends then."""
        self._one_at_a_time = threading.Lock()
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            self._process = subprocess.Popen([sys.executable, __file__], stdin=other.fileno(), start_new_session=True)

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], output: BinaryIO) -> Born:
        """Have granian started with these arguments and this environment; it writes into ``output``."""
        with self._one_at_a_time:
            files = array.array("i", [output.fileno()])
            message = json.dumps({"arguments": list(arguments), "environment": dict(environment)}).encode()
            assert len(message) < _MESSAGE_BYTES_MAX
            self._socket.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])
            answer = json.loads(self._socket.recv(_MESSAGE_BYTES_MAX))
        return Born(self, answer["pid"], arguments)

    def ask(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the nursery answers."""
        with self._one_at_a_time:
            self._socket.send(json.dumps(message).encode())
            answer: Mapping[str, Any] = json.loads(self._socket.recv(_MESSAGE_BYTES_MAX))
        return answer

    def close(self) -> None:
        """End it. Whoever had a child of it has ended that before."""
        self._socket.close()
        self._process.wait(timeout=30)


# -- the nursery itself -------------------------------------------------------------------------------------------


def _tend(line: socket.socket) -> None:
    """Answer whoever holds the other end, until nobody does."""
    while True:
        message, ancillary, _, _ = line.recvmsg(_MESSAGE_BYTES_MAX, socket.CMSG_SPACE(array.array("i", [0]).itemsize))
        if not message:
            return
        asked = json.loads(message)
        if "of" in asked:
            pid, status = os.waitpid(asked["of"], os.WNOHANG)
            answer: dict[str, Any] = {"ended": os.waitstatus_to_exitcode(status) if pid else None}
        else:
            output = array.array("i", ancillary[0][2])[0]
            pid = os.fork()
            if not pid:
                line.close()
                _serve(asked["arguments"], asked["environment"], output)
            os.close(output)
            answer = {"pid": pid}
        line.send(json.dumps(answer).encode())


def _serve(arguments: Sequence[str], environment: Mapping[str, str], output: int) -> None:
    """Be granian; never returns."""
    status = 1
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        os.close(output)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = ["granian", *arguments]
        runpy.run_module("granian", run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else bool(ended.code)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        raise
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _load() -> None:
    """Load what the gateway is, and what the pages use that nobody's environment changes."""
    importlib.import_module("comptoir.doors.gateway.application")
    _look_at_types()
    for name in ("uvloop", "granian.cli", "granian.server", "granian.server.mp"):
        importlib.import_module(name)
    for name in _loaded_by_pages():
        if name.partition(".")[0] not in {"comptoir", "__main__"}:
            # What needs a Django that is set up says so, and is loaded by whoever has one.
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def _look_at_types() -> None:
    """Have the annotations of all event types looked at, as every map's reader does first."""
    from comptoir.counter.assembly import EVENT_TYPES, PRODUCTS
    from comptoir.foundation.touchpoints.reading import load_map

    load_map(_MAP, types=EVENT_TYPES, products=PRODUCTS)


def _loaded_by_pages() -> list[str]:
    """Return the modules that the pages of all rooms load, as a child finds them out."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            import django

            os.environ["DJANGO_SETTINGS_MODULE"] = "comptoir.config.settings"
            django.setup(set_prefix=False)
            package = importlib.import_module("comptoir.config.urls")
            for path in Path(package.__path__[0]).glob("[a-z]*.py"):
                importlib.import_module(f"{package.__name__}.{path.stem}")
            with os.fdopen(writing, "w") as out:
                out.write("\n".join(sys.modules))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as found:
        names = found.read().split()
    os.waitpid(pid, 0)
    return names


if __name__ == "__main__":
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)
    _load()
    gc.collect()
    gc.freeze()  # no child looks through this again
    with socket.socket(fileno=0) as held:
        _tend(held)
