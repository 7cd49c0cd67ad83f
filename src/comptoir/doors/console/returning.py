"""The returns desk in the console: a receipt is found, pieces are chosen, and what they give back is seen before it is.

What was bought at any channel comes back here. Nobody's name stands on it. Not here: what a piece gives back
(``counter/sales``), and how money goes back the way it was paid (the vault).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from comptoir.counter.orders import queries as orders
from comptoir.counter.orders.codes import number_of
from comptoir.counter.orders.rules import Order, given_back
from comptoir.counter.sales import queries as sales
from comptoir.counter.sales import rules
from comptoir.counter.sales.contracts import SALE_RETURNED
from comptoir.counter.sales.policy import return_days
from comptoir.counter.sales.rules import Return, Returned, Sale
from comptoir.counter.taxes import rules as taxes
from comptoir.doors.console import crediting
from comptoir.doors.console.acting import first_sent, identity_of, page, with_key
from comptoir.doors.console.refusals import told
from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.kernel.money import Money
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.house import Trouble
from comptoir.square.catalog import queries as catalog
from comptoir.square.stock.queries import stores

_CHARACTERS_MAX: Final = 64
_DIGITS_MAX: Final = 9
#: Means of payment that the house itself gives back.
_BY_HOUSE: Final = frozenset({"provider", "points", "gift_card"})
_REASONS: Final = ("unwanted", "faulty", "wrong", "other")


class Piece(msgspec.Struct, frozen=True):
    """A line of a sale at the desk: how many pieces can still come back, and what one gives, the last one, and these.

    ``chosen`` is how many of them somebody has ticked; ``gives`` what those give back.
    """

    number: int
    name: str
    product: str
    sold: int
    left: int
    one: Money
    last: Money
    chosen: int
    gives: Money


class Desk(msgspec.Struct, frozen=True):
    """A sale at the desk, with its returns and, where it is an order's, the order; amounts are what was paid."""

    sale: Sale
    returns: list[Return]
    order: Order | None

    @property
    def is_as_paid(self) -> bool:
        """Tell whether the money goes back by the house: it came by the house."""
        return self.order is not None and not _BY_HOUSE.isdisjoint(self.order.paid_by)


@in_room(OFFICE)
@require_safe
def find(request: HttpRequest) -> HttpResponse:
    """Answer with a field for a receipt's number or an order's, and with the sales that it names."""
    shown = request.GET.get("receipt", "").strip()[:_CHARACTERS_MAX].replace("\x00", "")
    found = _named(shown) if shown else []
    if len(found) == 1:
        return redirect("console:return", position=found[0].position)
    names = dict(stores())
    context = {
        "shown": shown,
        "rows": [
            {"sale": each, "store": names.get(each.store or "", each.store or ""), "count": len(each.lines),
             "total": Money(each.total, each.currency)}
            for each in found
        ],
    }  # fmt: skip
    return page(request, "console/returns.html", "orders", context)


@in_room(OFFICE)
@require_http_methods(["GET", "POST"])
def one(request: HttpRequest, position: uuid.UUID) -> HttpResponse:
    """Show a sale and what its pieces give back; take back those that were chosen, once they were seen."""
    desk = _desk(position)
    if request.method == "GET":
        return _page(request, desk, position, request.GET)
    if request.POST.get("does") == "credit":
        return _credit(request, desk, position, request.POST.get("receipt", "")[:_CHARACTERS_MAX])
    return _take(request, desk, position)


def _take(request: HttpRequest, desk: Desk, position: uuid.UUID) -> HttpResponse:
    form = request.POST
    identity = identity_of(request)
    receipt = f"R-{number_of(identity)}"
    if _is_booked(desk, receipt):
        return _credit(request, desk, position, receipt)
    chosen = _chosen(desk, form)
    trouble = _trouble(desk, form, chosen)
    if trouble is not None:
        return _page(request, desk, position, form, problem=trouble)
    # What was seen is what is sent: if another piece came back meanwhile, the counter refuses it and says the new sum.
    seen = {number: _digits(form.get(f"amount-{number}", "")) or 0 for number in chosen}
    store = form.get("store", "")
    data = {
        "receipt": receipt,
        "sale": {"receipt": desk.sale.receipt, "source": desk.sale.source},
        "currency": desk.sale.currency,
        "total": sum(seen.values()),
        "lines": [
            {"line": number, "quantity": quantity, "amount": seen[number]} for number, quantity in chosen.items()
        ],
        **({"store": store} if store else {}),
        "reason": form.get("reason", ""),
        **({} if form.get("goods") == "on_shelf" else {"goods": "aside"}),
        "refund": "as_paid" if desk.is_as_paid else "by_hand",
    }  # fmt: skip
    at = first_sent(request, identity)
    try:
        answer = with_key(
            lambda: house.send(SALE_RETURNED, data, touchpoint=house.CONSOLE, request=identity, at=at)
        )  # fmt: skip
    except Problem as problem:
        # Nobody knows whether it is booked: the same again is the same return.
        return _page(request, desk, position, form, problem=told(problem), identity=identity)
    if answer.problem is None or _is_booked(_desk(position), receipt):
        return _credit(request, _desk(position), position, receipt)
    return _page(request, desk, position, form, problem=_worded(answer.problem))


