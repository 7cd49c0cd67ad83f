"""Forgetting a person, step by step; each step may be taken twice, and the next one begins where the last one ended.

The wish is written down first and its row goes last, so that a crash at any moment leaves a wish that the worker
finishes later. While something of an order is still to reach the person, for which their address is needed, it waits
with all of it, for thirty days at most. In between: every sign-in ends, what the shop's old lists said of them is
dropped, the counter severs everything of theirs from them, the keys of their contact data are destroyed, their orders
become nobody's, and every other row that the map of personal data gives to a user is deleted, the user last.
What stays is the audit chain, which knows a random id, and a receipt that does not even know that.

Not here: the counter's part (``counter/customers/forgetting.py``), who may ask (``commands.py`` and the views).
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import uuid
from collections.abc import Callable, Iterator
from typing import Final

from django.apps import apps
from django.db import connections, transaction
from django.db.models import Model, QuerySet

from comptoir.counter.customers.contracts import USER_KIND
from comptoir.counter.customers.rules import customer_id
from comptoir.foundation.events import audit
from comptoir.foundation.kernel import codec
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.rooms.grants import access_of
from comptoir.foundation.rooms.personal import Erasure, Whose, personal_tables
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.errors import GatewayAway, HouseNotInMap, HouseWithoutKey
from comptoir.vault.checkout import forgetting as checkouts
from comptoir.vault.checkout.forgetting import Open
from comptoir.vault.contacts import commands as contacts
from comptoir.vault.contacts import subscriptions
from comptoir.vault.credentials.commands import end_all_sign_ins
from comptoir.vault.credentials.mail import drop_letters
from comptoir.vault.credentials.models import Kind, User
from comptoir.vault.lists import commands as lists
from comptoir.vault.lists import queries as listed
from comptoir.vault.messages import commands as messages
from comptoir.vault.messages.texts import drop_texts
from comptoir.vault.rights import receipts
from comptoir.vault.rights.errors import ForgettingUnderWay, OrdersOpen
from comptoir.vault.rights.holders import customers_of
from comptoir.vault.rights.models import Forgetting, Receipt

_log = logging.getLogger("comptoir.rights")

FORGOTTEN: Final = "customer.forgotten"
#: What the counter answers about somebody who is nobody already.
_DONE: Final = frozenset({"customer_forgotten"})
_TOO_EARLY: Final = "occurred_too_early"
#: How long the receipt can be fetched by its number.
RECEIPT_KEPT: Final = dt.timedelta(days=30)
BACKUP_DAYS_DEFAULT: Final = 35
#: For so long forgetting waits for open orders: the law gives a month (GDPR, article 12, paragraph 3).
WAITS_MAX: Final = dt.timedelta(days=30)


def backup_days() -> int:
    """Return how long a backup is kept at most: ``COMPTOIR_BACKUP_DAYS``."""
    return int(os.environ.get("COMPTOIR_BACKUP_DAYS") or BACKUP_DAYS_DEFAULT)


def ask(user: uuid.UUID, *, actor: str, at: dt.datetime) -> Forgetting:
    """Write the wish down, and in the audit chain; the same wish again is the first one."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        wish, is_new = Forgetting.objects.get_or_create(
            user=user, defaults={"id": uuid.uuid4(), "asked_at": at, "actor": actor}
        )
        if is_new:
            _note("rights.forgetting_asked", user, actor=actor, at=at)
    return wish


def finish(wish: Forgetting, *, at: dt.datetime) -> str:
    """Do what is left to do for a wish and return the receipt. Raises :class:`ForgettingUnderWay` while it cannot.

    While it waits for orders, that is :class:`OrdersOpen`, and nothing is changed.
    """
    user = wish.user
    if found := waits_for(wish, at=at):
        numbers, until = ", ".join(each.number for each in found), wish.asked_at + WAITS_MAX
        raise OrdersOpen(f"Open orders: {numbers}. It waits until {until:%Y-%m-%d} at most.")
    end_all_sign_ins(user=User(pk=user))
    # Lists know people by their opaque ids, which lead nowhere once the counter has severed them: so they come first.
    with entered(VAULT):
        customers = customers_of(user)
    checkouts.let_go(customers)
    messages.forget(customers)
    lists.forget(customers, actor=wish.actor, at=at)
    subscriptions.forget(customers, actor=wish.actor, at=at)
    _sever(wish, at=at)
    keys = contacts.destroy(user, actor=wish.actor, at=at)
    # Where no mail server is, letters lie in the shop's folder: codes that are over, and notices, with addresses.
    drop_letters()
    drop_texts()
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        # Two who finish one wish at once: the second waits here, and finds the receipt of the first.
        if not Forgetting.objects.select_for_update().filter(id=wish.id).exists():
            return Receipt.objects.get(wish=wish.id).text
        rows = _delete_rows(user)
        text = receipts.write(wish.id, asked_at=wish.asked_at, done_at=at, keys=keys, rows=rows, days=backup_days())
        Receipt.objects.create(wish=wish.id, text=text, kept_until=at + RECEIPT_KEPT)
        Forgetting.objects.filter(id=wish.id).delete()
        digest = codec.fingerprint(text.encode()).hex()
        _note("rights.forgotten", user, actor=wish.actor, at=at, receipt=digest)
    return text


