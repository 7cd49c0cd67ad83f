"""Spending with a passkey: what is shown is what is signed, once, within a minute; a code for just that comes out."""

from __future__ import annotations

import datetime as dt
import secrets
from http import HTTPStatus
from typing import Final

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from comptoir.counter.loyalty.codes import mint_code
from comptoir.foundation.kernel.problem import Problem
from comptoir.vault.credentials import passkeys, safety
from comptoir.vault.credentials.errors import PasskeyReplayed, PasskeyUnknown, TransactionChanged
from comptoir.vault.credentials.queries import customer_of
from comptoir.vault.credentials.rules import Transaction, challenge_of, spendable
from comptoir.vault.credentials.web import for_customers, record, refused, signed_in

#: How long what was shown may be signed.
SIGNED_WITHIN: Final = dt.timedelta(seconds=60)
_ASKED: Final = "spend-asked"


def sentence(points: int, place: str) -> str:
    """Return what is signed, in words; the page shows it and the server makes it anew from what it is sent."""
    written = ngettext("Spend %(points)s point", "Spend %(points)s points", points) % {"points": f"{points:,}"}
    return _("%(spend)s at %(place)s") % {"spend": written, "place": place} if place else written


@for_customers
@require_GET
def ask(request: HttpRequest) -> HttpResponse:
    """Ask how many points, or show the sentence that the passkey is to sign."""
    user = signed_in(request)
    now = timezone.now()
    try:
        safety.insist_on_spending(user, now=now)
        if "points" not in request.GET:
            return render(request, "credentials/customer/spend.html", {})
        points, place = spendable(request.GET["points"], request.GET.get("place", ""))
    except Problem as problem:
        return refused(request, problem, back=reverse("vault"))
    asked = Transaction(customer_of(user), points, place, secrets.token_urlsafe(16), now)
    request.session[_ASKED] = msgspec.to_builtins(asked)
    data = passkeys.ask(request, what_for="spend", user=user, challenge=challenge_of(asked))
    facts = {"data": data, "points": points, "place": place, "sentence": sentence(points, place)}
    return render(request, "credentials/customer/sign_spending.html", facts)


@for_customers
@require_POST
def sign(request: HttpRequest) -> HttpResponse:
    """Take the signature, and give a code that is good once, for this amount and this place."""
    user = signed_in(request)
    now = timezone.now()
    try:
        points, place = spendable(request.POST.get("points", ""), request.POST.get("place", ""))
        kept = request.session.pop(_ASKED, None)
        if kept is None:
            raise PasskeyReplayed(field="credential")
        asked = msgspec.convert(kept, Transaction)
        text = request.POST.get("credential", "")
        shown = passkeys.take(request, text, what_for="spend", life=SIGNED_WITHIN)
        # Made anew from what the form says: a page that showed one sentence and sent another gets nothing.
        meant = msgspec.structs.replace(asked, customer=customer_of(user), points=points, place=place)
        if passkeys.challenge_in(text) != challenge_of(meant):
            raise TransactionChanged(field="points")
        if shown.user_id != user.pk:
            raise PasskeyUnknown(field="credential")
        safety.insist_on_spending(user, now=now)
    except Problem as problem:
        return refused(request, problem, back=reverse("spend"))
    code = mint_code(meant.customer, at=now, points_max=points, place=place or None)
    record("credentials.spending_signed", user=user, purpose="confirmed with a passkey", points=str(points))
    facts = {"code": code, "sentence": sentence(points, place)}
    return render(request, "credentials/customer/spending_code.html", facts, status=HTTPStatus.OK)
