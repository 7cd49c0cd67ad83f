"""Leases in the console: what tills have set aside of customers' points, and settling that of a till that is gone.

Settling takes two steps: what follows is shown first, and done by the second. What the till's receipts or its journal
have of it counts; without them, the lease is lost, and what the till tells later is the shop's to bear.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from django.db import connections, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from comptoir.counter.loyalty import leased
from comptoir.counter.loyalty.contracts import LEASE_RECONCILE, LEASE_SPENDS_MAX
from comptoir.counter.loyalty.leased import Leased
from comptoir.doors.console.acting import first_sent, identity_of, name_of, page, with_key
from comptoir.doors.console.refusals import told
from comptoir.foundation.events import audit
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.house import Trouble

_REASONS: Final = ("lost", "stolen", "broken", "retired")
_PURPOSE: Final = "to settle what a till had set aside of a customer's points"
_FIELDS: Final = ("reason", "known", "spends")


@in_room(OFFICE)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Answer with what waits to be settled, what is set aside at tills, and how the last ones ended."""
    now = timezone.now()
    found = leased.open_leases(now=now)
    context = {
        "waiting": [each for each in found if each.state == "waiting"],
        "returning": [each for each in found if each.state == "returning"],
        "running": [each for each in found if each.state == "running"],
        "settled": leased.settled_leases(now=now),
        "held": sum(each.left for each in found),
        "is_cut": len(found) == leased.SHOWN_MAX,
        "shown_max": leased.SHOWN_MAX,
    }
    return page(request, "console/leases.html", "ledger", context)


@in_room(OFFICE)
@require_http_methods(["GET", "POST"])
def one(request: HttpRequest, touchpoint: str, name: str) -> HttpResponse:
    """Show a lease, and what settling it would do; settle it, once that was seen."""
    found = leased.lease(touchpoint, name, now=timezone.now())
    if found is None:
        raise Http404
    if request.method == "GET":
        return _page(request, found, request.GET)
    return _settle(request, found)


def _settle(request: HttpRequest, found: Leased) -> HttpResponse:
    form = request.POST
    trouble = _trouble(found, form)
    if trouble is not None:
        return _page(request, found, form, problem=trouble)
    identity = identity_of(request)
    spends = _spends(form)
    data: dict[str, Any] = {"touchpoint": found.touchpoint, "lease": found.name, "reason": form["reason"]}
    if spends is not None:
        data["spends"] = spends
    at = first_sent(request, identity)
    _note(request, found, reason=form["reason"], spends=spends)
    try:
        answer = with_key(
            lambda: house.send(LEASE_RECONCILE, data, touchpoint=house.CONSOLE, request=identity, at=at)
        )  # fmt: skip
    except Problem as problem:
        return _page(request, found, form, problem=told(problem))
    if answer.problem is not None:
        return _page(request, found, form, problem=answer.problem)
    place = reverse("console:lease", args=(found.touchpoint, found.name))
    return redirect(f"{place}?{urlencode({'done': 1})}")


def _note(request: HttpRequest, found: Leased, *, reason: str, spends: int | None) -> None:
    """Leave in the audit chain who settles what, before it is done: an attempt is one too."""
    visit = visit_of(request)
    assert visit is not None, "the office is for staff who are signed in"
    detail = {
        "by": name_of(request)[:80] or visit.subject, "lease": found.name[:100], "touchpoint": found.touchpoint[:64],
        "reason": reason, "spends": "unknown" if spends is None else str(spends),
    }  # fmt: skip
    with transaction.atomic(using=OFFICE.name):
        audit.append(
            connections[OFFICE.name], room=OFFICE, actor=f"staff:{visit.subject}", action="points.reconcile_lease",
            subject=None, purpose=_PURPOSE, at=timezone.now(), detail=detail,
        )  # fmt: skip


def _page(
    request: HttpRequest, found: Leased, form: Mapping[str, str], *, problem: Trouble | None = None
) -> HttpResponse:
    is_asked = any(name in form for name in _FIELDS)
    if problem is None and is_asked and "done" not in form:
        problem = _trouble(found, form)
    spends = _spends(form)
    context = {
        "lease": found,
        "is_waiting": found.state == "waiting",
        "reasons": [(each, _reason(each)) for each in _REASONS],
        "reason": form.get("reason", ""),
        "known": form.get("known", ""),
        "spends": form.get("spends", ""),
        "is_seen": is_asked and problem is None and found.state == "waiting",
        "is_lost": spends is None,
        "missing": 0 if spends is None else spends - len(found.arrived),
        "identity": form.get("identity") or str(uuid.uuid4()),
        "problem": problem,
        "field": problem.field if problem is not None else "",
        "is_done": "done" in request.GET,
        "spends_max": LEASE_SPENDS_MAX,
    }
    status = HTTPStatus.OK if problem is None else (problem.status or HTTPStatus.UNPROCESSABLE_ENTITY)
    return page(request, "console/lease.html", "ledger", context, status=status)


def _trouble(found: Leased, form: Mapping[str, str]) -> Trouble | None:
    if form.get("reason") not in _REASONS:
        return Trouble(title=_("Say what has become of the till."), field="reason", status=422)
    if form.get("known") not in {"yes", "no"}:
        return Trouble(title=_("Say whether it is known what was spent."), field="known", status=422)
    if form.get("known") == "yes":
        spends = _digits(form.get("spends", ""))
        if spends is None:
            return Trouble(title=_("Write how often points were spent out of it."), field="spends", status=422)
        if spends < found.spends_min:
            title = _("Number %(number)d has arrived, so there were at least as many.") % {"number": found.spends_min}
            return Trouble(title=title, field="spends", status=422)
    return None


def _spends(form: Mapping[str, str]) -> int | None:
    return _digits(form.get("spends", "")) if form.get("known") == "yes" else None


def _digits(text: str) -> int | None:
    return whole(text.strip(), LEASE_SPENDS_MAX)


def _reason(name: str) -> str:
    return {
        "lost": _("It is lost"), "stolen": _("It was stolen"), "broken": _("It is broken"),
        "retired": _("It was put out of use"),
    }[name]  # fmt: skip
