"""The bookmark: how far into a recording a sender has come, so that the next one need not send it all again.

It saves time and nothing depends on it: before it is followed, the events just before it are sent again, and only
if the gateway knows every one of them are the earlier ones skipped. A bookmark of another database is noticed so.

Not here: the sending (``sending.py``).
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from comptoir.config.replaying import recordings
from comptoir.config.replaying.recordings import Entry

_WRITE_EVERY_SECONDS = 1.0


class _Place(msgspec.Struct, frozen=True):
    events: int
    source: str
    id: str


class Bookmark:
    """The bookmark of one recording, found again under ``name`` (letters, digits, dots and dashes)."""

    def __init__(self, name: str, *, now: Callable[[], float] = time.monotonic) -> None:
        """Look up the bookmark; one that cannot be read counts as none."""
        self._path = _path(name)
        self._now = now
        self._written_at: float | None = None
        self._place: _Place | None = None
        with contextlib.suppress(OSError, msgspec.ValidationError, msgspec.DecodeError):
            self._place = msgspec.json.decode(self._path.read_bytes(), type=_Place)

    @property
    def events(self) -> int:
        """How many events stand before the bookmark."""
        return 0 if self._place is None else self._place.events

    def fits(self, last: Entry) -> bool:
        """Tell whether ``last`` is the event that was the last one before the bookmark."""
        return self._place is not None and (self._place.source, self._place.id) == (last.source, last.id)

    def forget(self) -> None:
        """Take the bookmark out."""
        self._place = None
        self._path.unlink(missing_ok=True)

    def move(self, window: Sequence[Entry], *, at_once: bool = False) -> None:
        """Move the bookmark behind a window that was answered. It is written once a second at most."""
        last = window[-1]
        self._place = _Place(events=self.events + len(window), source=last.source, id=last.id)
        if at_once or self._written_at is None or self._now() - self._written_at >= _WRITE_EVERY_SECONDS:
            self.save()

    def save(self) -> None:
        """Write the bookmark where it can be found again."""
        if self._place is None:
            return
        fresh = self._path.with_suffix(f".{os.getpid()}")
        fresh.write_bytes(msgspec.json.encode(self._place))
        fresh.replace(self._path)
        self._written_at = self._now()


def _path(name: str) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]{0,99}", name):
        raise ValueError(f"not a name for a bookmark: {name!r}")
    return recordings.folder() / f"{name}.bookmark"
