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
from django.db.models import F, Q

from comptoir.counter.answers.queries import answers_of
from comptoir.counter.baskets import quoting
from comptoir.counter.baskets.pricing import Quote
from comptoir.counter.baskets.quoting import Found
from comptoir.counter.customers.queries import customer_of_user
from comptoir.counter.loyalty.store import find_programmes
from comptoir.counter.offers.store import find_promotions
from comptoir.counter.orders import queries as orders
from comptoir.counter.orders.contracts import Because
from comptoir.counter.taxes.reading import load_rates
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.borrowing import borrowed
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.errors import FieldInvalid
from comptoir.square.stock.queries import available
from comptoir.vault.checkout import (
    cards,
    delivering,
    gifts,
    letters,
    quoted,
    recipients,
    returning,
    rules,
    store,
    telling,
    tenders,
    waiting,
)
from comptoir.vault.checkout.contracts import CardWish, Recipient, Step, Tender, Wish
from comptoir.vault.checkout.errors import (
    AgeNotProven,
    BasketEmpty,
    CardNotHeld,
    CheckoutOver,
    NotHeld,
    PointsNotHeld,
    PriceChanged,
)
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


def quote(
    basket: str, *, customers: Collection[uuid.UUID], now: dt.datetime, to: str | None = None
) -> tuple[Found, Quote]:
    """Return what is in a basket and what it costs here, for whoever is known under one of these ids.

    ``to`` is the country of the address that it is brought to; unset, it is picked up, or nobody has said yet. Raises
    :class:`BasketEmpty`, also for somebody else's basket, and :class:`NotDeliveredThere`.
    """
    connection = borrowed(Checkout)
    found = quoting.find(connection, basket)
    programmes = find_programmes(connection)
    if found is None or programmes is None or not found.content.pieces:
        raise BasketEmpty(field="basket")
    if found.customer is not None and not {str(each) for each in customers} & set(found.members):
        raise BasketEmpty(field="basket")
    source = house.vault_source()
    return found, quoting.quote(
        connection, found.content, members=found.members, source=source, channel=CHANNEL, at=now, programmes=programmes,
        rates=load_rates(),
        delivery=None if to is None else delivering.price_to(to, programmes.currency),
    )  # fmt: skip


def customers_of(user: uuid.UUID | None, customer: uuid.UUID | None) -> list[uuid.UUID]:
    """Return under which ids the counter knows somebody: who is signed in first, then whom it recognised itself."""
    signed_in = [] if user is None else [customer_of_user(user)]
    return signed_in + ([] if customer is None else [customer])


def titles_of(promotions: Collection[str]) -> list[Mapping[str, str]]:
    """Return what promotions are called, by language."""
    found = find_promotions(borrowed(Checkout), promotions) if promotions else {}
    return [msgspec.to_builtins(each.promotion.titles) for each in found.values()]


def begin(wish: Wish, *, now: dt.datetime, key: str = "") -> tuple[Checkout, str]:
    """Write down what somebody confirms, once; returns the checkout and its order key, empty for one that was there.

    ``key`` is the order key that it gets; without one, it is drawn. Nothing is held by it yet. Raises
    :class:`BasketEmpty`, :class:`NotHeld` where something cannot be sold, :class:`PriceChanged` with the new ``total``
    where another quote was seen, :class:`AgeNotProven`, :class:`ContactInvalid` with the field at fault,
    :class:`NotDeliveredThere`, :class:`NotInStore`, and :class:`FieldInvalid` for what is missing, for more points or
    more of a gift card than is due, and for a gift that cannot be sent any more.
    """
    if (row := Checkout.objects.filter(order=wish.order).first()) is not None:
        return row, ""
    known_as = customers_of(wish.user, wish.customer)
    found, priced = quote(wish.basket, customers=known_as, now=now, to=country_of(wish))
    if priced.missing:
        raise NotHeld(field="basket", products=[each.product for each in priced.missing])
    if priced.digest != wish.digest:
        raise PriceChanged(f"It costs {priced.total} now.", field="digest", total=priced.total)
    _insist_on_age(priced, wish, now=now)
    gift = gifts.of_basket(wish.basket)
    recipient = _recipient(wish, gift)
    known = {
        article.sku for article in available(borrowed(Checkout), [line.product for line in priced.lines], wish.store)
    }
    waiting.check(wish, priced)
    worth = _worth(wish, priced, now=now)
    card = _card(wish, priced, worth=worth)
    key = key or secrets.token_urlsafe(24)
    said = {
        "lines": msgspec.to_builtins(quoted.lines_of(priced)), "basket": quoted.basket_of(priced),
        "codes": quoted.codes_of(priced), "discount": priced.discount,
        "held": msgspec.to_builtins(quoted.held_lines(priced, known, store=wish.store)),
        "rates": [line.tax_rate for line in priced.lines],
        "taxes": msgspec.to_builtins(priced.taxes),
        **({"gift": True} if wish.is_gift else {}),
        **({} if priced.delivery is None else {"delivery": msgspec.to_builtins(priced.delivery)}),
        **({"in_store": True} if wish.in_store else {}),
        "tenders": msgspec.to_builtins(
            rules.tenders_of(priced.total, points=wish.points, worth=worth, card=card.amount if card else 0)
        ),
        **({"card": {"card": card.card, "number": card.number}} if card else {}),
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
            expires_at=now + (waiting.patience() if wish.in_store else rules.PAY_WITHIN), due_at=now + rules.LOOK_AGAIN,
            tells_at=now,
        )  # fmt: skip
        if wish.in_store:
            waiting.admit(wish, now=now)
            # The same page may have been sent at the same moment; whoever was first wrote it down.
            if (first := Checkout.objects.filter(order=wish.order).first()) is not None:
                return first, ""
            # Another order of the same basket may have emptied it since it was looked at.
            again = quote(wish.basket, customers=known_as, now=now, to=country_of(wish))[1]
            if again.digest != priced.digest:
                raise PriceChanged(f"It costs {again.total} now.", field="digest", total=again.total)
        Checkout.objects.bulk_create([row], ignore_conflicts=True)
        if wish.is_gift and gift is not None:
            gifts.keep(wish.order, gift, currency=priced.currency, at=now)
    mine = Checkout.objects.get(order=wish.order)
    return (mine, key) if bytes(mine.key) == digest_of(key) else (mine, "")


