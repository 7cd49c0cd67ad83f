"""Entries are compared with others, and what may be one person is proposed. Nobody is joined here.

Not here: how two entries are compared (``matching.py``), what staff decide on a proposal (``deciding.py``).
"""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec
from django.db import connections, transaction

from comptoir.counter.customers import queries as customers
from comptoir.foundation.kernel import shop
from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.lists import commands, matching, opening, rules, store
from comptoir.vault.lists.contracts import Compared, Listed, Match
from comptoir.vault.lists.identifying import digest_of, opaque_customers
from comptoir.vault.lists.models import Entry, Further, Key, Proposal

#: Why entries are opened here, as the audit chain says it.
PURPOSE: Final = "duplicates"
#: More proposals of one run than staff could ever look at; the heaviest are kept.
PROPOSALS_MAX: Final = 20_000

_AT_A_TIME: Final = 10_000
_TOLD_EVERY: Final = 100


class Proposed(msgspec.Struct, frozen=True):
    """What came of a comparison: entries that were new in it, those opened for it, pairs that are proposed."""

    compared: int = 0
    opened: int = 0
    pairs: int = 0


def compare(
    rows: Iterable[Listed],
    *,
    name: str,
    threshold: float | None,
    actor: str,
    at: dt.datetime,
    passed: Callable[[int], None] | None = None,
) -> Proposed:
    """Compare the entries that were not compared yet with all others, and propose pairs.

    ``rows`` are those of the list at hand, whose details need not be opened again. Of others, only entries that share a
    key with a new one are opened, which the audit chain says. ``threshold`` is in bits (unset: that of
    ``matching.toml``). Raises :class:`~comptoir.vault.lists.errors.ListTooLarge`.
    """
    used = matching.weights()
    with entered(VAULT):
        fresh = {entry.id: entry for entry in Entry.objects.filter(kept_at__isnull=False, compared_at=None)}
        if not fresh:
            return Proposed()
        with connections[VAULT.name].cursor() as cursor:
            ids = store.find_neighbours(cursor, shared_by_max=used.shared_by_max)
        entries = {**fresh, **_by_id(ids)}
        spelled = _spelled(rows, name=name, fresh=fresh)
        known = len(spelled)
        readings = _readings(spelled.values(), entries.keys() - spelled.keys())
        for count, (each, entry) in enumerate(entries.items()):
            if passed is not None and count % _TOLD_EVERY == 0:
                passed(count)
            if each not in spelled:
                details = opening.opened(entry, purpose=PURPOSE, actor=actor, at=at)
                if not details.reading and each in readings:
                    details = msgspec.structs.replace(details, reading=readings[each])
                spelled[each] = rules.compared(details)
        found = matching.find(
            spelled, fresh=frozenset(fresh), threshold=used.threshold if threshold is None else threshold
        )
        pairs = _propose(found, entries, fresh=list(fresh), at=at)
        return Proposed(len(fresh), len(spelled) - known, pairs)


def _by_id(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Entry]:
    found: dict[uuid.UUID, Entry] = {}
    for some in commands.batches(ids, _AT_A_TIME):
        found |= Entry.objects.in_bulk(list(some))
    return found


def _spelled(rows: Iterable[Listed], *, name: str, fresh: Mapping[uuid.UUID, Entry]) -> dict[uuid.UUID, Compared]:
    """Return what the rows at hand say of new entries, in the spelling in which it is compared."""
    mine = {entry.customer: entry.id for entry in fresh.values() if entry.list == name}
    customer = opaque_customers()
    spelled = {}
    for row in rows:
        entry = mine.get(customer(row.identifiers[0]))
        if entry is not None:
            spelled[entry] = rules.compared(row.details)
    return spelled


def _readings(spelled: Iterable[Compared], others: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Return how the names of earlier entries are read, where that is equal to a reading at hand.

    The vault keeps no readings; a digest tells which are equal.
    """
    key = shop.secret("lists")
    texts = {digest_of(key, "reading", each.reading): each.reading for each in spelled if each.reading}
    if not texts:
        return {}
    wanted = set(others)
    found: dict[uuid.UUID, str] = {}
    for some in commands.batches(list(texts), _AT_A_TIME):
        keys = Key.objects.filter(name="reading", digest__in=list(some)).values_list("entry", "digest")
        found.update((entry, texts[bytes(digest)]) for entry, digest in keys if entry in wanted)
    return found


def _propose(
    found: Iterable[Match], entries: Mapping[uuid.UUID, Entry], *, fresh: Sequence[uuid.UUID], at: dt.datetime
) -> int:
    """Write down pairs that are not one person already and were not proposed before; the entries are compared now."""
    matches = list(itertools.islice(found, PROPOSALS_MAX))
    touched = {each for match in matches for each in (match.one, match.other)}
    held = {each: {entries[each].customer} for each in touched}
    for some in commands.batches(list(touched), _AT_A_TIME):
        for entry, customer in Further.objects.filter(entry__in=list(some)).values_list("entry", "customer"):
            held[entry].add(customer)
    persons = customers.persons_of({customer for some in held.values() for customer in some})
    with transaction.atomic(using=VAULT.name):
        commands.lock()
        before = set(Proposal.objects.values_list("low", "high"))
        proposals: dict[tuple[uuid.UUID, uuid.UUID], Proposal] = {}
        for match in matches:
            one, other = sorted((entries[match.one], entries[match.other]), key=lambda entry: entry.customer)
            pair = (one.customer, other.customer)
            are_one = {persons[each] for each in held[one.id]} & {persons[each] for each in held[other.id]}
            if are_one or pair in before or pair in proposals:
                continue
            proposals[pair] = Proposal(
                id=IDS.new(), low=one.customer, high=other.customer, entry_of_low=one, entry_of_high=other,
                basis="details", weight=match.weight, agreements=list(match.agreements),
                differences=list(match.differences), proposed_at=at,
            )  # fmt: skip
        Proposal.objects.bulk_create(proposals.values())
        for some in commands.batches(fresh, _AT_A_TIME):
            Entry.objects.filter(id__in=list(some)).update(compared_at=at)
    return len(proposals)
