"""Writes: somebody is forgotten, for good. Every function enters the vault and opens its own transactions."""

from __future__ import annotations

import datetime as dt
import uuid

from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.checkout.forgetting import Open
from comptoir.vault.credentials.models import Kind, User
from comptoir.vault.rights import forgetting
from comptoir.vault.rights.errors import NobodyToForget
from comptoir.vault.rights.models import Forgetting, PieceWish, Receipt


def forget(user: uuid.UUID, *, actor: str, at: dt.datetime) -> str:
    """Forget a customer and return the signed receipt.

    The wish is kept from the first moment on. Raises :class:`NobodyToForget` for who is no customer of the vault, and
    :class:`ForgettingUnderWay` if a part of the house is away: then it is finished as soon as that part is back. Raises
    :class:`OrdersOpen` while something of an order is to reach them: then it is finished after that, or in 30 days.
    """
    ask(user, actor=actor, at=at)
    with entered(VAULT):
        wish = Forgetting.objects.filter(user=user).first()
    if wish is None:  # somebody else has just finished it
        raise NobodyToForget
    return forgetting.finish(wish, at=at)


def ask(user: uuid.UUID, *, actor: str, at: dt.datetime) -> uuid.UUID:
    """Write the wish down and return its number, under which the receipt will be found. Raises as :func:`forget`."""
    if not can_be_forgotten(user):
        raise NobodyToForget
    return forgetting.ask(user, actor=actor, at=at).id


def can_be_forgotten(user: uuid.UUID) -> bool:
    """Tell whether this is a customer of the vault, or was one until a wish that is not done yet."""
    with entered(VAULT):
        is_customer: bool = User.objects.filter(id=user, kind=Kind.CUSTOMER).exists()
        return is_customer or Forgetting.objects.filter(user=user).exists()


def open_orders(user: uuid.UUID) -> list[Open]:
    """Return the orders for which forgetting somebody waits, 30 days at most."""
    return forgetting.open_orders(user)


def asked_at(user: uuid.UUID) -> dt.datetime | None:
    """Return since when somebody's wish is written down, if it is."""
    with entered(VAULT):
        return Forgetting.objects.filter(user=user).values_list("asked_at", flat=True).first()


def waits_until(wish: uuid.UUID, *, now: dt.datetime) -> dt.datetime | None:
    """Return until when a wish waits for open orders at most; ``None`` where it waits for none."""
    with entered(VAULT):
        found = Forgetting.objects.filter(id=wish).first()
    if found is None or not forgetting.waits_for(found, at=now):
        return None
    return found.asked_at + forgetting.WAITS_MAX


def receipt_of(wish: uuid.UUID) -> str | None:
    """Return the receipt of a wish, or ``None`` while it is under way or after the receipt's time."""
    with entered(VAULT):
        return Receipt.objects.filter(wish=wish).values_list("text", flat=True).first()


def is_under_way(wish: uuid.UUID) -> bool:
    """Tell whether a wish is written down and not done."""
    with entered(VAULT):
        return Forgetting.objects.filter(id=wish).exists() or PieceWish.objects.filter(id=wish).exists()
