"""The customer's page of limits: lock the points, or say where and how many may be spent.

What is stricter holds at once. What is not waits, and the page says until when, and takes it back (:func:`call_off`):
the ledger decides that, not this page.

What is said goes through the gateway as an event of the touchpoint ``storefront``, one for each of the person's
customers, since each of them alone could be unlinked later. Not here: what a limit means (``counter/loyalty``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from comptoir.counter.assembly import EVENT_TYPES, PRODUCTS
from comptoir.counter.customers.contracts import CUSTOMER_KIND
from comptoir.counter.loyalty import queries as loyalty
from comptoir.counter.loyalty.contracts import LIMITED, POINTS_MAX
from comptoir.counter.loyalty.spending import Limits, waiting
from comptoir.counter.loyalty.wording import told
from comptoir.doors.storefront import refused
from comptoir.doors.storefront.cards import members_of
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import COUNTER
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.compiling import source_matcher
from comptoir.foundation.touchpoints.contracts import Touchpoint, TouchpointMap
from comptoir.foundation.touchpoints.reading import MapOnDisk

PLACES_SHOWN_MAX: Final = 30
_ENTRIES_LOOKED_AT: Final = 100
_map = MapOnDisk(types=EVENT_TYPES, products=PRODUCTS)
_ANYWHERE, _SOME, _NOWHERE = "anywhere", "places", "nowhere"


class PlaceChoice(msgspec.Struct, frozen=True):
    """A place that can be ticked: the beginning of its sources, and what people call it."""

    place: str
    name: str
    is_ticked: bool


@in_room(COUNTER)
@require_http_methods(["GET", "HEAD", "POST"])
def spending(request: HttpRequest) -> HttpResponse:
    """Answer with what the customer allows, and take what they allow from now on."""
    visit = visit_of(request)
    assert visit is not None, "in_room lets nobody in who is not recognised"
    members = members_of(uuid.UUID(visit.subject))
    if request.method != "POST":
        return _page(request, members, is_saved="saved" in request.GET, is_called_off="called-off" in request.GET)
    form = request.POST
    errors: dict[str, str] = {}
    limits = _read(form, form.getlist("place"), errors)
    if not errors:
        try:
            trouble = _send(dict.fromkeys(members, limits), now=timezone.now())
        except Problem as problem:
            trouble = refused.words(problem)
        if not trouble:
            return redirect(f"{reverse('storefront:spending')}?saved")
        errors["form"] = trouble
    return _page(request, members, errors=errors, form=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)


@in_room(COUNTER)
@require_POST
def call_off(request: HttpRequest) -> HttpResponse:
    """Take back what waits: each of the person's customers wants again what holds now."""
    visit = visit_of(request)
    assert visit is not None, "in_room lets nobody in who is not recognised"
    members, now = members_of(uuid.UUID(visit.subject)), timezone.now()
    held = {
        customer: _sayable(each.limits(now))
        for customer, each in loyalty.standings_of(members).items()
        if waiting([each], at=now) is not None
    }
    try:
        trouble = _send(held, now=now)
    except Problem as problem:
        trouble = refused.words(problem)
    if trouble:
        return _page(request, members, errors={"form": trouble}, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return redirect(f"{reverse('storefront:spending')}?called-off")


def _sayable(limits: Limits) -> Limits:
    """Return limits as they can be said: at no place at all is a lock."""
    if limits.places == ():
        return msgspec.structs.replace(limits, locked=True, places=None)
    return limits


def places_of(sources: Iterable[str], declared: TouchpointMap) -> dict[str, str]:
    """Return the places in which these sources lie, with their names, and those that are one source anyway.

    Only where points are spent. A place ends with the first part of a source that the map leaves open: a store for
    ``/stores/*/tills/*``.
    """
    found: dict[str, str] = {}
    known = list(sources)
    for touchpoint, pattern, length in _patterns(declared):
        if length is None:
            found[pattern] = _title(touchpoint)
            continue
        matches = source_matcher([pattern])
        for source in known:
            if matches(source):
                place = "/".join(source.split("/")[:length])
                found.setdefault(place, _name(touchpoint, place))
    return found


def name_of(place: str, declared: TouchpointMap) -> str:
    """Return what people call a place; itself, if the map knows nothing of it any more."""
    for touchpoint, pattern, length in _patterns(declared):
        if length is None:
            if pattern == place:
                return _title(touchpoint)
        elif source_matcher(["/".join(pattern.split("/")[:length])])(place):
            return _name(touchpoint, place)
    return place


def _patterns(declared: TouchpointMap) -> Iterator[tuple[Touchpoint, str, int | None]]:
    """Yield where points are spent: the touchpoint, a pattern of its sources, how many of its parts make a place."""
    for touchpoint in declared.touchpoints:
        if touchpoint.spending is not None:
            for pattern in touchpoint.sources:
                open_at = next((number for number, part in enumerate(pattern.split("/")) if "*" in part), None)
                yield touchpoint, pattern, None if open_at is None else open_at + 1


def _title(touchpoint: Touchpoint) -> str:
    """Return what customers call a touchpoint: of the vault they know the checkout alone."""
    return _("The checkout") if touchpoint.room == "vault" else touchpoint.title


def _name(touchpoint: Touchpoint, place: str) -> str:
    last = place.rpartition("/")[2]
    return _("Store %(name)s") % {"name": last} if touchpoint.channel == "store" else f"{touchpoint.title} {last}"


def _page(
    request: HttpRequest,
    members: tuple[uuid.UUID, ...],
    *,
    errors: Mapping[str, str] | None = None,
    form: Any = None,
    is_saved: bool = False,
    is_called_off: bool = False,
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    present = loyalty.spending_of(members, now=timezone.now())
    limits = present.limits
    if form is None:
        may = _NOWHERE if limits.locked else _ANYWHERE if limits.places is None else _SOME
        ticked = set(limits.places or ())
        per_day, at_once = limits.points_per_day, limits.points_without_passkey
    else:
        may, ticked = form.get("may", _ANYWHERE), set(form.getlist("place"))
        per_day, at_once = form.get("per_day", ""), form.get("at_once", "")
    context = {
        "present": present,
        "wanted": None if present.waiting is None else _words(present.waiting.limits),
        "may": may,
        "places": _choices(members, ticked),
        "per_day": "" if per_day is None else per_day,
        "at_once": "" if at_once is None else at_once,
        "errors": errors or {},
        "is_saved": is_saved,
        "is_called_off": is_called_off,
        "points_max": POINTS_MAX,
    }
    return render(request, "storefront/spending.html", context, status=status)


def _words(limits: Limits) -> list[str]:
    declared = _map.read()
    return told(limits, name_of=lambda place: name_of(place, declared))


def _choices(members: tuple[uuid.UUID, ...], ticked: set[str]) -> list[PlaceChoice]:
    """Return where somebody has bought of late, or can in any case, and whatever is ticked already."""
    entries, _rest = loyalty.history(members, limit=_ENTRIES_LOOKED_AT)
    declared = _map.read()
    named = places_of([entry.source for entry in entries], declared)
    for place in sorted(ticked - named.keys()):
        named[place] = name_of(place, declared)  # nothing was bought there of late
    shown = sorted(named.items(), key=lambda each: (each[0] not in ticked, len(each[0]), each[0]))
    return [PlaceChoice(place, name, place in ticked) for place, name in shown[:PLACES_SHOWN_MAX]]


def _read(form: Any, ticked: list[str], errors: dict[str, str]) -> Limits:
    may = form.get("may")
    if may not in {_ANYWHERE, _SOME, _NOWHERE}:
        errors["may"] = _("Choose one of the three.")
    places = tuple(dict.fromkeys(ticked)) if may == _SOME else None
    if may == _SOME and not places:
        errors["may"] = _("Tick at least one place, or lock your points.")
    return Limits(
        locked=may == _NOWHERE,
        places=places,
        points_per_day=_number(form.get("per_day", ""), "per_day", errors),
        points_without_passkey=_number(form.get("at_once", ""), "at_once", errors),
    )


def _number(text: str, field: str, errors: dict[str, str]) -> int | None:
    written = "".join(text.split())
    if not written:
        return None
    number = whole(written, 10 ** len(str(POINTS_MAX)) - 1)
    if number is None:
        errors[field] = _("Write a whole number, or leave it empty.")
        return None
    return min(number, POINTS_MAX)


def _send(limits_of: Mapping[uuid.UUID, Limits], *, now: dt.datetime) -> str:
    """Say it for every customer of the person; returns why it was not taken, or nothing.

    A form that is sent twice says the same twice, and the last word holds.
    """
    for member, limits in limits_of.items():
        said = {name: value for name, value in msgspec.to_builtins(limits).items() if value is not None}
        data = {"customer": {"kind": CUSTOMER_KIND, "value": str(member)}, **said}
        answer = house.send(LIMITED, data, touchpoint=house.STOREFRONT, request=uuid.uuid4(), at=now)
        if answer.problem is None:
            continue
        own = {
            "customer_unknown": _("Use the card once before you limit it: there is nothing to spend on it yet."),
            "limits_changed_too_often": _(
                "You have changed this very often. Until some of it holds, only a lock is taken."
            ),
        }
        return refused.words(answer.problem, own)
    return ""
