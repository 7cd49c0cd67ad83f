"""The charter in the office: the shop writes its first sections, and says no to an amendment in time, with a reason."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone, translation
from django.views.decorators.http import require_POST, require_safe

from comptoir.doors.console import gateway
from comptoir.doors.console.acting import first_sent, page, with_key
from comptoir.doors.console.refusals import told
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.addresses import url_of
from comptoir.foundation.rooms.declaration import OFFICE, SQUARE
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints import house
from comptoir.square.charter import queries
from comptoir.square.charter.contracts import (
    CHARTER_PUBLISHED,
    CHARTER_VETOED,
    LANGUAGES,
    REASON_CHARACTERS_MAX,
    TEXT_CHARACTERS_MAX,
    TITLE_CHARACTERS_MAX,
)

_NAME_CHARACTERS_MAX: Final = 60


@in_room(OFFICE)
@require_safe
def charter(request: HttpRequest) -> HttpResponse:
    """Answer with the charter, what is voted on and until when the shop can say no."""
    return _page(request)


@in_room(OFFICE)
@require_POST
def publish(request: HttpRequest) -> HttpResponse:
    """Write a section, as long as members have not begun to amend the charter."""
    draft = {"section": request.POST.get("section", "").strip().lower()[:60]}
    wording = {}
    for language in LANGUAGES:
        title = request.POST.get(f"title-{language}", "").strip()[:TITLE_CHARACTERS_MAX]
        text = request.POST.get(f"text-{language}", "").replace("\r\n", "\n").strip()[: 2 * TEXT_CHARACTERS_MAX]
        draft |= {f"title-{language}": title, f"text-{language}": text}
        wording[language] = {"title": title, "text": text}
    return _send(request, CHARTER_PUBLISHED, {"section": draft["section"], **wording}, draft=draft)


@in_room(OFFICE)
@require_POST
def veto(request: HttpRequest, proposal: uuid.UUID) -> HttpResponse:
    """Say no to a proposal; everybody reads why."""
    if queries.proposal(proposal) is None:
        raise Http404
    reason = request.POST.get("reason", "").replace("\r\n", "\n").strip()
    return _send(request, CHARTER_VETOED, {"proposal": str(proposal), "reason": reason}, draft={str(proposal): reason})


def _send(request: HttpRequest, kind: str, said: dict[str, Any], *, draft: dict[str, str]) -> HttpResponse:
    visit = visit_of(request)
    assert visit is not None, "the office knows who is in it"
    data = {"staff": visit.subject, "name": (visit.name or visit.subject)[:_NAME_CHARACTERS_MAX], **said}
    event = uuid.uuid5(uuid.NAMESPACE_OID, kind + repr(sorted(data.items())))
    try:
        answer = with_key(
            lambda: house.send(kind, data, touchpoint=house.CONSOLE, request=event, at=first_sent(request, event))
        )
    except Problem as problem:
        answer = gateway.Answer(problem=told(problem))
    if answer.problem is None:
        return redirect("console:charter")
    return _page(request, problem=answer.problem, draft=draft)


def _page(
    request: HttpRequest, *, problem: gateway.Trouble | None = None, draft: dict[str, str] | None = None
) -> HttpResponse:
    now, typed = timezone.now(), draft or {}
    proposals = queries.proposals()
    languages = [
        {
            "code": code, "name": str(translation.get_language_info(code)["name_local"]).capitalize(),
            "title": typed.get(f"title-{code}", ""), "text": typed.get(f"text-{code}", ""),
        }
        for code in LANGUAGES
    ]  # fmt: skip
    context = {
        "sections": queries.charter(), "is_begun": bool(proposals), "problem": problem, "draft": typed,
        "open": [(each, typed.get(str(each.id), "")) for each in proposals if each.state == "open"],
        "languages": languages, "now": now, "square": url_of(SQUARE, "/charter"),
        "text_max": TEXT_CHARACTERS_MAX, "title_max": TITLE_CHARACTERS_MAX, "reason_max": REASON_CHARACTERS_MAX,
    }  # fmt: skip
    status = (problem.status or HTTPStatus.UNPROCESSABLE_ENTITY) if problem else HTTPStatus.OK
    return page(request, "console/charter.html", "moderation", context, status=status)
