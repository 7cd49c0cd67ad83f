"""What the shop sent to a customer, and why; the page that a message's own link leads to, which ends the like of it.

Opening that link changes nothing: mail scanners and previews open links, too. A mail program posts to it (RFC 8058), a
person presses a button. Not here: who is written to, and sending.
"""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from comptoir.counter.customers import matters
from comptoir.counter.customers import queries as customers
from comptoir.counter.messages import ending, footing, queries
from comptoir.counter.messages.leaving import LeaveLinkInvalid, decision_of
from comptoir.foundation.rooms.declaration import COUNTER
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints.house import shop_title


@in_room(COUNTER)
@require_safe
def messages(request: HttpRequest) -> HttpResponse:
    """Show what the shop sent to the customer, and why each of it came."""
    visit = visit_of(request)
    assert visit is not None, "in_room lets nobody in who is not recognised"
    person = customers.person_of(uuid.UUID(visit.subject))
    language = translation.get_language() or "en"
    sent: list[dict[str, Any]] = []
    if person is not None:
        words = customers.choices_of(person)
        for each in queries.shown_to(person.customers, language=language, shop=shop_title(), now=timezone.now()):
            word = words.get(matters.consent(each.purpose, each.channel))
            since = word.said.occurred_at.date() if word is not None and word.value == matters.GIVEN else None
            because = footing.reason(
                because=each.because, since=since, language=language, message_class=each.message_class
            )
            sent.append({"message": each, "because": because, "channel": _channel(each.channel)})
    return render(request, "storefront/messages.html", {"person": person, "sent": sent, "section": "who"})


@csrf_exempt
@in_room(COUNTER, is_open=True)
@require_http_methods(["GET", "HEAD", "POST"])
def why(request: HttpRequest, token: str) -> HttpResponseBase:
    """Say why a message came, and end the like of it where somebody presses the button."""
    try:
        decision = decision_of(token)
    except LeaveLinkInvalid:
        raise Http404 from None
    language = translation.get_language() or "en"
    found = queries.why(decision, language=language)
    is_ended, is_late = found is not None and found.is_ended, False
    if request.method == "POST" and found is not None and found.message_class != "service":
        is_late = not ending.end(decision, at=timezone.now())
        is_ended = True
    context: dict[str, Any] = {"found": found, "is_ended": is_ended, "is_late": is_late}
    if found is not None:
        context["because"] = footing.reason(
            because=found.because, since=None, language=language, message_class=found.message_class
        )
        context["channel"] = _channel(found.channel)
    response = render(request, "storefront/messages_why.html", context, status=HTTPStatus.OK)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _channel(name: str) -> str:
    names = {
        "mail": _("by e-mail"), "message": _("by text message"), "app": _("as a notification"),
        "web": pgettext("where a message stood", "on your own page"),
    }  # fmt: skip
    return names[name]
