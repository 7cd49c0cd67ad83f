"""Your contact data: seen, given, corrected, removed a piece at a time, or all of it. Without JavaScript.

Who may come here, and how lately they have shown their passkey, is decided where the addresses are
(``config/urls/vault.py``); these views take the user from the visit. Not here: signing in (``vault/credentials``).
"""

from __future__ import annotations

import datetime as dt
import os
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dates import MONTHS
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.rooms.web import in_room
from comptoir.vault.announcements.commands import AT_ONCE, send_waiting
from comptoir.vault.contacts import commands, countries, queries, treats
from comptoir.vault.contacts.contracts import (
    FIELDS,
    Birthday,
    ContactValues,
    Field,
    PostalAddress,
)
from comptoir.vault.contacts.errors import BirthdayNotAgreed
from comptoir.vault.contacts.rules import ADDRESS_LINES_MAX, ADDRESSES_MAX, grouped_phone

#: What each piece is kept for, as the audit chain says it.
PURPOSES: Final[Mapping[Field, str]] = {
    "name": "delivery",
    "addresses": "delivery",
    "email": "messages",
    "phone": "delivery",
    "birthday": treats.PURPOSE,
}
_SHOWN: Final = "shown to the person"
#: A year that has every day; it is never shown.
_LEAP_YEAR: Final = 2000


def own(email_at: str) -> Callable[..., HttpResponse]:
    """Return the view that shows what is kept; ``email_at`` names the address where an e-mail address is given."""

    @in_room(VAULT)
    @require_GET
    def own_pieces(request: HttpRequest) -> HttpResponse:
        """Show what is kept of a person, and since when; opening it is an access like any other."""
        user = _user(request)
        kept = {piece.field: piece for piece in queries.kept_pieces(user)}
        values = _read(user, *kept) if kept else ContactValues()
        facts = {
            "pieces": [(field, kept.get(field)) for field in FIELDS],
            "values": {field: _shown(hidden.reveal()) for field, hidden in values.given().items()},
            "addresses": [envelope(address) for address in _addresses(values)],
            "may_add_address": len(_addresses(values)) < ADDRESSES_MAX,
            "is_known": bool(kept),
            "email_at": reverse(email_at),
        }
        return render(request, "contacts/own.html", facts)

    return own_pieces


@in_room(VAULT)
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, field: str) -> HttpResponse:
    """Give or correct one piece. An e-mail address has a page of its own, where it is proven first."""
    if field not in _READERS:
        raise Http404
    user = _user(request)
    if request.method == "GET":
        return _form(request, field, _given(user, field))
    try:
        if field == "birthday":
            treats.agree(user, _birthday(request), actor=_actor(user), at=timezone.now())
            send_waiting(stop_at=AT_ONCE)
        else:
            _keep(user, ContactValues.of(**{field: _READERS[field](request)}), field)
    except Problem as problem:
        return _form(request, field, request.POST.dict(), problem)
    messages.success(request, _("That is kept, sealed with your own key."))
    return redirect("contacts")


@in_room(VAULT)
@require_http_methods(["GET", "POST"])
def change_address(request: HttpRequest, number: int = 0) -> HttpResponse:
    """Give a further postal address (``number`` 0) or correct one of them."""
    user = _user(request)
    before = _addresses(_read(user, "addresses"))
    if number > len(before) or (number == 0 and len(before) >= ADDRESSES_MAX):
        raise Http404
    if request.method == "GET":
        return _address_form(request, number, fields_of(before[number - 1]) if number else {})
    address = address_of(request)
    addresses = [*before, address] if number == 0 else [*before[: number - 1], address, *before[number:]]
    try:
        _keep(user, ContactValues.of(addresses=tuple(addresses)), "addresses")
    except Problem as problem:
        return _address_form(request, number, request.POST.dict(), problem)
    messages.success(request, _("That is kept, sealed with your own key."))
    return redirect("contacts")


