"""The pages on which somebody proves an age, and the two addresses that only wallets know.

Everything works without a script: a link opens the wallet, and the page asks again by itself. What a wallet sends is
checked for what costs nothing (size, form, whether anybody asked) before anything is verified.
"""

from __future__ import annotations

import datetime as dt
import io
import secrets
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
import qrcode
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from qrcode.image.svg import SvgPathFillImage

from comptoir.counter.answers import codes
from comptoir.counter.answers.contracts import PROVEN, WITHDRAWN
from comptoir.counter.answers.queries import answers_of
from comptoir.counter.answers.rules import AGE_MIN, REMEMBERED, Answer, predicate_for
from comptoir.counter.answers.thresholds import shelf
from comptoir.counter.customers.contracts import USER_KIND
from comptoir.counter.customers.queries import customer_of_user, person_of
from comptoir.foundation.kernel import shop
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints import house
from comptoir.vault.attestations import commands
from comptoir.vault.attestations.errors import (
    PresentationRefused,
    ProofUnknown,
    ResponseMalformed,
    ResponseTooLarge,
    TooManyProofs,
    TrustListInvalid,
    VerifierBusy,
    WalletDeclined,
)
from comptoir.vault.attestations.offer import Offer, present_offer
from comptoir.vault.attestations.proving import Proven, Proving, customer_of, keep, proving_of
from comptoir.vault.attestations.reasons import reason_of
from comptoir.vault.attestations.requests import Way
from comptoir.vault.attestations.status import StatusLists

RESPONSE_BYTES_MAX: Final = 1 << 20
_FORM: Final = "application/x-www-form-urlencoded"
_PARAMETERS_MAX: Final = 20
#: How often a page that waits for a wallet asks again, in seconds.
_ASKS_AGAIN: Final = 4
_NOT_ACCEPTED: Final = {"error": "invalid_request", "error_description": "the presentation was not accepted"}

#: The ways by the word that a form sends.
_WAYS: Final[Mapping[str, Way]] = {"eu_app": "eu_app", "wallet": "wallet"}
#: What stands for whatever kept the counter from hearing it.
_COUNTER_AWAY: Final = "gateway_away"

_status = StatusLists()


# -- what people see ----------------------------------------------------------------------------------------------


@in_room(VAULT, is_open=True)
@require_GET
def prove(request: HttpRequest) -> HttpResponse:
    """Say what can be proven and how; or what was proven, and what can be done with it."""
    return _page(request, proving_of(request))


@in_room(VAULT, is_open=True)
@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """Begin a request, in one of two ways, for this device or another one."""
    way = _WAYS.get(request.POST.get("way", ""))
    device = request.POST.get("device", "")
    if way is None or device not in {"this", "other"}:
        return redirect("prove")
    proving = proving_of(request)
    try:
        begun = commands.begin(
            visit=proving.secret, age=shelf().age, way=way, is_same_device=device == "this", now=timezone.now()
        )
    except Problem as problem:
        return _page(request, proving, refused=problem.name, status=problem.status)
    proving.keep_link(begun)
    keep(request, proving)
    return redirect("proof", begun.id)


@in_room(VAULT, is_open=True)
@require_GET
def proof(request: HttpRequest, identifier: uuid.UUID) -> HttpResponse:
    """Wait for the wallet; once it has answered, take the result into the visit."""
    proving = proving_of(request)
    code = request.GET.get("code")
    try:
        result = commands.take(identifier=identifier, visit=proving.secret, code=code, now=timezone.now())
    except ProofUnknown as problem:
        # A wallet that opens the browser may do it in a way in which the browser sends no cookie along: a link on
        # our own page makes it one step of this site.
        facts: dict[str, Any] = {
            "again": request.get_full_path() if code is not None else None,
            "title": reason_of(problem.name),
        }
        return render(request, "attestations/over.html", facts, status=HTTPStatus.NOT_FOUND)
    if result.refusal is not None:
        return _page(request, proving, refused=result.refusal)
    if result.method is not None:
        proving.proven, proving.links = Proven(result.age, result.method, timezone.now()), {}
        keep(request, proving)
        return redirect("prove")
    link = proving.link_of(identifier)
    facts = {
        "age": result.age,
        "link": link,
        "picture": None if result.is_same_device or link is None else _picture(link),
        "is_same_device": result.is_same_device,
        "needs_code": result.needs_code,
        "asks_again": _ASKS_AGAIN,
        "ends_at": result.ends_at,
    }
    return render(request, "attestations/waiting.html", facts)


@in_room(VAULT, is_open=True)
@require_POST
def remember(request: HttpRequest) -> HttpResponse:
    """Let the shop remember what was proven, for the customer who proved it."""
    proving = proving_of(request)
    customer = customer_of(request)
    if proving.proven is None or customer is None:
        return redirect("prove")
    data = {
        "customer": _identifier(customer),
        "predicate": predicate_for(proving.proven.age),
        "method": proving.proven.method,
        "valid_until": (proving.proven.at + REMEMBERED).isoformat(),
    }
    if not _is_told(PROVEN, data, at=proving.proven.at):
        return _page(request, proving, refused=_COUNTER_AWAY, status=HTTPStatus.SERVICE_UNAVAILABLE)
    proving.proven = msgspec.structs.replace(proving.proven, is_remembered=True)
    keep(request, proving)
    return redirect("prove")


@in_room(VAULT, is_open=True)
@require_POST
def forget(request: HttpRequest) -> HttpResponse:
    """Let the shop forget what it remembers of an age, and end what this visit knows."""
    proving = proving_of(request)
    customer = customer_of(request)
    if customer is not None:
        data = {"customer": _identifier(customer), "predicate": predicate_for(AGE_MIN)}
        if not _is_told(WITHDRAWN, data, at=timezone.now()):
            return _page(request, proving, refused=_COUNTER_AWAY, status=HTTPStatus.SERVICE_UNAVAILABLE)
    proving.proven = None
    keep(request, proving)
    return redirect("prove")