def _credit(request: HttpRequest, desk: Desk, position: uuid.UUID, receipt: str) -> HttpResponse:
    """Have a return's part go back onto gift cards and as points: of a till's sale, since the vault sees to an order's.

    What is to be handed out is said in any case.
    """
    trouble = None
    if desk.order is None:
        parts = [each for each in crediting.outstanding(desk.sale, desk.returns) if each.returned == receipt]
        try:
            trouble = crediting.give_back(parts, sale=desk.sale)
        except Problem as problem:
            trouble = told(problem)
    if trouble is not None:
        return _page(request, desk, position, {}, problem=_worded(trouble), done=receipt)
    return _back(position, receipt)


def _is_booked(desk: Desk, receipt: str) -> bool:
    """Tell whether a form was sent before: a double click is one return."""
    source = house.source_of(house.CONSOLE)
    return any(each.key == (source, receipt) for each in desk.returns)


def _back(position: uuid.UUID, receipt: str) -> HttpResponse:
    return redirect(f"{reverse('console:return', args=[position])}?{urlencode({'done': receipt})}")


# -- what is read ---------------------------------------------------------------------------------------------------


def _named(shown: str) -> list[Sale]:
    """Return the sales that somebody means: by a receipt's number, an order's number, or a pick-up code."""
    order = orders.called(shown)
    receipts = {shown, *([order.receipt] if order is not None and order.receipt is not None else [])}
    return sales.found_by_receipt(receipts)


def _desk(position: uuid.UUID) -> Desk:
    found = sales.sale_at(position)
    if found is None:
        raise Http404
    sale, returns = found
    order = orders.of_receipts([sale.receipt]).get(sale.receipt) if sale.source == house.vault_source() else None
    return Desk(sale, returns, order)


def _chosen(desk: Desk, form: Mapping[str, str]) -> dict[int, int]:
    """Return how many pieces of each line are chosen, as far as there are so many; what is no number is none."""
    left = rules.kept(desk.sale, desk.returns)
    found = {}
    for number, line in enumerate(left, start=1):
        quantity = _digits(form.get(f"take-{number}", ""))
        if quantity:
            found[number] = min(quantity, max(line.quantity, 0) + 1)
    return found


