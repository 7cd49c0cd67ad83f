"""The steps of a checkout. Each is asked of the counter outside of every transaction, and written down after it.

Whatever dies in between, the next look (:func:`look_at_due`) asks again under the same ids. Not here: pages, and how
money is taken (``vault/payments``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import secrets
import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import msgspec
from django.db import transaction
from django.db.models import F

from comptoir.counter.answers.queries import answers_of
from comptoir.counter.baskets import quoting
from comptoir.counter.baskets.pricing import Quote
from comptoir.counter.baskets.quoting import Found
from comptoir.counter.customers.queries import customer_of_user
from comptoir.counter.loyalty.store import find_programmes
from comptoir.counter.orders.contracts import Because
from comptoir.counter.taxes.reading import load_rates
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.borrowing import borrowed
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.errors import FieldInvalid
from comptoir.square.stock.queries import available
from comptoir.vault.checkout import quoted, receipts, recipients, rules, store, telling
from comptoir.vault.checkout.contracts import Step, Wish
from comptoir.vault.checkout.errors import AgeNotProven, BasketEmpty, CheckoutOver, NotHeld, PriceChanged
from comptoir.vault.checkout.models import Checkout
from comptoir.vault.contacts import keeping

_log = logging.getLogger(__name__)
#: The map's channel of the vault's pages: promotions for the web hold here.
CHANNEL: Final = "web"
_STEPS_MAX: Final = 6
_LOOK_MAX: Final = 200


class Money(msgspec.Struct, frozen=True):
    """What the checkout needs of whoever takes money, as ``config`` gives it (``vault/payments``).

    ``close`` ends an order's payment at the provider and is told of it by :func:`note_over`; ``give_back`` has so much
    of it given back, once for each name.
    """

    close: Callable[[uuid.UUID], None]
    give_back: Callable[[uuid.UUID, int, str], None]


def quote(basket: str, *, customers: Collection[uuid.UUID], now: dt.datetime) -> tuple[Found, Quote]:
    """Return what is in a basket and what it costs here, for whoever is known under one of these ids.

    Raises :class:`BasketEmpty`, also for somebody else's basket.
    """
    connection = borrowed(Checkout)
    found = quoting.find(connection, basket)
    programmes = find_programmes(connection)
    if found is None or programmes is None or not found.content.pieces:
        raise BasketEmpty(field="basket")
    if found.customer is not None and not {str(each) for each in customers} & set(found.members):
        raise BasketEmpty(field="basket")
    source = house.source_of(house.VAULT) or f"/{house.VAULT}"
    return found, quoting.quote(
        connection, found.content, members=found.members, source=source, channel=CHANNEL, at=now, programmes=programmes,
        rates=load_rates(),
    )  # fmt: skip


def customers_of(user: uuid.UUID | None, customer: uuid.UUID | None) -> list[uuid.UUID]:
    """Return under which ids the counter knows somebody: who is signed in first, then whom it recognised itself."""
    signed_in = [] if user is None else [customer_of_user(user)]
    return signed_in + ([] if customer is None else [customer])


def begin(wish: Wish, *, now: dt.datetime) -> tuple[Checkout, str]:
    """Write down what somebody confirms; returns the checkout and its order key, empty for one that was there.

    Nothing is held by it yet. Raises :class:`BasketEmpty`, :class:`NotHeld` where something cannot be sold,
    :class:`PriceChanged` with the new ``total`` where another quote was seen, :class:`AgeNotProven`,
    :class:`ContactInvalid` with the field at fault, :class:`FieldInvalid`.
    """
    if (row := Checkout.objects.filter(order=wish.order).first()) is not None:
        return row, ""
    known_as = customers_of(wish.user, wish.customer)
    found, priced = quote(wish.basket, customers=known_as, now=now)
    if priced.missing:
        raise NotHeld(field="basket", products=[each.product for each in priced.missing])
    if priced.digest != wish.digest:
        raise PriceChanged(f"It costs {priced.total} now.", field="digest", total=priced.total)
    _insist_on_age(priced, wish, now=now)
    recipient = recipients.checked(wish.recipient)
    if rules.needs_address(wish.by) and recipient.address is None:
        raise FieldInvalid("Where it is brought to.", field="address")
    if not rules.needs_address(wish.by):
        # A pick-up has no address at all: what was typed by mistake is not kept.
        recipient = msgspec.structs.replace(recipient, address=None)
    if wish.by == "pickup" and wish.store is None:
        raise FieldInvalid("Where it waits for you.", field="store")
    if wish.user is None and recipient.email is None:
        raise FieldInvalid("Where the receipt goes.", field="email")
    known = {
        article.sku for article in available(borrowed(Checkout), [line.product for line in priced.lines], wish.store)
    }
    key = secrets.token_urlsafe(24)
    said = {
        "lines": msgspec.to_builtins(quoted.lines_of(priced)), "basket": quoted.basket_of(priced),
        "codes": quoted.codes_of(priced), "discount": priced.discount,
        "held": msgspec.to_builtins(quoted.held_lines(priced, known, store=wish.store)),
        "taxes": msgspec.to_builtins(priced.taxes),
    }  # fmt: skip
    person = wish.user or wish.order
    keeping.prepare(at=now)
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        row = Checkout(
            order=wish.order, person=person, is_guest=wish.user is None,
            customer=found.customer or next(iter(known_as), None),
            basket=wish.basket, key=digest_of(key), step="begun", by=wish.by, store=wish.store,
            currency=priced.currency, total=priced.total, said=said, language=wish.language,
            recipient=recipients.seal(recipient, person=person, order=wish.order, key=key), created_at=now,
            expires_at=now + rules.PAY_WITHIN, due_at=now + rules.LOOK_AGAIN,
        )  # fmt: skip
        Checkout.objects.bulk_create([row], ignore_conflicts=True)
    mine = Checkout.objects.get(order=wish.order)
    return (mine, key) if bytes(mine.key) == digest_of(key) else (mine, "")


def digest_of(key: str) -> bytes:
    """Return what is kept of an order's key."""
    return hashlib.sha256(key.encode()).digest()


