"""What pages write on the square: what is kept of pictures, before anybody shows them. Runs in the current room.

Everything else that happens here is an event, and written by the gateway.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from django.db import connections

from comptoir.foundation.kernel.database import load_statements
from comptoir.foundation.rooms.current import current_room
from comptoir.square.community import store
from comptoir.square.community.pictures import Developed
from comptoir.square.community.queries import PictureShown

_SQL: Final = load_statements(__package__, "queries.sql")


def keep_picture(developed: Developed, *, alt: str = "") -> PictureShown:
    """Keep a picture for a post that is about to show it; the same one twice is one."""
    room = current_room()
    assert room is not None, "pages write from within a room"
    own = connections[room.name]
    own.ensure_connection()
    store.insert_picture(own.connection, developed)
    return PictureShown(developed.digest, alt, developed.width, developed.height)


def kept_pictures(digests: Collection[str]) -> dict[str, tuple[int, int]]:
    """Return the sizes of those of these pictures that are kept."""
    room = current_room()
    assert room is not None, "pages ask from within a room"
    with connections[room.name].cursor() as cursor:
        cursor.execute(_SQL["picture_sizes"], {"digests": list(digests)})
        return {digest: (width, height) for digest, width, height in cursor.fetchall()}
