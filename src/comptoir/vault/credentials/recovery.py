"""Recovery in person: who lost every passkey comes to the counter with the card, and makes a new one on their device.

Somebody who works here makes a link that is good once and for a quarter of an hour; it lets a passkey be made, and
nothing be seen. Then it is as with every other change: spending cools, the address is told with a link that stops
everything, and the passkeys from before stay and cannot be taken away meanwhile. Not here: HTTP, and passkeys.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
import uuid
from collections.abc import Mapping
from typing import Any, Final

from allauth.mfa.models import Authenticator
from django.db import transaction

from comptoir.counter.customers.contracts import USER_KIND
from comptoir.counter.customers.queries import customer_of_user, person_of
from comptoir.counter.customers.rules import customer_id
from comptoir.foundation.kernel import shop
from comptoir.foundation.kernel.codec import digest_of
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.contacts.queries import find_by_email
from comptoir.vault.credentials import passkeys, safety
from comptoir.vault.credentials.errors import (
    PasskeyReplayed,
    PasskeysMany,
    RecoveriesInvalid,
    RecoveriesMany,
    RecoveryOwn,
    RecoveryReasonMissing,
    RecoveryRefused,
    RecoveryUnknown,
    SpendingHeld,
)
from comptoir.vault.credentials.models import Kind, Recovery, User

LINK_LIFE: Final = dt.timedelta(minutes=15)
#: What a card's number is called; what else identifies somebody proves less.
CARD: Final = "card"
RECOVERIES_A_DAY: Final = 5
_RECOVERIES_A_DAY_MAX: Final = 100
_REASON_CHARACTERS: Final = (3, 160)
_NUMBER_LENGTH_MAX: Final = 200
_SECRET_BYTES: Final = 32
_PASSKEY_NAME_LENGTH_MAX: Final = 60
_DAY: Final = dt.timedelta(days=1)


def a_day() -> int:
    """Return how many links one staff member may make a day (``COMPTOIR_RECOVERIES_A_DAY``).

    Raises :class:`RecoveriesInvalid`.
    """
    text = os.environ.get("COMPTOIR_RECOVERIES_A_DAY", "").strip() or str(RECOVERIES_A_DAY)
    number = whole(text, _RECOVERIES_A_DAY_MAX)
    if number is None:
        raise RecoveriesInvalid(f"{text!r}: a whole number from 0 to {_RECOVERIES_A_DAY_MAX}.")
    return number


def allow(*, staff: User, card: str, reason: str, now: dt.datetime) -> str:
    """Return a link for the customer to whom a card belongs; one that was made for them before is void.

    The customer reads who did it, when and why. Raises :class:`RecoveryReasonMissing`, :class:`RecoveryUnknown`,
    :class:`RecoveryOwn`, :class:`RecoveriesMany`, and :class:`SpendingHeld` for whom everything was stopped.
    """
    reason = " ".join(reason.split())
    if not _REASON_CHARACTERS[0] <= len(reason) <= _REASON_CHARACTERS[1] or not reason.isprintable():
        raise RecoveryReasonMissing(field="reason")
    assert staff.kind == Kind.STAFF, "customers recover by themselves"
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        User.objects.select_for_update().get(pk=staff.pk)
        if Recovery.objects.filter(staff_member=staff.pk, issued_at__gt=now - _DAY).count() >= a_day():
            raise RecoveriesMany
        customer = _customer_with(card)
        if find_by_email(staff.email or "") == customer.pk:
            raise RecoveryOwn
        if safety.is_frozen(customer):
            raise SpendingHeld("spending_frozen")
        Recovery.objects.filter(user=customer, used_at=None, expires_at__gt=now).update(expires_at=now)
        Recovery.objects.create(
            digest=digest_of(secret), user=customer, staff_member=staff.pk, issued_at=now, expires_at=now + LINK_LIFE
        )
        safety.note("credentials.recovery_allowed", user=customer.pk, at=now, purpose=reason, actor=f"staff:{staff.pk}")
    return addresses.url_of(VAULT, f"/recover/{secret}/")


def whose(*, secret: str, now: dt.datetime) -> User:
    """Return for whom a link is, without using it. Raises :class:`RecoveryRefused`."""
    with entered(VAULT):
        found = Recovery.objects.filter(
            digest=digest_of(secret), used_at=None, expires_at__gt=now, issued_at__lte=now, user__is_active=True
        )
        link = found.select_related("user").first()
    if link is None:
        raise RecoveryRefused
    return link.user


def recover(
    *, secret: str, made_for: uuid.UUID, passkey: Mapping[str, Any], name: str, now: dt.datetime
) -> Authenticator:
    """Use a link up, and keep the passkey that was made with it; spending cools.

    Raises :class:`RecoveryRefused`, also for the second of two at once, :class:`PasskeyReplayed`,
    :class:`PasskeysMany`, and see ``safety.change``.
    """
    user = whose(secret=secret, now=now)
    if made_for != user.pk:
        raise PasskeyReplayed(field="credential")
    kept: list[Authenticator] = []

    def make() -> None:
        if Recovery.objects.filter(digest=digest_of(secret), used_at=None, expires_at__gt=now).update(used_at=now) != 1:
            raise RecoveryRefused
        if Authenticator.objects.filter(user=user).count() >= passkeys.PASSKEYS_MAX:
            raise PasskeysMany(f"At most {passkeys.PASSKEYS_MAX}.")
        kept.append(passkeys.keep(user, name=name[:_PASSKEY_NAME_LENGTH_MAX], credential=passkey))

    safety.change(user, "recovered_in_person", now=now, make=make, purpose="in person, at the counter")
    return kept[0]


def _customer_with(card: str) -> User:
    """Return the customer whose passkey is linked with a card.

    Nothing leads from the counter's number of somebody to the vault's: each user's is derived anew and compared.
    """
    number = card.strip()
    if not 0 < len(number) <= _NUMBER_LENGTH_MAX:
        raise RecoveryUnknown(field="card")
    person = person_of(uuid.UUID(customer_id(shop.secret("identifiers"), CARD, number)))
    wanted = {each.customer for each in person.members if each.kind == USER_KIND} if person else set()
    if len(wanted) == 1:
        users = User.objects.filter(kind=Kind.CUSTOMER, is_active=True)
        for pk in users.values_list("pk", flat=True).iterator():
            if customer_of_user(pk) in wanted:
                return users.get(pk=pk)
    raise RecoveryUnknown(field="card")
