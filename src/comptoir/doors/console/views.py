"""The staff's pages. Each parses, reads or calls one command, and shows the result.

Not here: what the map shows (``overview.py``), how the console talks to the gateway (``gateway.py``).
"""

from __future__ import annotations

import time
import uuid
from http import HTTPStatus
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django.views.i18n import set_language

from comptoir.counter.customers import queries as customers
from comptoir.counter.loyalty import queries as loyalty
from comptoir.doors.console import charts, gateway, overview
from comptoir.doors.console.acting import first_sent, own_connection, page, with_key
from comptoir.doors.console.declared import declared_map
from comptoir.doors.console.refusals import told
from comptoir.foundation.events import queries as events
from comptoir.foundation.events import streams
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import OFFICE, SQUARE
from comptoir.foundation.rooms.visits import end_visit
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints import commands, house

FOUND_MAX: Final = 20
ENTRIES_SHOWN: Final = 30
REASON_CHARACTERS_MAX: Final = 200
POINTS_MAX: Final = 10**9
_KINDS: Final = ("card", "web_account", "device", "customer")
_LOTS_DRAWN: Final = 12
_PROGRAMME_SECONDS: Final = 300

language = in_room(OFFICE, is_open=True)(set_language)


# The live map.


@in_room(OFFICE)
@require_safe
def live_map(request: HttpRequest) -> HttpResponse:
    """Answer with the live map; ``?part=figures`` is the part that changes."""
    figures = overview.read_overview(declared_map(), now=timezone.now())
    context = {"overview": figures, "destinations": events.destinations()}
    if request.GET.get("part") == "figures":
        return render(request, "console/map_figures.html", context)
    return page(request, "console/map.html", "map", context)


@in_room(OFFICE)
async def map_stream(request: HttpRequest) -> HttpResponseBase:  # noqa: ARG001
    """Stream ``changed`` each time events arrive."""
    return streams.of_everything(room=OFFICE)


# The ledger.


@in_room(OFFICE)
@require_safe
def ledger(request: HttpRequest) -> HttpResponse:
    """Answer with the programme's totals, and with the customers whose number begins with ``?q=``."""
    beginning = request.GET.get("q", "").strip()
    found = customers.find_by_beginning(beginning, limit=FOUND_MAX) if beginning else []
    if len(found) == 1:
        return redirect("console:person", found[0].customer)
    return _ledger(request, {"beginning": beginning, "found": found})


@in_room(OFFICE)
@require_POST
def resolve(request: HttpRequest) -> HttpResponse:
    """Find a customer by an identifier. It comes in the body, so that no address and no log ever shows it."""
    kind, value = request.POST.get("kind", "").strip(), request.POST.get("value", "").strip()
    try:
        answer = with_key(lambda: gateway.resolve(kind=kind, value=value))
    except Problem as problem:
        return _ledger(request, {"kind": kind, "problem": told(problem)}, status=problem.status)
    if isinstance(answer, uuid.UUID) and customers.person_of(answer) is not None:
        return redirect("console:person", answer)
    if isinstance(answer, gateway.Trouble):
        return _ledger(request, {"kind": kind, "problem": answer}, status=answer.status or HTTPStatus.BAD_GATEWAY)
    return _ledger(request, {"kind": kind, "unknown": True}, status=HTTPStatus.NOT_FOUND)


@in_room(OFFICE)
@require_safe
def person(request: HttpRequest, customer: uuid.UUID) -> HttpResponse:
    """Answer with everything about one person's points; ``?part=wallet`` is the part that changes."""
    found = _person(customer)
    if request.GET.get("part") == "wallet":
        return render(request, "console/wallet.html", {"wallet": loyalty.wallet(found.customers)})
    return _person_page(request, found)


@in_room(OFFICE)
async def person_stream(request: HttpRequest, customer: uuid.UUID) -> HttpResponseBase:  # noqa: ARG001
    """Stream ``changed`` each time something happens to the person's points."""
    found = await sync_to_async(_person)(customer)
    return streams.of_customers(found.customers, room=OFFICE)