def advance(order: uuid.UUID, *, now: dt.datetime) -> Checkout:
    """Take a checkout as far as it goes by itself: held and placed, and, once the money is there, settled.

    Raises :class:`NotHeld`, :class:`PriceChanged` where something could not be held: then it is over, and nothing is
    held any more. Raises :class:`GatewayAway`; then it goes on by the clock.
    """
    for _ in range(_STEPS_MAX):
        row = Checkout.objects.get(order=order)
        if row.step == "begun":
            _hold(row, now=now)
        elif row.step == "held":
            if telling.place(row).problem is not None:
                _end(row, "not_placed", now=now)
                raise CheckoutOver
            _move(row, "placed", due_at=row.expires_at + rules.LOOK_AGAIN)
        elif row.step == "paid":
            _settle(row, now=now)
        else:
            break
    return Checkout.objects.get(order=order)


def _hold(row: Checkout, *, now: dt.datetime) -> None:
    reserved, held = telling.hold(row)
    problem: Problem | None = None
    if held is not None and held.problem is not None:
        problem = NotHeld(held.problem.detail or held.problem.title, field="basket")
    elif reserved.problem is not None:
        problem = PriceChanged(reserved.problem.title, field="digest")
    elif (reserved.basket or {}).get("discount", 0) != row.said["discount"]:
        problem = PriceChanged("A promotion or a coupon is used up.", field="digest")
    if problem is None:
        _move(row, "held", due_at=now + rules.LOOK_AGAIN)
        return
    _end(row, problem.name, now=now)
    raise problem


def _settle(row: Checkout, *, now: dt.datetime) -> None:
    """Redeem, book the sale, and end. What cannot be redeemed any more is given back in full."""
    taken = telling.take(row)
    if taken.problem is not None:
        _log.warning("an order was paid too late for what was held (%s)", taken.problem.name)
        _move(row, "over", why="too_late", due_at=now)
        return
    answers = telling.sell(row)
    for answer in answers:
        if answer.problem is not None:
            _log.error("a paid order cannot be booked (%s)", answer.problem.name)
            Checkout.objects.filter(order=row.order).update(due_at=now + 10 * rules.LOOK_AGAIN)
            raise CheckoutOver
    earned = max(answers[0].points, 0)
    # What is due of it now is the receipt.
    _move(row, "settled", due_at=now, said={**row.said, "earned": earned})


def note_paid(order: uuid.UUID, *, at: dt.datetime) -> bool:
    """Write down that an order's money is there; in the transaction of whoever heard it.

    Returns whether it is wanted: for an order that is over, or was paid before, it is to be given back.
    """
    moved = Checkout.objects.filter(order=order, step="placed").update(step="paid", paid_at=at, due_at=at)
    return bool(moved)


