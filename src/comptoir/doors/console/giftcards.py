"""Gift cards in the console: issued, found by number or code, stopped, moved onto another one; and blanks to print.

A code is shown by the answer that makes it, once, and never again: it is kept nowhere. Whoever loses it before it is
printed stops the card by its number and gives out another one. Not here: what a card may be spent for
(``counter/giftcards``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST, require_safe

from comptoir.counter.baskets.queries import currency
from comptoir.counter.giftcards import queries
from comptoir.counter.giftcards.codes import GiftCardCodes, is_well_typed, number_of, shown_code
from comptoir.counter.giftcards.contracts import AMOUNT_MAX, ISSUE, STOP, Account
from comptoir.counter.giftcards.rules import Card
from comptoir.doors.console.acting import first_sent, page, with_key
from comptoir.doors.console.refusals import told
from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.kernel.money import Money
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.house import Answer, Trouble

BLANKS_MAX: Final = 48
_CHARACTERS_MAX: Final = 64
_BECAUSE: Final = frozenset({"lost", "refunded", "mistake"})


class Printed(NamedTuple):
    """A code that is shown this once, and the number under which people speak of its card."""

    code: str
    number: str


class Row(NamedTuple):
    """A card as a table shows it."""

    card: Card
    amount: Money
    left: Money
    state: str


class Moved(NamedTuple):
    """A movement of a card's, in words."""

    what: str
    amount: Money
    source: str
    at: dt.datetime