@in_room(VAULT, is_open=True)
@require_POST
def code(request: HttpRequest) -> HttpResponse:
    """Show a code for a till: a yes without a customer. Nothing of it is written down."""
    proven = proving_of(request).proven
    if proven is None:
        return redirect("prove")
    now = timezone.now()
    text = codes.make_code(
        key=shop.secret(codes.KEY_NAME), age=proven.age, now=now, unique=secrets.token_bytes(codes.UNIQUE_BYTES)
    )
    facts = {"age": proven.age, "text": text, "picture": _picture(text), "ends_at": now + codes.LIFE}
    return render(request, "attestations/code.html", facts)


# -- what wallets ask ---------------------------------------------------------------------------------------------


@in_room(VAULT, is_open=True)
@csrf_exempt
@require_http_methods(["GET", "POST"])
def request_object(request: HttpRequest, handle: str) -> HttpResponse:
    """Give a wallet the signed request (RFC 9101), with the nonce that it may have sent."""
    wallet_nonce = None
    try:
        if request.method == "POST":
            commands.check_open(handle=handle, now=timezone.now())
            wallet_nonce = _form(request).get("wallet_nonce")
        text = commands.request_object(handle=handle, wallet_nonce=wallet_nonce, now=timezone.now())
    except Problem as problem:
        return _problem(problem)
    return HttpResponse(text, content_type="application/oauth-authz-req+jwt")


@in_room(VAULT, is_open=True)
@csrf_exempt
@require_POST
def answer(request: HttpRequest, handle: str) -> HttpResponse:
    """Take a wallet's response (``direct_post``, ``direct_post.jwt``)."""
    now = timezone.now()
    try:
        commands.check_open(handle=handle, now=now)
        leads_to = commands.receive(handle=handle, form=_form(request), status=_status, now=now)
    except (PresentationRefused, ResponseMalformed):
        # One sentence, whatever it was: otherwise somebody could find out which check to work on next.
        return _json(_NOT_ACCEPTED, HTTPStatus.BAD_REQUEST)
    except WalletDeclined:
        return _json({})
    except Problem as problem:
        return _problem(problem)
    return _json({} if leads_to is None else {"redirect_uri": leads_to})


def _form(request: HttpRequest) -> dict[str, str]:
    """Return the parameters of a wallet's form; a parameter that stands there twice is none."""
    announced = request.headers.get("Content-Length") or "0"
    if whole(announced, RESPONSE_BYTES_MAX) is None:
        raise ResponseTooLarge
    if request.content_type != _FORM:
        raise ResponseMalformed(f"Send {_FORM}.", field="content-type")
    body = request.read(RESPONSE_BYTES_MAX + 1)
    if len(body) > RESPONSE_BYTES_MAX:
        raise ResponseTooLarge
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_PARAMETERS_MAX)
    except (UnicodeDecodeError, ValueError):
        raise ResponseMalformed from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise ResponseMalformed("A parameter stands there twice.")
    return form


# -- pieces -------------------------------------------------------------------------------------------------------


def _page(
    request: HttpRequest, proving: Proving, *, refused: str | None = None, status: int = HTTPStatus.OK
) -> HttpResponse:
    """Return the page of choices; ``refused`` names what went wrong before."""
    customer = customer_of(request)
    asked = shelf()
    try:
        offer = present_offer()
    except TrustListInvalid as problem:
        offer, refused, status = Offer({}, ()), problem.name, problem.status
    facts = {
        "age": asked.age,
        "proven": proving.proven,
        "customer": customer,
        "remembered": _remembered(customer),
        "has_app": bool(offer.kinds("mdoc")),
        "has_wallet": bool(offer.kinds()),
        "lacks_mdoc": offer.lacks_mdoc,
        "remembered_until": proving.proven and proving.proven.at + REMEMBERED,
        "reason": None if refused is None else reason_of(refused),
    }
    return render(request, "attestations/prove.html", facts, status=status)


def _remembered(customer: str | None) -> Answer | None:
    """Return the answer that the shop remembers of a customer, if any: the one for the highest age."""
    if customer is None:
        return None
    person = person_of(customer_of_user(uuid.UUID(customer)))
    found = [] if person is None else answers_of(person.customers, now=timezone.now())
    return found[0] if found else None


def _identifier(user: str) -> dict[str, str]:
    """Return by what the counter knows a user."""
    return {"kind": USER_KIND, "value": user}


def _is_told(event_type: str, data: Mapping[str, Any], *, at: dt.datetime) -> bool:
    """Tell the counter; return whether it has taken it."""
    try:
        return house.send(event_type, data, request=uuid.uuid4(), at=at).problem is None
    except Problem:
        return False


def _picture(text: str) -> SafeString:
    """Draw a text as a QR code, on white, so that a dark page does not swallow it."""
    picture = io.BytesIO()
    drawn = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_L)
    drawn.add_data(text)
    drawn.make_image(image_factory=SvgPathFillImage).save(picture)
    return mark_safe(picture.getvalue().decode().partition("?>")[2])  # noqa: S308 - drawn here, from modules alone


def _json(content: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(content), content_type="application/json", status=status)


def _problem(problem: Problem) -> HttpResponse:
    response = HttpResponse(
        msgspec.json.encode(problem.as_members()), content_type="application/problem+json", status=problem.status
    )
    if isinstance(problem, VerifierBusy | TooManyProofs):
        response.headers["Retry-After"] = "1"
    return response