def _recipient(wish: Wish, gift: gifts.Found | None) -> Recipient:
    """Return who gets an order as it is kept; refuse what is missing."""
    recipient = recipients.checked(wish.recipient)
    if wish.is_gift and (gift is None or not gift.can_be_sent):
        raise FieldInvalid("It cannot be sent there any more.", field="address")
    if rules.needs_address(wish.by) and recipient.address is None and not wish.is_gift:
        raise FieldInvalid("Where it is brought to.", field="address")
    if wish.is_gift or not rules.needs_address(wish.by):
        # A pick-up has no address at all: what was typed by mistake is not kept.
        recipient = msgspec.structs.replace(recipient, address=None)
    if wish.by == "pickup" and wish.store is None:
        raise FieldInvalid("Where it waits for you.", field="store")
    if wish.user is None and recipient.email is None:
        raise FieldInvalid("Where the receipt goes.", field="email")
    return recipient


def country_of(wish: Wish) -> str | None:
    """Return to which country goods are brought, as far as their price goes; nothing for a pick-up."""
    if not rules.needs_address(wish.by):
        return None
    if wish.is_gift:
        return delivering.home()
    return "" if wish.recipient.address is None else wish.recipient.address.reveal().country


def _worth(wish: Wish, priced: Quote, *, now: dt.datetime) -> int:
    """Return what a point pays, in minor units, where somebody wants to pay with points; refuse what cannot be."""
    if not wish.points:
        return 1
    worth = point_worth(now=now)
    if worth is None or wish.user is None or not 0 < wish.points <= priced.total // worth:
        raise FieldInvalid("So many points cannot be paid with here.", field="points")
    return worth


def _card(wish: Wish, priced: Quote, *, worth: int) -> CardWish | None:
    """Return how much a gift card pays, if one does; what is more than is due is refused."""
    if wish.card is None:
        return None
    if not cards.are_taken() or not 0 < wish.card.amount <= priced.total - wish.points * worth:
        raise FieldInvalid("So much cannot be paid with a gift card here.", field="card")
    return wish.card


def point_worth(*, now: dt.datetime) -> int | None:
    """Return what a point pays here, in minor units; ``None`` where nobody pays with points."""
    programmes = find_programmes(borrowed(Checkout))
    return None if programmes is None else programmes.at(now).programme.worth


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
            # Of what is paid in a store a letter is due first: it says where the pick-up code is.
            in_store = waiting.pays_in_store(row)
            said = {**row.said, "emptied": True} if in_store and telling.empty(row) else row.said
            _move(row, "placed", due_at=now if in_store else row.expires_at + rules.LOOK_AGAIN, said=said)
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
    if problem is None and (points := telling.hold_points(row)) is not None and points.problem is not None:
        problem = PointsNotHeld(points.problem.detail or points.problem.title, field="points")
    if problem is None and (card := telling.hold_card(row)) is not None and card.problem is not None:
        problem = CardNotHeld(card.problem.title, field="card")
    if problem is None:
        _move(row, "held", due_at=now + rules.LOOK_AGAIN)
        return
    _end(row, problem.name, now=now)
    raise problem


