"""Numbers from which STOP came, whoever has them: a list that comes later does not bring offers back.

Kept is a keyed digest and the moment, nothing else. Not here: what an answer means, and for whom offers end
(``vault/messages/texts.py``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection
from typing import Any, Final

from django.db import transaction

from comptoir.counter.customers.contracts import CONSENT_WITHDRAWN, CUSTOMER_KIND
from comptoir.counter.customers.queries import customer_of_user, permits
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.announcements.commands import announce
from comptoir.vault.contacts import keeping, rules, sealing
from comptoir.vault.contacts.contracts import STOP_ENDS
from comptoir.vault.contacts.errors import ContactInvalid
from comptoir.vault.contacts.models import Index, StoppedNumber
from comptoir.vault.contacts.queries import index_keys

#: What the names of announcements are made in: who has such a number is told of once for each STOP.
_NAMES: Final = uuid.UUID("b8f0e6f4-3a58-5c0e-8a1d-73746f707065")


def remember(phone: str, *, at: dt.datetime) -> None:
    """Note that STOP came from a number; what is none is not noted. Raises :class:`VaultClosed`."""
    try:
        text = rules.index_of_phone(phone, country=None)
    except ContactInvalid:
        return
    keeping.prepare(at=at)
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        digest = sealing.blind_index(index_keys(["phone"])["phone"], text)
        StoppedNumber.objects.update_or_create(digest=digest, defaults={"at": at})


def stopped(persons: Collection[uuid.UUID]) -> dict[uuid.UUID, dt.datetime]:
    """Return who of these persons has a number from which STOP came, and when last. In the vault's room."""
    digests = Index.objects.filter(field="phone", person__in=list(persons)).values_list("person", "digest")
    of = {person: bytes(digest) for person, digest in digests}
    found = StoppedNumber.objects.filter(digest__in=list(set(of.values()))).values_list("digest", "at")
    moments = {bytes(digest): at for digest, at in found}
    return {person: moments[digest] for person, digest in of.items() if digest in moments}


def end(person: uuid.UUID, *, customer: uuid.UUID | None, at: dt.datetime) -> None:
    """Have the counter hear that a person's number said STOP at a moment, if the person may get offers by text now.

    ``customer`` is whom an entry of a list is about (unset: the person signs in). What was agreed to later holds, since
    the counter goes by the latest word. In the caller's transaction.
    """
    if not permits(customer or customer_of_user(person), **STOP_ENDS):
        return
    said: dict[str, Any] = dict(STOP_ENDS)
    if customer is not None:
        # Somebody who is known from a list only has no sign-in by whose number the counter would know them.
        said["customer"] = {"kind": CUSTOMER_KIND, "value": str(customer)}
    name = uuid.uuid5(_NAMES, f"{person} {at.astimezone(dt.UTC).isoformat()}")
    announce(person, CONSENT_WITHDRAWN, at=at, said=said, number=name)
