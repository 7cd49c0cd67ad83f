"""The gateway's process: how often it collects, how many connections it may have, when it is told to end.

Not here: what it answers (``application.py``).
"""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from comptoir.doors.gateway import limits

_log = logging.getLogger(__name__)
_COLLECT_OBJECTS_MIN: Final = 50_000


def calm_collector() -> None:
    """Let the collector of cycles look rarely: a batch makes many objects and no cycles, and pays for every look."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_OBJECTS_MIN, 20, 20)


def allow_many_connections() -> None:
    """Let this process have as many open files as it may: many systems begin with 1,024, and each client is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.OPEN_FILES_MAX if most == resource.RLIM_INFINITY else min(most, limits.OPEN_FILES_MAX)
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def when_told_to_end(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    """Call ``callback`` in the loop as soon as the process is told to end.

    The server first waits until all requests are answered, and a stream never is; the life cycle's own message
    comes only after that. The server's handlers stay: they are called from here.
    """

    def chained(before: Any) -> Callable[[int, FrameType | None], None]:
        def handle(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(callback)
            if callable(before):
                before(number, frame)

        return handle

    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, chained(signal.getsignal(number)))
    except ValueError:  # not the main thread: somebody else looks after signals
        _log.info("streams end when their clients leave")