def _settle(row: Checkout, *, now: dt.datetime) -> None:
    """Redeem, book the sale, and end. What cannot be redeemed any more is given back in full."""
    found = orders.order(row.order)
    if found is not None and found.state == "cancelled":
        _move(row, "over", why="too_late", due_at=now)
        return
    taken = telling.take(row)
    if refused := next((each.problem for each in taken if each.problem is not None), None):
        _log.warning("an order was paid too late for what was held (%s)", refused.name)
        if not waiting.pays_in_store(row):
            telling.untake(row, taken)
            _move(row, "over", why="too_late", due_at=now)
            return
        # Somebody has the goods already, and has paid what was shown: that is what is booked.
    answers = telling.sell(row)
    for answer in answers:
        if answer.problem is not None:
            what = " of ".join(each for each in (answer.problem.name, answer.problem.field) if each)
            _log.error("a paid order cannot be booked (%s)", what)
            Checkout.objects.filter(order=row.order).update(due_at=now + 10 * rules.LOOK_AGAIN)
            raise CheckoutOver
    sold = answers[0]
    earned = {"earned": max(sold.points, 0), "earned_by_line": list(sold.points_by_line)}
    # What is due of it now is the receipt.
    _move(row, "settled", due_at=now, said={**row.said, **earned})


def note_paid(order: uuid.UUID, *, at: dt.datetime) -> bool:
    """Write down that an order's money is there; in the transaction of whoever heard it.

    Returns whether it is wanted: for an order that is over, or was paid before, it is to be given back.
    """
    # What is paid in the store, no provider was ever asked for.
    elsewhere = Q(said__in_store__isnull=True) | Q(said__in_store=False)
    waits = Checkout.objects.filter(elsewhere, order=order, step="placed")
    return bool(waits.update(step="paid", paid_at=at, due_at=at))


def note_over(order: uuid.UUID, *, at: dt.datetime) -> None:
    """Write down that no money will come for an order; in the transaction of whoever heard it."""
    Checkout.objects.filter(order=order, step="placed").update(step="over", why="not_paid", due_at=at)


def give_up(order: uuid.UUID, *, money: Money, now: dt.datetime) -> None:
    """End an order that is not paid, because whoever began it does not want it any more."""
    row = Checkout.objects.get(order=order)
    if row.step in {"begun", "held"}:
        _end(row, "withdrawn", now=now)
    elif row.step == "placed" and waiting.pays_in_store(row):
        if _fall(row, "withdrawn", by_clock=False):
            _move(row, "over", why="withdrawn", due_at=now + rules.LOOK_AGAIN)
    elif row.step == "placed":
        money.close(order)


