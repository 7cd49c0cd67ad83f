"""A piece is forgotten: one card, or one purchase, of somebody who stays.

The wish is written down first; the counter decides, in one transaction of its own. If it refuses, the wish is gone and
nothing was changed. If it cannot be reached, the worker asks again, and the same wish happens once. What a list of the
shop said of the card, and whose order a purchase was, goes after the counter has agreed; the wish goes last, with the
receipt. A purchase whose order is open waits for it, as everything does (``forgetting.py``). What stays is an entry in
the audit chain that says what kind of piece it was.

Not here: the counter's part (``counter/customers``, ``counter/loyalty``), pages (``views.py``), contact data
(``vault/contacts``).
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec
from django.db import connections, transaction

from comptoir.counter.customers.contracts import CUSTOMER_KIND, IDENTIFIER_FORGET, SALE_FORGET, USER_KIND
from comptoir.counter.customers.errors import PieceUnknown
from comptoir.counter.customers.queries import customer_of_user, person_of
from comptoir.counter.loyalty import queries as loyalty
from comptoir.counter.sales import queries as sales
from comptoir.counter.sales.policy import return_days
from comptoir.counter.sales.queries import Purchase
from comptoir.foundation.events import audit
from comptoir.foundation.events import queries as events
from comptoir.foundation.kernel import codec
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.errors import GatewayAway, HouseNotInMap, HouseWithoutKey
from comptoir.vault.checkout import forgetting as checkouts
from comptoir.vault.contacts import subscriptions
from comptoir.vault.credentials.models import Kind, User
from comptoir.vault.lists import commands as lists
from comptoir.vault.rights import receipts
from comptoir.vault.rights.errors import ForgettingUnderWay, NobodyToForget, OrdersOpen, PieceNotForgotten
from comptoir.vault.rights.forgetting import RECEIPT_KEPT, WAITS_MAX, backup_days
from comptoir.vault.rights.holders import customers_of
from comptoir.vault.rights.models import Forgetting, PieceWish, Receipt

_log = logging.getLogger("comptoir.rights")

Points = Literal["kept", "given_up"]
#: Of so many events, the latest, the purchases are looked for and shown.
EVENTS_SHOWN: Final = 1_000
PURCHASES_A_PAGE: Final = 20
_TOO_EARLY: Final = "occurred_too_early"


class Card(msgspec.Struct, frozen=True):
    """One identifier of a person that can be forgotten by itself, with the points that would go with it."""

    customer: uuid.UUID
    kind: str
    points: int
    purchases: int


class Bought(msgspec.Struct, frozen=True):
    """One purchase that can be forgotten, with what it brought; its points can be kept from a moment on."""

    purchase: Purchase
    points: int
    kept_from: dt.datetime


# -- what there is ------------------------------------------------------------------------------------------------


def cards_of(user: uuid.UUID) -> list[Card]:
    """Return what a user is recognised by, apart from the sign-in itself."""
    with entered(VAULT):
        own = customer_of_user(user)
        person = person_of(own)
        others = [] if person is None else [each for each in person.members if each.customer != own]
        return [
            Card(
                each.customer,
                each.kind,
                loyalty.wallet([each.customer]).available,
                len(sales.purchases(_latest([each.customer]))),
            )
            for each in others
        ]


def purchases_of(user: uuid.UUID, *, page: int) -> tuple[list[Purchase], bool]:
    """Return a page of a user's purchases, the latest first, and whether there is another one."""
    with entered(VAULT):
        customers = customers_of(user)
        found = sales.purchases(_latest(customers)) if customers else []
    start = (page - 1) * PURCHASES_A_PAGE
    return found[start : start + PURCHASES_A_PAGE], len(found) > start + PURCHASES_A_PAGE


def bought(user: uuid.UUID, position: uuid.UUID) -> Bought:
    """Return one of a user's purchases. Raises :class:`PieceUnknown`."""
    with entered(VAULT):
        customers = customers_of(user)
        purchase = sales.purchase_of(customers, position) if customers else None
        if purchase is None:
            raise PieceUnknown
        points = loyalty.brought(customers, [position, *sales.places_of_returns(purchase)])
    return Bought(purchase, points, purchase.occurred_at + dt.timedelta(days=return_days()))


