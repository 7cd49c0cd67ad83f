"""What providers, mail servers and people answer to messages, whoever brought it: the same few words for all of them.

Told twice it is told once; about a decision that never left nothing is believed. What was said in words stays with
whoever said it. Not here: how reports come in (``webhooks.py``, ``bounces.py``, ``texts.py``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Final, Literal

from django.db import connections, transaction

from comptoir.counter.messages import ending
from comptoir.counter.messages import store as records
from comptoir.counter.messages.contracts import Outcome
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.contacts import queries, rules, sealing
from comptoir.vault.contacts.contracts import Field
from comptoir.vault.contacts.errors import ContactInvalid
from comptoir.vault.messages import store
from comptoir.vault.messages.contracts import FIELD_OF

Word = Literal["delivered", "bounced", "complained", "unsubscribed"]
#: A bounce that names an address and not its message is believed of whoever was written to lately.
LATELY: Final = dt.timedelta(days=30)


def report(word: Word, decision: uuid.UUID, *, at: dt.datetime, why: str = "") -> bool:
    """Note what became of a message that had left; ``False`` where none had, or where nobody can end the like of it.

    ``why``: in a word why a message bounced although its address is not dead; the next one may arrive.
    """
    with entered(VAULT), transaction.atomic(using=VAULT.name), connections[VAULT.name].cursor() as cursor:
        found = store.find_decision(cursor, decision)
        if found is None:
            return False
        _, channel, _, message_class = found
        if word == "unsubscribed" and message_class == "service":
            return False
        if word in {"delivered", "bounced"}:
            records.insert_outcomes(cursor, [Outcome(decision=decision, kind=word, at=at, reason=why)])
        reached = store.find_reach_of(cursor, decision)
        if word in {"bounced", "complained"} and not why and reached is not None:
            digest, person = reached
            store.insert_block(cursor, digest, field=FIELD_OF[channel], why=word, person=person, at=at)
    if word in {"complained", "unsubscribed"}:
        ending.end(decision, kind=word, at=at)
    return True


def report_of(word: Word, value: str, *, field: Field, at: dt.datetime, why: str = "") -> bool:
    """Note what became of the latest message to an address or a number; ``False`` where there was none lately."""
    decision = latest(value, field=field, at=at, offers_only=word == "unsubscribed")
    return decision is not None and report(word, decision, at=at, why=why)


def written_to(phone: str) -> list[uuid.UUID]:
    """Return everybody to whom something was sent at a number, whoever they are. Raises :class:`VaultClosed`."""
    try:
        text = rules.index_of_phone(phone, country=None)
    except ContactInvalid:
        return []
    with entered(VAULT), connections[VAULT.name].cursor() as cursor:
        return store.find_persons(cursor, sealing.blind_index(queries.index_keys(["phone"])["phone"], text))


def latest(value: str, *, field: Field, at: dt.datetime, offers_only: bool = False) -> uuid.UUID | None:
    """Return the latest message that left for an address or a number. Raises :class:`VaultClosed`.

    ``offers_only``: of what somebody can end; a receipt that came later does not hide the offer that they mean.
    """
    try:
        text = rules.index_of_email(value) if field == "email" else rules.index_of_phone(value, country=None)
    except ContactInvalid:
        return None
    with entered(VAULT), connections[VAULT.name].cursor() as cursor:
        digest = sealing.blind_index(queries.index_keys([field])[field], text)
        found = store.find_reached(cursor, digest, since=at - LATELY, offers_only=offers_only)
    return None if found is None else found[0]