def remove(remove_email: Callable[[uuid.UUID, dt.datetime], None]) -> Callable[..., HttpResponse]:
    """Return the view that removes one piece; ``remove_email`` is what removes an e-mail address."""

    @in_room(VAULT)
    @require_http_methods(["GET", "POST"])
    def remove_piece(request: HttpRequest, field: str, number: int = 0) -> HttpResponse:
        """Ask whether a piece is to be removed, and remove it; with the last one the person is recognised only."""
        user = _user(request)
        kept = {piece.field for piece in queries.kept_pieces(user)}
        before = _addresses(_read(user, "addresses")) if field == "addresses" else []
        if field not in kept or number > len(before) or (field == "addresses" and number == 0):
            raise Http404
        if request.method == "GET":
            facts = {"field": field, "number": number, "is_last": len(kept) == 1 and len(before) < 2}
            return render(request, "contacts/remove.html", facts)
        left = tuple(before[: number - 1] + before[number:]) if number else ()
        if left:
            _keep(user, ContactValues.of(addresses=left), "addresses")
        elif field == "email":
            remove_email(user, timezone.now())
        else:
            commands.remove(user, fields=[_as_field(field)], actor=_actor(user), at=timezone.now())
        send_waiting(stop_at=AT_ONCE)
        messages.success(request, _("That is removed."))
        return redirect("contacts")

    return remove_piece


def step_back(destroy: Callable[[uuid.UUID, dt.datetime], None]) -> Callable[..., HttpResponse]:
    """Return the view that removes all of it; ``destroy`` is what destroys somebody's contact data."""

    @in_room(VAULT)
    @require_http_methods(["GET", "POST"])
    def step_back_whole(request: HttpRequest) -> HttpResponse:
        """Ask whether all of it is to go, and destroy it with its key: from known back to recognised."""
        user = _user(request)
        if request.method == "GET":
            return render(request, "contacts/step_back.html", {"is_known": queries.is_known(user)})
        destroy(user, timezone.now())
        send_waiting(stop_at=AT_ONCE)
        messages.success(request, _("The shop no longer knows who you are. Your points are where they were."))
        return redirect("contacts")

    return step_back_whole


# -- one piece ----------------------------------------------------------------------------------------------------


def _user(request: HttpRequest) -> uuid.UUID:
    visit = visit_of(request)
    assert visit is not None, "in_room lets nobody in who is not signed in"
    return uuid.UUID(visit.subject)


def _actor(user: uuid.UUID) -> str:
    return f"customer:{user}"


def _as_field(name: str) -> Field:
    return next(field for field in FIELDS if field == name)


def _read(user: uuid.UUID, *fields: Field) -> ContactValues:
    return queries.read(user, fields=fields, purpose=_SHOWN, actor=_actor(user), at=timezone.now())


def _keep(user: uuid.UUID, values: ContactValues, field: str) -> None:
    purpose = PURPOSES[_as_field(field)]
    commands.keep(user, values=values, purpose=purpose, actor=_actor(user), at=timezone.now())
    send_waiting(stop_at=AT_ONCE)


def _addresses(values: ContactValues) -> list[PostalAddress]:
    return [] if values.addresses is None else list(values.addresses.reveal())


def _shown(value: Any) -> str:
    """Return a piece as people write it: a birthday without a year, a telephone number in groups."""
    if isinstance(value, Birthday):
        return str(date_format(dt.date(_LEAP_YEAR, value.month, value.day), "MONTH_DAY_FORMAT"))
    return grouped_phone(value) if isinstance(value, str) and value.startswith("+") else str(value)


def envelope(address: PostalAddress) -> list[str]:
    """Return a postal address line by line, in the order of the country: the largest first in Japan."""
    country = countries.name_of(address.country, get_language() or "en")
    if address.country == "JP":
        mark = f"〒{address.postcode}" if address.postcode else ""
        lines = [mark, f"{address.region}{address.city}", *address.lines, country]
    else:
        lines = [*address.lines, f"{address.postcode} {address.city}".strip(), address.region, country]
    return [line for line in lines if line]


