"""Promotions: what there is, writing one, watching what is given of it, giving somebody a coupon, ending it.

Each is an event of the console's. Not here: what a promotion is and what it costs (``counter/offers``), the form's
fields (``offering.py``).
"""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from comptoir.counter.offers import queries, wording
from comptoir.counter.offers.codes import honey_of
from comptoir.counter.offers.contracts import ENDED, ISSUED, PUBLISHED
from comptoir.doors.console import gateway, offering
from comptoir.doors.console.acting import first_sent, identity_of, page, with_key
from comptoir.doors.console.refusals import told
from comptoir.foundation.kernel.money import Money
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints import house


@in_room(OFFICE)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Answer with every promotion, and with what other systems have given, by what it belonged to."""
    found = queries.promotions(language=_language())
    own = [each for each in found if each.state != "elsewhere"]
    series = itertools.groupby(
        sorted((each for each in found if each.state == "elsewhere"), key=lambda each: each.promotion.series or ""),
        key=lambda each: each.promotion.series or "",
    )
    targeted = queries.targeted()
    elsewhere = [_summed(name, list(each), targeted.get(name, (0, 0))) for name, each in series]
    context = {
        "open": [each for each in own if each.state != "over"], "over": [each for each in own if each.state == "over"],
        "elsewhere": elsewhere, "alarms": queries.alarms(),
        "rows": sum(each["rows"] for each in elsewhere), "sent": sum(each["sent"] for each in elsewhere),
        "redeemed": sum(each["redeemed"] for each in elsewhere),
    }  # fmt: skip
    return page(request, "console/promotions.html", "promotions", context)


@in_room(OFFICE)
@require_http_methods(["GET", "HEAD", "POST"])
def write(request: HttpRequest) -> HttpResponse:
    """Write a promotion, and publish it."""
    form: dict[str, Any] = dict(offering.BLANK)
    errors: dict[str, str] = {}
    trouble: gateway.Trouble | None = None
    if request.method == "POST":
        form = offering.read(request.POST)
        definition, errors = offering.definition(form, currency=queries.currency())
        if not errors:
            promotion = identity_of(request)
            said = {"promotion": str(promotion), "definition": definition}
            trouble = _send(request, PUBLISHED, said, identity=promotion).problem
            if trouble is None:
                return redirect("console:promotion", promotion)
    context = {
        "form": form, "errors": errors, "problem": trouble, "currency": queries.currency(), "identity": uuid.uuid4(),
        "kinds": offering.kinds(), "weekdays": offering.weekdays(), "channels": offering.channels(),
    }  # fmt: skip
    status = HTTPStatus.UNPROCESSABLE_ENTITY if errors or trouble else HTTPStatus.OK
    return page(request, "console/promotion_form.html", "promotions", context, status=status)


@in_room(OFFICE)
@require_safe
def one(request: HttpRequest, promotion: uuid.UUID) -> HttpResponse:
    """Answer with one promotion; ``?part=figures`` is the part that changes."""
    return _one(request, promotion)


@in_room(OFFICE)
@require_POST
def give(request: HttpRequest, promotion: uuid.UUID) -> HttpResponse:
    """Give a customer a coupon."""
    try:
        customer = uuid.UUID(request.POST.get("customer", "").strip())
    except ValueError:
        problem = gateway.Trouble(title=_("That is no customer’s number."), status=HTTPStatus.UNPROCESSABLE_ENTITY)
        return _one(request, promotion, problem=problem)
    who = {"kind": "customer", "value": str(customer)}
    answer = _send(
        request, ISSUED, {"customer": who, "promotion": str(promotion)}, identity=uuid.uuid5(promotion, str(customer)),
        is_staff_named=False,
    )  # fmt: skip
    return _one(request, promotion, problem=answer.problem, is_given=answer.problem is None)


@in_room(OFFICE)
@require_POST
def end(request: HttpRequest, promotion: uuid.UUID) -> HttpResponse:
    """End a promotion, at once."""
    answer = _send(request, ENDED, {"promotion": str(promotion)}, identity=uuid.uuid5(promotion, "end"))
    if answer.problem is None:
        return redirect("console:promotion", promotion)
    return _one(request, promotion, problem=answer.problem)


def _one(
    request: HttpRequest, promotion: uuid.UUID, *, problem: gateway.Trouble | None = None, is_given: bool = False
) -> HttpResponse:
    found = queries.promotion(promotion, language=_language())
    if found is None:
        raise Http404
    currency = queries.currency()
    definition = found.promotion
    context = {
        "found": found, "title": found.title_in(_language()),
        "places": [(source, times, Money(off, currency)) for source, times, off in queries.by_place(promotion)],
        "explained": wording.explained(definition, currency=currency)[_language()],
        "conditions": offering.in_words(definition, currency=currency),
    }  # fmt: skip
    if request.GET.get("part") == "figures":
        return render(request, "console/promotion_figures.html", context)
    context |= {
        "problem": problem, "is_given": is_given,
        "honey": honey_of(promotion, definition.honey) if definition.honey else [],
    }  # fmt: skip
    status = (problem.status or HTTPStatus.UNPROCESSABLE_ENTITY) if problem else HTTPStatus.OK
    return page(request, "console/promotion.html", "promotions", context, status=status)


def _summed(name: str, found: list[queries.Shown], targeted: tuple[int, int]) -> dict[str, Any]:
    """Sum up what another system has given in one campaign of its own; ``targeted``: customers, those who redeemed."""
    days = [each.promotion.conditions for each in found]
    return {
        "name": name,
        "coupons": len(found),
        "rows": sum(len(each.promotion.items.products) for each in found),
        "sent": targeted[0],
        "redeemers": targeted[1],
        "redeemed": sum(each.given.redeemed for each in found),
        "begins": min((each.starts_at for each in days if each.starts_at is not None), default=None),
        "ends": max((each.ends_at for each in days if each.ends_at is not None), default=None),
    }


def _send(
    request: HttpRequest, kind: str, said: dict[str, Any], *, identity: uuid.UUID, is_staff_named: bool = True
) -> house.Answer:
    """Send what a member of staff decides; a form that is sent twice is one event."""
    visit = visit_of(request)
    assert visit is not None, "the office knows who is in it"
    data = {"staff": visit.subject, **said} if is_staff_named else said
    at: dt.datetime = first_sent(request, identity) if kind != ENDED else timezone.now()
    event = identity if kind != ENDED else uuid.uuid4()
    try:
        answer: house.Answer = with_key(lambda: house.send(kind, data, touchpoint=house.CONSOLE, request=event, at=at))
    except Problem as problem:
        answer = gateway.Answer(problem=told(problem))
    return answer


def _language() -> str:
    return (translation.get_language() or "en").split("-")[0]
