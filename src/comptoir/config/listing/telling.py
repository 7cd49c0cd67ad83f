"""The counter is told of a customer list, through the gateway: who is known now, and to what they had consented.

The gateway makes the same opaque customers of the identifiers as the vault has; they are in this process's memory
only, and in no recording. Ids and times of the events are the same whenever a list is sent again.

Not here: the sending
(``replaying/sending.py``), what is kept (``vault/lists``).
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Final

from comptoir.config.replaying import sending
from comptoir.config.replaying.keyring import Keyring
from comptoir.config.replaying.recordings import Event
from comptoir.config.replaying.sending import Refusal, Tally
from comptoir.counter.customers import records
from comptoir.counter.customers.contracts import CLOSENESS_CHANGED, CONSENT_GIVEN
from comptoir.counter.customers.policy import load_policy
from comptoir.foundation.touchpoints import house
from comptoir.vault.lists.contracts import Entered, Identifier, Listed
from comptoir.vault.lists.identifying import opaque_customers

#: What the names of imported consents are made in: equal consents have equal names, so that each is told once.
_CONSENTS: Final = uuid.UUID("5a1f2c66-3c0e-5d0b-9a57-0b8f4c1de0a2")

Rows = Sequence[tuple[Entered, Listed]]


class Told:
    """What came of telling: the tally, the entries that the counter knows now, and a note for each refusal."""

    def __init__(self) -> None:
        """Start with nothing said."""
        self.tally = Tally()
        self.entries: set[uuid.UUID] = set()
        self.notes: list[tuple[int, Refusal]] = []


def tell(rows: Rows, *, source: str, gateway: str, keyring: Keyring, progress: sending.Progress | None) -> Told:
    """Send what the counter has not heard of yet. Raises :class:`~comptoir.config.replaying.sending.SendingError`."""
    told = Told()
    about: dict[str, tuple[Entered, Listed]] = {}
    refused: set[uuid.UUID] = set()

    def hear(refusal: Refusal) -> None:
        entered, row = about[refusal.id]
        refused.add(entered.entry)
        told.notes.append((row.line, refusal))

    waiting = {entered.entry for entered, _ in rows if not entered.is_told}
    events = sorted(_events(rows, source, about), key=lambda event: (event.time, event.id))
    sender = sending.Sender(gateway, keyring, progress=progress, on_refusal=hear)
    told.tally = asyncio.run(sender.send(event.encode() for event in events))
    told.entries = waiting - refused
    return told


def _events(rows: Rows, source: str, about: dict[str, tuple[Entered, Listed]]) -> Iterator[Event]:
    customer = opaque_customers()
    controller = house.shop_title()
    policy = load_policy()
    for entered, row in rows:
        for identifier in () if entered.is_told else row.identifiers:
            name = f"listed-{customer(identifier)}-{entered.entry}"
            about[name] = (entered, row)
            data: dict[str, Any] = {"customer": _named(identifier), "closeness": "known"}
            yield Event(id=name, source=source, type=CLOSENESS_CHANGED, time=entered.taken_at, data=data)
        for consent in row.consents:
            holds = {"days": policy.days(consent.purpose), "quiet_days": policy.quiet_days(consent.purpose)}
            said = f"{customer(row.identifiers[0])} {consent.purpose} {consent.channel} {consent.given_at.isoformat()}"
            record = uuid.uuid5(_CONSENTS, f"{said} {holds}")
            receipt = records.receipt(
                name=record,
                purpose=consent.purpose,
                channel=consent.channel,
                controller=controller,
                at=consent.given_at,
                **holds,
            )
            data = {
                "customer": _named(row.identifiers[0]),
                "purpose": consent.purpose,
                "channel": consent.channel,
                "receipt": records.hash_of(receipt),
                **holds,
                "evidence": consent.how,
            }
            about[str(record)] = (entered, row)
            yield Event(id=str(record), source=source, type=CONSENT_GIVEN, time=consent.given_at, data=data)


def _named(identifier: Identifier) -> dict[str, str]:
    return {"kind": identifier.kind, "value": identifier.value}
