"""Cards: a product or an idea as a small page that any web page may frame, and what is said of it where it is shared.

A card sets no cookie, runs no script, and loads nothing from elsewhere; it alone, and no other page, may stand in
anybody's frame. What it leads to goes by the short link that it was given, if that leads there, so that what it sells
is attributed to the account that shared it (``square/shortlinks``). ``/oembed.json`` tells the same to whoever asks by
oEmbed (https://oembed.com). Not here: what others may say about a product in a shop's own page (``strips.py``).
"""

from __future__ import annotations

import html
import re
import uuid
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import msgspec
from django.http import Http404, HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.http import require_safe

from comptoir.doors.storefront.community.speaking import spoken
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.foundation.rooms.headers import let_frame
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints import house
from comptoir.square.catalog import queries as catalog
from comptoir.square.community import queries
from comptoir.square.community.contracts import PRODUCT_CHARACTERS_MAX
from comptoir.square.shortlinks import queries as shortlinks
from comptoir.square.shortlinks.rules import PARAMETER

_CODE: Final = re.compile(r"[0-9a-z]{1,32}")
_PAGE: Final = re.compile(r"/(?:([a-z]{2})/)?(product|threads)/([^/]+)/?")
_WIDTH, _HEIGHT, _LEAST = 360, 190, 120
_ANYBODY: Final = ("*",)
_DESCRIPTION_CHARACTERS: Final = 200


class Image(msgspec.Struct, frozen=True):
    """The picture of what is shared: where it is, its size in pixels, what it shows; and the smaller one."""

    url: str
    width: int
    height: int
    alt: str
    small: str
    small_size: tuple[int, int]


class Shared(msgspec.Struct, frozen=True):
    """What can be shared: its page, its card, how it is framed, and where oEmbed tells of it. Whole addresses."""

    title: str
    description: str
    page: str
    card: str
    frame: str
    oembed: str
    image: Image | None = None


def of_product(request: HttpRequest, ware: catalog.ProductShown) -> Shared:
    """Return how a product is shared, by the short link that its page was reached with, if any."""
    description = ware.paragraphs[0] if ware.paragraphs else ""
    shared = _shared(f"product/{quote(ware.product, safe='')}", ware.name.text, description, _code(request))
    return msgspec.structs.replace(shared, image=_image(ware))


@spoken
@require_safe
def product(request: HttpRequest, product: str) -> HttpResponseBase:
    """Answer with a product's card."""
    ware = catalog.product(product) if len(product) <= PRODUCT_CHARACTERS_MAX else None
    if ware is None or not ware.is_listed:
        raise Http404
    rating = queries.rating_of(product)
    shared = of_product(request, ware)
    context = {"ware": ware, "rating": rating, "shared": shared, "leads_to": _leads_to(request, shared.page)}
    return let_frame(render(request, "community/card.html", context), _ANYBODY)


@spoken
@require_safe
def idea(request: HttpRequest, thread_id: uuid.UUID) -> HttpResponseBase:
    """Answer with an idea's card."""
    found = _idea(thread_id)
    if found is None:
        raise Http404
    shared = _shared(f"threads/{thread_id}", found.title, "", _code(request))
    context = {"idea": found, "shared": shared, "leads_to": _leads_to(request, shared.page)}
    return let_frame(render(request, "community/card.html", context), _ANYBODY)


