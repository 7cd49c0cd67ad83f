"""Recipients to sealed bytes and back: under a data key of each order's own, which is destroyed by itself.

The key belongs to a face of the person (``vault/contacts``): whoever is forgotten takes all of theirs along.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Final

import msgspec

from comptoir.vault.checkout.contracts import Recipient
from comptoir.vault.contacts import commands, queries, rules, sealing
from comptoir.vault.contacts.contracts import ContactValues, Hidden, PostalAddress
from comptoir.vault.contacts.errors import NotReachable

_PLACE: Final = sealing.place_of("checkout_checkout", "recipient")


class _Written(msgspec.Struct, omit_defaults=True):
    name: str
    email: str | None = None
    address: PostalAddress | None = None
    key: str = ""


def checked(recipient: Recipient) -> Recipient:
    """Return a recipient as it is kept. Raises :class:`ContactInvalid` with the field at fault."""
    values = ContactValues(
        name=recipient.name, email=recipient.email,
        addresses=None if recipient.address is None else Hidden((recipient.address.reveal(),)),
    )  # fmt: skip
    pieces = rules.pieces_of(values)
    found = rules.values_of([(field, piece.data.reveal()) for field, piece in pieces.items()])
    assert found.name is not None, "a recipient has a name"
    address = None if found.addresses is None else Hidden(found.addresses.reveal()[0])
    return Recipient(found.name, found.email, address)


def seal(recipient: Recipient, *, person: uuid.UUID, order: uuid.UUID, key: str) -> bytes:
    """Seal who gets an order and its order key, which the receipt says, in a transaction of the vault's."""
    written = _Written(
        recipient.name.reveal(), None if recipient.email is None else recipient.email.reveal(),
        None if recipient.address is None else recipient.address.reveal(), key,
    )  # fmt: skip
    return commands.sealer_for(person, face=order).seal(msgspec.json.encode(written), place=_PLACE, version=1)


def read(sealed: bytes, *, person: uuid.UUID, order: uuid.UUID, purpose: str, actor: str, at: dt.datetime) -> Recipient:
    """Open who gets an order, in a transaction of the vault's; it is in the audit chain with its purpose.

    Raises :class:`NotReachable` if its key was destroyed, :class:`VaultClosed`.
    """
    return opened(sealed, person=person, order=order, purpose=purpose, actor=actor, at=at)[0]


def opened(
    sealed: bytes, *, person: uuid.UUID, order: uuid.UUID, purpose: str, actor: str, at: dt.datetime
) -> tuple[Recipient, str]:
    """Open who gets an order as :func:`read` does, together with its order key (empty: none was kept)."""
    sealer = queries.sealer_of(person, face=order)
    if sealer is None:
        raise NotReachable
    found = msgspec.json.decode(sealer.open(sealed, place=_PLACE, version=1), type=_Written)
    fields = ["name", *(["email"] if found.email else []), *(["addresses"] if found.address else [])]
    queries.note("checkout.read_recipient", person, fields=fields, purpose=purpose, actor=actor, at=at)
    recipient = Recipient(
        Hidden(found.name), None if found.email is None else Hidden(found.email),
        None if found.address is None else Hidden(found.address),
    )  # fmt: skip
    return recipient, found.key
