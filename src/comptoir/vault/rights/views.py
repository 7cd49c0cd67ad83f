"""What somebody may ask about themselves: who looked at their data, a copy of everything, and to be forgotten.

Whom a page is for is said where the addresses are put together (``urls.py``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import IO, Any, Final

from asgiref.sync import sync_to_async
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from comptoir.counter.customers.errors import PieceUnknown
from comptoir.foundation.events.queries import accesses_of
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.rooms.web import in_room
from comptoir.vault.contacts import subscriptions
from comptoir.vault.rights import commands, copying, forgetting, receipts
from comptoir.vault.rights import pieces as forgetting_pieces
from comptoir.vault.rights.errors import (
    CopyTooLarge,
    CopyTooOften,
    ForgettingUnderWay,
    NobodyToForget,
    OrdersOpen,
    PieceNotForgotten,
    ReceiptNotGenuine,
)
from comptoir.vault.rights.holders import customers_of
from comptoir.vault.rights.telling import told

ACCESSES_SHOWN: Final = 25
#: Lines of one purchase that a page shows.
LINES_SHOWN: Final = 50
_NUMBER_MAX: Final = 10**18 - 1
_PAGE_MAX: Final = 999
_PIECE_BYTES: Final = 64 << 10


class CopyResponse(StreamingHttpResponse):
    """A copy as it is sent, piece by piece. It is closed when it was sent, or when its reader has gone away."""

    def __init__(self, made: IO[bytes]) -> None:
        """Send what was made."""
        self._made = made
        super().__init__(self._pieces(), content_type="application/zip")

    async def _pieces(self) -> AsyncIterator[bytes]:
        while piece := await sync_to_async(self._made.read)(_PIECE_BYTES):
            yield piece

    def close(self) -> None:
        """Give back the file, whether anybody has read it or not."""
        super().close()
        self._made.close()


@require_GET
def accesses(request: HttpRequest) -> HttpResponse:
    """Show who did what with somebody's data and why: others and the house, or with ``?own`` what they did themselves.

    ``?before=`` turns the page.
    """
    user = _user(request)
    is_own = "own" in request.GET
    themselves = f"customer:{user}"
    before = whole(request.GET.get("before", ""), _NUMBER_MAX)
    by, not_by = (themselves, "") if is_own else ("", themselves)
    with entered(VAULT):
        devices = subscriptions.numbers_of(customers_of(user))
    found = accesses_of(user, *devices, before=before, limit=ACCESSES_SHOWN + 1, by=by, not_by=not_by)
    shown = [told(each, user=user) for each in found[:ACCESSES_SHOWN]]
    following = shown[-1].number if len(found) > ACCESSES_SHOWN else None
    facts = {"accesses": shown, "next": following, "is_own": is_own, "before": before}
    return render(request, "rights/accesses.html", facts)


@require_http_methods(["GET", "POST"])
def copy(request: HttpRequest) -> HttpResponseBase:
    """Say what a copy holds, and give it: one file, as it is read, piece by piece."""
    user, now = _user(request), timezone.now()
    if request.method == "GET":
        return _copy_page(request)
    try:
        made = copying.copy_of(user, actor=f"customer:{user}", purpose="the person asked for it", at=now)
    except (CopyTooOften, CopyTooLarge) as problem:
        return _copy_page(request, problem=problem.name, status=problem.status)
    answer = CopyResponse(made)
    answer.headers["Content-Disposition"] = f'attachment; filename="{copying.file_name(user, now)}"'
    return answer


def _copy_page(request: HttpRequest, *, problem: str = "", status: int = HTTPStatus.OK) -> HttpResponse:
    facts = {"problem": problem, "copies_max": copying.COPIES_A_DAY_MAX}
    return render(request, "rights/copy.html", facts, status=status)


def _user(request: HttpRequest) -> uuid.UUID:
    user = request.user.pk
    assert isinstance(user, uuid.UUID), "its guard lets nobody in who is not signed in"
    return user


@require_http_methods(["GET", "POST"])
def forget_me(request: HttpRequest) -> HttpResponse:
    """Say in plain words what will be gone and what will stay; then do it. For staff the page does not exist."""
    user = _user(request)
    if not commands.can_be_forgotten(user):
        raise Http404
    now, asked = timezone.now(), commands.asked_at(user)
    facts: dict[str, Any] = {
        "orders": commands.open_orders(user), "asked": asked, "until": (asked or now) + forgetting.WAITS_MAX,
        "days_max": forgetting.WAITS_MAX.days,
    }  # fmt: skip
    if request.method == "GET":
        return render(request, "rights/forget_me.html", facts)
    if request.POST.get("sure") != "yes":
        facts["problem"] = _("Say that you are sure; nothing was changed.")
        return render(request, "rights/forget_me.html", facts, status=422)
    actor = f"customer:{user}"
    wish = commands.ask(user, actor=actor, at=now)
    try:
        commands.forget(user, actor=actor, at=now)
    except OrdersOpen:
        # Whoever waits for an order stays signed in: they may have to see to it.
        return redirect("forgotten", wish=wish)
    except (ForgettingUnderWay, NobodyToForget):
        pass  # it is written down, and the page that follows says how far it is
    logout(request)
    return redirect("forgotten", wish=wish)


@require_GET
def pieces(request: HttpRequest) -> HttpResponse:
    """Show what can be forgotten by itself: cards, and purchases a page at a time."""
    user = _user(request)
    if not commands.can_be_forgotten(user):
        raise Http404
    page = whole(request.GET.get("page", "1"), _PAGE_MAX) or 1
    purchases, has_more = forgetting_pieces.purchases_of(user, page=page)
    facts = {
        "cards": forgetting_pieces.cards_of(user),
        "purchases": purchases,
        "previous": page - 1,
        "next": page + 1 if has_more else 0,
        "events_shown": forgetting_pieces.EVENTS_SHOWN,
    }
    return render(request, "rights/pieces.html", facts)


@require_http_methods(["GET", "POST"])
def forget_card(request: HttpRequest, customer: uuid.UUID) -> HttpResponse:
    """Say in plain words what goes with a card and what stays; then have it forgotten."""
    user = _user(request)
    card = next((each for each in forgetting_pieces.cards_of(user) if each.customer == customer), None)
    if card is None:
        raise Http404

    def forget(at: dt.datetime) -> uuid.UUID:
        return forgetting_pieces.forget_card(user, customer, actor=f"customer:{user}", at=at)

    return _piece(request, "rights/forget_card.html", {"card": card}, forget)


@require_http_methods(["GET", "POST"])
def forget_purchase(request: HttpRequest, position: uuid.UUID) -> HttpResponse:
    """Show a purchase, and what follows when it is forgotten; then have it forgotten, its points kept or given up."""
    user = _user(request)
    try:
        bought = forgetting_pieces.bought(user, position)
    except PieceUnknown:
        raise Http404 from None
    facts = {
        "bought": bought,
        "lines": bought.purchase.lines[:LINES_SHOWN],
        "more": max(0, len(bought.purchase.lines) - LINES_SHOWN),
        "may_keep": bought.kept_from <= timezone.now(),
    }

    def forget(at: dt.datetime) -> uuid.UUID:
        points: forgetting_pieces.Points = "kept" if request.POST.get("points") == "kept" else "given_up"
        sale = bought.purchase
        return forgetting_pieces.forget_purchase(
            user, source=sale.source, receipt=sale.receipt, points=points, actor=f"customer:{user}", at=at
        )

    return _piece(request, "rights/forget_purchase.html", facts, forget)


def _piece(
    request: HttpRequest, template: str, facts: dict[str, Any], forget: Callable[[dt.datetime], uuid.UUID]
) -> HttpResponse:
    """Show a page that asks, or do what it asks; whatever is refused is said there, and nothing was changed."""
    if request.method == "GET":
        return render(request, template, facts)
    if request.POST.get("sure") != "yes":
        return render(
            request, template, {**facts, "problem": _("Say that you are sure; nothing was changed.")}, status=422
        )
    try:
        wish = forget(timezone.now())
    except PieceUnknown:
        raise Http404 from None
    except PieceNotForgotten as problem:
        return render(request, template, {**facts, "problem": _why_not(problem)}, status=problem.status)
    except ForgettingUnderWay as problem:
        # It is written down, and the worker goes on.
        facts = {"waits_for_order": isinstance(problem, OrdersOpen), "days_max": forgetting.WAITS_MAX.days}
        return render(request, "rights/piece_under_way.html", facts, status=202)
    return redirect("forgotten", wish=wish)


def _why_not(problem: PieceNotForgotten) -> str:
    words = {
        "piece_in_use": _(
            "Points are held for a purchase, or owed on this card. Finish that first; nothing was changed."
        ),
        "sale_still_returnable": _("Goods can still come back: the points cannot be kept yet. Nothing was changed."),
        "piece_unknown": _("This is not yours, or it is forgotten already. Nothing was changed."),
    }
    return words.get(problem.reason, _("The counter has refused this. Nothing was changed."))


@in_room(VAULT, is_open=True)
@require_GET
def forgotten(request: HttpRequest, wish: uuid.UUID) -> HttpResponse:
    """Show the receipt, or that it is under way: to whoever has the number, since there is nobody to sign in."""
    text = commands.receipt_of(wish)
    if text is None:
        if not commands.is_under_way(wish):
            raise Http404
        until = commands.waits_until(wish, now=timezone.now())
        return render(request, "rights/under_way.html", {"until": until}, status=202)
    try:
        receipt, template = receipts.read(text), "rights/forgotten.html"
    except ReceiptNotGenuine:
        return render(request, "rights/piece_forgotten.html", {"receipt": receipts.read_piece(text), "wish": wish})
    return render(request, template, {"receipt": receipt, "wish": wish, "text": text})


@in_room(VAULT, is_open=True)
@require_GET
def receipt(request: HttpRequest, wish: uuid.UUID) -> HttpResponse:  # noqa: ARG001 - every view takes it
    """Give the signed receipt as a file."""
    text = commands.receipt_of(wish)
    if text is None:
        raise Http404
    answer = HttpResponse(text + "\n", content_type="text/plain; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="receipt.txt"'
    return answer