@in_room(SQUARE)
@require_safe
def oembed(request: HttpRequest) -> HttpResponseBase:
    """Tell of a page's card as oEmbed does, for an address of a product or of an idea."""
    if request.GET.get("format", "json") != "json":
        return JsonResponse({"error": "Only JSON is told here."}, status=HTTPStatus.NOT_IMPLEMENTED)
    shared = _asked(request.GET.get("url", ""))
    if shared is None:
        return JsonResponse({"error": "This is no address of a product or of an idea here."}, status=404)
    width, height = (_size(request.GET.get(f"max{name}", ""), most) for name, most in
                     (("width", _WIDTH), ("height", _HEIGHT)))  # fmt: skip
    told = {
        "version": "1.0", "type": "rich", "title": shared.title, "provider_name": house.shop_title(),
        "provider_url": addresses.url_of(SQUARE, "/"), "html": frame(shared.card, shared.title, width, height),
        "width": width, "height": height, "cache_age": 3600,
    }  # fmt: skip
    if shared.image is not None:
        small_width, small_height = shared.image.small_size
        told |= {
            "thumbnail_url": shared.image.small, "thumbnail_width": small_width, "thumbnail_height": small_height,
        }  # fmt: skip
    return JsonResponse(told)


def _asked(url: str) -> Shared | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    found = _PAGE.fullmatch(parts.path)
    if found is None or f"{parts.scheme}://{parts.netloc}" != addresses.origin_of(SQUARE):
        return None
    language, kind, name = found.groups()
    code = (parse_qs(parts.query).get(PARAMETER) or [""])[0]
    with translation.override(language or translation.get_language()):
        if kind == "product":
            ware = catalog.product(name) if len(name) <= PRODUCT_CHARACTERS_MAX else None
            if ware is None:
                return None
            shared = _shared(f"product/{quote(name, safe='')}", ware.name.text, "", code)
            return msgspec.structs.replace(shared, image=_image(ware))
        try:
            idea = _idea(uuid.UUID(name))
        except ValueError:
            return None
        return None if idea is None else _shared(f"threads/{name}", idea.title, "", code)


def _image(ware: catalog.ProductShown) -> Image | None:
    if not ware.pictures:
        return None
    first = ware.pictures[0]
    url, small = (addresses.url_of(SQUARE, f"/goods/{first.digest}{size}.webp") for size in ("", "-small"))
    return Image(url, first.width, first.height, first.alt, small, first.small)


def _idea(thread_id: uuid.UUID) -> queries.ThreadShown | None:
    found = queries.thread(thread_id)
    return found if found is not None and found.kind == "idea" and found.title else None


def _shared(path: str, title: str, description: str, code: str) -> Shared:
    language = translation.get_language() or "en"
    asked = f"?{urlencode({PARAMETER: code})}" if _CODE.fullmatch(code) else ""
    page = addresses.url_of(SQUARE, f"/{language}/{path}")
    card = addresses.url_of(SQUARE, f"/{language}/card/{path}{asked}")
    told = addresses.url_of(SQUARE, f"/oembed.json?{urlencode({'url': page + asked})}")
    short = description if len(description) <= _DESCRIPTION_CHARACTERS else description[:_DESCRIPTION_CHARACTERS] + "…"
    return Shared(title, short, page, card, frame(card, title), told)


def frame(card: str, title: str, width: int = _WIDTH, height: int = _HEIGHT) -> str:
    """Return what somebody copies into a page of their own to show a card there; sizes are in CSS pixels."""
    # A plain text, and no markup of this page: where it is shown to be copied, it is escaped once more.
    src, said = html.escape(card), html.escape(title)
    return f'<iframe src="{src}" title="{said}" width="{width}" height="{height}" loading="lazy"></iframe>'


def _code(request: HttpRequest) -> str:
    return request.GET.get(PARAMETER, "")


def _leads_to(request: HttpRequest, page: str) -> str:
    """Return where a card leads: by the short link that it was given, if that leads to the same page; else there."""
    code = _code(request)
    target = shortlinks.target_of(code) if _CODE.fullmatch(code) else None
    path = urlsplit(page).path
    if target is None or urlsplit(target).path not in {path, path[3:]}:
        return page
    return addresses.url_of(SQUARE, f"/go/{code}")


def _size(text: str, most: int) -> int:
    written = whole(text, 99_999)
    return most if written is None else max(min(written, most), _LEAST)
