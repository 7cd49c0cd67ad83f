"""What a device sends and gets: a code, tokens, and what they read (RFC 6749, 6750, 7009, 8628).

The protocol's checks are oauthlib's, by django-allauth; what waits for a code, and what a rotated token does, are ours.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import functools
import json
import secrets
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from allauth.idp.oidc.adapter import get_adapter
from allauth.idp.oidc.internal.oauthlib.request_validator import OAuthLibRequestValidator
from allauth.idp.oidc.internal.oauthlib.utils import convert_response, extract_params
from allauth.idp.oidc.models import Client
from allauth.idp.oidc.views import TokenView
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST
from oauthlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidScopeError, OAuth2Error, UnsupportedGrantTypeError
from oauthlib.oauth2.rfc8628.endpoints.device_authorization import DeviceAuthorizationEndpoint
from oauthlib.oauth2.rfc8628.errors import AccessDenied, AuthorizationPendingError, ExpiredTokenError, SlowDownError

from comptoir.counter.answers.queries import answers_of
from comptoir.counter.customers.queries import person_of
from comptoir.counter.loyalty.queries import wallet
from comptoir.foundation.kernel.codec import digest_of
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.rooms.web import in_room
from comptoir.vault.devices import commands, rules
from comptoir.vault.devices.errors import TokenRefused
from comptoir.vault.devices.models import Device, Pairing, PairingRequest

View = Callable[..., HttpResponse]
CustomerOf = Callable[[Any], uuid.UUID]

_VALUE_LENGTH_MAX: Final = 512
_FORM: Final = "application/x-www-form-urlencoded"


def by_device(view: Callable[[HttpRequest, Device], HttpResponse]) -> View:
    """Let a registered device in that shows its key (HTTP Basic); nobody else gets further, not even into a count."""

    @functools.wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        device = _device_of(request)
        if device is None:
            answer = JsonResponse({"error": "invalid_client"}, status=HTTPStatus.UNAUTHORIZED)
            answer.headers["WWW-Authenticate"] = 'Basic realm="devices"'
            return answer
        # What stands in the address is never looked at: it would lie in the logs of whatever stands before us.
        is_form = not request.GET and request.content_type in {"", _FORM}
        if not is_form or any(len(value) > _VALUE_LENGTH_MAX for value in request.POST.values()):
            return JsonResponse({"error": "invalid_request"}, status=HTTPStatus.BAD_REQUEST)
        form = request.POST.copy()
        form["client_id"] = device.pk
        form.pop("client_secret", None)
        request.POST = form  # type: ignore[assignment]
        request.META["CONTENT_TYPE"] = _FORM
        try:
            return view(request, device)
        except OAuth2Error as refusal:
            return JsonResponse(dict(refusal.twotuples), status=refusal.status_code)

    return csrf_exempt(in_room(VAULT, is_open=True)(require_POST(guarded)))


@by_device
def code(request: HttpRequest, device: Device) -> HttpResponse:
    """Give a device a code to show, and the address at which a person types it; never one that carries the code."""
    scopes = device.client.get_scopes()
    if "scope" in request.POST:
        wanted = request.POST["scope"].split()
        if not wanted or not set(wanted) <= set(scopes):
            raise InvalidScopeError
        scopes = [scope for scope in scopes if scope in wanted]
    endpoint = DeviceAuthorizationEndpoint(
        request_validator=OAuthLibRequestValidator(),
        verification_uri=addresses.origin_of(VAULT) + reverse("pair_device"),
        expires_in=int(rules.REQUEST_LIFE.total_seconds()),
        interval=int(rules.POLL_INTERVAL.total_seconds()),
        user_code_generator=get_adapter().generate_user_code,
    )
    headers, data, status = endpoint.create_device_authorization_response(*extract_params(request))
    if status == HTTPStatus.OK:
        data["device_code"] = secrets.token_urlsafe(32)
        commands.ask(
            device=device, scopes=scopes, device_code=data["device_code"], user_code=data["user_code"],
            now=timezone.now(),
        )  # fmt: skip
    answer: HttpResponse = convert_response(headers, data, status)
    return answer


@by_device
def token(request: HttpRequest, device: Device) -> HttpResponse:
    """Give a device tokens: for a code that somebody has typed, or for a refresh token, once."""
    kind = request.POST.get("grant_type")
    if kind == Client.GrantType.DEVICE_CODE:
        return _first_tokens(request, device, now=timezone.now())
    if kind == Client.GrantType.REFRESH_TOKEN:
        return _next_tokens(request, device, now=timezone.now())
    raise UnsupportedGrantTypeError


def _first_tokens(request: HttpRequest, device: Device, *, now: dt.datetime) -> HttpResponse:
    digest = digest_of(request.POST.get("device_code", ""))
    with transaction.atomic(using=VAULT.name):
        locked = PairingRequest.objects.select_for_update(of=("self",)).select_related("device__client", "user")
        waiting = locked.filter(device_code=digest, device=device).first()
        refusal = _refusal(waiting, now=now)
        if waiting is not None and refusal is None:
            pairing = commands.begin(request=waiting, now=now)
            return _issued(_library(request, user=waiting.user, scopes=waiting.scopes), pairing, now=now)
        if waiting is not None and not isinstance(refusal, SlowDownError):
            waiting.polled_at = now
            waiting.save(update_fields=["polled_at"])
    assert refusal is not None
    raise refusal


def _refusal(waiting: PairingRequest | None, *, now: dt.datetime) -> OAuth2Error | None:
    if waiting is None:
        return InvalidGrantError()
    if waiting.expires_at <= now:
        return ExpiredTokenError()
    if waiting.polled_at is not None and now - waiting.polled_at < rules.POLL_INTERVAL:
        return SlowDownError()
    if waiting.is_allowed is None:
        return AuthorizationPendingError()
    if not waiting.is_allowed or waiting.user is None or not waiting.user.is_active:
        return AccessDenied()
    return None


def _next_tokens(request: HttpRequest, device: Device, *, now: dt.datetime) -> HttpResponse:
    # What ends a family has to stay, so it is no error inside the transaction.
    with transaction.atomic(using=VAULT.name):
        pairing = commands.spend_refresh(device=device, token=request.POST.get("refresh_token", ""), now=now)
        if pairing is not None:
            return _issued(_library(request), pairing, now=now)
    raise InvalidGrantError


def _library(request: HttpRequest, *, user: Any = None, scopes: str = "") -> HttpResponse:
    data = {"scope": scopes.split()}
    return _Library().tokens(request, user=user, data=data)


class _Library(TokenView):  # type: ignore[misc]  # the library has no types
    """The library's tokens, without its own keeping of codes."""

    def tokens(self, request: HttpRequest, *, user: Any, data: dict[str, Any]) -> HttpResponse:
        """Check a request as the protocols say, and issue tokens."""
        answer: HttpResponse = self._create_token_response(request, user=user, data=data)
        return answer