def note_over(order: uuid.UUID, *, at: dt.datetime) -> None:
    """Write down that no money will come for an order; in the transaction of whoever heard it."""
    Checkout.objects.filter(order=order, step="placed").update(step="over", why="not_paid", due_at=at)


def give_up(order: uuid.UUID, *, money: Money, now: dt.datetime) -> None:
    """End an order that is not paid, because whoever began it does not want it any more."""
    row = Checkout.objects.get(order=order)
    if row.step in {"begun", "held"}:
        _end(row, "withdrawn", now=now)
    elif row.step == "placed":
        money.close(order)


def look_at_due(*, money: Money, now: dt.datetime, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Go on with every checkout that is due; returns with how many."""
    rows = Checkout.objects.filter(due_at__lte=now).order_by("due_at")[:_LOOK_MAX]
    looks = [*((_undo, row) for row in _cancelled()), *((_look, row) for row in rows)]
    count = 0
    for look, row in looks:
        if should_stop():
            break
        try:
            look(row, money=money, now=now)
            count += 1
        except Problem as problem:
            _log.warning("a checkout does not go on (%s)", problem.name)
        except Exception:  # noqa: BLE001 - one checkout holds up no other
            _log.exception("a checkout does not go on")
        # What did not go on is looked at again a little later; what did has said itself when.
        if row.due_at is not None:
            Checkout.objects.filter(order=row.order, due_at=row.due_at).update(due_at=now + rules.LOOK_AGAIN)
    return count


def _look(row: Checkout, *, money: Money, now: dt.datetime) -> None:
    if row.step in {"begun", "held"} and now >= row.expires_at:
        _end(row, "left", now=now)
    elif row.step in {"begun", "held", "paid"}:
        advance(row.order, now=now)
    elif row.step == "placed":
        if now >= row.expires_at:
            # Only its confirmation ends the order: the customer may be paying in this very second.
            money.close(row.order)
    elif row.step == "over":
        _clear(row, money=money)
    elif row.step == "settled":
        receipts.send(row, now=now)


def _end(row: Checkout, why: str, *, now: dt.datetime) -> None:
    # What another request was asking for in this moment comes after what is let go now: the clock lets go once more.
    if _move(row, "over", why=why, due_at=now + rules.LOOK_AGAIN):
        _let_go(Checkout.objects.get(order=row.order), by_clock=False)


def _clear(row: Checkout, *, money: Money) -> None:
    """Let everything go that an order held which is over, and its money."""
    _let_go(row, by_clock=True)
    if row.paid_at is not None:
        money.give_back(row.order, row.total, "over")
    Checkout.objects.filter(order=row.order, step="over").update(due_at=None)


def _let_go(row: Checkout, *, by_clock: bool) -> None:
    telling.release(row, by_clock=by_clock)
    because: Because = "not_paid" if row.why in {"not_paid", "left"} else "withdrawn"
    answer = telling.cancel(row, because, by_clock=by_clock)
    if answer.problem is not None and answer.problem.name not in {"order_unknown", "order_over"}:
        _log.warning("an order is over and was not cancelled (%s)", answer.problem.name)


def _undo(row: Checkout, *, money: Money, now: dt.datetime) -> None:
    """Take back a sale whose order was cancelled before anybody had the goods."""
    telling.undo(row, at=row.paid_at or now)
    money.give_back(row.order, row.total, "cancelled")
    _move(row, "over", why="cancelled", due_at=None)


def _cancelled() -> list[Checkout]:
    """Return settled checkouts whose orders were cancelled since."""
    return list(Checkout.objects.filter(order__in=store.find_cancelled(borrowed(Checkout), limit=_LOOK_MAX)))


def _move(row: Checkout, step: Step, *, due_at: dt.datetime | None, why: str = "", **more: Any) -> bool:
    """Let a checkout come from the step in which it was seen to another; ``False`` if somebody else was quicker."""
    changes: Mapping[str, Any] = {"step": step, "due_at": due_at, "why": why or F("why"), **more}
    return bool(Checkout.objects.filter(order=row.order, step=row.step).update(**changes))


def _insist_on_age(priced: Quote, wish: Wish, *, now: dt.datetime) -> None:
    over = quoted.asks_over(priced)
    if over is None:
        return
    known_as = customers_of(wish.user, wish.customer)
    if not any(each.age >= over for each in answers_of(known_as, now=now)):
        raise AgeNotProven(f"Prove that you are over {over}; no date is asked for.", field="basket", over=over)
