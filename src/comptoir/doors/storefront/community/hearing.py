"""What is new for a member, what they follow and mute, and of what they want to hear; a member's own page for others.

Nothing is written down by looking: what is known is what somebody says that they know.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from comptoir.doors.storefront.community.speaking import page, persona_of, prefix, spoken
from comptoir.doors.storefront.community.writing import as_member, send
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import COUNTER
from comptoir.square.hearing import queries
from comptoir.square.hearing.contracts import FOLLOW_CHANGED, NEWS_CHOSEN, NEWS_KINDS, NEWS_SEEN

#: What each kind of news is called where it is chosen.
_KINDS: Final = (
    ("decision", _("A decision about something you wrote")),
    ("accepted", _("An answer of yours helped")),
    ("idea", _("A step of an idea that you wrote or voted for")),
    ("mention", _("Somebody names you with @")),
    ("reply", _("Somebody answers you")),
    ("followed", _("Something new in what you follow")),
    ("charter", _("The charter changed, or an amendment that you voted on or proposed came to its end")),
)
assert tuple(kind for kind, _title in _KINDS) == NEWS_KINDS
_WITHIN: Final = re.compile(
    r"^(?:en|ja|fr)/(?:threads/[0-9a-f-]{36}|topics/[a-z0-9-]{1,60}|members/[0-9a-f-]{36}|news(?:/choices)?)$"
)


def _privately(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        response.headers["Cache-Control"] = "private, no-store"
        return response

    return answer


@spoken
@require_safe
@as_member
@_privately
def news(request: HttpRequest) -> HttpResponseBase:
    """Answer with what is new for this name."""
    return _news(request)


def _news(request: HttpRequest, **more: object) -> HttpResponseBase:
    persona = persona_of(request)
    assert persona is not None
    found = queries.news(persona)
    unread = sum(each.is_unread for each in found)
    context = {"section": "news", "news": found, "unread": unread, "news_count": unread, **more}
    context["until"] = found[0].mark if found else None
    status = HTTPStatus.OK if "problem" not in more else HTTPStatus.UNPROCESSABLE_ENTITY
    return page(request, "community/news.html", context, status=status)


@spoken
@require_POST
@as_member
def seen(request: HttpRequest) -> HttpResponseBase:
    """Take that a member knows what is new, of everything or of one conversation."""
    persona = persona_of(request)
    assert persona is not None
    mark = request.POST.get("until", "")
    until = next((each.position for each in queries.news(persona) if each.mark == mark), None)
    if until is None:
        return redirect(_back(request))  # it is not there any more, so nothing is known by it
    data = {"until": str(until)}
    if thread := request.POST.get("thread", ""):
        data["thread"] = str(_uuid(thread))
    trouble = send(request, NEWS_SEEN, data)
    if trouble is not None:
        return _news(request, problem=trouble)
    return redirect(_back(request))


@spoken
@require_POST
@as_member
def follow(request: HttpRequest) -> HttpResponseBase:
    """Follow something, mute it, or neither any more."""
    data = {name: request.POST.get(name, "")[:60] for name in ("kind", "target", "how")}
    trouble = send(request, FOLLOW_CHANGED, data)
    if trouble is not None:
        return _choices(request, problem=trouble)
    return redirect(_back(request))


@spoken
@require_http_methods(["GET", "HEAD", "POST"])
@as_member
@_privately
def choices(request: HttpRequest) -> HttpResponseBase:
    """Show of what a member hears and what they follow, or take another choice."""
    if request.method != "POST":
        return _choices(request)
    data = {
        "page": [kind for kind in NEWS_KINDS if kind in request.POST.getlist("page")],
        "letters": [kind for kind in NEWS_KINDS if kind in request.POST.getlist("letters")],
        "is_following": request.POST.get("is_following") == "1",
    }
    trouble = send(request, NEWS_CHOSEN, data)
    if trouble is not None:
        return _choices(request, problem=trouble)
    return redirect(f"{prefix()}news/choices?kept=1")


def _choices(request: HttpRequest, **more: object) -> HttpResponseBase:
    persona = persona_of(request)
    assert persona is not None
    chosen = queries.choice_of(persona)
    context = {
        "section": "news",
        "kinds": [(kind, title, kind in chosen.page, kind in chosen.letters) for kind, title in _KINDS],
        "chosen": chosen,
        "followed": queries.followed(persona),
        "letters_url": addresses.url_of(COUNTER, "/letters"),
        "is_kept": request.GET.get("kept") == "1",
        **more,
    }
    status = HTTPStatus.OK if "problem" not in more else HTTPStatus.UNPROCESSABLE_ENTITY
    return page(request, "community/choices.html", context, status=status)


@spoken
@require_safe
def member(request: HttpRequest, member_id: uuid.UUID) -> HttpResponseBase:
    """Answer with what somebody wrote last under a public name, and a way to follow them."""
    name = queries.name_of(member_id)
    if name is None:
        raise Http404
    reader = persona_of(request)
    context: dict[str, Any] = {"name": name, "written": queries.latest_of(member_id), "is_me": reader == member_id}
    if reader is not None and reader != member_id:
        how = queries.how(reader, "member", member_id)
        context["following"] = {"kind": "member", "target": str(member_id), "how": how}
    return page(request, "community/member.html", context)


def _back(request: HttpRequest) -> str:
    """Return where a form stood, if it is a page of the square."""
    path = request.POST.get("back", "").removeprefix("/")
    return f"/{path}" if _WITHIN.match(path) else f"{prefix()}news"


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Http404 from None