def _issued(answer: HttpResponse, pairing: Pairing, *, now: dt.datetime) -> HttpResponse:
    data = json.loads(answer.content)
    if answer.status_code != HTTPStatus.OK:
        # Nothing of it counts: the token that was shown is as good as before.
        transaction.set_rollback(True, using=VAULT.name)
        return answer
    ends_at = commands.issue(pairing=pairing, access=data["access_token"], refresh=data["refresh_token"], now=now)
    data["refresh_expires_in"] = int((ends_at - now).total_seconds())
    return JsonResponse(data)


@by_device
def revoke(request: HttpRequest, device: Device) -> HttpResponse:
    """End the pairing of a token that the device gives back; the answer is the same for any other."""
    commands.end_by_device(device=device, token=request.POST.get("token", ""), now=timezone.now())
    return JsonResponse({})


def reading(scope: str) -> Callable[[Callable[[Pairing], dict[str, Any]]], View]:
    """Let a token read that reaches so far (RFC 6750, in the header only)."""

    def bind(view: Callable[[Pairing], dict[str, Any]]) -> View:
        @functools.wraps(view)
        def guarded(request: HttpRequest) -> HttpResponse:
            scheme, _, value = request.headers.get("Authorization", "").partition(" ")
            is_token = scheme.lower() == "bearer" and len(value) <= _VALUE_LENGTH_MAX
            try:
                pairing = commands.use(token=value if is_token else "", scope=scope, now=timezone.now())
            except TokenRefused as problem:
                answer = JsonResponse({"type": problem.name, "title": problem.title()}, status=problem.status)
                answer.headers["Content-Type"] = "application/problem+json"
                answer.headers["WWW-Authenticate"] = f'Bearer error="invalid_token", scope="{scope}"'
                answer.headers["X-Comptoir-Problem"] = problem.name
                return answer
            return JsonResponse(view(pairing))

        return in_room(VAULT, is_open=True)(require_GET(guarded))

    return bind


def points(customer_of: CustomerOf) -> View:
    """Return the view that tells how many points there are, and nothing about whose."""

    @reading("points:read")
    def read_points(pairing: Pairing) -> dict[str, Any]:
        """Tell how many points there are."""
        return {"available": wallet(_customers(pairing, customer_of)).available}

    return read_points


def answers(customer_of: CustomerOf) -> View:
    """Return the view that tells which answers hold."""

    @reading("answers:read")
    def read_answers(pairing: Pairing) -> dict[str, Any]:
        """Tell which answers hold, until when."""
        found = answers_of(_customers(pairing, customer_of), now=timezone.now())
        return {"answers": [{"over": each.age, "valid_until": each.valid_until.isoformat()} for each in found]}

    return read_answers


@reading("name:read")
def name(pairing: Pairing) -> dict[str, Any]:
    """Tell what the staff member is called who let this device in."""
    return {"name": pairing.user.get_full_name()}


def _customers(pairing: Pairing, customer_of: CustomerOf) -> tuple[uuid.UUID, ...]:
    person = person_of(customer_of(pairing.user))
    return () if person is None else person.customers


def _device_of(request: HttpRequest) -> Device | None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic" or len(value) > _VALUE_LENGTH_MAX:
        return None
    try:
        number, _, key = base64.b64decode(value, validate=True).decode("ascii").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    if "\0" in number:
        return None
    device = Device.objects.select_related("client").filter(pk=number[:100]).first()
    if device is None or not secrets.compare_digest(bytes(device.key_digest), digest_of(key)):
        return None
    return device
