"""Writes of the catalog from pages: pictures that staff send, kept until an event says which product shows them."""

from __future__ import annotations

from collections.abc import Collection

from django.db import connections

from comptoir.foundation.rooms.current import current_room
from comptoir.square.catalog import queries, store
from comptoir.square.community.pictures import Developed
from comptoir.square.community.queries import PictureShown


def keep_picture(developed: Developed) -> PictureShown:
    """Keep a picture that a product is about to show; the same one twice is one."""
    room = current_room()
    assert room is not None, "pages write from within a room"
    own = connections[room.name]
    own.ensure_connection()
    store.insert_picture(own.connection, developed)
    return PictureShown(developed.digest, "", developed.width, developed.height)


def kept_pictures(digests: Collection[str]) -> dict[str, tuple[int, int]]:
    """Return the sizes of those of these pictures that are kept."""
    return queries.picture_sizes(digests) if digests else {}
