"""The moderation queue: what waits for a person, everything about one post on one screen, and the decision on it.

Not here: what a decision does (``square/community``), who may decide what (``square/stewardship``).
"""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
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
from comptoir.square.charter import queries as charter
from comptoir.square.community import queries as community
from comptoir.square.community.contracts import POST_DECIDED
from comptoir.square.stewardship import queries

#: What can be decided, in the order in which the form offers it.
_ACTIONS: Final = (
    ("publish", _("Nothing against it: everybody may see it, as it is")),
    ("warn", _("Leave it, and tell the author what was not right")),
    ("unlink", _("Show it without its links")),
    ("hide", _("Hide it")),
    ("lock", _("Close the conversation")),
    ("unlock", _("Open the conversation again")),
)
_GROUNDS: Final = (
    ("charter", _("A rule of the charter")),
    ("law", _("A law")),
    ("none", _("None: nothing is wrong with it")),
)
_NAME_CHARACTERS_MAX: Final = 60


@in_room(OFFICE)
@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    """Answer with what waits for a person."""
    lines = queries.queue()
    amendments = sum(each.state == "open" for each in charter.proposals())
    context = {
        "lines": lines,
        "amendments": amendments,
        "limit": queries.QUEUE_MAX if len(lines) == queries.QUEUE_MAX else None,
    }
    return page(request, "console/moderation.html", "moderation", context)


@in_room(OFFICE)
@require_safe
def case(request: HttpRequest, post: uuid.UUID) -> HttpResponse:
    """Answer with everything about one post."""
    return _case(request, post, {"decision": uuid.uuid4()})


@in_room(OFFICE)
@require_safe
def picture(request: HttpRequest, digest: str) -> HttpResponse:  # noqa: ARG001 - a view's shape
    """Answer with a picture, also of a post that nobody else sees."""
    content = community.any_picture(digest)
    if content is None:
        raise Http404
    return HttpResponse(content, content_type="image/webp")


@in_room(OFFICE)
@require_POST
def decide(request: HttpRequest, post: uuid.UUID) -> HttpResponse:
    """Send a decision with its reasons. A page sent twice decides once; what was typed comes back if refused."""
    found = queries.case(post)
    visit = visit_of(request)
    if found is None or visit is None:
        raise Http404
    form = {name: request.POST.get(name, "").strip() for name in ("action", "ground", "rule", "facts", "decision")}
    try:
        identity = uuid.UUID(form["decision"])
    except ValueError:
        raise Http404 from None
    data: dict[str, Any] = {
        "staff": visit.subject, "name": (visit.name or visit.subject)[:_NAME_CHARACTERS_MAX],
        "decision": str(identity), "post": str(post), "action": form["action"], "ground": form["ground"],
        "facts": form["facts"].replace("\r\n", "\n"),
    }  # fmt: skip
    if form["rule"]:
        data["rule"] = form["rule"]
    if found.persona is not None:
        data["persona"] = str(found.persona)
    if found.state == "held":
        data["is_automated"] = True
    if found.appealed is not None and request.POST.get("is_answer"):
        data["appeal"] = str(found.appealed.id)
    # What is corrected after a refusal is another event about the same decision; the same form twice is one.
    event = uuid.uuid5(identity, repr(sorted(data.items())))
    try:
        answer = with_key(
            lambda: house.send(
                POST_DECIDED, data, touchpoint=house.CONSOLE, request=event, at=first_sent(request, event)
            )
        )
    except Problem as problem:
        answer = gateway.Answer(problem=told(problem))
    trouble = answer.problem
    # The same form a second time, about a post that has changed meanwhile: it was decided.
    if trouble is None or trouble.name == "decision_taken":
        return redirect("console:moderation")
    return _case(request, post, form, problem=trouble, status=trouble.status or HTTPStatus.UNPROCESSABLE_ENTITY)


def _case(
    request: HttpRequest,
    post: uuid.UUID,
    form: dict[str, Any],
    *,
    problem: gateway.Trouble | None = None,
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    found = queries.case(post)
    if found is None:
        raise Http404
    visit = visit_of(request)
    appealed = found.appealed
    context = {
        "case": found, "form": form, "problem": problem, "actions": _ACTIONS, "grounds": _GROUNDS,
        "rules": [each.rule for each in charter.charter()],
        "thread_url": url_of(SQUARE, f"/threads/{found.thread}#p{found.number}"),
        "is_own_decision": appealed is not None and visit is not None and appealed.staff == visit.subject,
    }  # fmt: skip
    return page(request, "console/case.html", "moderation", context, status=status)
