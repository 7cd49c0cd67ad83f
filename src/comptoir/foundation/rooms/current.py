"""In which room the code runs right now: set for each request, and explicitly by commands. No Django."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

from comptoir.foundation.rooms.declaration import Room

_CURRENT: ContextVar[Room | None] = ContextVar("comptoir_room", default=None)


def current_room() -> Room | None:
    """Return the room that was entered, or ``None``."""
    return _CURRENT.get()


@contextlib.contextmanager
def entered(room: Room) -> Iterator[None]:
    """Be in a room while the block runs: the database is asked as that room's role."""
    token = _CURRENT.set(room)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def enter(room: Room) -> None:
    """Be in a room for the rest of this context: for streams, whose steps run one by one."""
    _CURRENT.set(room)
