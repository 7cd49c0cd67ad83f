"""In which language a page of the square is: that of its address (``/ja/…``), or else the browser's."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable
from typing import Any

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import translation
from django.utils.cache import get_conditional_response, patch_vary_headers

from comptoir.doors.storefront.community import keeping, reminding, unsent
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, SQUARE
from comptoir.foundation.rooms.staying import let_keep
from comptoir.foundation.rooms.visits import Visit, visit_of
from comptoir.foundation.rooms.web import in_room
from comptoir.square.catalog import queries as catalog
from comptoir.square.hearing import queries as hearing

View = Callable[..., HttpResponseBase]
LANGUAGES = tuple(code for code, _name in settings.LANGUAGES)


def spoken(view: View) -> View:
    """Bind a view to the square, and let its address choose the language."""

    @functools.wraps(view)
    def answer(request: HttpRequest, *args: Any, chosen: str | None = None, **kwargs: Any) -> HttpResponseBase:
        with translation.override(chosen or translation.get_language()):
            response = let_keep(view(request, *args, **kwargs), keeping.seconds())
            if request.method == "POST" and visit_of(request) is not None:
                keeping.say_so(response, is_secure=request.is_secure())
            if isinstance(response, HttpResponse) and (etag := response.headers.get("ETag")):
                response = get_conditional_response(request, etag=etag, response=response) or response
        if chosen is None:
            patch_vary_headers(response, ("Accept-Language",))
        return response

    bound: View = in_room(SQUARE)(answer)
    return bound


def prefix() -> str:
    """Return where the addresses of the page's language begin."""
    return f"/{translation.get_language() or 'en'}/"


def member_of(request: HttpRequest) -> Visit | None:
    """Return the visit of whoever takes part under a public name, or ``None`` for a reader."""
    return visit_of(request)


def persona_of(request: HttpRequest) -> uuid.UUID | None:
    """Return the id of the public name under which this browser takes part."""
    visit = visit_of(request)
    return uuid.UUID(visit.subject) if visit else None


class Ways(msgspec.Struct, frozen=True):
    """Where a page leads, and who is there: ``path`` is its address without the language."""

    languages: tuple[tuple[str, str], ...]
    path: str
    rooms: tuple[tuple[str, str], ...]
    member: Visit | None
    request: HttpRequest

    @property
    def here(self) -> str:
        """Return the page's own address without what is asked of it."""
        return f"{prefix()}{self.path.lstrip('/').partition('?')[0]}"

    @property
    def persona(self) -> uuid.UUID | None:
        """Return the id of the public name under which somebody is there."""
        return uuid.UUID(self.member.subject) if self.member else None

    def news_count(self) -> int:
        """Return how much is new for whoever is there."""
        return len(news_of(self.request, self.persona)) if self.persona else 0


def ways_of(request: HttpRequest) -> Ways:
    """Return a page's ways out: other languages, the card, the office."""
    path = request.get_full_path()
    for code in LANGUAGES:
        if path == f"/{code}" or path.startswith(f"/{code}/"):
            path = path.removeprefix(f"/{code}") or "/"
            break
    counter = addresses.origin_of(COUNTER)
    rooms = (("card_url", f"{counter}/"), ("join_url", f"{counter}/who"), ("office_url", addresses.url_of(OFFICE, "/")))
    return Ways(_named_languages(), path, rooms, member_of(request), request)


def news_of(request: HttpRequest, persona: uuid.UUID) -> list[hearing.News]:
    """Return what is new for a member and unread, asked once a second."""
    return keeping.part(
        request, ("news", persona, translation.get_language()), lambda: hearing.news(persona, is_unread=True)
    )


@functools.cache
def _named_languages() -> tuple[tuple[str, str], ...]:
    """Return each language with its own name for itself."""
    names = [str(translation.get_language_info(code)["name_local"]).capitalize() for code in LANGUAGES]
    return tuple(zip(LANGUAGES, names, strict=True))


def page(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponseBase:
    """Render a page of the square with its ways out. Pages that many read are drawn by ``drawing.py``."""
    ways = ways_of(request)
    languages = [(code, f"/{code}{ways.path}", name) for code, name in ways.languages]
    said = {
        "languages": languages, **dict(ways.rooms), "member": ways.member, "here": ways.here,
        "news_count": ways.news_count() if "news_count" not in context else 0, "news_max": hearing.NEWS_MAX,
        "prefix_here": prefix(), **unsent.context_of(request, ways.persona),
        "archive": reminding.archive(), "shop_has": keeping.fact("shop_has", catalog.has_any),
    }  # fmt: skip
    return render(request, template, {**said, **context}, status=status)
