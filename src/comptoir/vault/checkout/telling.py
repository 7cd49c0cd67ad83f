"""What the checkout tells the counter and asks of it, as the touchpoint ``vault``; each request has an id of its own.

What is repeated is answered with what came of it first. Called outside of every transaction.
"""

from __future__ import annotations

import collections
import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from django.utils import translation
from django.utils.translation import gettext as _

from comptoir.counter.baskets import quoting
from comptoir.counter.baskets.contracts import CHANGED as BASKET_CHANGED
from comptoir.counter.baskets.contracts import OPERATIONS_MAX
from comptoir.counter.baskets.folding import lower
from comptoir.counter.customers.contracts import CUSTOMER_KIND, USER_KIND
from comptoir.counter.customers.queries import customer_of_user
from comptoir.counter.loyalty import contracts as loyalty
from comptoir.counter.offers import contracts as offers
from comptoir.counter.orders import contracts as orders
from comptoir.counter.orders.codes import number_of
from comptoir.counter.sales.contracts import SALE_CLOSED, SALE_RETURNED
from comptoir.counter.sales.rules import Return
from comptoir.foundation.rooms.borrowing import borrowed
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.house import Answer, Said
from comptoir.square.stock import contracts as stock
from comptoir.vault.checkout import cards, rules, tenders, waiting
from comptoir.vault.checkout.errors import PointsNotHeld
from comptoir.vault.checkout.models import Checkout

_BY_CLOCK: Final = " by the clock"


def hold(row: Checkout) -> tuple[Answer, Answer | None]:
    """Hold what promotions and coupons give, and the goods, in one batch; returns what came of each."""
    seconds = _seconds(row)
    reserve: dict[str, Any] = {
        "basket": row.said["basket"], "codes": row.said["codes"], "reservation": str(row.order),
        "expires_in": seconds, **_store(row), **_customer(row),
    }  # fmt: skip
    said = [_said(row, offers.RESERVE, reserve, "reserve")]
    if row.said["held"]:
        held = {"hold": str(row.order), "lines": row.said["held"], "expires_in": seconds}
        said.append(_said(row, stock.HOLD, held, "hold"))
    answers = house.send_all(said, touchpoint=house.VAULT)
    return answers[0], answers[1] if len(answers) > 1 else None


def hold_points(row: Checkout) -> Answer | None:
    """Hold the points that pay a part; nothing where none do."""
    paid = tenders.points(row)
    if paid is None:
        return None
    data = {
        "customer": _points_of(row), "points": paid.pieces, "reservation": str(row.order), "expires_in": _seconds(row),
    }  # fmt: skip
    return _one(row, loyalty.RESERVE, data, "hold points")


def hold_card(row: Checkout) -> Answer | None:
    """Hold what a gift card pays; nothing where none does."""
    return cards.hold(row, seconds=_seconds(row))


def release(row: Checkout, *, by_clock: bool) -> None:
    """Let coupons and goods go; what was not held, or is free already, stays as it is.

    ``by_clock`` asks under ids of its own: what was refused, since nothing was held yet, would be refused for ever.
    """
    late = _BY_CLOCK if by_clock else ""
    said = [_said(row, offers.RELEASE, {"reservation": str(row.order)}, f"release{late}")]
    if row.said["held"]:
        said.append(_said(row, stock.RELEASE, {"hold": str(row.order)}, f"unhold{late}"))
    if tenders.points(row) is not None:
        said.append(_said(row, loyalty.VOID, {"reservation": str(row.order)}, f"void points{late}"))
    said += cards.freed(row, late)
    house.send_all(said, touchpoint=house.VAULT)


def place(row: Checkout) -> Answer:
    """Say that the order is placed."""
    data = {
        "order": str(row.order), "number": number_of(row.order), "currency": row.currency, "total": row.total,
        "lines": row.said["lines"], "by": row.by, "basket": str(row.basket), **_customer(row), **_store(row),
        **_hold(row),
        **({"delivery": row.said["delivery"]} if "delivery" in row.said else {}),
        **({"pay_until": row.expires_at.isoformat()} if waiting.pays_in_store(row) else {}),
    }  # fmt: skip
    return _one(row, orders.PLACED, data, "place")


