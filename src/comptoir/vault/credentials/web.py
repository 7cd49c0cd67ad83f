"""Who is signed in, which kind of user a page is for, and how lately a passkey was shown."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.stagekit import LOGIN_SESSION_KEY
from allauth.core.internal import ratelimit
from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints.house import Trouble
from comptoir.vault.contacts.errors import VaultClosed
from comptoir.vault.credentials.models import NOBODY, User
from comptoir.vault.credentials.openid.commands import issuers_of
from comptoir.vault.credentials.openid.declared import offered
from comptoir.vault.credentials.openid.errors import OpenidOnly
from comptoir.vault.credentials.safety import note

View = Callable[..., HttpResponse]

#: How long a passkey that was shown counts as shown just now.
CONFIRMED_FOR: Final = dt.timedelta(minutes=5)


def alike_for_nobody(view: View) -> View:
    """Do the same for somebody who asked for a code and has no account: where a user is read, nobody is looked for.

    The library remembers whose code it waits for, and reads that user anew with each page; of an address that is
    nobody's it remembers none, and would be done a little sooner.
    """

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        waiting = request.session.get(LOGIN_SESSION_KEY)
        if isinstance(waiting, dict) and waiting.get("user_pk") is None:
            User.objects.filter(pk=NOBODY).first()
        return view(request, *args, **kwargs)

    return guarded


class SignedInMiddleware:
    """Sets ``request.user``: the user in the vault, nobody in every other room.

    Other rooms cannot read the table of users, and have no need to: they know their visit. A session whose sign-in was
    ended elsewhere is nobody's any more.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Stand before the rest."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with the rest's answer."""
        if request.room == VAULT:  # type: ignore[attr-defined]
            request.user = SimpleLazyObject(lambda: _user_of(request))  # type: ignore[assignment]
        else:
            request.user = AnonymousUser()
        return self._get_response(request)


def _user_of(request: HttpRequest) -> Any:
    user = AnonymousUser() if visit_of(request) is None else get_user(request)
    # Forms and queries want the user itself, not a promise of one.
    request.user = user
    return user


def for_customers(view: View) -> View:
    """Bind a view to the vault and to customers who are signed in; for staff it does not exist."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return to_sign_in(request)
        if not request.user.is_customer:
            raise Http404
        return view(request, *args, **kwargs)

    return in_room(VAULT)(guarded)


def contact_seen(view: View) -> View:
    """Guard a page of the contact data that shows something: a customer who is signed in."""
    return for_customers(view)


def contact_changed(view: View) -> View:
    """Guard a page of the contact data that changes who the shop knows: the passkey was shown just now."""

    @functools.wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except VaultClosed:
            raise  # every page of the vault is closed then, and says so
        except Problem as problem:
            return refused(request, problem, back=reverse("contacts"))

    return for_customers(freshly_confirmed(answered))


def signed_in(request: HttpRequest) -> User:
    """Return who is signed in; only for views that let nobody else in."""
    user = request.user
    assert isinstance(user, User), "nobody is signed in here"
    return user


def to_sign_in(request: HttpRequest) -> HttpResponseRedirect:
    """Send somebody to the entrance, and back here afterwards."""
    return HttpResponseRedirect(reverse("account_login") + "?" + urlencode({"next": request.get_full_path()}))


def is_freshly_confirmed(request: HttpRequest, *, within: dt.timedelta = CONFIRMED_FOR) -> bool:
    """Tell whether a passkey was shown in this session, by this user, so lately.

    For staff it counts as well that their identity provider asked them anew for a second factor.
    """
    kinds = {"webauthn"} if getattr(request.user, "is_customer", True) else {"webauthn", "provider-factor"}
    shown = [
        record
        for record in get_authentication_records(request, request.user)
        if record.get("type") in kinds and (record["type"] == "webauthn" or record.get("reauthenticated"))
    ]
    now = timezone.now().timestamp()
    return any(0 <= now - float(record["at"]) < within.total_seconds() for record in shown)


