"""``/go/CODE``: a short link of the shop's, which leads on. Not here: what is counted of it (``square/shortlinks``)."""

from __future__ import annotations

import re
from typing import Final

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_safe

from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.foundation.rooms.web import in_room
from comptoir.square.shortlinks import commands

_CODE: Final = re.compile(r"[0-9a-z]{1,32}")


@in_room(SQUARE)
@require_safe
def follow(request: HttpRequest, code: str) -> HttpResponseBase:
    """Lead on to where a short link leads, and count it; whoever only looks whether it is there is not counted."""
    agent = request.headers.get("User-Agent", "") if request.method == "GET" else ""
    asked = code.lower()
    target = commands.follow(asked, agent=agent, at=timezone.now()) if _CODE.fullmatch(asked) else None
    if target is None:
        raise Http404
    response = redirect(target)
    # Each visit counts, and where somebody came from is not the next page's business.
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
