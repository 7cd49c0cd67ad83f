"""Pictures with a post: taken from a member's form (``square/community/gathering.py``), and served to whoever may."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from comptoir.doors.storefront.community.speaking import persona_of
from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.foundation.rooms.web import in_room
from comptoir.square.community import gathering, queries
from comptoir.square.community.gathering import Gathered, slots_of
from comptoir.square.community.queries import PictureShown

__all__ = ("Gathered", "gather", "picture", "slots_of")

#: A picture never changes, and what has it is a browser: what stands between may keep nothing that can be taken back.
_KEPT: Final = "private, max-age=31536000, immutable"


def gather(request: HttpRequest, *, before: Sequence[PictureShown] = ()) -> Gathered:
    """Take the pictures of a member's form."""
    persona = persona_of(request)
    assert persona is not None, "only members send pictures"
    return gathering.gather(request, who=str(persona), before=before)


@in_room(SQUARE)
@require_safe
def picture(request: HttpRequest, digest: str, size: str = "") -> HttpResponseBase:
    """Answer with a picture that a public post shows; its author sees it before."""
    found = queries.picture(digest, is_small=bool(size))
    if found is None and (reader := persona_of(request)) is not None:
        found = queries.picture(digest, is_small=bool(size), reader=reader)
    if found is None:
        raise Http404
    content, is_public = found
    headers = {"Cache-Control": _KEPT if is_public else "private, no-store", "ETag": f'"{digest}{size}"'}
    return HttpResponse(content, content_type="image/webp", headers=headers)
