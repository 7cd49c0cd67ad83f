"""Pictures of products in the console: what has none, what could not be fetched, and a product's pictures to choose.

What is chosen is shown in place of what a list names; without any, those of the list are shown again. Files come as
with a post (``square/community/gathering.py``), and what is kept of them is drawn anew. Not here: how those that a list
names are fetched (``square/catalog/jobs.py``).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone, translation
from django.views.decorators.http import require_http_methods, require_safe

from comptoir.doors.console.acting import page, with_key
from comptoir.doors.console.refusals import told
from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.addresses import url_of
from comptoir.foundation.rooms.declaration import OFFICE, SQUARE
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.house import Trouble
from comptoir.square.catalog import commands, queries
from comptoir.square.catalog.contracts import LANGUAGES, PICTURES_MAX, PRODUCT_PICTURED
from comptoir.square.catalog.queries import ProductShown
from comptoir.square.community import gathering
from comptoir.square.community.gathering import Gathered, Keeper
from comptoir.square.community.queries import PictureShown

_OF_GOODS: Final = Keeper(commands.keep_picture, commands.kept_pictures, PICTURES_MAX)
_LISTED_MAX: Final = 50
_NUMBER_CHARACTERS_MAX: Final = 64


@in_room(OFFICE)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Answer with what is sold without a picture, and with addresses that gave none; ``number`` leads to a product."""
    number = request.GET.get("number", "").replace("\x00", "").strip()[:_NUMBER_CHARACTERS_MAX]
    is_unknown = False
    if number:
        found = number if queries.product(number) is not None else queries.product_of(number)
        if found is not None:
            return redirect("console:product_pictures", found)
        is_unknown = True
    context = {
        "number": number, "is_unknown": is_unknown, "without": queries.without_picture(limit=_LISTED_MAX),
        "failed": queries.not_fetched(limit=_LISTED_MAX),
    }  # fmt: skip
    return page(request, "console/pictures.html", "stock", context)


@in_room(OFFICE)
@require_http_methods(["GET", "HEAD", "POST"])
def one(request: HttpRequest, product: str) -> HttpResponse:
    """Show a product's pictures with a form for them, or take what was chosen in it."""
    ware = queries.product(product) if len(product) <= _NUMBER_CHARACTERS_MAX else None
    if ware is None:
        raise Http404
    before = [PictureShown(each.digest, _words(each), each.width, each.height) for each in ware.pictures]
    slots = gathering.slots_of(before, places=PICTURES_MAX)
    trouble: Trouble | None = None
    if request.method == "POST":
        gathered = gathering.gather(request, who=f"staff {request.user.pk}", before=before, keeper=_OF_GOODS)
        slots = gathered.slots
        trouble = gathered.trouble or _say(ware, _in_order(request, gathered))
        if trouble is None:
            return redirect(f"{reverse('console:product_pictures', args=[product])}?{urlencode({'done': '1'})}")
    context = {
        "ware": ware, "slots": slots, "problem": trouble, "is_done": "done" in request.GET,
        "first": request.POST.get("first", "1"), "page_url": url_of(SQUARE, f"/product/{product}"),
    }  # fmt: skip
    status = (trouble.status or HTTPStatus.UNPROCESSABLE_ENTITY) if trouble else HTTPStatus.OK
    return page(request, "console/product_pictures.html", "stock", context, status=status)


@in_room(OFFICE)
@require_safe
def picture(request: HttpRequest, digest: str) -> HttpResponse:  # noqa: ARG001 - a view's shape
    """Answer with the smaller size of a product's picture."""
    content = queries.picture(digest, is_small=True)
    if content is None:
        raise Http404
    return HttpResponse(content, content_type="image/webp")


def _in_order(request: HttpRequest, gathered: Gathered) -> list[PictureShown]:
    """Return the pictures with the one first that lists are to show; the same picture in two places is one."""
    chosen = request.POST.get("first", "")
    first = next((slot.kept for slot in gathered.slots if str(slot.number) == chosen), "")
    once = {each.digest: each for each in gathered.pictures}
    return sorted(once.values(), key=lambda each: each.digest != first)


def _say(ware: ProductShown, pictures: list[PictureShown]) -> Trouble | None:
    """Say which pictures the product has. Words in other languages than the page's are kept."""
    language = (translation.get_language() or "en").split("-")[0]
    words = queries.words_of_pictures(ware.product)
    said: list[dict[str, Any]] = [
        {
            "digest": each.digest, "width": each.width, "height": each.height,
            "alt": {**{name: text for name, text in words.get(each.digest, {}).items() if name in LANGUAGES},
                    language: each.alt[:300]},
        }
        for each in pictures
    ]  # fmt: skip
    data = {"product": ware.product, "pictures": said}
    try:
        answer = with_key(
            lambda: house.send(PRODUCT_PICTURED, data, touchpoint=house.CONSOLE, request=IDS.new(), at=timezone.now())
        )
    except Problem as problem:
        return told(problem)
    return None if answer.problem is None else answer.problem


def _words(picture: queries.PictureShown) -> str:
    """Return what was said of a picture in the language of the page; nothing where that is another one."""
    language = (translation.get_language() or "en").split("-")[0]
    return picture.words.text if picture.words.language == language else ""