def _digits(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 2 * _DIGITS_MAX else None


# -- what is refused ------------------------------------------------------------------------------------------------


def _trouble(desk: Desk, form: Mapping[str, str], chosen: Mapping[int, int]) -> Trouble | None:
    if not chosen:
        return _at("take", _("Say how many pieces come back."))
    left = rules.kept(desk.sale, desk.returns)
    for number, quantity in chosen.items():
        if quantity > left[number - 1].quantity:
            return _at(f"take-{number}", _("So many of it were not bought, or came back before."))
    if form.get("reason", "") not in _REASONS:
        return _at("reason", _("Say why it comes back."))
    if form.get("store", "") not in {"", *dict(stores())}:
        return _at("store", _("Choose a store."))
    if form.get("goods") == "on_shelf" and not form.get("store"):
        return _at("store", _("Say in which store it goes back on the shelf."))
    if desk.order is not None and desk.order.state != "handed_over":
        return _at("", _("Nobody has these goods yet: call the order off instead."))
    return None


def _at(field: str, title: str) -> Trouble:
    return Trouble(title=title, field=field, status=HTTPStatus.UNPROCESSABLE_ENTITY)


def _worded(problem: Trouble) -> Trouble:
    words = {
        "refund_mismatch": _("Other pieces came back meanwhile. Look at the new sum and confirm it."),
        "return_exceeds_sale": _("So many of it were not bought, or came back before."),
        "receipt_taken": _("This return is booked already."),
        "id_reused": _("This form was sent before with something else in it. Look at it and confirm it again."),
    }
    status = problem.status or HTTPStatus.CONFLICT
    if status == HTTPStatus.NOT_FOUND:
        status = HTTPStatus.CONFLICT
    return msgspec.structs.replace(
        problem, title=words.get(problem.name, problem.title), detail="" if problem.name in words else problem.detail,
        status=status,
    )  # fmt: skip


# -- what is shown --------------------------------------------------------------------------------------------------


def _page(
    request: HttpRequest,
    desk: Desk,
    position: uuid.UUID,
    form: Mapping[str, str],
    *,
    problem: Trouble | None = None,
    identity: uuid.UUID | None = None,
    done: str = "",
) -> HttpResponse:
    sale, known = desk.sale, dict(stores())
    chosen = _chosen(desk, form)
    left = rules.kept(sale, desk.returns)
    names = catalog.called({line.product for line in sale.lines})
    fits = all(quantity <= left[number - 1].quantity for number, quantity in chosen.items())
    goods = _goods(desk, chosen) if fits else []
    pieces = [
        _piece(desk, number, names, chosen.get(number, 0), left[number - 1].quantity)
        for number, line in enumerate(sale.lines, start=1)
        if line.quantity and line.amount >= 0
    ]
    store = form.get("store", sale.store or "")
    context = {
        "desk": desk, "position": position, "pieces": pieces,
        "store_name": known.get(sale.store or "", sale.store or ""), "paid": Money(_paid(desk), sale.currency),
        "stores": known.items(), "store": store if store in known else "", "reason": form.get("reason", ""),
        "reasons": _reasons(), "goods": form.get("goods", "on_shelf"), "identity": identity or IDS.new(),
        "amounts": [(each.line, each.amount) for each in goods],
        "gives": Money(_money(desk, goods), sale.currency) if goods else None,
        "back": _told_of(desk, _of_these(desk, goods)) if goods and desk.order is None else None,
        "outstanding": _outstanding(desk),
        "delivery_back": _delivery_back(desk, goods), "delivery": _delivery(desk),
        "is_open": any(each.left for each in pieces),
        "is_waiting": desk.order is not None and desk.order.state != "handed_over",
        "is_late": (timezone.now() - sale.occurred_at).days > return_days(), "days": return_days(),
        "returns": _told(desk, names, known), "done": _done(desk, done or request.GET.get("done", "")),
        "problem": problem, "field": problem.field if problem else "",
    }  # fmt: skip
    status = HTTPStatus.OK if problem is None else (problem.status or HTTPStatus.UNPROCESSABLE_ENTITY)
    return page(request, "console/return.html", "orders", context, status=status)


def _goods(desk: Desk, chosen: Mapping[int, int]) -> list[Returned]:
    """Return the goods that were chosen, with what the sale's lines give back for them."""
    goods = [Returned(number, quantity, 0) for number, quantity in chosen.items()]
    worth = rules.worth(desk.sale, desk.returns, goods)
    return [Returned(each.line, each.quantity, amount) for each, amount in zip(goods, worth, strict=True)]


def _money(desk: Desk, goods: Sequence[Returned]) -> int:
    """Return what goods give back, the tax that came on top of them with them."""
    back = _back_of(desk, goods)
    if desk.order is None:
        return back.total + rules.beside(desk.sale, [*desk.returns, back])[-1].tax
    return _amounts(desk.order, [*desk.returns, back])[-1]


def _of_these(desk: Desk, goods: Sequence[Returned]) -> crediting.Back:
    return crediting.backs(desk.sale, [*desk.returns, _back_of(desk, goods)])[-1]


def _told_of(desk: Desk, back: crediting.Back) -> dict[str, Any]:
    """Return how a return of a till's sale gives back what it does, as the page says it."""
    currency = desk.sale.currency
    already = sum(each.share - each.amount for each in back.cards)
    return {
        "cards": [(each, Money(each.amount, currency)) for each in back.cards if each.amount],
        "already": Money(already, currency) if already else None,
        "points": back.points.amount if back.points is not None else 0,
        "by_points": Money(back.by_points, currency) if back.by_points else None,
        "in_cash": Money(back.in_cash, currency) if back.in_cash else None,
        "is_in_cash_alone": not back.cards and not back.by_points,
    }


def _outstanding(desk: Desk) -> list[dict[str, Any]]:
    """Return what has not gone back yet, by return: each has a button of its own."""
    if desk.order is not None:
        return []
    found: dict[str, list[dict[str, Any]]] = {}
    for each in crediting.outstanding(desk.sale, desk.returns):
        amount = None if each.position is None else Money(each.amount, desk.sale.currency)
        found.setdefault(each.returned, []).append({"part": each, "amount": amount})
    return [{"returned": returned, "parts": parts} for returned, parts in found.items()]


def _back_of(desk: Desk, goods: Sequence[Returned]) -> Return:
    """Return what goods would be as a return; it is not booked, so it has no receipt."""
    sale = desk.sale
    return Return(
        "", "", "", sale.source, sale.receipt, sale.occurred_at, None, sale.currency,
        sum(each.amount for each in goods), tuple(goods), "applied",
    )  # fmt: skip


def _amounts(order: Order, returns: Sequence[Return]) -> list[int]:
    """Return what each of an order's returns gives back: with the last piece, the delivery too."""
    return given_back(order.lines, returns, order.delivery)


def _delivery_back(desk: Desk, goods: Sequence[Returned]) -> Money | None:
    """Return what of these goods' money is for the delivery, where it goes back with them."""
    order = desk.order
    if order is None or order.delivery is None or not goods:
        return None
    amount = _money(desk, goods) - _money(msgspec.structs.replace(desk, order=_free(order)), goods)
    return Money(amount, order.currency) if amount else None


def _free(order: Order) -> Order:
    return msgspec.structs.replace(order, delivery=None)


def _piece(desk: Desk, number: int, names: Mapping[str, str], chosen: int, left: int) -> Piece:
    line, currency = desk.sale.lines[number - 1], desk.sale.currency
    each, last = taxes.pieces(rules.costs(desk.sale)[number - 1], line.quantity)
    on_top = taxes.pieces(line.added, line.quantity)
    if desk.order is not None and desk.order.lines[number - 1].tax_on_top:
        on_top = taxes.pieces(desk.order.lines[number - 1].tax, line.quantity)
    alone = desk if desk.order is None else msgspec.structs.replace(desk, order=_free(desk.order))
    gives = _money(alone, _goods(desk, {number: chosen})) if 0 < chosen <= left else 0
    return Piece(
        number, names[line.product], line.product, line.quantity, left, Money(each + on_top[0], currency),
        Money(last + on_top[1], currency), chosen, Money(gives, currency),
    )  # fmt: skip


def _delivery(desk: Desk) -> Money | None:
    """Return what was paid for delivery, where anything was."""
    brought = None if desk.order is None else desk.order.delivery
    return Money(brought.paid, desk.sale.currency) if brought is not None and brought.paid else None


def _paid(desk: Desk) -> int:
    if desk.order is not None:
        return desk.order.total
    return desk.sale.total + sum(line.added for line in desk.sale.lines)


def _told(desk: Desk, names: Mapping[str, str], known: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what came back before, as the desk shows it."""
    if desk.order is not None:
        amounts = _amounts(desk.order, desk.returns)
    else:
        more = rules.beside(desk.sale, desk.returns)
        amounts = [each.total + beside.tax for each, beside in zip(desk.returns, more, strict=True)]
    return [
        {
            "receipt": each.receipt, "at": each.occurred_at, "store": known.get(each.store or "", each.store or ""),
            "refund": each.refund, "goods": each.goods, "total": Money(amount, each.currency),
            "lines": [(one.quantity, names[desk.sale.lines[one.line - 1].product]) for one in each.lines],
        }
        for each, amount in zip(desk.returns, amounts, strict=True)
    ]  # fmt: skip


def _done(desk: Desk, receipt: str) -> dict[str, Any] | None:
    """Return the return that was booked just now, and the money that it gives back."""
    found = _told(desk, catalog.called({line.product for line in desk.sale.lines}), {})
    done = next((each for each in found if each["receipt"] == receipt), None)
    if done is None or desk.order is not None:
        return done
    back = next(each for each in crediting.backs(desk.sale, desk.returns) if each.returned == receipt)
    waits = {(each.number, each.returned) for each in crediting.outstanding(desk.sale, desk.returns)}
    told = _told_of(desk, back)
    # What has not gone back yet is said apart.
    gone = [(part, amount) for part, amount in told["cards"] if (part.number, receipt) not in waits]
    points = 0 if ("", receipt) in waits else told["points"]
    return {**done, **told, "cards": gone, "points": points}


def _reasons() -> list[tuple[str, str]]:
    return [
        ("unwanted", _("not wanted after all")), ("faulty", _("faulty")), ("wrong", _("not what was ordered")),
        ("other", _("something else")),
    ]  # fmt: skip
