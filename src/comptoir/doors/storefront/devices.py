"""Notifications on a device: chosen and ended at the counter; where the device is reached goes straight to the vault.

A script of the page asks the browser, and sends what it says in a form to the vault, with a ticket of ours; it never
comes here. Without a script the list of devices works, and a new one cannot be added. Not here: what is sent and when
(``vault/contacts/notifications.py``).
"""

from __future__ import annotations

import uuid
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from comptoir.counter.customers import queries as customers
from comptoir.counter.customers.contracts import CUSTOMER_KIND, NOTIFICATIONS_CHOSEN
from comptoir.counter.letters.composing import DeviceWish, devices_of
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import COUNTER, VAULT
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.rooms.web import in_room, ticket_form
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.house import STOREFRONT
from comptoir.vault.contacts import subscribing, webpush

RHYTHMS: Final = (("at_once", _("At once")), ("daily", _("Once a day")), ("weekly", _("Once a week")))
#: What the vault can say when it does not keep a device, in the reader's words.
REFUSALS: Final = {
    "push_service_unknown": _("The shop does not send to this browser's push service."),
    "too_many_devices": _("You have as many devices as one can have. End one of them first."),
}
_REFUSED: Final = _("This device could not be added. Nothing was changed; try again in a moment.")


class Device(msgspec.Struct, frozen=True):
    """A device in the list."""

    number: uuid.UUID
    wish: DeviceWish


def context(request: HttpRequest, person: customers.Person | None) -> dict[str, Any]:
    """Return what the page of letters needs for its part on devices."""
    services = webpush.services()
    refused = request.GET.get("problem", "")
    return {
        "devices": [] if person is None else [Device(number, wish) for number, wish in devices_of(person)],
        "device_rhythms": RHYTHMS,
        "push_key": webpush.public_key() if services else "",
        "subscribe_url": addresses.url_of(VAULT, subscribing.PATH),
        "refusal": REFUSALS.get(refused, _REFUSED) if refused else "",
    }


@in_room(COUNTER, is_open=True)
@require_GET
def worker(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a view's shape
    """Answer with the script that shows notifications; below this path it works, and it looks at no page."""
    script = render_to_string("storefront/devices_worker.js")
    return HttpResponse(script, content_type="text/javascript; charset=utf-8")


@in_room(COUNTER)
@require_POST
def ticket(request: HttpRequest) -> JsonResponse:
    """Give a ticket for the vault, which says whose device it is that a browser is about to name there."""
    visit = visit_of(request)
    assert visit is not None, "in_room lets nobody in who is not recognised"
    form = ticket_form(request, destination=VAULT, path=subscribing.PATH, visit=visit)
    answer = JsonResponse({"ticket": form["ticket"], "number": str(uuid.uuid4())})
    answer.headers["Cache-Control"] = "no-store"
    return answer


@in_room(COUNTER)
@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Change how often one of somebody's devices hears, or end it."""
    visit = visit_of(request)
    assert visit is not None, "in_room lets nobody in who is not recognised"
    person = customers.person_of(uuid.UUID(visit.subject))
    mine = {} if person is None else {str(number): wish for number, wish in devices_of(person)}
    wish = mine.get(request.POST.get("number", ""))
    rhythm = "never" if "end" in request.POST else request.POST.get("rhythm", "")
    if wish is None or rhythm not in {"never", *(name for name, _title in RHYTHMS)}:
        raise Http404
    said = {
        "customer": {"kind": CUSTOMER_KIND, "value": str(wish.customer)}, "subscription": request.POST["number"],
        "rhythm": rhythm, "device": wish.device, "language": wish.language,
    }  # fmt: skip
    try:
        answer = house.send(NOTIFICATIONS_CHOSEN, said, touchpoint=STOREFRONT, request=uuid.uuid4(), at=timezone.now())
        problem = answer.problem.name if answer.problem is not None else ""
    except Problem as refused:
        problem = refused.name
    said_of_it = urlencode({"problem": problem} if problem else {"kept": "1"})
    return redirect(f"{reverse('storefront:letters')}?{said_of_it}#devices")