@in_room(OFFICE)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Answer with what is owed on all cards, forms to issue and to find one, and the cards that were issued last."""
    return _page(request)


@in_room(OFFICE)
@require_POST
def issue(request: HttpRequest) -> HttpResponse:
    """Issue a card, and show its code this once."""
    try:
        amount = Money.parse(request.POST.get("amount", "").replace(",", "."), currency()).minor
    except ValueError:
        amount = 0
    if not 1 <= amount <= AMOUNT_MAX:
        return _page(request, trouble=Trouble(title=_("Write how much the card is worth."), field="amount"))
    expires = request.POST.get("expires", "").strip()
    try:
        ends = _end_of(expires) if expires else None
    except ValueError:
        return _page(request, trouble=Trouble(title=_("Write the last day as a date."), field="expires"))
    origin = "given" if request.POST.get("origin") == "given" else "sold"
    receipt = request.POST.get("receipt", "").strip()[:_CHARACTERS_MAX]
    code = GiftCardCodes.of_shop().new()
    data = {
        "code": code, "currency": currency(), "amount": amount, "origin": origin,
        **({"expires_at": ends.isoformat()} if ends else {}), **({"receipt": receipt} if receipt else {}),
    }  # fmt: skip
    answer = _said(request, ISSUE, data)
    if isinstance(answer, Trouble):
        return _page(request, trouble=answer)
    context = {
        "printed": [_printed(code)], "amount": Money(amount, currency()), "expires_at": ends,
    }  # fmt: skip
    return page(request, "console/gift_card_code.html", "orders", context)


@in_room(OFFICE)
@require_POST
def find(request: HttpRequest) -> HttpResponse:
    """Find a card by its number, or by its code; the code is not carried on."""
    text = request.POST.get("card", "").strip()[:_CHARACTERS_MAX]
    card = queries.by_code(text) if is_well_typed(text) else queries.by_number(_as_number(text))
    if card is None:
        trouble = Trouble(title=_("No gift card has this number or this code."), field="card")
        return _page(request, trouble=trouble)
    return redirect("console:gift_card", card.number)


@in_room(OFFICE)
@require_GET
def one(request: HttpRequest, number: str) -> HttpResponse:
    """Answer with a card: what is left on it, what was moved, and how to stop it."""
    return _one(request, number)


@in_room(OFFICE)
@require_POST
def stop(request: HttpRequest, number: str) -> HttpResponse:
    """Stop a card; where it was lost, what is left may go onto another one, whose code is shown this once."""
    because = request.POST.get("because", "")
    if because not in _BECAUSE:
        raise Http404
    code = GiftCardCodes.of_shop().new() if request.POST.get("instead") == "yes" and because == "lost" else ""
    data = {"number": number, "because": because, **({"instead": code} if code else {})}
    answer = _said(request, STOP, data)
    if isinstance(answer, Trouble):
        return _one(request, number, trouble=answer)
    moved = Money(int((answer.gift_card or {}).get("amount", 0)), currency())
    if code:
        card = queries.by_number(_printed(code).number)
        context = {
            "printed": [_printed(code)], "amount": moved, "expires_at": None if card is None else card.expires_at,
            "instead_of": number,
        }  # fmt: skip
        return page(request, "console/gift_card_code.html", "orders", context)
    return _one(request, number, done=because, moved=moved)


@in_room(OFFICE)
@require_POST
def blanks(request: HttpRequest) -> HttpResponse:
    """Show a sheet of codes that are worth nothing yet, to be printed and laid beside a till."""
    count = whole(request.POST.get("count", ""), BLANKS_MAX, least=1)
    if count is None:
        words = _("Write a whole number from 1 to %(most)d.") % {"most": BLANKS_MAX}
        return _page(request, trouble=Trouble(title=words, field="count"))
    codes = GiftCardCodes.of_shop()
    context = {"printed": [_printed(codes.new()) for _number in range(count)], "amount": None}
    return page(request, "console/gift_card_code.html", "orders", context)


def _said(request: HttpRequest, kind: str, data: Mapping[str, Any]) -> Answer | Trouble:
    """Say it to the gateway, once for each form; returns the answer, or what is wrong with it in words."""
    try:
        identity = uuid.UUID(request.POST.get("request", ""))
    except ValueError:
        raise Http404 from None
    at = first_sent(request, identity)
    try:
        answer: Answer = with_key(lambda: house.send(kind, data, touchpoint=house.CONSOLE, request=identity, at=at))
    except Problem as problem:
        return told(problem)
    if answer.problem is None:
        return answer
    said = answer.problem
    return Trouble(_words(said), said.detail if said.name == "gift_card_expires_too_soon" else "",
                   said.field.removeprefix("data."), said.status, said.type)  # fmt: skip


def _words(problem: Trouble) -> str:
    words = {
        "id_reused": _("This was done before. The code was shown once: stop that card by its number if it is lost."),
        "gift_card_expires_too_soon": _("Where this shop is, a gift card may not run out so soon."),
        "gift_card_over": _("Nothing is left on it."),
        "gift_card_unknown": _("No gift card has this number or this code."),
    }
    return words.get(problem.name, problem.title)


def _page(request: HttpRequest, *, trouble: Trouble | None = None) -> HttpResponse:
    owed = queries.owed()
    context = {
        "owed": [(Money(each.owed, each.currency), Money(each.held, each.currency), each.cards) for each in owed],
        "currency": currency(),
        "nothing": Money(0, currency()),
        "rows": [_row(each) for each in queries.latest()],
        "request_id": str(IDS.new()),
        "values": request.POST.dict() if trouble is not None else {},
        "trouble": trouble,
        "blanks_max": BLANKS_MAX,
    }
    status = HTTPStatus.OK if trouble is None else HTTPStatus.UNPROCESSABLE_ENTITY
    return page(request, "console/gift_cards.html", "orders", context, status=status)


def _one(
    request: HttpRequest, number: str, *, trouble: Trouble | None = None, done: str = "", moved: Money | None = None
) -> HttpResponse:
    card = queries.by_number(number)
    if card is None:
        raise Http404
    context = {
        "row": _row(card),
        "held": Money(card.held, card.currency),
        "moves": [
            Moved(_what(each.debit, each.credit), Money(each.amount, card.currency), each.source, each.moved_at)
            for each in queries.history(card.id)
        ],
        "request_id": str(IDS.new()),
        "trouble": trouble,
        "done": done,
        "moved": moved,
        "may_stop": card.stopped_at is None or card.available > 0,
    }
    status = HTTPStatus.OK if trouble is None else (trouble.status or HTTPStatus.CONFLICT)
    return page(request, "console/gift_card.html", "orders", context, status=status)


def _row(card: Card) -> Row:
    now = timezone.now()
    state = "stopped" if card.stopped_at else "over" if card.has_run_out(now) else "good"
    return Row(card, Money(card.amount, card.currency), Money(card.available, card.currency), state)


def _what(debit: int, credit: int) -> str:
    known = {
        (Account.SOLD, Account.AVAILABLE): _("sold"),
        (Account.GIVEN, Account.AVAILABLE): _("given by the shop"),
        (Account.STOPPED, Account.AVAILABLE): _("moved here from another card"),
        (Account.AVAILABLE, Account.HELD): _("held for an order"),
        (Account.HELD, Account.AVAILABLE): _("free again"),
        (Account.HELD, Account.SPENT): _("spent, as it was held"),
        (Account.AVAILABLE, Account.SPENT): _("spent"),
        (Account.SPENT, Account.AVAILABLE): _("came back"),
        (Account.AVAILABLE, Account.STOPPED): _("taken off as it was stopped"),
        (Account.AVAILABLE, Account.EXPIRED): _("run out"),
    }
    return known[Account(debit), Account(credit)]


def _printed(code: str) -> Printed:
    return Printed(shown_code(code), number_of(GiftCardCodes.of_shop().digest(code)))


def _as_number(text: str) -> str:
    plain = "".join(each for each in text.upper() if each.isalnum())
    plain = plain.replace("O", "0").replace("I", "1").replace("L", "1")
    return "-".join(plain[start : start + 4] for start in range(0, len(plain), 4))


def _end_of(day: str) -> dt.datetime:
    """Return when a last day is over, by the shop's clock. Raises :class:`ValueError` for what is no date."""
    after = dt.date.fromisoformat(day) + dt.timedelta(days=1)
    return dt.datetime.combine(after, dt.time(), tzinfo=timezone.get_current_timezone())
