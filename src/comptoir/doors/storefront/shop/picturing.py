"""Pictures of products: served to everybody, on the square and at the counter; and what stands for one in a list.

A list in which something has a picture shows for the rest a plain tile with the first letter of its category, in that
category's own tone; nothing is drawn that could be taken for the goods. Where nothing has one, there are no tiles.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from comptoir.foundation.rooms.declaration import COUNTER, SQUARE
from comptoir.foundation.rooms.web import in_room
from comptoir.square.catalog import queries as catalog
from comptoir.square.catalog.queries import CategoryShown, Ware

#: What a picture shows never changes under its address; whatever stands in between may keep it.
KEPT: Final = "public, max-age=604800, immutable"
_TONES: Final = 6


class Tile(msgspec.Struct, frozen=True):
    """What stands in a list where a picture would: a letter, and which tone it has."""

    letter: str
    tone: int


class Shelved(msgspec.Struct, frozen=True):
    """A product in a list, with a tile where others have a picture and it has none."""

    ware: Ware
    tile: Tile | None = None


def answer(digest: str, size: str) -> HttpResponse:
    """Answer with a picture of a product, in one of its two sizes."""
    content = catalog.picture(digest, is_small=bool(size))
    if content is None:
        raise Http404
    return HttpResponse(
        content, content_type="image/webp", headers={"Cache-Control": KEPT, "ETag": f'"{digest}{size}"'}
    )


@in_room(SQUARE)
@require_safe
def picture(request: HttpRequest, digest: str, size: str = "") -> HttpResponse:  # noqa: ARG001 - a view's shape
    """Answer with a picture of a product, on the square."""
    return answer(digest, size)


@in_room(COUNTER, is_open=True)
@require_safe
def picture_at_counter(request: HttpRequest, digest: str, size: str = "") -> HttpResponse:  # noqa: ARG001 - a view's shape
    """Answer with the same at the counter, whose pages load nothing from another room."""
    return answer(digest, size)


def shelved(wares: Sequence[Ware], categories: Callable[[], Mapping[str, CategoryShown]]) -> tuple[Shelved, ...]:
    """Return the products of a list, with tiles if any of them has a picture."""
    if not any(each.picture for each in wares):
        return tuple(Shelved(each) for each in wares)
    known = categories()
    return tuple(Shelved(each, None if each.picture else tile(each.category, each.name.text, known)) for each in wares)


def tile(category: str | None, name: str, among: Mapping[str, CategoryShown]) -> Tile:
    """Return what stands for a product's picture: made of its category, or of its name where it stands in none."""
    path = catalog.path_to(category, among)
    word = path[-1].name.text if path else name
    return Tile(word[:1].upper(), zlib.crc32((path[0].category if path else "").encode()) % _TONES)
