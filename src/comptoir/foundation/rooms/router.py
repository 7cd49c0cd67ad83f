"""Which of Django's connections a query takes: that of the room in which it runs; migrations run as the owner."""

from __future__ import annotations

from typing import Any

from comptoir.foundation.rooms.current import current_room

OWNER_ALIAS = "default"


class RoomRouter:
    """Sends every query to the connection of the current room, and refuses one that is in no room at all."""

    def db_for_read(self, model: type[Any], **hints: Any) -> str:  # noqa: ARG002 - Django's signature
        """Return the alias of the current room."""
        return self._alias(model)

    def db_for_write(self, model: type[Any], **hints: Any) -> str:  # noqa: ARG002
        """Return the alias of the current room."""
        return self._alias(model)

    def allow_relation(self, first: Any, second: Any, **hints: Any) -> bool:  # noqa: ARG002
        """Allow relations: every alias is one database, seen by another role."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:  # noqa: ARG002
        """Only the owner creates tables."""
        return db == OWNER_ALIAS

    def _alias(self, model: type[Any]) -> str:
        room = current_room()
        if room is None:
            raise RuntimeError(
                f"a query for {model.__name__} runs in no room; enter one: with entered(COUNTER): ... "
                "(comptoir.foundation.rooms.current)"
            )
        return room.name
