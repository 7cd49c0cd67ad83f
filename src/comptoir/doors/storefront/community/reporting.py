"""What can be reported and objected to on the square, with a public name or without, and what was decided.

A notice of illegal content needs no account and no cookie: its form carries no session's authority, so nothing is
lost if another site sends it. Not here: who decides (the console).
"""

from __future__ import annotations

import html
import secrets
import uuid
from http import HTTPStatus
from typing import Any, Final

import msgspec
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import strip_tags
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from comptoir.doors.storefront.community import unsent
from comptoir.doors.storefront.community.speaking import page, persona_of, spoken
from comptoir.doors.storefront.community.views import page_number
from comptoir.doors.storefront.community.writing import as_member, send, text_of
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.house import Trouble
from comptoir.square.community import queries as community
from comptoir.square.stewardship import queries, trust
from comptoir.square.stewardship.contracts import (
    APPEAL_WORDS_MAX,
    DECISION_APPEALED,
    FLAG_WORDS_MAX,
    NOTICE_RECEIVED,
    NOTICE_WORDS_MAX,
    POST_FLAGGED,
)

_REASONS: Final = (
    ("spam", _("Advertising or spam")),
    ("insult", _("It insults or threatens somebody")),
    ("private", _("It says something private about somebody")),
    ("false", _("It is wrong, and could harm somebody")),
    ("illegal", _("It is against the law")),
    ("other", _("Something else")),
)
_KINDS: Final = (
    ("hate", _("Hate or incitement")),
    ("threat", _("A threat or violence")),
    ("fraud", _("Fraud or a forbidden offer")),
    ("copyright", _("Copyright or a trade mark")),
    ("privacy", _("Privacy or defamation")),
    ("unsafe", _("A dangerous or forbidden product")),
    ("minors", _("Protection of minors")),
    ("other", _("Another law")),
)
#: Letters and digits that nobody mistakes for one another.
_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
_NUMBER_CHARACTERS: Final = 16
_ASKED_CHARACTERS_MAX: Final = 60
_BEGINNING_CHARACTERS: Final = 120


@spoken
@require_safe
def report(request: HttpRequest, post_id: uuid.UUID) -> HttpResponseBase:
    """Answer with both ways to report a post: as a member, and as anybody."""
    return _report(request, post_id)


@spoken
@require_safe
def report_in(request: HttpRequest, thread_id: uuid.UUID) -> HttpResponseBase:
    """Answer with the posts of a conversation, for whoever wants to report one."""
    shown = community.thread(thread_id, page=page_number(request.GET.get("page", "")))
    if shown is None:
        raise Http404
    posts = [
        (post, Truncator(html.unescape(strip_tags(post.html))).chars(_BEGINNING_CHARACTERS))
        for post in shown.posts
        if post.state == "public"
    ]
    return page(request, "community/report_in.html", {"thread": shown, "posts": posts})


@spoken
@require_POST
@as_member
def flag(request: HttpRequest, post_id: uuid.UUID) -> HttpResponseBase:
    """Take a member's flag."""
    words = text_of(request.POST.get("words", "")[: 2 * FLAG_WORDS_MAX])
    data: dict[str, Any] = {"post": str(post_id), "reason": request.POST.get("reason", "")}
    if words:
        data["words"] = words
    trouble = send(request, POST_FLAGGED, data)
    if trouble is None:
        return unsent.taken(request, _report(request, post_id, is_flagged=True), f"flag.{post_id}")
    return _report(request, post_id, problem=trouble, flag={**data, "words": words})


@csrf_exempt
@spoken
@require_POST
def notice(request: HttpRequest, post_id: uuid.UUID) -> HttpResponseBase:
    """Take a notice of illegal content from whoever it is, and answer with the number to ask by."""
    words = text_of(request.POST.get("words", "")[: 2 * NOTICE_WORDS_MAX])
    said = {"kind": request.POST.get("kind", ""), "words": words, "faith": request.POST.get("faith", "")}
    if len(words) < 20 or not said["faith"]:
        return _report(request, post_id, notice=said, is_incomplete=True)
    raw = "".join(secrets.choice(_ALPHABET) for _each in range(_NUMBER_CHARACTERS))
    number = "-".join(raw[at : at + 4] for at in range(0, _NUMBER_CHARACTERS, 4))
    identity = uuid.uuid4()
    data = {
        "notice": str(identity), "post": str(post_id), "kind": said["kind"], "words": words,
        "receipt": queries.digest_of(number), "is_in_good_faith": "yes",
    }  # fmt: skip
    trouble: Trouble | None
    try:
        sent = house.send(NOTICE_RECEIVED, data, touchpoint=house.SQUARE, request=identity, at=timezone.now())
        trouble = sent.problem
    except Problem as problem:
        trouble = Trouble(title=problem.title(), detail=problem.detail, type=problem.name, status=problem.status)
    if trouble is not None:
        return _report(request, post_id, problem=trouble, notice=said)
    return page(request, "community/receipt.html", {"number": number, "thread_id": _place(post_id)[0]})


