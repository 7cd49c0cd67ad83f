"""What "the" connection is: inside a room that room's own, outside of every room the owner's.

Django's ``transaction.atomic()`` and libraries that know one database only use the alias ``default``. Were that the
owner's connection, a library's transaction would lock nothing that its queries touch, and pages would reach the one
role that may do everything. So the alias means the room that one is in; the owner is reached by migrations, which
run in no room.
"""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.db.utils import ConnectionHandler

from comptoir.foundation.rooms.current import current_room
from comptoir.foundation.rooms.router import OWNER_ALIAS


class RoomConnections(ConnectionHandler):
    """Django's connections, with an alias ``default`` that knows the current room."""

    def __getitem__(self, alias: str) -> Any:
        """Return the connection of an alias in this thread."""
        room = current_room()
        return super().__getitem__(room.name if room is not None and alias == OWNER_ALIAS else alias)

    def all(self, initialized_only: bool = False) -> list[Any]:
        """Return the connections themselves, so that closing all of them closes the owner's too."""
        aliases = [alias for alias in self if not initialized_only or hasattr(self._connections, alias)]  # type: ignore[attr-defined]
        return [super(RoomConnections, self).__getitem__(alias) for alias in aliases]


def install() -> None:
    """Make Django's own handler behave so; there is no setting for it."""
    connections.__class__ = RoomConnections
