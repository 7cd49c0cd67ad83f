"""Killing the embedded database server of a test's own shop, and starting it again. Not here: what is to survive it."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from comptoir.foundation.kernel import database, embedded
from support import processes


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(status.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(status.parent.name))
    return found


def kill_server() -> None:
    """Kill the database server and all its processes, as a power cut would, and start it again."""
    postmaster = embedded.process_id()
    assert postmaster is not None
    # Stopped first, so that it starts nothing more while its children are counted.
    os.kill(postmaster, signal.SIGSTOP)
    for pid in [*children(postmaster), postmaster]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    processes.wait_until(lambda: not embedded.is_running(), what="the server to be gone")
    with database.server():  # starts it; the test's own use of it keeps it running
        assert embedded.process_id() not in {None, postmaster}
