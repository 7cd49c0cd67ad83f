"""Limits that wait, with a passkey: what is shown is what is signed, once, within a minute, and holds at once.

Limits are changed on the page of the counter. What lets more be spent waits there; here whoever asked for it shows that
it was them. Nothing can be typed here: what is signed is what the counter has. Not here: what waits
(``counter/loyalty/spending.py``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import uuid
from http import HTTPStatus
from typing import Final

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from comptoir.counter.customers.contracts import CUSTOMER_KIND
from comptoir.counter.customers.queries import person_of
from comptoir.counter.loyalty import queries as loyalty
from comptoir.counter.loyalty.confirming import Confirmations
from comptoir.counter.loyalty.contracts import LIMITED
from comptoir.counter.loyalty.spending import Limits, strictest, waiting
from comptoir.counter.loyalty.wording import told
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.touchpoints import house
from comptoir.vault.credentials import passkeys, safety
from comptoir.vault.credentials.errors import PasskeyReplayed, PasskeyUnknown, TransactionChanged
from comptoir.vault.credentials.models import User
from comptoir.vault.credentials.queries import customer_of
from comptoir.vault.credentials.web import for_customers, record, refused, signed_in, wrong

#: How long what was shown may be signed.
SIGNED_WITHIN: Final = dt.timedelta(seconds=60)
_ASKED: Final = "limits-asked"


class Wanted(msgspec.Struct, frozen=True):
    """What a person wants and does not have yet, by customer; ``number`` is drawn, so that each is signed once."""

    limits: tuple[tuple[str, Limits], ...]
    number: str
    asked_at: dt.datetime


@for_customers
@require_GET
def ask(request: HttpRequest) -> HttpResponse:
    """Show what waits, as the passkey is to sign it."""
    user = signed_in(request)
    now = timezone.now()
    try:
        safety.insist_on_spending(user, now=now)
    except Problem as problem:
        return refused(request, problem, back=reverse("vault"))
    limits = _waiting(user, now=now)
    if not limits:
        return render(request, "credentials/customer/limits.html", {"said": []})
    asked = Wanted(limits, secrets.token_urlsafe(16), now)
    request.session[_ASKED] = msgspec.to_builtins(asked)
    data = passkeys.ask(request, what_for="limits", user=user, challenge=_challenge(asked))
    said = told(strictest([each for _, each in limits]))
    return render(request, "credentials/customer/limits.html", {"data": data, "said": said})


@for_customers
@require_POST
def sign(request: HttpRequest) -> HttpResponse:
    """Take the signature, and tell the counter that it was them: what waited holds from now on."""
    user = signed_in(request)
    now = timezone.now()
    try:
        kept = request.session.pop(_ASKED, None)
        if kept is None:
            raise PasskeyReplayed(field="credential")
        asked = msgspec.convert(kept, Wanted)
        text = request.POST.get("credential", "")
        shown = passkeys.take(request, text, what_for="limits", life=SIGNED_WITHIN)
        # Made anew from what waits now: whoever has changed it since gets nothing by this signature.
        meant = msgspec.structs.replace(asked, limits=_waiting(user, now=now))
        if passkeys.challenge_in(text) != _challenge(meant):
            raise TransactionChanged(field="limits")
        if shown.user_id != user.pk:
            raise PasskeyUnknown(field="credential")
        safety.insist_on_spending(user, now=now)
        for customer, limits in meant.limits:
            trouble = _confirm(customer, limits, now=now)
            if trouble is not None:
                return wrong(request, trouble, back=reverse("limits"), status=HTTPStatus(trouble.status))
    except Problem as problem:
        return refused(request, problem, back=reverse("limits"))
    record("credentials.limits_signed", user=user, purpose="confirmed with a passkey")
    return render(request, "credentials/customer/limits.html", {"said": [], "is_signed": True})


def _waiting(user: User, *, now: dt.datetime) -> tuple[tuple[str, Limits], ...]:
    """Return what waits of each of a user's customers, in one order."""
    person = person_of(customer_of(user))
    standings = {} if person is None else loyalty.standings_of(person.customers)
    return tuple(
        (str(customer), each.wanted)
        for customer, each in sorted(standings.items())
        if waiting([each], at=now) is not None
    )


def _challenge(wanted: Wanted) -> bytes:
    """Return the challenge that a passkey signs: the SHA-256 of what is wanted in its one written form."""
    return hashlib.sha256(b"comptoir.limits\0" + msgspec.json.encode(wanted, order="sorted")).digest()


def _confirm(customer: str, limits: Limits, *, now: dt.datetime) -> house.Trouble | None:
    request = uuid.uuid4()
    said = {name: value for name, value in msgspec.to_builtins(limits).items() if value is not None}
    proof = Confirmations.of_shop().confirm(customer, str(request), limits, at=now)
    data = {
        "customer": {"kind": CUSTOMER_KIND, "value": customer},
        **said,
        "proof": {"kind": "confirmation", "value": proof},
    }
    return house.send(LIMITED, data, touchpoint=house.VAULT, request=request, at=now).problem
