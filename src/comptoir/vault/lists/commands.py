"""Writes: rows of a list become entries, and their contact data are sealed. Every function enters the vault itself.

It goes in three steps, each of which may be broken off and taken again: :func:`enter` notes who is on the list,
:func:`keep` seals their contact data, and :func:`tell` notes who was told to the counter. Django has to be set up; the
time is the caller's.

Not here: the way to the gateway (``config/listing``), what is proposed (``comparing.py``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final, TypeVar

from django.db import connections, transaction
from django.db.models import Q

from comptoir.foundation.kernel import codec, shop
from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.contacts import commands as contacts
from comptoir.vault.contacts import keeping, pending, stopped
from comptoir.vault.contacts.contracts import ContactValues
from comptoir.vault.lists import rules, store
from comptoir.vault.lists.contracts import Entered, Listed, Taken
from comptoir.vault.lists.errors import KindOfAnotherList
from comptoir.vault.lists.identifying import digest_of, opaque_customers
from comptoir.vault.lists.models import Entry, Further, Key, OwnKind, Proposal

T = TypeVar("T")

#: What contact data of a list are kept for, until the customer says otherwise.
PURPOSE_KEPT: Final = "customer_list"

_ROWS_A_TIME: Final = 200
#: One row of one list names both: as good as certain, and still for somebody to confirm.
_WEIGHT_OF_A_ROW: Final = 40.0

_Passed = Callable[[int], None]


def claim_kinds(*, name: str, email_kinds: Collection[str], kinds: Collection[str]) -> None:
    """Have kinds of identifiers that are e-mail addresses belong to this list alone.

    Otherwise two lists would have one customer because of equal addresses. ``kinds`` are the others. Raises
    :class:`KindOfAnotherList`; then nothing changed.
    """
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        lock()
        for kind in email_kinds:
            used = Entry.objects.filter(kind=kind).exclude(list=name).exists()
            used = used or Further.objects.filter(kind=kind).exclude(entry__list=name).exists()
            own, _ = OwnKind.objects.get_or_create(kind=kind, defaults={"list": name})
            if used or own.list != name:
                raise KindOfAnotherList(kind, field="identifiers.kind")
        if other := OwnKind.objects.filter(kind__in=list(kinds)).first():
            raise KindOfAnotherList(other.kind, field="identifiers.kind")


def enter(rows: Sequence[Listed], *, name: str, at: dt.datetime, passed: _Passed | None = None) -> list[Entered]:
    """Note who is on a list, as opaque customers; returns an entry for each row, in the order of the rows.

    Who was on it before keeps their entry. ``passed`` hears how many rows are done.
    """
    customer = opaque_customers()
    found: list[Entered] = []
    for some in batches(rows, _ROWS_A_TIME):
        mine = [customer(row.identifiers[0]) for row in some]
        with entered(VAULT), transaction.atomic(using=VAULT.name):
            lock()
            before = {each.customer: each for each in Entry.objects.filter(list=name, customer__in=mine)}
            new = [
                Entry(id=IDS.new(), list=name, kind=row.identifiers[0].kind, customer=each, taken_at=at)
                for row, each in zip(some, mine, strict=True)
                if each not in before
            ]
            Entry.objects.bulk_create(new)
        before |= {each.customer: each for each in new}
        found += [Entered(before[each].id, before[each].taken_at, before[each].told_at is not None) for each in mine]
        _pass(passed, len(found))
    return found


def tell(entries: Collection[uuid.UUID], *, at: dt.datetime) -> None:
    """Note that the counter was told of entries, so that it need not be told again."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        for some in batches(list(entries), _ROWS_A_TIME):
            Entry.objects.filter(id__in=some, told_at=None).update(told_at=at)


def keep(
    rows: Sequence[tuple[uuid.UUID, Listed]],
    *,
    replaces: bool,
    actor: str,
    at: dt.datetime,
    passed: _Passed | None = None,
) -> Taken:
    """Seal the contact data of the rows of a list, each with its entry; what was kept before stays as it is.

    ``replaces``: a row that says something else than before takes the earlier one's place; otherwise the earlier one
    stays. ``passed`` hears how many rows are done. Raises :class:`~comptoir.vault.contacts.errors.VaultClosed`.
    """
    counted = {"new": 0, "same": 0}
    lines: dict[str, list[int]] = {"kept": [], "replaced": []}
    ended: dict[uuid.UUID, dt.datetime] = {}
    done = 0
    keeping.prepare(at=at)
    for some in batches(rows, _ROWS_A_TIME):
        with entered(VAULT), transaction.atomic(using=VAULT.name):
            lock()
            batch = _Batch([entry for entry, _ in some], actor=actor, at=at)
            for entry, row in some:
                became = batch.keep(entry, row, replaces=replaces)
                if became in counted:
                    counted[became] += 1
                elif became in lines:
                    lines[became].append(row.line)
            batch.write()
            ended |= batch.end_stopped()
        done += len(some)
        _pass(passed, done)
    return Taken(counted["new"], counted["same"], tuple(lines["kept"]), tuple(lines["replaced"]), ended)


