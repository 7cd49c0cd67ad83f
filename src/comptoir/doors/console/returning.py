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
from comptoir.doors.console.acting import first_sent, identity_of, name_of, page, with_key
from comptoir.doors.console.refusals import told
from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.kernel.money import Money
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.house import Trouble
from comptoir.square.catalog import queries as catalog
from comptoir.square.stock.queries import stores

_CHARACTERS_MAX: Final = 64
_DIGITS_MAX: Final = 9
WHY_CHARACTERS_MAX: Final = 200
_WHY_CHARACTERS_MIN: Final = 4
#: Means of payment that the house itself gives back.
_BY_HOUSE: Final = frozenset({"provider", "points", "gift_card"})
#: Where a session keeps what the next page is to say, once.
_TO_GIVE: Final = "returns_to_give"
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


class ToGive(msgspec.Struct, frozen=True):
    """What of a return is given in money now, and was not before: its cash, and parts by their first requests."""

    returned: str
    is_cash: bool = False
    parts: tuple[str, ...] = ()

    def with_parts(self, parts: Sequence[crediting.Part]) -> ToGive:
        """Return it with these parts."""
        return msgspec.structs.replace(self, parts=tuple(str(each.request(0)) for each in parts))

    @property
    def is_something(self) -> bool:
        """Tell whether anything is to be given."""
        return self.is_cash or bool(self.parts)


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
             "total": Money(each.total + sum(line.added for line in each.lines), each.currency)}
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
    receipt = request.POST.get("receipt", "")[:_CHARACTERS_MAX]
    if request.POST.get("does") == "credit":
        return _credit(request, desk, position, receipt)
    if request.POST.get("does") == "hand_out":
        return _hand_out(request, desk, position, receipt)
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

    What is to be handed out is said in any case, to whoever comes first.
    """
    to_give = _give(request, desk, receipt)
    trouble, is_refused = None, False
    if desk.order is None:
        parts = _outstanding_of(desk, receipt)
        to_give = to_give.with_parts(_hand_out_nobodys(request, parts))
        try:
            trouble = crediting.give_back([each for each in parts if not each.is_nobodys], sale=desk.sale)
            is_refused = trouble is not None
        except Problem as problem:
            trouble = told(problem)
    if trouble is not None:
        refused = receipt if is_refused else ""
        if is_refused and trouble.name == "id_reused":
            trouble = msgspec.structs.replace(trouble, title=_("It was refused before."), type="")
        return _page(
            request, desk, position, {}, problem=_worded(trouble), done=receipt, refused=refused, to_give=to_give
        )  # fmt: skip
    return _back(request, position, to_give)


def _hand_out(request: HttpRequest, desk: Desk, position: uuid.UUID, receipt: str) -> HttpResponse:
    """Take that what the counter refuses to put back is given in money: it is asked once more, and refuses again."""
    if desk.order is not None:
        raise Http404
    why = " ".join(request.POST.get("why", "").split())
    if not _WHY_CHARACTERS_MIN <= len(why) <= WHY_CHARACTERS_MAX or not why.isprintable():
        trouble = _at("why", _("Say in a line why it is handed out in money."))
        return _page(request, desk, position, {"why": why[:WHY_CHARACTERS_MAX]}, problem=trouble, refused=receipt)
    parts = _outstanding_of(desk, receipt)
    nobodys = _hand_out_nobodys(request, parts)
    try:
        crediting.give_back([each for each in parts if not each.is_nobodys], sale=desk.sale)
    except Problem as problem:
        # Nobody knows whether it went back: what may have is not handed out, too.
        to_give = ToGive(receipt).with_parts(nobodys)
        return _page(
            request, desk, position, {"why": why}, problem=told(problem), done=receipt if nobodys else "",
            refused=receipt, to_give=to_give,
        )  # fmt: skip
    new = crediting.hand_out(_outstanding_of(desk, receipt), why=why, **_who(request))
    return _back(request, position, ToGive(receipt).with_parts([*nobodys, *new]), handed="1")


def _outstanding_of(desk: Desk, receipt: str) -> list[crediting.Part]:
    return [each for each in crediting.outstanding(desk.sale, desk.returns) if each.returned == receipt]


def _hand_out_nobodys(request: HttpRequest, parts: Sequence[crediting.Part]) -> list[crediting.Part]:
    """Have what would go back to nobody be given in money; returns what nobody had given before."""
    nobodys = [each for each in parts if each.is_nobodys]
    return crediting.hand_out(nobodys, why=_("their customer was forgotten"), **_who(request)) if nobodys else []


def _give(request: HttpRequest, desk: Desk, receipt: str) -> ToGive:
    """Take that the money of a return is given at the till; only whoever comes first is told to."""
    amount = _cash_of(desk, receipt)
    is_new = bool(amount) and crediting.give(receipt, amount, **_who(request))
    return ToGive(receipt, is_new)


def _cash_of(desk: Desk, receipt: str) -> int:
    """Return what a return that was booked here gives at the till, in minor units."""
    returns = desk.returns
    at = next((number for number, each in enumerate(returns) if each.key == _key(receipt)), None)
    if at is None or returns[at].refund == "as_paid":
        return 0
    if desk.order is not None:
        return _amounts(desk.order, returns)[at]
    return crediting.backs(desk.sale, returns)[at].in_cash


def _who(request: HttpRequest) -> dict[str, str]:
    """Return who of the staff gives something, as the audit chain names them."""
    visit = visit_of(request)
    assert visit is not None, "the office is for staff who are signed in"
    return {"actor": f"staff:{visit.subject}", "by": name_of(request)[:80] or str(visit.subject)}


def _is_booked(desk: Desk, receipt: str) -> bool:
    """Tell whether a form was sent before: a double click is one return."""
    return any(each.key == _key(receipt) for each in desk.returns)


def _key(receipt: str) -> tuple[str | None, str]:
    """Return under which source and number a return is known that was booked here."""
    return (house.source_of(house.CONSOLE), receipt)


def _back(request: HttpRequest, position: uuid.UUID, to_give: ToGive, **more: str) -> HttpResponse:
    if to_give.is_something:
        request.session[_TO_GIVE] = msgspec.to_builtins(to_give)
    query = urlencode({"done": to_give.returned, **more})
    return redirect(f"{reverse('console:return', args=[position])}?{query}")


def _said_once(request: HttpRequest, receipt: str) -> ToGive:
    """Return what the page is to say after what was sent: it is said on one page, and on none that comes later."""
    kept = request.session.get(_TO_GIVE)
    if kept is None or kept["returned"] != receipt:
        return ToGive(receipt)
    del request.session[_TO_GIVE]
    return msgspec.convert(kept, ToGive)


# -- what is read ---------------------------------------------------------------------------------------------------


def _named(shown: str) -> list[Sale]:
    """Return the sales that somebody means: by a receipt's number, an order's number, or a pick-up code."""
    order = orders.called(shown)
    # Nobody has to hold down a key for the letters that tills and orders have.
    receipts = {shown, shown.upper(), *([order.receipt] if order is not None and order.receipt is not None else [])}
    return sales.found_by_receipt(receipts)


def _desk(position: uuid.UUID) -> Desk:
    found = sales.sale_at(position)
    if found is None:
        raise Http404
    sale, returns = found
    order = orders.of_receipts([sale.receipt]).get(sale.receipt) if sale.source == house.vault_source() else None
    return Desk(sale, returns, order)


def _chosen(desk: Desk, form: Mapping[str, str]) -> dict[int, int]:
    """Return how many pieces of each line are chosen, or all, as far as there are so many; no number is none."""
    left = _left(desk)
    if form.get("all"):
        return {number: pieces for number, pieces in enumerate(left, start=1) if pieces}
    found = {}
    for number, pieces in enumerate(left, start=1):
        quantity = _digits(form.get(f"take-{number}", ""))
        if quantity:
            found[number] = min(quantity, pieces + 1)
    return found


def _left(desk: Desk) -> list[int]:
    """Return how many pieces of each line can still come back: none of a line below zero, such as a deposit's."""
    left = rules.kept(desk.sale, desk.returns)
    return [max(0, line.quantity) if line.amount >= 0 else 0 for line in left]