@spoken
@require_safe
def receipts(request: HttpRequest) -> HttpResponseBase:
    """Answer with what became of a notice, to whoever has its number."""
    number = request.GET.get("number", "")[:_ASKED_CHARACTERS_MAX].strip()
    found = queries.answered(number) if number else None
    response = page(request, "community/receipts.html", {"asked": number, "found": found})
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response


@spoken
@require_safe
def decision(request: HttpRequest, decision_id: uuid.UUID) -> HttpResponseBase:
    """Answer with a statement of reasons, to the author of the post and to nobody else."""
    return _decision(request, decision_id)


@spoken
@require_POST
@as_member
def appeal(request: HttpRequest, decision_id: uuid.UUID) -> HttpResponseBase:
    """Take an author's objection."""
    found = _own(request, decision_id)
    words = text_of(request.POST.get("words", "")[: 2 * APPEAL_WORDS_MAX])
    data = {"post": str(found.post), "decision": str(found.id), "words": words}
    trouble = send(request, DECISION_APPEALED, data)
    if trouble is None:
        return unsent.taken(request, redirect(request.path.removesuffix("/appeal")), f"appeal.{decision_id}")
    return _decision(request, decision_id, problem=trouble, words=words)


@spoken
@require_safe
def record(request: HttpRequest) -> HttpResponseBase:
    """Answer with the public record of moderation."""
    return page(request, "community/record.html", {"record": queries.record(), "section": "record"})


@spoken
@require_safe
def levels(request: HttpRequest) -> HttpResponseBase:
    """Answer with how trust is earned, and to a member with how far they have come."""
    persona = persona_of(request)
    context: dict[str, Any] = {"levels": trust.LEVELS}
    if persona is not None:
        standing = queries.standing(persona)
        context |= {"standing": standing, "level": trust.level_of(standing), "above": trust.next_level(standing)}
    return page(request, "community/trust.html", context)


@in_room(SQUARE)
@require_safe
def record_json(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - the same for everybody
    """Answer with the public record of moderation, for programs."""
    return HttpResponse(msgspec.json.encode(queries.record()), content_type="application/json")


def _report(request: HttpRequest, post_id: uuid.UUID, **more: Any) -> HttpResponseBase:
    thread_id, number = _place(post_id)
    problem = more.get("problem")
    status = HTTPStatus.OK
    if problem is not None:
        status = HTTPStatus(problem.status or HTTPStatus.UNPROCESSABLE_ENTITY)
    elif more.get("is_incomplete"):
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    context = {
        "post_id": post_id, "thread_id": thread_id, "number": number, "reasons": _REASONS, "kinds": _KINDS,
        "flag": unsent.typed(request, persona_of(request)), "notice": {},
        "flag_max": FLAG_WORDS_MAX, "notice_max": NOTICE_WORDS_MAX, **more,
    }  # fmt: skip
    return page(request, "community/report.html", context, status=status)


def _place(post_id: uuid.UUID) -> tuple[uuid.UUID, int]:
    found = community.place_of(post_id)
    if found is None:
        raise Http404
    return found


def _own(request: HttpRequest, decision_id: uuid.UUID) -> queries.Statement:
    found = queries.statement(decision_id)
    persona = persona_of(request)
    if found is None or persona is None or found.persona != persona:
        raise Http404
    return found


def _decision(request: HttpRequest, decision_id: uuid.UUID, **more: Any) -> HttpResponseBase:
    found = _own(request, decision_id)
    problem = more.get("problem")
    thread_id, number = _place(found.post)
    context = {"decision": found, "thread_id": thread_id, "number": number, "words_max": APPEAL_WORDS_MAX}
    context |= {"words": unsent.typed(request, persona_of(request)).get("words", ""), **more}
    return page(request, "community/decision.html", context, status=(problem.status or 422) if problem else 200)