def forget(customers: Collection[uuid.UUID], *, actor: str, at: dt.datetime) -> int:
    """Forget the entries that are about these customers, with what is sealed, proposed and decided of them.

    Returns how many there were. Safe to call again.
    """
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        lock()
        mine = Q(customer__in=list(customers)) | Q(further__customer__in=list(customers))
        entries = list(Entry.objects.filter(mine).values_list("id", flat=True).distinct())
        _end(entries, actor=actor, at=at)
    return len(entries)


def end(entries: Collection[uuid.UUID], *, actor: str, at: dt.datetime) -> None:
    """End these entries, with what is sealed, proposed and decided of them. Safe to call again."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        lock()
        _end(entries, actor=actor, at=at)


def _end(entries: Collection[uuid.UUID], *, actor: str, at: dt.datetime) -> None:
    for entry in entries:
        contacts.destroy(entry, actor=actor, at=at, is_told=False)
    Entry.objects.filter(id__in=list(entries)).delete()


class _Batch:
    """A few rows on their way into the tables, in one transaction."""

    def __init__(self, entries: Sequence[uuid.UUID], *, actor: str, at: dt.datetime) -> None:
        self._actor, self._at = actor, at
        self._customer = opaque_customers()
        self._digests = shop.secret("lists")
        self._entries = Entry.objects.select_for_update().in_bulk(list(entries))
        self._changed: list[Entry] = []
        self._values: dict[uuid.UUID, ContactValues] = {}
        self._phones: dict[uuid.UUID, str] = {}
        self._further: list[Further] = []
        self._keys: list[Key] = []
        self._proposals: list[Proposal] = []

    def keep(self, entry_id: uuid.UUID, row: Listed, *, replaces: bool) -> str:
        """Take one row, and say what it became: ``new``, ``same``, ``kept``, ``replaced``."""
        entry = self._entries.get(entry_id)
        if entry is None:
            return "gone"  # forgotten since it was entered
        fingerprint = self._fingerprint(row)
        was_kept = entry.kept_at is not None
        if was_kept and hmac.compare_digest(bytes(entry.fingerprint), fingerprint):
            if row.details.phone:
                self._phones[entry.id] = row.details.phone
            return "same"
        if was_kept and not replaces:
            return "kept"
        if was_kept:
            entry.keys.all().delete()
            entry.further.all().delete()
            entry.changed_at = self._at
            entry.told_at = None
        else:
            entry.kept_at = self._at
        entry.fingerprint = fingerprint
        entry.family_words = len(row.details.family_name.split(" ")) if row.details.family_name else 0
        entry.family_first = row.details.family_first
        entry.compared_at = None
        self._changed.append(entry)
        self._note(entry, row)
        return "replaced" if was_kept else "new"

    def write(self) -> None:
        """Write what was taken; the audit chain comes last, since whoever appends holds others up until the end."""
        # Many times faster than an update of many rows, which Django writes as one long CASE.
        Entry.objects.bulk_create(
            self._changed,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=[
                "fingerprint", "family_words", "family_first", "kept_at", "told_at", "changed_at", "compared_at"
            ],
        )  # fmt: skip
        Further.objects.bulk_create(self._further, ignore_conflicts=True)
        Key.objects.bulk_create(self._keys)
        Proposal.objects.bulk_create(self._proposals, ignore_conflicts=True)
        pending.keep_all(self._values, purpose=PURPOSE_KEPT, actor=self._actor, at=self._at)
        # What an earlier version of this software kept is not found by its number yet.
        pending.index_phones(self._phones)

    def end_stopped(self) -> dict[uuid.UUID, dt.datetime]:
        """End offers by text to whoever has a number from which STOP came; returns them, each with its moment."""
        found = stopped.stopped(list(self._entries))
        for entry, at in found.items():
            stopped.end(entry, customer=self._entries[entry].customer, at=at)
        return found

    def _note(self, entry: Entry, row: Listed) -> None:
        self._values[entry.id] = rules.values_of(row.details)
        for identifier in row.identifiers[1:]:
            other = self._customer(identifier)
            if other == entry.customer:
                continue
            self._further.append(Further(entry=entry, customer=other, kind=identifier.kind))
            low, high = sorted((entry.customer, other))
            self._proposals.append(
                Proposal(
                    id=IDS.new(), low=low, high=high, entry_of_low=entry, entry_of_high=entry, basis="row",
                    weight=_WEIGHT_OF_A_ROW, agreements=["row_same"], differences=[], proposed_at=self._at,
                )
            )  # fmt: skip
        for name, key in rules.keys(rules.compared(row.details)).items():
            self._keys.append(Key(entry=entry, name=name, digest=digest_of(self._digests, name, key)))

    def _fingerprint(self, row: Listed) -> bytes:
        said = codec.canonical([row.identifiers, row.details])
        return hmac.digest(self._digests, b"row\0" + said, hashlib.sha256)


def lock() -> None:
    """Let one import at a time write, until the transaction ends."""
    with connections[VAULT.name].cursor() as cursor:
        store.lock(cursor)


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield a sequence in pieces of at most ``size``."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _pass(passed: _Passed | None, count: int) -> None:
    if passed is not None:
        passed(count)