def _digits(text: str) -> int | None:
    return whole(text.strip(), 10 ** (2 * _DIGITS_MAX) - 1)


# -- what is refused ------------------------------------------------------------------------------------------------


def _trouble(desk: Desk, form: Mapping[str, str], chosen: Mapping[int, int]) -> Trouble | None:
    if not chosen:
        return _at("take", _("Say how many pieces come back."))
    left = _left(desk)
    for number, quantity in chosen.items():
        if quantity > left[number - 1]:
            return _at(f"take-{number}", _("So many of it were not bought, or came back before."))
    if form.get("reason", "") not in _REASONS:
        return _at("reason", _("Say why it comes back."))
    if form.get("store", "") not in {"", *dict(stores())}:
        return _at("store", _("Choose a store."))
    if form.get("goods") == "on_shelf" and not form.get("store"):
        return _at("store", _("Say in which store it goes back on the shelf."))
    if desk.order is not None and not desk.order.was_handed_over:
        return _at("", _("Nobody has these goods yet: call the order off instead."))
    return None


def _at(field: str, title: str) -> Trouble:
    return Trouble(title=title, field=field, status=HTTPStatus.UNPROCESSABLE_ENTITY)


def _worded(problem: Trouble) -> Trouble:
    words = {
        "refund_mismatch": _("Other pieces came back meanwhile. Look at the new sum and confirm it."),
        "return_exceeds_sale": _("So many of it were not bought, or came back before."),
        "receipt_taken": _("This return is booked already."),
        "gift_card_credit_too_large": _("More would go onto the gift card than it had paid."),
        "gift_card_spending_unknown": _("The counter knows of nothing that this gift card has paid there."),
        "type_not_declared": _("The shop’s map does not let the console put this back."),
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
    refused: str = "",
    to_give: ToGive | None = None,
) -> HttpResponse:
    done = done or request.GET.get("done", "")
    to_give = _said_once(request, done) if to_give is None and done else to_give or ToGive(done)
    sale, known = desk.sale, dict(stores())
    chosen = _chosen(desk, form)
    left = _left(desk)
    names = catalog.called({line.product for line in sale.lines})
    fits = all(quantity <= left[number - 1] for number, quantity in chosen.items())
    goods = _goods(desk, chosen) if fits else []
    costs = list(zip(rules.costs(sale), _taxes_on_top(desk), strict=True))
    pieces = [
        _piece(desk, number, names, chosen.get(number, 0), left[number - 1], costs[number - 1])
        for number, line in enumerate(sale.lines, start=1)
        if line.quantity and line.amount >= 0
    ]
    # What goods would give back is reckoned with what came back before, once for the whole page.
    coming = [_back_of(desk, goods)] if goods else []
    backs = crediting.backs(sale, [*desk.returns, *coming]) if desk.order is None else []
    before = _told(desk, names, known, backs)
    store = form.get("store", sale.store or "")
    context = {
        "desk": desk, "position": position, "pieces": pieces,
        "store_name": known.get(sale.store or "", sale.store or ""), "paid": Money(abs(_paid(desk)), sale.currency),
        "is_handed_out": _paid(desk) < 0,
        "stores": known.items(), "store": store if store in known else "", "reason": form.get("reason", ""),
        "reasons": _reasons(), "goods": form.get("goods", "on_shelf"), "identity": identity or IDS.new(),
        "amounts": [(each.line, each.amount) for each in goods],
        "gives": Money(_money(desk, goods), sale.currency) if goods else None,
        "back": _told_of(desk, backs[-1]) if goods and backs else None,
        "outstanding": _outstanding(desk, backs, refused), "why": form.get("why", ""), "why_max": WHY_CHARACTERS_MAX,
        "delivery_back": _delivery_back(desk, goods), "delivery": _delivery(desk),
        "is_open": any(each.left for each in pieces),
        "is_waiting": desk.order is not None and not desk.order.was_handed_over,
        "returned_at": None if desk.order is None else orders.moment(desk.order, "returned"),
        "is_late": (timezone.now() - sale.occurred_at).days > return_days(), "days": return_days(),
        "returns": before, "done": _done(before, to_give),
        # What is given at the till was given when it was booked.
        "is_handed": "handed" in request.GET,
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
        return max(0, back.total + rules.beside(desk.sale, [*desk.returns, back])[-1].tax)
    return _amounts(desk.order, [*desk.returns, back])[-1]


def _told_of(desk: Desk, back: crediting.Back) -> dict[str, Any]:
    """Return how a return of a till's sale gives back what it does, as the page says it."""
    currency = desk.sale.currency
    # What has not gone back yet is said apart, and so is what was handed out instead.
    apart = {part.key for part in (*back.waiting, *(each.part for each in back.handed_out))}
    points = 0 if back.points is None or back.points.key in apart else back.points.amount
    # What is seen before it is booked has not gone anywhere.
    in_money = bool(back.points and back.points.is_nobodys and not back.returned)
    already = sum(each.share - each.amount for each in back.cards)
    return {
        "cards": [
            (each, Money(each.amount, currency)) for each in back.cards if each.amount and each.key not in apart
        ],
        "already": Money(already, currency) if already else None,
        "points": 0 if in_money else points, "points_in_money": in_money,
        "by_points": Money(back.by_points, currency) if back.by_points else None,
        "in_cash": Money(back.in_cash, currency) if back.in_cash else None,
        "is_in_cash_alone": not back.cards and not back.by_points,
        "waiting": [_part(each, currency) for each in back.waiting],
        "handed_out": [
            {**_part(each.part, currency), "why": each.why, "at": each.at} for each in back.handed_out
        ],
    }  # fmt: skip


def _part(part: crediting.Part, currency: str) -> dict[str, Any]:
    amount = None if part.position is None else Money(part.amount, currency)
    return {"part": part, "amount": amount, "money": Money(part.money, currency)}


def _outstanding(desk: Desk, backs: Sequence[crediting.Back], refused: str) -> list[dict[str, Any]]:
    """Return what has not gone back yet, by return: each has a button of its own, and a refused one another way."""
    currency = desk.sale.currency
    return [
        {
            "returned": back.returned, "parts": [_part(each, currency) for each in back.waiting],
            "is_refused": back.refused or back.returned == refused,
            "money": Money(sum(each.money for each in back.waiting), currency),
        }
        for back in backs if back.waiting
    ]  # fmt: skip


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


def _taxes_on_top(desk: Desk) -> list[int]:
    """Return the tax that each line gives back beside what its goods cost, in minor units."""
    if desk.order is None:
        return rules.taxes_on_top(desk.sale)
    return [line.tax if line.tax_on_top else 0 for line in desk.order.lines]


def _piece(desk: Desk, number: int, names: Mapping[str, str], chosen: int, left: int, costs: tuple[int, int]) -> Piece:
    line, currency, (goods, tax) = desk.sale.lines[number - 1], desk.sale.currency, costs
    # Each piece has its part of the tax; what negative lines took off of it is taken off what the piece costs.
    each, last = (sum(both) for both in zip(
        taxes.pieces(goods + min(0, tax), line.quantity), taxes.pieces(max(0, tax), line.quantity), strict=True
    ))  # fmt: skip
    alone = desk if desk.order is None else msgspec.structs.replace(desk, order=_free(desk.order))
    gives = _money(alone, _goods(desk, {number: chosen})) if 0 < chosen <= left else 0
    return Piece(
        number, names[line.product], line.product, line.quantity, left, Money(each, currency),
        Money(last, currency), chosen, Money(gives, currency),
    )  # fmt: skip


def _delivery(desk: Desk) -> Money | None:
    """Return what was paid for delivery, where anything was."""
    brought = None if desk.order is None else desk.order.delivery
    return Money(brought.paid, desk.sale.currency) if brought is not None and brought.paid else None


def _paid(desk: Desk) -> int:
    if desk.order is not None:
        return desk.order.total
    return desk.sale.total + sum(line.added for line in desk.sale.lines)


def _told(
    desk: Desk, names: Mapping[str, str], known: Mapping[str, str], backs: Sequence[crediting.Back]
) -> list[dict[str, Any]]:
    """Return what came back before, as the desk shows it; of a till's sale with how each gave it back."""
    count = len(desk.returns)
    amounts = [each.total for each in backs[:count]] if desk.order is None else _amounts(desk.order, desk.returns)
    # What other touchpoints took back they gave back by their own reckoning.
    more = [_told_of(desk, each) if each.is_own else {} for each in backs[:count]] or [{}] * count
    return [
        {
            "receipt": each.receipt, "at": each.occurred_at, "store": known.get(each.store or "", each.store or ""),
            "refund": each.refund, "goods": each.goods, "total": Money(amount, each.currency), "key": each.key,
            "lines": [(one.quantity, names[desk.sale.lines[one.line - 1].product]) for one in each.lines], **how,
        }
        for each, amount, how in zip(desk.returns, amounts, more, strict=True)
    ]  # fmt: skip


def _done(before: Sequence[dict[str, Any]], to_give: ToGive) -> dict[str, Any] | None:
    """Return the return that something was done about, with what is given in money now, and what was before."""
    found = next((each for each in before if each["key"] == _key(to_give.returned)), None)
    if found is None:
        return None
    parts = [
        {**each, "is_new": str(each["part"].request(0)) in to_give.parts} for each in found.get("handed_out", ())
    ]  # fmt: skip
    given_at = None if to_give.is_cash else crediting.given_at(to_give.returned)
    cash = found.get("in_cash") if "in_cash" in found else found["total"]
    return {
        **found, "handed_out": parts, "is_cash_new": to_give.is_cash, "given_at": given_at,
        "cash": None if found["refund"] == "as_paid" else cash,
    }  # fmt: skip


def _reasons() -> list[tuple[str, str]]:
    return [
        ("unwanted", _("not wanted after all")), ("faulty", _("faulty")), ("wrong", _("not what was ordered")),
        ("other", _("something else")),
    ]  # fmt: skip
