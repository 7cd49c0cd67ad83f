"""How often a letter of what is new on the square comes: chosen at the counter, ended by the letter's own link.

The square never hears of it. Not here: of which kinds of news letters tell, which each public name chooses there.
"""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from comptoir.counter.customers import matters
from comptoir.counter.customers import queries as customers
from comptoir.counter.customers.contracts import CUSTOMER_KIND, LETTERS_CHOSEN
from comptoir.counter.letters.stopping import StopLinkInvalid, customer_of
from comptoir.doors.storefront import devices
from comptoir.doors.storefront.me import Refused
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import COUNTER
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.rooms.web import carrying_ticket, in_room
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.house import STOREFRONT, Trouble

_RHYTHMS: Final = (
    ("never", _("Never"), _("What is new waits on the square.")),
    ("weekly", _("Once a week"), _("On Monday morning, if anything is new.")),
    ("daily", _("Once a day"), _("In the morning, if anything is new.")),
    ("at_once", _("At once"), _("Within a quarter of an hour.")),
)


@in_room(COUNTER)
@require_http_methods(["GET", "HEAD", "POST"])
def letters(request: HttpRequest) -> HttpResponse:
    """Show how often letters come, or take another choice."""
    visit = visit_of(request)
    assert visit is not None, "in_room lets nobody in who is not recognised"
    person = customers.person_of(uuid.UUID(visit.subject))
    trouble: Trouble | None = None
    if request.method == "POST":
        rhythm = request.POST.get("rhythm", "")
        if person is None or rhythm not in {name for name, _title, _help in _RHYTHMS}:
            raise Http404
        try:
            _choose(uuid.UUID(visit.subject), rhythm, language=translation.get_language() or "en")
            return redirect(f"{request.path}?kept=1")
        except Refused as refused:
            trouble = refused.trouble
        except Problem as problem:
            trouble = Trouble(title=problem.title(), detail=problem.detail, type=problem.name, status=problem.status)
    word = None if person is None else customers.choices_of(person).get(matters.LETTERS)
    context: dict[str, Any] = {
        "person": person,
        "rhythms": _RHYTHMS,
        "chosen": word.value.partition(" ")[0] if word is not None else "never",
        "closeness": None if person is None else customers.closeness_of(person),
        "personas": [] if person is None else customers.personas_of(person),
        "is_kept": request.GET.get("kept") == "1",
        "problem": trouble,
        "section": "who",
        **devices.context(request, person),
    }
    status = (trouble.status or HTTPStatus.UNPROCESSABLE_ENTITY) if trouble else HTTPStatus.OK
    # What the browser says of itself goes to the vault in a form, which has to say where it stood.
    return carrying_ticket(render(request, "storefront/letters.html", context, status=status))


@csrf_exempt
@in_room(COUNTER, is_open=True)
@require_http_methods(["GET", "HEAD", "POST"])
def stop(request: HttpRequest, token: str) -> HttpResponseBase:
    """End somebody's letters by a link of theirs: a mail program posts to it (RFC 8058), a person presses a button."""
    try:
        customer = customer_of(token)
    except StopLinkInvalid:
        raise Http404 from None
    trouble: Trouble | None = None
    is_ended = False
    if request.method == "POST":
        try:
            _choose(customer, "never", language=translation.get_language() or "en")
            is_ended = True
        except Refused as refused:
            trouble = refused.trouble
        except Problem as problem:
            trouble = Trouble(title=problem.title(), detail=problem.detail, type=problem.name, status=problem.status)
    status = (trouble.status or HTTPStatus.UNPROCESSABLE_ENTITY) if trouble else HTTPStatus.OK
    context = {"is_ended": is_ended, "problem": trouble}
    response = render(request, "storefront/letters_stop.html", context, status=status)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _choose(customer: uuid.UUID, rhythm: str, *, language: str) -> None:
    said = {
        "customer": {"kind": CUSTOMER_KIND, "value": str(customer)}, "rhythm": rhythm,
        "language": language if language in {"en", "ja", "fr"} else "en",
    }  # fmt: skip
    answer = house.send(LETTERS_CHOSEN, said, touchpoint=STOREFRONT, request=uuid.uuid4(), at=timezone.now())
    if answer.problem is not None:
        raise Refused(answer.problem)