def empty(row: Checkout) -> bool:
    """Take out of its basket what an order is of that waits to be paid; ``False`` where the map does not let it.

    What was put in meanwhile stays.
    """
    if not (house.may_send(house.VAULT, BASKET_CHANGED) and _says_basket_at()):
        return False
    found = quoting.find(borrowed(Checkout), str(row.basket))
    if found is None:
        return False
    ordered: collections.Counter[str] = collections.Counter()
    for line in msgspec.convert(row.said["lines"], list[orders.OrderLine]):
        ordered[line.product] += line.quantity
    kept = [
        {"put": {"source": source, "id": name, "line": place}, "quantity": quantity}
        for line in found.content.lines if ordered[line.product]
        for (source, name, place), quantity in lower(line, max(0, line.quantity - ordered[line.product]))
    ]  # fmt: skip
    said = [
        _said(row, BASKET_CHANGED, {"basket": str(row.basket), "keep": some}, f"empty {number}")
        for number, some in enumerate(_portions(kept))
    ]
    answers = house.send_all(said, touchpoint=house.VAULT) if said else []
    # Whoever was interrupted says it once more, of what is left by then.
    return all(each.problem is None or each.problem.name == "id_reused" for each in answers)


def take(row: Checkout) -> list[Answer]:
    """Redeem what was held of coupons and promotions, of points, and of a gift card: the money is there."""
    data = {"reservation": str(row.order), "receipt": number_of(row.order)}
    said = [_said(row, offers.POST, data, "post")]
    if tenders.points(row) is not None:
        said.append(_said(row, loyalty.POST, data, "post points"))
    said += cards.spent(row, receipt=number_of(row.order))
    return house.send_all(said, touchpoint=house.VAULT)


def untake(row: Checkout, taken: Sequence[Answer]) -> None:
    """Give back what :func:`take` redeemed, where it could not redeem all of it."""
    if taken[0].problem is None:
        free(row, at=row.created_at)
    paid = tenders.points(row)
    if paid is not None and taken[1].problem is None:
        give_points(row, paid.amount, "over", at=row.created_at)
    card = tenders.card(row)
    if card is not None and taken[-1].problem is None:
        cards.give_back(row, card.amount, "over", at=row.created_at)


