"""What the worker keeps beside relay and jobs: processes that send messages, as many as the machine can make use of.

Each serves every channel with its share of the connections, so that the parts of a message's way (preparing it, handing
it over, the database, the mail server) work at the same time, and none of them waits for the worker's interpreter.
``python -m comptoir.config.messaging SHARES`` is one of them. Not here: what is sent and how (``vault/messages``), what
is due by the clock (``worker.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Final

import psycopg

from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import COUNTER

_log = logging.getLogger("comptoir.worker")
_LOOK_SECONDS: Final = 1.0
#: More than so many send no faster: the mail server and the database need the other processors.
_PROCESSES_MAX: Final = 2
#: A sender that ends by itself is begun anew, at first at once and then ever later.
_AGAIN_SECONDS: Final = (0.0, 1.0, 5.0, 30.0)
#: So long a sender may take to answer for the few messages that it has marked.
_END_SECONDS_MAX: Final = 20.0
#: So many objects more than are gone, and the youngest are looked through for rings: those of a portion are in none.
_COLLECT_OBJECTS_MIN: Final = 50_000


def processes() -> int:
    """Return how many processes send messages here: two where there are two processors."""
    return max(1, min(_PROCESSES_MAX, len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1))


class Crew:
    """The processes that send messages; begun when they are first wanted, and anew when they end by themselves."""

    def __init__(self, count: int) -> None:
        """Have ``count`` of them, and start none yet."""
        self._running: list[subprocess.Popen[bytes] | None] = [None] * count
        self._ends, self._not_before = 0, 0.0

    def fill(self) -> None:
        """Start those that do not run; not at once those that keep ending."""
        for place, each in enumerate(self._running):
            if each is not None and each.poll() is not None:
                _log.warning("messages: a sender ended (%s)", each.returncode)
                self._running[place] = None
                self._not_before = time.monotonic() + _AGAIN_SECONDS[min(self._ends, len(_AGAIN_SECONDS) - 1)]
                self._ends += 1
        if time.monotonic() < self._not_before:
            return
        for place, each in enumerate(self._running):
            if each is None:
                self._running[place] = subprocess.Popen(  # noqa: S603 - this project's own program
                    (sys.executable, "-m", "comptoir.config.part", __name__, str(len(self._running))),
                    stdin=subprocess.DEVNULL,
                )

    def end(self) -> None:
        """Let each end after the few messages that it has marked, and wait for it."""
        running = [each for each in self._running if each is not None]
        for each in running:
            each.terminate()
        end = time.monotonic() + _END_SECONDS_MAX
        for each in running:
            try:
                each.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                _log.warning("messages: a sender does not end; what it has in hand is answered with unknown")
                each.kill()
                each.wait()


async def keep_sending(stop: asyncio.Event) -> None:
    """Have messages to people sent, as the vault, until told to stop; senders are there once any message waits."""
    crew, is_wanted = Crew(processes()), False
    try:
        while not stop.is_set():
            try:
                is_wanted = is_wanted or await asyncio.to_thread(_any_waits)
            except psycopg.Error as error:
                _log.warning("messages: the database is away (%s)", type(error).__name__)
            if is_wanted:
                crew.fill()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), timeout=_LOOK_SECONDS)
    finally:
        await asyncio.to_thread(crew.end)


def _any_waits() -> bool:
    with database.connect(COUNTER.role) as connection:
        row = connection.execute("select exists (select from messages_waiting)").fetchone()
    return row is not None and bool(row[0])


def calm_collector() -> None:
    """Let the collector of cycles look rarely, and never again at what is loaded by now."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_OBJECTS_MIN, 20, 20)


def main(shares: int) -> None:
    """Send until SIGTERM, as one of so many processes."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", stream=sys.stderr)
    told = threading.Event()
    # A Ctrl-C is for the worker, which ends its senders in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    with database.server():
        set_up_django()
        from comptoir.vault.messages.sending import Senders  # noqa: PLC0415 - its models want Django

        calm_collector()
        senders = Senders(shares=shares)
        sending = threading.Thread(target=senders.run, name="senders")
        sending.start()
        told.wait()
        senders.stop()
        sending.join()


if __name__ == "__main__":
    main(int(sys.argv[1]))
