"""Signing an agreement on terms with a passkey: what is signed is the text of the record that the shop has signed."""

from __future__ import annotations

import uuid
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from comptoir.counter.customers import queries as customers
from comptoir.counter.customers import records, signatures
from comptoir.counter.customers.contracts import TERMS_SIGNED, USER_KIND
from comptoir.counter.customers.queries import Agreed
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.touchpoints import house
from comptoir.vault.credentials import passkeys
from comptoir.vault.credentials.errors import PasskeyUnknown, TransactionChanged
from comptoir.vault.credentials.models import User
from comptoir.vault.credentials.queries import customer_of
from comptoir.vault.credentials.web import for_customers, record, refused, signed_in, wrong

_WHAT_FOR = "terms"


@for_customers
@require_GET
def ask(request: HttpRequest) -> HttpResponse:
    """Show the agreement in force and its very text, and ask for a passkey that signs it."""
    user = signed_in(request)
    agreed = _agreed(user)
    if agreed is None or agreed.signed:
        return render(request, "credentials/customer/sign_terms.html", {"agreed": agreed})
    text = records.text_of(agreed.record)
    challenge = signatures.challenge_of(text)
    data = passkeys.ask(request, what_for=_WHAT_FOR, user=user, challenge=challenge)
    return render(
        request, "credentials/customer/sign_terms.html", {"agreed": agreed, "data": data, "text": text.decode()}
    )


@for_customers
@require_POST
def sign(request: HttpRequest) -> HttpResponse:
    """Take the signature; the record with both signatures goes into the log, and is the customer's to download."""
    user = signed_in(request)
    back = reverse("terms")
    try:
        text = request.POST.get("credential", "")
        shown = passkeys.take(request, text, what_for=_WHAT_FOR)
        agreed = _agreed(user)
        # Another agreement meanwhile: what was signed is no longer what is in force.
        if agreed is None or passkeys.challenge_in(text) != signatures.challenge_of(records.text_of(agreed.record)):
            raise TransactionChanged(field="credential")
        if shown.user_id != user.pk:
            raise PasskeyUnknown(field="credential")
        both = records.signed_agreement(record=agreed.record, customer=passkeys.signature_in(text, shown))
        data = {"customer": {"kind": USER_KIND, "value": str(user.pk)}, "proffer": agreed.name, "record": both}
        answer = house.send(TERMS_SIGNED, data, request=uuid.uuid4(), at=timezone.now())
    except Problem as problem:
        return refused(request, problem, back=back)
    if answer.problem is not None:
        return wrong(request, answer.problem, back=back, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    record("credentials.terms_signed", user=user, purpose="confirmed with a passkey", term=agreed.term)
    return redirect("terms")


def _agreed(user: User) -> Agreed | None:
    person = customers.person_of(customer_of(user))
    return None if person is None else customers.agreed_by(person)
