"""Where devices are reached that show what is new: kept sealed like an address, each with a data key of its own.

A device's number is random, and everything that is said of it elsewhere uses the number alone: the counter knows whose
it is and how often it wants to hear, and never where it is reached. Every function enters the vault itself. Not here:
what is sent and when (``notifications.py``), how (``webpush.py``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable
from typing import Final

import msgspec
from django.db import connections, transaction

from comptoir.counter.customers import matters
from comptoir.counter.customers import queries as customers
from comptoir.counter.customers.models import Choice
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.contacts import commands, keeping, webpush
from comptoir.vault.contacts.contracts import Hidden
from comptoir.vault.contacts.errors import SubscriptionInvalid, TooManyDevices
from comptoir.vault.contacts.models import Subscription
from comptoir.vault.contacts.queries import note, place_of_subscription, sealer_of

PURPOSE: Final = "notifications of the square"
#: Devices of one person at a time, and ever: what was ended is remembered as ended.
DEVICES_MAX: Final = 8
DEVICES_EVER_MAX: Final = 64
#: What a device was kept for is said right after it was kept; so long nobody misses it.
_SETTLED: Final = dt.timedelta(hours=1)
_LOCK: Final = 7209017


def keep(number: uuid.UUID, *, customer: uuid.UUID, to: webpush.Subscription, at: dt.datetime) -> None:
    """Seal and keep where a customer's device is reached; the same device again replaces what was kept.

    Raises :class:`TooManyDevices`, :class:`SubscriptionInvalid` for somebody else's number or for nobody's customer,
    :class:`VaultClosed`; then nothing changed.
    """
    keeping.prepare(at=at)
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        with connections[VAULT.name].cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        person = customers.person_of(customer)
        if person is None:
            raise SubscriptionInvalid("Only somebody whom the counter knows has devices.", field="customer")
        row = Subscription.objects.select_for_update().filter(id=number).first()
        if row is not None and row.customer not in person.customers:
            raise SubscriptionInvalid(field="device")
        said = Choice.objects.filter(customer__in=person.customers, matter__startswith=matters.notifications(""))
        kept = Subscription.objects.filter(customer__in=person.customers).exclude(id=number)
        if kept.count() >= DEVICES_MAX or said.count() >= DEVICES_EVER_MAX:
            raise TooManyDevices(f"At most {DEVICES_MAX} at a time; end one of them first.", field="device")
        version = 1 if row is None else row.version + 1
        sealed = commands.sealer_for(number).seal(
            msgspec.json.encode(to), place=place_of_subscription(number), version=version
        )
        Subscription.objects.update_or_create(
            id=number, defaults={"customer": customer, "version": version, "sealed": sealed, "given_at": at}
        )
        note("contacts.keep", number, fields=["device"], purpose=PURPOSE, actor="customer", at=at)


def read(number: uuid.UUID, *, purpose: str, actor: str, at: dt.datetime) -> Hidden[webpush.Subscription] | None:
    """Return where a device is reached; the access goes into the audit chain. Raises :class:`VaultClosed`."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        sealer = sealer_of(number)
        row = Subscription.objects.filter(id=number).first()
        if sealer is None or row is None:
            return None
        data = sealer.open(bytes(row.sealed), place=place_of_subscription(number), version=row.version)
        note("contacts.read", number, fields=["device"], purpose=purpose, actor=actor, at=at)
    return Hidden(msgspec.json.decode(data, type=webpush.Subscription))


def numbers_of(asked: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """Return the devices of these customers."""
    with entered(VAULT):
        return list(Subscription.objects.filter(customer__in=asked).order_by("given_at").values_list("id", flat=True))


def forget(asked: Collection[uuid.UUID], *, actor: str, at: dt.datetime) -> int:
    """Forget the devices of these customers, with their keys; returns how many there were. Safe to call again."""
    numbers = numbers_of(asked)
    end(numbers, actor=actor, at=at)
    return len(numbers)


def end(numbers: Iterable[uuid.UUID], *, actor: str, at: dt.datetime) -> None:
    """Forget devices, each with its key. Safe to call again."""
    for number in numbers:
        with entered(VAULT), transaction.atomic(using=VAULT.name):
            commands.destroy(number, actor=actor, at=at, is_told=False)
            Subscription.objects.filter(id=number).delete()


def unwanted(*, at: dt.datetime) -> list[uuid.UUID]:
    """Return the devices that are kept and that nobody wants to hear by any more, or that are nobody's."""
    with entered(VAULT):
        rows = Subscription.objects.filter(given_at__lt=at - _SETTLED)
        kept = dict(rows.values_list("id", "customer"))
        wanted = {
            each.matter: each.customer
            for each in Choice.objects.filter(matter__in=[matters.notifications(str(number)) for number in kept])
            if not each.value.startswith("never")
        }
    return [number for number, customer in kept.items()
            if wanted.get(matters.notifications(str(number))) != customer]  # fmt: skip
