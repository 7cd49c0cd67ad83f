"""What old lists say of somebody who signs in, and which of it is right: the customer says so, and can take it back.

Shown are entries of customers that are surely theirs: linked by staff, or for as long as a link can be undone as a
mistake. Whoever finds a card and links it reads nobody's address. What somebody has given themselves stays what they
gave; what they choose here is kept with the purpose ``customer_list``, by which it is known again, and taking it back
removes it. No entry is changed by a choice. Not here: an e-mail address, which has to be proven where it is given
(``vault/credentials``), pages (``choosing_views.py``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any, Final

import msgspec

from comptoir.counter.customers import rules
from comptoir.counter.customers.queries import customer_of_user, links_of, person_of
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.contacts import commands as contacts
from comptoir.vault.contacts import queries as kept
from comptoir.vault.contacts.contracts import ContactValues, Field
from comptoir.vault.lists.commands import PURPOSE_KEPT
from comptoir.vault.lists.errors import ChoiceNotPossible
from comptoir.vault.lists.queries import entries_of

#: What can be chosen: of the rest, an e-mail address is proven, and a birthday is in no list.
CHOSEN: Final[tuple[Field, ...]] = ("name", "addresses", "phone")
#: As the audit chain says it.
PURPOSE_SHOWN: Final = "shown to the person"
_BY_STAFF: Final = "staff"


class Reading(msgspec.Struct, frozen=True):
    """What lists say of one field, and an entry that says so; ``is_chosen``: it is right, says the customer."""

    entry: uuid.UUID
    lists: tuple[str, ...]
    value: Any
    is_chosen: bool


class Matter(msgspec.Struct, frozen=True):
    """One field with what lists say. ``own`` is what the customer gave themselves, which no list replaces."""

    field: Field
    readings: tuple[Reading, ...]
    own: Any = None

    @property
    def is_chosen(self) -> bool:
        """Tell whether the customer has chosen one of them."""
        return any(each.is_chosen for each in self.readings)


def surely_of(user: uuid.UUID, *, at: dt.datetime) -> list[uuid.UUID]:
    """Return the customers that are surely a user's: its own, and whoever is linked by staff or for thirty days.

    In the current room.
    """
    own = customer_of_user(user)
    person = person_of(own)
    if person is None:
        return []
    since = at - dt.timedelta(days=rules.UNDO_DAYS)
    sure = [
        each for each in links_of(person) if each.is_active and (each.said_at <= since or _is_by_staff(each.evidence))
    ]
    found, edge = {own}, [own]
    while edge:
        end = edge.pop()
        for link in sure:
            if end in (link.low, link.high) and not {link.low, link.high} <= found:
                edge += {link.low, link.high} - found
                found |= {link.low, link.high}
    return sorted(found)


def _is_by_staff(evidence: str) -> bool:
    return evidence.partition("+")[0] == _BY_STAFF


def matters_of(user: uuid.UUID, *, actor: str, at: dt.datetime) -> list[Matter]:
    """Open what lists say of a user, field by field; every opening is in the audit chain.

    Raises :class:`~comptoir.vault.contacts.errors.VaultClosed`.
    """
    with entered(VAULT):
        entries = entries_of(surely_of(user, at=at))
    said: dict[Field, list[tuple[uuid.UUID, str, Any]]] = {field: [] for field in CHOSEN}
    for entry, name in entries:
        values = kept.read(entry, fields=CHOSEN, purpose=PURPOSE_SHOWN, actor=actor, at=at)
        for field, hidden in values.given().items():
            said[field].append((entry, name, hidden.reveal()))
    if not any(said.values()):
        return []
    purposes = {piece.field: piece.purpose for piece in kept.kept_pieces(user)}
    own = kept.read(user, fields=CHOSEN, purpose=PURPOSE_SHOWN, actor=actor, at=at).given() if purposes else {}
    matters = []
    for field in CHOSEN:
        value = own[field].reveal() if field in own else None
        is_from_list = purposes.get(field) == PURPOSE_KEPT
        distinct: dict[Any, tuple[uuid.UUID, list[str]]] = {}
        for entry, name, each in said[field]:
            distinct.setdefault(each, (entry, []))[1].append(name)
        readings = tuple(
            Reading(entry, tuple(sorted(set(names))), each, is_from_list and each == value)
            for each, (entry, names) in distinct.items()
        )
        if readings:
            matters.append(Matter(field, readings, None if is_from_list else value))
    return matters


def choose(user: uuid.UUID, field: Field, entry: uuid.UUID, *, actor: str, at: dt.datetime) -> None:
    """Say that what an entry says of a field is right, in the place of what was chosen before.

    Raises :class:`ChoiceNotPossible` for an entry that is not surely theirs or says nothing of it, and where the
    customer has given that field themselves; then nothing changed.
    """
    with entered(VAULT):
        is_theirs = entry in {each for each, _ in entries_of(surely_of(user, at=at))}
    given = {piece.field: piece.purpose for piece in kept.kept_pieces(user)}
    if not is_theirs or field not in CHOSEN or given.get(field, PURPOSE_KEPT) != PURPOSE_KEPT:
        raise ChoiceNotPossible(field="field")
    value = kept.read(entry, fields=[field], purpose=PURPOSE_SHOWN, actor=actor, at=at).given().get(field)
    if value is None:
        raise ChoiceNotPossible(field="entry")
    contacts.keep(user, values=ContactValues(**{field: value}), purpose=PURPOSE_KEPT, actor=actor, at=at)


def take_back(user: uuid.UUID, field: Field, *, actor: str, at: dt.datetime) -> None:
    """Undo what was chosen for a field; what lists say is as it was. Raises :class:`ChoiceNotPossible`."""
    if {piece.field: piece.purpose for piece in kept.kept_pieces(user)}.get(field) != PURPOSE_KEPT:
        raise ChoiceNotPossible(field="field")
    contacts.remove(user, fields=[field], actor=actor, at=at)