def waits_for(wish: Forgetting, *, at: dt.datetime) -> list[Open]:
    """Return the orders for which a wish waits: none once its time is over."""
    if at >= wish.asked_at + WAITS_MAX:
        return []
    return open_orders(wish.user)


def open_orders(user: uuid.UUID) -> list[Open]:
    """Return the orders of which something is still to reach somebody."""
    with entered(VAULT):
        return checkouts.open_orders(user)


def left_to_do() -> list[Forgetting]:
    """Return the wishes that are not done, the oldest first."""
    with entered(VAULT):
        return list(Forgetting.objects.order_by("asked_at"))


def finish_all(*, at: dt.datetime) -> tuple[int, int]:
    """Finish whatever is left to do; returns how many wishes were finished, and how many still wait."""
    wishes = left_to_do()
    done = 0
    for wish in wishes:
        try:
            finish(wish, at=at)
        except OrdersOpen:
            continue
        except ForgettingUnderWay as problem:
            _log.warning("somebody waits to be forgotten: %s", problem.detail or problem.title())
        else:
            done += 1
    return done, len(wishes) - done


def forget_restored(
    is_forgotten: Callable[[str], bool],
    *,
    is_sale_forgotten: Callable[[str, str], bool],
    identifiers: bytes,
    at: dt.datetime,
) -> int:
    """Delete the users of a restored database whose customer was forgotten meanwhile; returns how many.

    What the shop's old lists said of forgotten customers goes as well, and whose orders those purchases were that are
    forgotten by themselves, of which ``is_sale_forgotten`` tells by source and receipt. ``identifiers`` is the key by
    which opaque ids are derived. The counter's part is not done here.
    """
    checkouts.sever_restored(is_sale_forgotten)
    checkouts.let_go([customer for customer in checkouts.customers() if is_forgotten(str(customer))])
    forgotten = [customer for customer in listed.customers() if is_forgotten(str(customer))]
    lists.forget(forgotten, actor="operator", at=at)
    subscriptions.end(subscriptions.unwanted(at=at), actor="operator", at=at)
    with entered(VAULT):
        users = [
            user
            for user in User.objects.filter(kind=Kind.CUSTOMER).values_list("id", flat=True)
            if is_forgotten(customer_id(identifiers, USER_KIND, str(user)))
        ]
    for user in users:
        contacts.destroy(user, actor="operator", at=at)
        with entered(VAULT), transaction.atomic(using=VAULT.name):
            _delete_rows(user)
            _note("rights.forgotten_again", user, actor="operator", at=at)
    return len(users)


def _sever(wish: Forgetting, *, at: dt.datetime) -> None:
    """Have the counter forget everything of theirs. The same wish twice happens once, whatever became of the answer."""
    about = {"customer": {"kind": USER_KIND, "value": str(wish.user)}}
    try:
        answer = house.send(FORGOTTEN, about, request=wish.id, at=wish.asked_at)
        if answer.problem is not None and answer.problem.name == _TOO_EARLY:
            answer = house.send(FORGOTTEN, about, request=uuid.uuid4(), at=at)
    except (GatewayAway, HouseNotInMap, HouseWithoutKey) as error:
        raise ForgettingUnderWay(error.detail) from error
    if answer.problem is not None and answer.problem.name not in _DONE:
        raise ForgettingUnderWay(answer.problem.detail)


def _delete_rows(user: uuid.UUID) -> dict[str, int]:
    """Delete every row that the map of personal data gives to a user of the vault; returns how many, by table.

    Their orders are severed instead.
    """
    # What other rooms know of a sign-in is its number alone: it ends first, and every visit with it.
    end_all_sign_ins(user=User(pk=user))
    checkouts.sever(user)
    deleted: dict[str, int] = {}
    for model, column in _tables_of_users():
        count = QuerySet(model).filter(**{column: user}).delete()[0]
        if count:
            deleted[model._meta.db_table] = count
    count = User.objects.filter(id=user).delete()[0]
    if count:
        deleted[User._meta.db_table] = count
    return deleted


def _tables_of_users() -> Iterator[tuple[type[Model], str]]:
    """Yield every table of which the vault deletes a user's rows, and the column by which they are found."""
    models = {model._meta.db_table: model for model in apps.get_models(include_auto_created=True)}
    ours = {User._meta.db_table, Forgetting._meta.db_table}
    for name, personal in personal_tables().items():
        model = models.get(name)
        is_deleted = personal.erased in (Erasure.DELETED, Erasure.SHREDDED)
        if model is None or name in ours or personal.whose is not Whose.USER or not is_deleted:
            continue
        if "DELETE" in access_of(model).of(VAULT):
            yield model, personal.subject


def _note(action: str, user: uuid.UUID, *, actor: str, at: dt.datetime, **detail: str) -> None:
    with connections[VAULT.name].cursor() as cursor:
        audit.append(
            cursor, room=VAULT, actor=actor, action=action, subject=user, purpose="the person asked for it", at=at,
            detail=detail,
        )  # fmt: skip