def freshly_confirmed(view: View) -> View:
    """Ask for the passkey again before a view that changes who somebody is, unless it was shown just now."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if is_freshly_confirmed(request):
            return view(request, *args, **kwargs)
        # A form cannot be kept meanwhile: one comes back to its page.
        return HttpResponseRedirect(reverse("confirm") + "?" + urlencode({"next": request.path}))

    return guarded


def insist_on_provider(request: HttpRequest, user: User) -> None:
    """Raise :class:`OpenidOnly` for whoever signs in with their identity provider only, and comes by another way.

    A one-time link of the operator is the way in while the provider is away.
    """
    if user.is_customer:
        return
    only = {each.issuer for each in offered() if each.is_only}
    if not only or not only & issuers_of(user):
        return
    words = {record.get("type") or record.get("method") for record in get_authentication_records(request, user)}
    if not words & {"provider", "link"}:
        raise OpenidOnly


def title_of(problem: Problem) -> str:
    """Return what was refused, in the reader's language; what only software sends stays in English."""
    titles = {
        "passkey_unreadable": _("What the browser sent is no passkey's answer."),
        "passkey_expired": _("The passkey was asked for too long ago. Ask again."),
        "passkey_replayed": _("This passkey's answer was used already, or was given elsewhere. Ask again."),
        "passkey_origin_wrong": _("The passkey was shown on another site. Look at the address of this page."),
        "passkey_tampered": _("The passkey's answer is not as the device made it."),
        "passkey_unknown": _("This shop does not know this passkey."),
        "passkey_copied": _("The passkey says that it was used less often than before: it exists twice."),
        "passkeys_many": _("So many passkeys cannot belong to one customer."),
        "last_passkey": _("The last passkey stays: without it nobody would find these points again."),
        "cooling_on": _("Something was changed lately; until that has cooled, nothing more can be taken away."),
        "spending_held": _(
            "Points are earned and not spent for now: something was changed lately, or spending was stopped."
        ),
        "not_frozen": _("Spending is not stopped."),
        "freeze_link_refused": _("This link is over: it was used, or is too old."),
        "points_invalid": _("This is no number of points."),
        "place_invalid": _("This is no place of the shop."),
        "transaction_changed": _("What the passkey confirmed is not what was sent: nothing is spent."),
        "card_shown_long_ago": _("The card was shown too long ago. Open its link again."),
        "card_not_shown": _("This browser holds no card by a card link."),
        "card_not_asked_for": _("This session did not ask for a card: begin anew."),
        "card_of_another": _("This card belongs to another passkey."),
        "code_too_old": _("The code by e-mail was entered too long ago. Ask for a new one."),
        "code_wrong": _("This is not the code."),
        "ticket_refused": _("This ticket does not open the room."),
        "contact_invalid": _("This is no e-mail address."),
        "contact_in_use": _("Somebody else has shown that this is theirs."),
        "not_delivered": _("The message could not be handed to the mail server. Try again."),
        "gateway_away": _("The counter does not answer. Try again in a moment."),
        "recovery_refused": _("This link is over: it was used, or is older than a quarter of an hour."),
        "recovery_unknown": _("No passkey belongs to this card."),
        "recovery_reason_missing": _("Say why, in three to 160 characters."),
        "recovery_own": _("Not for yourself, and not where you are signed in: the customer opens it on their device."),
        "recoveries_many": _("You have made as many of these links today as one may."),
        "openid_away": _("The identity provider does not answer. Try again in a moment, or come in another way."),
        "openid_address_refused": _("The identity provider leads to an address that is not allowed."),
        "openid_too_large": _("The identity provider's answer is too large."),
        "openid_discovery_wrong": _("The identity provider is not set up as it should be. Tell whoever runs the shop."),
        "openid_state_unknown": _("This answer belongs to no question that is open here. Begin anew."),
        "openid_late": _("The identity provider was asked too long ago. Begin anew."),
        "openid_issuer_mixed": _("The answer comes from another identity provider than the one that was asked."),
        "openid_denied": _("The identity provider did not sign you in."),
        "openid_code_refused": _("What the identity provider sent was used already. Begin anew."),
        "openid_client_refused": _("The identity provider does not know this shop. Tell whoever runs the shop."),
        "openid_token_wrong": _("What the identity provider sent cannot be read."),
        "openid_algorithm_refused": _("What the identity provider sent is not signed as it should be."),
        "openid_signature_wrong": _("What was sent is not signed by the identity provider."),
        "openid_issuer_wrong": _("What was sent is from another identity provider."),
        "openid_audience_wrong": _("What the identity provider sent is not meant for this shop."),
        "openid_expired": _("What the identity provider sent is over, or not yet good."),
        "openid_nonce_wrong": _("What the identity provider sent answers another question."),
        "openid_sign_in_old": _("The identity provider did not ask you anew."),
        "openid_factor_missing": _("The identity provider does not say that you showed a second factor."),
        "openid_not_linked": _("This account of the identity provider is linked with nobody who works here."),
        "openid_linked_already": _("This account, or you yourself, have a link already."),
        "openid_somebody_else": _("The identity provider answered for somebody else."),
        "openid_only": _("You sign in with the identity provider, and with nothing else."),
        "openid_unknown": _("There is no identity provider of this name."),
        "openid_invalid": _("The identity provider is not set up as it should be. Tell whoever runs the shop."),
        "no_such_sign_in": _("This sign-in is over already, or it is not yours."),
    }
    return titles.get(problem.name) or problem.title()


def limited(action: str) -> Callable[[View], View]:
    """Let a form be sent so often from one address, as django-allauth counts; the counts stand in the database."""

    def bind(view: View) -> View:
        counted: View = ratelimit.decorator(app="allauth.account", action=action)(view)
        return counted

    return bind


def record(action: str, *, user: User | None, purpose: str, **detail: str) -> None:
    """Put something into the audit chain that changed nothing else."""
    with transaction.atomic(using=VAULT.name):
        kind = user.kind if user else ""
        note(action, user=user.pk if user else None, at=timezone.now(), purpose=purpose, kind=kind, **detail)


def wrong(request: HttpRequest, trouble: Trouble, *, back: str, status: HTTPStatus) -> HttpResponse:
    """Answer with the page of what the counter refused."""
    facts = {"problem": trouble, "title": trouble.title, "back": back}
    response = render(request, "credentials/refused.html", facts, status=status)
    response.headers["X-Comptoir-Problem"] = trouble.name
    return response


def refused(request: HttpRequest, problem: Problem, *, back: str = "") -> HttpResponse:
    """Answer with the page of a refusal: what was refused in words, and by name. It is in the audit chain as well."""
    user = request.user if isinstance(request.user, User) else None
    record("credentials.refused", user=user, purpose="security", problem=problem.name)
    facts = {"problem": problem, "title": title_of(problem), "back": back or reverse("vault")}
    response = render(request, "credentials/refused.html", facts, status=HTTPStatus(problem.status))
    response.headers["X-Comptoir-Problem"] = problem.name
    return response
