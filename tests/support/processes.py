"""Real processes for tests: started on a free port, waited for until they answer, always ended.

Not here: what is sent to them.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from support.nursery import Born, Nursery

#: A shared machine may be slow; nothing waits this long when all is well.
PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 0.02

Process = subprocess.Popen[bytes] | Born


@functools.cache
def _nursery() -> Nursery:
    nursery = Nursery()
    atexit.register(nursery.close)
    return nursery


def free_port() -> int:
    """Return a port of this machine that nobody listens to, and that no other test of the run was given.

    Its server has yet to start; until then, the system would give the port to another worker as well.
    """
    given = Path(os.environ["TEST_PORTS"])
    while True:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port: int = listener.getsockname()[1]
        with contextlib.suppress(FileExistsError):
            (given / str(port)).touch(exist_ok=False)
            return port


def wait_until(condition: Callable[[], bool], *, what: str, seconds_max: float = PATIENCE_SECONDS) -> None:
    """Return as soon as ``condition`` holds; an assertion that names ``what`` if it never does."""
    pause = threading.Event()
    deadline = time.monotonic() + seconds_max
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds_max:.0f} s in vain for {what}"
        pause.wait(_PAUSE_SECONDS)


def accepts(port: int) -> bool:
    """Tell whether somebody listens to a port of this machine."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def serving(
    application: str, *, port: int, log: Path, answers: Callable[[], bool] | None = None, interface: str = "asgi"
) -> Iterator[Process]:
    """Have ``application`` (``module:name``) served by granian on ``port`` while the block runs.

    ``answers`` tells whether it is ready; without, it is as soon as somebody listens. It starts in a process
    group of its own, so that nothing of it is left behind; what it wrote stands in ``log``.
    """
    arguments = [
        *("--interface", interface, "--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--loop", "uvloop"),
        *("--http", "1", "--no-ws", "--backlog", "2048", "--backpressure", "16384", application),
    ]
    with log.open("ab") as output:
        # What a browser in this process needs of Django must not make a server careless.
        environment = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
        process: Process
        if application.startswith("comptoir."):
            process = _nursery().start(arguments, environment, output)
        else:  # a test's own, which changes something before anything is loaded
            process = subprocess.Popen(
                [sys.executable, "-m", "granian", *arguments],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
    try:
        is_ready = answers or (lambda: accepts(port))
        wait_until(lambda: process.poll() is not None or is_ready(), what=f"{application} on port {port}")
        assert process.poll() is None, f"{application} did not start:\n{log.read_text(errors='replace')[-4000:]}"
        yield process
    finally:
        end(process)


def end(process: Process) -> None:
    """End a process and its children: politely, then firmly."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=10)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