def _latest(customers: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    moved = loyalty.latest_positions_of(customers, limit=EVENTS_SHOWN)
    told = events.latest_positions_of(customers, limit=EVENTS_SHOWN)
    return sorted({*moved, *told}, reverse=True)[:EVENTS_SHOWN]


# -- what is asked ------------------------------------------------------------------------------------------------


def forget_card(user: uuid.UUID, customer: uuid.UUID, *, actor: str, at: dt.datetime) -> uuid.UUID:
    """Forget one customer of a user's person, and return the wish's number, under which the receipt is found.

    Raises :class:`NobodyToForget`; :class:`PieceUnknown` for what is not theirs, or is the sign-in itself;
    :class:`PieceNotForgotten` where the counter refuses, and then nothing was changed; and
    :class:`ForgettingUnderWay` while the counter cannot be asked: the wish is kept.
    """
    with entered(VAULT):
        if customer == customer_of_user(user) or customer not in customers_of(user):
            raise PieceUnknown
    return _wished(user, actor=actor, at=at, what="card", customer=customer)


def forget_purchase(
    user: uuid.UUID, *, source: str, receipt: str, points: Points, actor: str, at: dt.datetime
) -> uuid.UUID:
    """Forget one purchase of a user's, its points ``kept`` or ``given_up``; returns and raises as for a card.

    While something of its order is still to reach them, the wish is kept, and :class:`OrdersOpen` raised.
    """
    return _wished(user, actor=actor, at=at, what="purchase", source=source, receipt=receipt, points=points)


def _wished(user: uuid.UUID, *, actor: str, at: dt.datetime, what: str, **piece: Any) -> uuid.UUID:
    points = {"points": piece.pop("points")} if "points" in piece else {}
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        if not User.objects.filter(id=user, kind=Kind.CUSTOMER).exists():
            raise NobodyToForget
        wish, _ = PieceWish.objects.get_or_create(
            user=user, what=what, **piece, defaults={"id": uuid.uuid4(), "asked_at": at, "actor": actor, **points}
        )
    finish(wish, at=at)
    return wish.id


def finish(wish: PieceWish, *, at: dt.datetime) -> str | None:
    """Have the counter forget the piece, and return the receipt; ``None`` if the user was forgotten meanwhile.

    Raises :class:`PieceNotForgotten` and :class:`ForgettingUnderWay`, as above.
    """
    _wait_for_its_order(wish, at=at)
    answer = _asked(wish, at=at)
    if answer.problem is not None:
        with entered(VAULT):
            PieceWish.objects.filter(id=wish.id).delete()
        raise PieceNotForgotten.because(answer.problem.name, answer.problem.detail or answer.problem.title)
    if wish.customer is not None:
        checkouts.let_go([wish.customer])
        lists.forget([wish.customer], actor=wish.actor, at=at)
        subscriptions.forget([wish.customer], actor=wish.actor, at=at)
    else:
        checkouts.sever_order(wish.user, wish.source, wish.receipt)
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        # Two who finish one wish at once: the second waits here, and finds the receipt of the first.
        if not PieceWish.objects.select_for_update().filter(id=wish.id).exists():
            return Receipt.objects.filter(wish=wish.id).values_list("text", flat=True).first()
        what: Literal["card", "purchase"] = "card" if wish.what == "card" else "purchase"
        text = receipts.write_piece(wish.id, what=what, asked_at=wish.asked_at, done_at=at, days=backup_days())
        Receipt.objects.create(wish=wish.id, text=text, kept_until=at + RECEIPT_KEPT)
        PieceWish.objects.filter(id=wish.id).delete()
        with connections[VAULT.name].cursor() as cursor:
            audit.append(
                cursor, room=VAULT, actor=wish.actor, action=f"rights.{what}_forgotten", subject=wish.user,
                purpose="the person asked for it", at=at, detail={"receipt": codec.fingerprint(text.encode()).hex()},
            )  # fmt: skip
    return text


def finish_all(*, at: dt.datetime) -> tuple[int, int]:
    """Finish whatever is left to do; returns how many wishes were finished or refused, and how many still wait."""
    with entered(VAULT):
        wishes = list(PieceWish.objects.order_by("asked_at"))
        # Who wants everything forgotten wants this too, and it goes with the rest.
        wishes = [each for each in wishes if not Forgetting.objects.filter(user=each.user).exists()]
    done = 0
    for wish in wishes:
        try:
            finish(wish, at=at)
        except OrdersOpen:
            continue
        except ForgettingUnderWay as problem:
            _log.warning("a piece waits to be forgotten: %s", problem.detail or problem.title())
        except PieceNotForgotten as problem:
            _log.warning("a piece is not forgotten: %s", problem.reason)
            done += 1
        else:
            done += 1
    return done, len(wishes) - done


def _wait_for_its_order(wish: PieceWish, *, at: dt.datetime) -> None:
    """Raise :class:`OrdersOpen` while something of the order of a purchase is to reach somebody, and it may wait."""
    until = wish.asked_at + WAITS_MAX
    if wish.customer is not None or at >= until:
        return
    if (found := checkouts.open_order(wish.user, wish.source, wish.receipt)) is not None:
        raise OrdersOpen(f"Open orders: {found.number}. It waits until {until:%Y-%m-%d} at most.")


def _asked(wish: PieceWish, *, at: dt.datetime) -> house.Answer:
    about: dict[str, Any] = {"customer": {"kind": USER_KIND, "value": str(wish.user)}}
    if wish.customer is not None:
        event, about["identifier"] = IDENTIFIER_FORGET, {"kind": CUSTOMER_KIND, "value": str(wish.customer)}
    else:
        event, about["sale"] = SALE_FORGET, {"source": wish.source, "receipt": wish.receipt}
        about["points"] = wish.points
    try:
        answer = house.send(event, about, request=wish.id, at=wish.asked_at)
        if answer.problem is not None and answer.problem.name == _TOO_EARLY:
            # It was never heard: the counter had been away for longer than it takes anything late.
            answer = house.send(event, about, request=uuid.uuid4(), at=at)
    except (GatewayAway, HouseNotInMap, HouseWithoutKey) as error:
        raise ForgettingUnderWay(error.detail) from error
    return answer