@in_room(OFFICE)
@require_POST
def adjust(request: HttpRequest, customer: uuid.UUID) -> HttpResponse:
    """Post an adjustment to the gateway and show what became of it. A page sent twice happens once."""
    found = _person(customer)
    form = _read_adjustment(request)
    if form["errors"]:
        return _person_page(request, found, form=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        outcome = with_key(
            lambda: gateway.adjust(
                customer=found.person,
                points=form["number"],
                reason=form["reason"],
                request=form["request"],
                at=first_sent(request, form["request"]),
            )
        )
    except Problem as problem:
        outcome = gateway.Answer(problem=told(problem))
    if outcome.problem is None:
        return _person_page(request, found, outcome=outcome)
    return _person_page(request, found, outcome=outcome, form=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)


# Keys of touchpoints.


@in_room(OFFICE)
@require_safe
def keys(request: HttpRequest) -> HttpResponse:
    """Answer with every touchpoint, its contract and its keys."""
    return _keys_page(request)


@in_room(OFFICE)
@require_POST
def issue(request: HttpRequest) -> HttpResponse:
    """Make a key for a touchpoint and show it, this once. The house's own keys are kept instead of shown."""
    declared = declared_map()
    name = request.POST.get("touchpoint", "")
    try:
        made = commands.issue_key(own_connection(), touchpoint=name, declared=declared, now=timezone.now())
    except Problem as problem:
        return _keys_page(request, problem=told(problem), status=problem.status)
    for own in house.HOUSE:
        if name == house.name_in(declared, own):
            house.keep_key(own, made.text)
            return _keys_page(request, kept=own)
    return _keys_page(request, issued=made)


@in_room(OFFICE)
@require_POST
def revoke(request: HttpRequest) -> HttpResponse:
    """End a key for good."""
    try:
        key = uuid.UUID(request.POST.get("key", ""))
    except ValueError:
        raise Http404 from None
    commands.revoke_key(own_connection(), key=key, now=timezone.now())
    return redirect("console:keys")


# The way out.


@in_room(OFFICE, is_open=True)
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """End the visit. The page that follows is one of the office's own: a form must not lead out of the room."""
    end_visit(request)
    return redirect("console:left")


@in_room(OFFICE, is_open=True)
@require_safe
def left(request: HttpRequest) -> HttpResponse:
    """Say that the visit has ended, and how to come back."""
    return render(request, "console/left.html", {"square_url": addresses.url_of(SQUARE, "/")})


# What the views share.


def _ledger(request: HttpRequest, context: dict[str, Any], status: int = HTTPStatus.OK) -> HttpResponse:
    programme = loyalty.totals()
    months = _months() if programme.issued else None
    now = timezone.now()
    this_month = None
    if months is not None:
        this_month = sum(each.expired for each in months if each.month == now.date().replace(day=1))
    words = {
        "label": _("Points by month: issued, redeemed, expired"),
        "points": _("points"),
        "issued": _("issued"),
        "redeemed": _("redeemed"),
        "expired": _("expired"),
    }
    chart = None
    if months:
        chart = charts.cached(
            ("months", tuple(months)), _PROGRAMME_SECONDS, lambda: charts.points_by_month(months, words=words)
        )
    shown = {
        "programme": programme,
        "expired_this_month": this_month,
        "chart": chart,
        "customers": customers.count(),
        "kinds": _KINDS,
        "limit": FOUND_MAX,
        **context,
    }
    return page(request, "console/ledger.html", "ledger", shown, status=status)


def _person(customer: uuid.UUID) -> customers.Person:
    found = customers.person_of(customer)
    if found is None:
        raise Http404
    return found


def _person_page(
    request: HttpRequest,
    found: customers.Person,
    *,
    form: dict[str, Any] | None = None,
    outcome: gateway.Answer | None = None,
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    try:
        before = uuid.UUID(request.GET.get("before", ""))
    except ValueError:
        before = None
    wallet = loyalty.wallet(found.customers)
    entries, following = loyalty.history(found.customers, before=before, limit=ENTRIES_SHOWN)
    context = {
        "person": found,
        "wallet": wallet,
        "lots_chart": _lots_chart(wallet),
        "links": customers.links_of(found),
        "entries": entries,
        "before": before,
        "next": following,
        "form": form or {"request": IDS.new()},
        "outcome": outcome,
        "can_adjust": gateway.own_touchpoint(declared_map()) is not None,
    }
    return page(request, "console/person.html", "ledger", context, status=status)


def _lots_chart(wallet: loyalty.Wallet) -> Any:
    if len(wallet.lots) < 2:  # one bar compares nothing
        return None
    shown = wallet.lots[:_LOTS_DRAWN]
    rows = [(date_format(lot.last_day, "DATE_FORMAT") if lot.last_day else _("never"), lot.points) for lot in shown]
    words = {"points": _("points"), "label": _("Points by their last day")}
    return charts.cached(("lots", shown), _PROGRAMME_SECONDS, lambda: charts.lots(rows, words=words))


def _read_adjustment(request: HttpRequest) -> dict[str, Any]:
    """Read the form; what is wrong with it stands in ``errors`` by field."""
    points = request.POST.get("points", "").strip()
    reason = request.POST.get("reason", "").strip()
    errors = {}
    try:
        number = int(points.replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        number = 0
    if not 0 < abs(number) <= POINTS_MAX:
        errors["points"] = _("A whole number other than zero.")
    if not 0 < len(reason) <= REASON_CHARACTERS_MAX:
        errors["reason"] = _("Say why, in at most 200 characters.")
    try:
        identity = uuid.UUID(request.POST.get("request", ""))
    except ValueError:
        identity = IDS.new()
    return {"points": points, "number": number, "reason": reason, "request": identity, "errors": errors}


def _keys_page(request: HttpRequest, *, status: int = HTTPStatus.OK, **context: Any) -> HttpResponse:
    rows = commands.list_keys(own_connection())
    declared = declared_map()
    touchpoints = [
        {"touchpoint": touchpoint, "keys": [row for row in rows if row.touchpoint == touchpoint.name]}
        for touchpoint in declared.touchpoints
    ]
    names = {touchpoint.name for touchpoint in declared.touchpoints}
    strays = [row for row in rows if row.touchpoint not in names and row.revoked_at is None]
    shown = {"touchpoints": touchpoints, "strays": strays, **context}
    return page(request, "console/keys.html", "keys", shown, status=status)


def _months() -> list[loyalty.MonthTotals] | None:
    """Return the months' totals, read at most every few minutes: they take a walk through the whole ledger."""
    name = database.database_name()
    read_at, months = _months_read.get(name, (None, None))
    now = time.monotonic()
    if read_at is None or now - read_at > _PROGRAMME_SECONDS:
        months = loyalty.by_month()
        _months_read[name] = (now, months)
    return months


#: When the months' totals of a database were read, and what they were.
_months_read: dict[str, tuple[float, list[loyalty.MonthTotals] | None]] = {}