def _given(user: uuid.UUID, field: str) -> Mapping[str, Any]:
    """Return what a form begins with: the piece as it is kept."""
    hidden = _read(user, _as_field(field)).given().get(_as_field(field))
    if hidden is None:
        return {}
    value = hidden.reveal()
    return {"month": value.month, "day": value.day} if isinstance(value, Birthday) else {field: value}


def _text(name: str) -> Callable[[HttpRequest], str]:
    return lambda request: request.POST.get(name, "")


def _birthday(request: HttpRequest) -> Birthday:
    if not request.POST.get("agreed"):
        raise BirthdayNotAgreed(field="agreed")
    return Birthday(month=_number(request.POST.get("month", "")), day=_number(request.POST.get("day", "")))


def _number(text: str) -> int:
    return whole(text, 99) or 0


_READERS: Final[Mapping[str, Callable[[HttpRequest], Any]]] = {
    "name": _text("name"),
    "phone": _text("phone"),
    "birthday": _birthday,
}


def address_of(request: HttpRequest) -> PostalAddress:
    """Return the postal address that a form says, as it was typed."""

    def said(name: str) -> str:
        return request.POST.get(name, "").strip()

    return PostalAddress(
        lines=tuple(said(f"line{place}") for place in range(1, ADDRESS_LINES_MAX + 1) if said(f"line{place}")),
        postcode=said("postcode"),
        city=said("city"),
        region=said("region"),
        country=said("country"),
    )


def fields_of(address: PostalAddress) -> dict[str, str]:
    """Return a postal address as a form begins with it."""
    lines = {f"line{place}": line for place, line in enumerate(address.lines, start=1)}
    more = {"postcode": address.postcode, "city": address.city, "region": address.region, "country": address.country}
    return lines | more


def _form(request: HttpRequest, field: str, values: Mapping[str, Any], problem: Problem | None = None) -> HttpResponse:
    facts = {
        "field": field,
        "values": values,
        "months": list(MONTHS.items()),
        "days": range(1, 32),
        "error": _words(problem) if problem else "",
    }
    return _answer(request, "contacts/change.html", facts, problem)


def _address_form(
    request: HttpRequest, number: int, values: Mapping[str, Any], problem: Problem | None = None
) -> HttpResponse:
    facts = {
        "number": number,
        "values": values,
        "countries": countries.choices(get_language() or "en"),
        "country": values.get("country") or os.environ.get("COMPTOIR_COUNTRY", ""),
        "error": _words(problem) if problem else "",
        "at_fault": (problem.field or "").rpartition(".")[2].partition("[")[0] if problem else "",
    }
    return _answer(request, "contacts/address.html", facts, problem)


def _answer(request: HttpRequest, template: str, facts: Mapping[str, Any], problem: Problem | None) -> HttpResponse:
    status = HTTPStatus(problem.status) if problem else HTTPStatus.OK
    response = render(request, template, facts, status=status)
    return _refused(response, problem) if problem else response


def _refused(response: HttpResponse, problem: Problem) -> HttpResponse:
    response.headers["X-Comptoir-Problem"] = problem.name
    return response


def _words(problem: Problem) -> str:
    """Return what was refused, in the reader's language."""
    by_field = {
        "name": _("Write a name of at most 100 characters."),
        "phone": _("This is not a telephone number. Begin with + and the country, such as +81 or +33."),
        "birthday.month": _("Choose a month and a day that there is."),
        "birthday.day": _("Choose a month and a day that there is."),
    }
    by_name = {
        "birthday_not_agreed": _("A birthday is kept only if you agree to it."),
    }
    if problem.name in by_name:
        return by_name[problem.name]
    if (problem.field or "").startswith("addresses"):
        return _("Something is missing here, or is too long.")
    return by_field.get(problem.field or "", problem.title())