def give_points(row: Checkout, amount: int, name: str, *, at: dt.datetime) -> None:
    """Give back points that paid so much (minor units), once for each name. Raises :class:`GatewayAway`."""
    paid = tenders.points(row)
    if paid is None or amount < paid.unit:
        return
    with translation.override(row.language):
        reason = _("Order %(number)s") % {"number": number_of(row.order)}
    data = {"customer": _points_of(row), "points": amount // paid.unit, "reason": reason}
    answer = house.send(loyalty.ADJUST, data, request=rules.request_of(row.order, f"points {name}"), at=at)
    if answer.problem is not None:
        raise PointsNotHeld(answer.problem.title)


def sell(row: Checkout) -> list[Answer]:
    """Book the sale, which ends the hold and empties the basket, and say that the order is paid.

    What is paid is booked: whatever the map does not let the sale say is left out, as long as no money depends on it.
    """
    assert row.paid_at is not None, "what is sold was paid"
    lines = msgspec.convert(row.said["lines"], list[orders.OrderLine])
    receipt = number_of(row.order)
    sale = {
        "receipt": receipt, "currency": row.currency, "total": sum(line.amount for line in lines),
        "lines": rules.sale_lines(lines),
        **_sayable(SALE_CLOSED, {**_basket(row), **_customer(row), **_store(row), **_hold(row)}),
    }  # fmt: skip
    paid = {
        "order": str(row.order), "receipt": receipt,
        "legs": [{"means": each.means, "amount": each.amount} for each in tenders.of(row)],
    }  # fmt: skip
    said = [
        _said(row, SALE_CLOSED, sale, "sell", at=row.paid_at), _said(row, orders.PAID, paid, "pay", at=row.paid_at),
    ]  # fmt: skip
    answers = house.send_all(said, touchpoint=house.VAULT)
    if row.said["held"] and "hold" not in sale and answers[0].problem is None:
        # The sale has its goods, and did not say that they were held for it.
        free = _said(row, stock.RELEASE, {"hold": str(row.order)}, "unhold sold", at=row.paid_at)
        house.send_all([free], touchpoint=house.VAULT)
    return answers


def left_of(row: Checkout, returns: Sequence[Return]) -> tuple[list[int], list[int]]:
    """Return what these returns leave of each line of an order: pieces, and minor units."""
    lines = msgspec.convert(row.said["lines"], list[orders.OrderLine])
    quantities, amounts = [line.quantity for line in lines], [line.amount for line in lines]
    for one in returns:
        for back in one.lines:
            quantities[back.line - 1] -= back.quantity
            amounts[back.line - 1] -= back.amount
    return quantities, amounts


def undoing(row: Checkout) -> str:
    """Return under which receipt a sale is taken back."""
    return f"{number_of(row.order)}-R"


def undo(row: Checkout, before: Sequence[Return], *, at: dt.datetime) -> list[Answer]:
    """Take a sale back, all that has not come back ``before``: goods onto the shelves, points and coupons too."""
    quantities, amounts = left_of(row, before)
    left = [
        {"line": number, "quantity": quantity, "amount": amount}
        for number, (quantity, amount) in enumerate(zip(quantities, amounts, strict=True), start=1)
        if quantity or amount
    ]
    receipt = number_of(row.order)
    returned = {
        "receipt": undoing(row), "sale": {"receipt": receipt}, "currency": row.currency, "total": sum(amounts),
        **_sayable(SALE_RETURNED, _store(row)), "lines": left,
    }  # fmt: skip
    said = [_said(row, SALE_RETURNED, returned, "undo", at=at)] if left else []
    said.append(_freed(row, at=at))
    return house.send_all(said, touchpoint=house.VAULT)


def free(row: Checkout, *, at: dt.datetime) -> None:
    """Give coupons back that were redeemed, and to promotions their budgets: once, however often it is said."""
    house.send_all([_freed(row, at=at)], touchpoint=house.VAULT)


def cancel(row: Checkout, because: orders.Because, *, by_clock: bool) -> Answer:
    """Say that an order comes to nothing; ``by_clock`` as in :func:`release`."""
    late = _BY_CLOCK if by_clock else ""
    return _one(row, orders.CANCEL, {"order": str(row.order), "because": because}, f"cancel{late}")


def _one(row: Checkout, kind: str, data: dict[str, Any], step: str) -> Answer:
    return house.send(kind, data, request=rules.request_of(row.order, step), at=row.created_at)


def _said(row: Checkout, kind: str, data: dict[str, Any], step: str, *, at: dt.datetime | None = None) -> Said:
    return Said(kind, data, rules.request_of(row.order, step), at or row.created_at)


def _portions(kept: Sequence[Mapping[str, Any]]) -> list[Sequence[Mapping[str, Any]]]:
    return [kept[start : start + OPERATIONS_MAX] for start in range(0, len(kept), OPERATIONS_MAX)]


def _freed(row: Checkout, *, at: dt.datetime) -> Said:
    redemption = {"id": str(rules.request_of(row.order, "reserve"))}
    return _said(row, offers.RETURN, {"redemption": redemption}, "free", at=at)


def _seconds(row: Checkout) -> int:
    return math.ceil((row.expires_at - row.created_at + waiting.hold_beyond(row)).total_seconds())


def _basket(row: Checkout) -> dict[str, str]:
    """Return out of which basket a sale takes its goods, and as of when it was emptied, if it was before.

    Where the map does not let the sale say when, it names no basket: nothing is left to take out, and what was put in
    since is not this order's. What is paid is booked, whatever the map has come to be meanwhile.
    """
    if not row.said.get("emptied"):
        return {"basket": str(row.basket)}
    return {"basket": str(row.basket), "basket_at": row.created_at.isoformat()} if _says_basket_at() else {}


def _hold(row: Checkout) -> dict[str, str]:
    return {"hold": str(row.order)} if row.said["held"] else {}


def _sayable(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a sale's fields that the map lets the vault give: none of these is about money."""
    return {name: value for name, value in data.items() if house.may_say(house.VAULT, kind, name)}


def _says_basket_at() -> bool:
    return all(house.may_say(house.VAULT, SALE_CLOSED, name) for name in ("basket", "basket_at"))


def _points_of(row: Checkout) -> dict[str, str]:
    """Return whose points pay: those of whoever has signed in, and not of whom the counter took them for.

    Of somebody who is forgotten, what comes back is in the books under an id that nobody has, like their other points.
    """
    if row.is_severed:
        return {"kind": USER_KIND, "value": str(row.person)}
    return {"kind": CUSTOMER_KIND, "value": str(customer_of_user(row.person))}


def _customer(row: Checkout) -> dict[str, Any]:
    if row.customer is None:
        return {}
    if not row.is_guest and row.customer == customer_of_user(row.person):
        # Of whoever has signed up just now the counter hears here for the first time.
        return {"customer": {"kind": USER_KIND, "value": str(row.person)}}
    return {"customer": {"kind": CUSTOMER_KIND, "value": str(row.customer)}}


def _store(row: Checkout) -> dict[str, Any]:
    return {} if row.store is None else {"store": row.store}
