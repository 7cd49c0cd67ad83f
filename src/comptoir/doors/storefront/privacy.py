"""Global Privacy Control: a browser that says ``Sec-GPC: 1`` objects for whoever uses it, on every page of the house.

Counted once for each person, as an event, and so true on every channel; nothing is kept of a stranger. A customer who
withdraws the objection by hand has said something more specific, and is not overruled by the next page.
https://www.w3.org/TR/gpc/. Not here: what an objection means (``counter/customers/permissions.py``).
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from comptoir.counter.customers import matters
from comptoir.counter.customers import queries as customers
from comptoir.counter.customers.contracts import OBJECTION_MADE
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import COUNTER, VAULT
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.touchpoints import house

HEADER = "Sec-GPC"
_STREAM = "text/event-stream"


class PrivacyControlMiddleware:
    """Makes the objection of a recognised customer whose browser asks for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Stand before the pages."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with the page's answer; whether an objection came through is never its business."""
        if request.headers.get(HEADER) == "1" and request.headers.get("Accept") != _STREAM:
            # A gateway that is away costs no page: the next one says it again.
            with contextlib.suppress(Problem):
                _object(request)
        return self._get_response(request)


def _object(request: HttpRequest) -> None:
    customer = _customer(request)
    person = None if customer is None else customers.person_of(customer)
    if person is None or matters.OBJECTION in customers.choices_of(person):
        return
    data = {"customer": {"kind": "customer", "value": str(customer)}, "means": "gpc"}
    touchpoint = house.VAULT if request.room == VAULT else house.STOREFRONT  # type: ignore[attr-defined]
    house.send(OBJECTION_MADE, data, touchpoint=touchpoint, request=uuid.uuid4(), at=timezone.now())


def _customer(request: HttpRequest) -> uuid.UUID | None:
    """Return the customer whom this room recognises, or ``None`` for a stranger and for staff."""
    room = request.room  # type: ignore[attr-defined]
    if room == COUNTER:
        visit = visit_of(request)
        return None if visit is None else uuid.UUID(visit.subject)
    if room == VAULT and request.user.is_authenticated and getattr(request.user, "kind", "") == "customer":
        return customers.customer_of_user(request.user.pk)
    return None