def look_at_due(*, money: Money, now: dt.datetime, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Go on with every checkout that is due; returns with how many."""
    rows = Checkout.objects.filter(due_at__lte=now).order_by("due_at")[:_LOOK_MAX]
    returned = Checkout.objects.filter(order__in=returning.waiting(now=now))
    looks = [*((_undo, row) for row in _cancelled()), *((_look, row) for row in rows)]
    taken = Checkout.objects.filter(order__in=store.find_taken(borrowed(Checkout), limit=_LOOK_MAX))
    looks += [(_book, row) for row in taken]
    looks += [(_repay, row) for row in returned]
    has_news = Checkout.objects.filter(order__in=store.find_news(borrowed(Checkout), now=now, limit=_LOOK_MAX))
    looks += [(_tell, row) for row in has_news]
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
    elif row.step == "placed" and waiting.pays_in_store(row):
        _wait(row, now=now)
    elif row.step == "placed":
        if now >= row.expires_at:
            # Only its confirmation ends the order: the customer may be paying in this very second.
            money.close(row.order)
    elif row.step == "over" and row.why == "cancelled":
        letters.send(row, "cancelled", now=now)
    elif row.step == "over":
        _clear(row, money=money)
    elif row.step == "settled":
        letters.send(row, "receipt", now=now)


def _tell(row: Checkout, *, money: Money, now: dt.datetime) -> None:  # noqa: ARG001 - the shape of a look
    """Tell whoever ordered that it lies ready, or has left; what was fetched before that is no news."""
    found = orders.order(row.order)
    assert found is not None, "it was found by its order"
    if found.by == "delivery":
        letters.tell(row, "left", since=found.moments["handed_over"], now=now)
    elif found.state == "packed" or found.is_to_be_taken:
        letters.tell(row, "ready", since=found.moments["packed"], now=now)
    else:
        Checkout.objects.filter(order=row.order).update(tells_at=None)


def _wait(row: Checkout, *, now: dt.datetime) -> None:
    """Go on with an order that is paid in the store: it is told where its code is, falls, or was handed over."""
    if now < row.expires_at:
        letters.send(row, "waits", now=now)
    elif _fall(row, "not_paid", by_clock=True):
        _move(row, "over", why="not_paid", due_at=now + rules.LOOK_AGAIN)


def _fall(row: Checkout, because: Because, *, by_clock: bool) -> bool:
    """Cancel an order that is paid in the store, unless it was handed over before: the counter decides which was first.

    Only then anything is let go.
    """
    answer = telling.cancel(row, because, by_clock=by_clock)
    found = orders.order(row.order)
    if found is not None and found.was_handed_over:
        return False
    if answer.problem is not None and (found is None or found.state != "cancelled"):
        raise CheckoutOver
    telling.release(row, by_clock=by_clock)
    return True


def _book_taken(row: Checkout, *, now: dt.datetime) -> None:
    """Book an order that was handed over for money in a store."""
    found = orders.order(row.order)
    assert found is not None, "it was found by its order"
    assert found.taken is not None, "without it, nobody is handed what is paid in the store"
    paid = [msgspec.to_builtins(Tender(found.taken.means, found.taken.amount))]
    at = found.moments["handed_over"]
    if _move(row, "paid", paid_at=at, due_at=now, said={**row.said, "tenders": paid}):
        advance(row.order, now=now)


def _end(row: Checkout, why: str, *, now: dt.datetime) -> None:
    # What another request was asking for in this moment comes after what is let go now: the clock lets go once more.
    if _move(row, "over", why=why, due_at=now + rules.LOOK_AGAIN):
        _let_go(Checkout.objects.get(order=row.order), by_clock=False)


def _clear(row: Checkout, *, money: Money) -> None:
    """Let everything go that an order held which is over, and its money."""
    _let_go(row, by_clock=True)
    if row.paid_at is not None and (due := tenders.due(row)):
        money.give_back(row.order, due, "over")
    Checkout.objects.filter(order=row.order, step="over").update(due_at=None, tells_at=None)


def _let_go(row: Checkout, *, by_clock: bool) -> None:
    telling.release(row, by_clock=by_clock)
    because: Because = "not_paid" if row.why in {"not_paid", "left"} else "withdrawn"
    answer = telling.cancel(row, because, by_clock=by_clock)
    if answer.problem is not None and answer.problem.name not in {"order_unknown", "order_over"}:
        _log.warning("an order is over and was not cancelled (%s)", answer.problem.name)


def _undo(row: Checkout, *, money: Money, now: dt.datetime) -> None:
    """Take back a sale whose order was cancelled before anybody had the goods, or let go what was never paid."""
    if row.step == "placed":
        _undo_placed(row, money=money, now=now)
        return
    # What came back before has its money back already.
    before = [each for each in returning.came_back(row) if each.back.receipt != telling.undoing(row)]
    telling.undo(row, [each.back for each in before], at=row.paid_at or now)
    left = tenders.left(row, [each.parts for each in before])
    if left.get("provider"):
        money.give_back(row.order, left["provider"], "cancelled")
    telling.give_points(row, left.get("points", 0), "cancelled", at=row.paid_at or now)
    cards.give_back(row, left.get("gift_card", 0), "cancelled", at=row.paid_at or now)
    _over_cancelled(row, left, now=now)


def _over_cancelled(row: Checkout, back: Mapping[str, int], *, now: dt.datetime) -> None:
    """End a cancelled order; of what its customer has not called off, they are told, with what is paid back."""
    found = orders.order(row.order)
    is_told = found is not None and found.because in {"by_staff", "out_of_stock"}
    _move(
        row,
        "over",
        why="cancelled",
        due_at=now if is_told else None,
        said={**row.said, "back": dict(back), "over_at": now.isoformat()},
    )


def _undo_placed(row: Checkout, *, money: Money, now: dt.datetime) -> None:
    if waiting.pays_in_store(row):
        telling.release(row, by_clock=True)
        _over_cancelled(row, {}, now=now)
    else:
        # Somebody may be paying in this very second: the provider's word ends it, and what came goes back.
        money.close(row.order)


def _book(row: Checkout, *, money: Money, now: dt.datetime) -> None:  # noqa: ARG001 - the looks' shape
    _book_taken(row, now=now)


def _repay(row: Checkout, *, money: Money, now: dt.datetime) -> None:
    returning.repay(row.order, give_back=money.give_back, now=now)


def _cancelled() -> list[Checkout]:
    """Return checkouts that are placed or settled, and whose orders were cancelled since."""
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
