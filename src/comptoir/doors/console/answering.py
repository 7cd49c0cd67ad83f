"""Staff answer on the square: after the customers' hours, below the ceiling of the shop's talk, and honestly.

Nothing is forbidden: the page says plainly whose turn it is and how much the shop talks already. Not here: what a
ceiling is (``square/programme``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from http import HTTPStatus
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from comptoir.doors.console import participation, startup
from comptoir.doors.console.acting import own_connection, page
from comptoir.doors.console.refusals import told
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.addresses import url_of
from comptoir.foundation.rooms.declaration import OFFICE, SQUARE
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints.house import Trouble
from comptoir.square.community import gathering, queries
from comptoir.square.community.contracts import STAFF_POSTED, TEXT_CHARACTERS_MAX
from comptoir.square.programme import plan as plans
from comptoir.square.programme import rules, steps
from comptoir.square.programme.errors import PlanInvalid
from comptoir.square.programme.plan import Plan
from comptoir.square.programme.reading import load_plan

_POSTS_SHOWN: Final = 20


@in_room(OFFICE)
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, thread_id: uuid.UUID) -> HttpResponse:
    """Show a conversation with a form for the shop's answer, or take what was written in it."""
    shown = queries.thread(thread_id)
    if shown is None:
        raise Http404
    if shown.pages > 1:
        shown = queries.thread(thread_id, page=shown.pages) or shown
    now = timezone.now()
    draft = {"text": "", "kind": "answer", "elsewhere": "", "post": str(uuid.uuid4())}
    trouble: Trouble | None = None
    slots = gathering.slots_of()
    if request.method == "POST":
        draft = {name: request.POST.get(name, "")[: 2 * TEXT_CHARACTERS_MAX] for name in draft}
        gathered = gathering.gather(request, who=f"staff {request.user.pk}")
        slots = gathered.slots
        trouble = gathered.trouble or _post(request, thread_id, shown, draft, gathered, now)
        if trouble is None:
            return redirect("console:today")
    context = {
        "shown": shown, "posts": shown.posts[-_POSTS_SHOWN:], "draft": draft, "problem": trouble, "slots": slots,
        "square_url": url_of(SQUARE, f"/threads/{thread_id}"), "text_max": TEXT_CHARACTERS_MAX,
        **_warnings(str(thread_id), shown.kind, now),
    }  # fmt: skip
    status = (trouble.status or HTTPStatus.UNPROCESSABLE_ENTITY) if trouble else HTTPStatus.OK
    return page(request, "console/answer.html", "today", context, status=status)


def _post(
    request: HttpRequest,
    thread: uuid.UUID,
    shown: queries.ThreadShown,
    draft: dict[str, str],
    gathered: gathering.Gathered,
    now: dt.datetime,
) -> Trouble | None:
    try:
        post = uuid.UUID(draft["post"])
    except ValueError:
        raise Http404 from None
    said: dict[str, Any] = {
        "post": str(post), "thread": str(thread), "text": draft["text"].replace("\r\n", "\n").strip(),
        "language": shown.language,
        "kind": "answer" if shown.kind == "question" and draft["kind"] != "reply" else "reply",
    }  # fmt: skip
    if elsewhere := draft["elsewhere"].strip()[:200]:
        said["elsewhere"] = elsewhere
    if gathered.pictures:
        said["pictures"] = gathered.data()
    try:
        trouble = startup.send(request, STAFF_POSTED, said, now).problem
    except Problem as problem:
        return told(problem)
    # The same form a second time: it was posted.
    return None if trouble is not None and trouble.name == "post_taken" else trouble


def _warnings(thread: str, kind: str, now: dt.datetime) -> dict[str, Any]:
    """Return whose turn it is with a newcomer, and whether the shop talks too much in this kind of conversation."""
    plan = _plan()
    guarantee = plan.guarantee if plan else plans.Guarantee()
    found: dict[str, Any] = {}
    if rules.FIRST_REPLY not in startup.stands().off:
        waiting = steps.newcomers(own_connection(), guarantee, now=now)
        found["newcomer"] = next((each for each in waiting if each.thread == thread), None)
    ceiling = plan.ceiling if plan else plans.Ceiling()
    name, bound = (
        ("shop_share_of_matter", ceiling.matter) if kind in {"question", "idea"}
        else ("shop_share_of_company", ceiling.company)
    )  # fmt: skip
    figure = participation.read()[0].here.figures[name]
    if figure.value is not None and figure.value > bound:
        line = participation.line(name, figure)
        found["ceiling"] = {"title": line.title, "value": line.value, "bound": participation.form_of(name)(bound)}
    return found


def _plan() -> Plan | None:
    try:
        return load_plan()
    except PlanInvalid:
        return None
