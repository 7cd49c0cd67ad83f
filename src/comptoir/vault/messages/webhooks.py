"""What the shop's mail provider tells of messages, in its own form: read by django-anymail, noted by ``reporting.py``.

Whoever tells has to know the secret that the shop gave the provider, or to sign as the provider does; anything else is
refused with its name, and nothing of it is kept. A shop that gave the provider neither believes nobody. Without the
extra `mailers` there is no such address. Not here: what its words for a message that did not arrive mean
(``providers.py``).
"""

from __future__ import annotations

import functools
import importlib
import logging
import uuid
import warnings
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.rooms.web import in_room
from comptoir.vault.messages import providers, reporting
from comptoir.vault.messages.errors import ProviderUnknown, ReportRefused

_log = logging.getLogger("comptoir.messages")
_WORDS: Final[dict[str, reporting.Word]] = {
    "delivered": "delivered", "bounced": "bounced", "rejected": "bounced", "failed": "bounced",
    "complained": "complained", "unsubscribed": "unsubscribed",
}  # fmt: skip
EVENTS_MAX: Final = 5_000


@csrf_exempt
@in_room(VAULT, is_open=True)
@require_http_methods(["POST", "HEAD"])
def mail_report(request: HttpRequest, provider: str) -> HttpResponse:
    """Take a provider's report; HEAD is how some of them ask whether anybody is there."""
    try:
        view = _view(provider)
        if request.method != "HEAD":
            noted = _take(provider, view, request)
            _log.info("%s told of %d messages", provider, noted)
    except Problem as problem:
        return JsonResponse(problem.as_members(), status=problem.status, content_type="application/problem+json")
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def _take(provider: str, view: Any, request: HttpRequest) -> int:
    try:
        view.run_validators(request)
        events = list(view.parse_events(request))[:EVENTS_MAX]
    except SuspiciousOperation:
        raise ReportRefused("Its secret or its signature is not the one that the shop has.") from None
    except Exception:  # noqa: BLE001 - the library's parsers trip over whatever is none of theirs
        raise ReportRefused("It cannot be read as a report of this provider.") from None
    return sum(_note(provider, each) for each in events)


def _note(provider: str, event: Any) -> bool:
    word = _WORDS.get(str(event.event_type))
    if word is None:
        return False
    why = providers.why_lost(provider, event) or ""
    at = timezone.now()
    decision = _decision((event.metadata or {}).get("decision"))
    if decision is not None:
        return reporting.report(word, decision, at=at, why=why)
    # Without our number: what it says of an address counts for the latest message to it.
    return bool(event.recipient) and reporting.report_of(word, str(event.recipient), field="email", at=at, why=why)


def _decision(text: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(text))
    except ValueError:
        return None


def _view(provider: str) -> Any:
    if provider != getattr(settings, "MAIL_PROVIDER", ""):
        raise ProviderUnknown
    view = _made(provider)
    if view.warn_if_no_basic_auth and not view.basic_auth:
        # The library would warn and believe everybody; anybody could have a customer's address blocked.
        _log.warning("%s reports, and is not believed: mail.toml has no WEBHOOK_SECRET", provider)
        raise ReportRefused("The shop has given this provider no secret and no key to sign with.")
    return view


@functools.lru_cache(maxsize=4)
def _made(provider: str) -> Any:
    from anymail.exceptions import AnymailWarning  # noqa: PLC0415 - needs the extra `mailers`

    module = importlib.import_module(f"anymail.webhooks.{provider}")
    found = (value for name, value in vars(module).items() if name.endswith("TrackingWebhookView"))
    # One that is only called otherwise has that of its new name beside its own.
    (made,) = (each for each in found if each.__module__ == module.__name__ and "Base" not in each.__name__)
    with warnings.catch_warnings():
        # A missing secret is refused by whoever asks for the view; what else it warns of was said when mails were sent.
        warnings.simplefilter("ignore", AnymailWarning)
        return made()
