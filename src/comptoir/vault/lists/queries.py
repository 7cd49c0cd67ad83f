"""Reads for the staff's pages: which proposals wait, what is known of one without opening it, what was decided."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection
from typing import Final, Literal

import msgspec
from django.db.models import OuterRef, Q, QuerySet, Subquery

from comptoir.counter.customers.queries import are_one
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.contacts.queries import kept_pieces
from comptoir.vault.lists.errors import ProposalUnknown
from comptoir.vault.lists.models import Decision, Entry, Further, Proposal

PAGE: Final = 25

State = Literal["open", "later", "decided"]


class Side(msgspec.Struct, frozen=True):
    """One of the two of a proposal, closed: its list, since when, which pieces are kept, and of what kind it is."""

    entry: uuid.UUID
    customer: uuid.UUID
    kind: str
    list: str
    taken_at: dt.datetime
    pieces: tuple[str, ...] = ()


class Said(msgspec.Struct, frozen=True):
    """What was decided: by whom, when, why, and whether the counter has heard of it."""

    answer: str
    reason: str
    decided_by: uuid.UUID
    decided_at: dt.datetime
    is_told: bool


class ProposalWords(msgspec.Struct, frozen=True):
    """A proposal, with what agrees and what differs as codes."""

    id: uuid.UUID
    one: Side
    other: Side
    basis: str
    weight: float
    agreements: tuple[str, ...]
    differences: tuple[str, ...]
    proposed_at: dt.datetime
    decisions: tuple[Said, ...] = ()

    @property
    def answer(self) -> str:
        """Return the answer that holds, or an empty text."""
        return self.decisions[0].answer if self.decisions else ""


def customers() -> set[uuid.UUID]:
    """Return whom the kept entries are about: every opaque id that a list has named."""
    with entered(VAULT):
        return {*Entry.objects.values_list("customer", flat=True), *Further.objects.values_list("customer", flat=True)}


def entries_of(customers: Collection[uuid.UUID]) -> list[tuple[uuid.UUID, str]]:
    """Return the kept entries that are about these customers, each with its list. In the current room."""
    kept = Entry.objects.filter(customer__in=list(customers), kept_at__isnull=False)
    return list(kept.order_by("list", "id").values_list("id", "list"))


def customers_of(entries: Collection[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """Return, of these ids, which are entries that are kept, each with the customer that it is about."""
    with entered(VAULT):
        return dict(Entry.objects.filter(id__in=list(entries), kept_at__isnull=False).values_list("id", "customer"))


def untouched_since(since: dt.datetime, *, after: uuid.UUID, limit: int) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Return entries, each with its customer, taken and changed before a moment, by id. In the current room."""
    old = Entry.objects.filter(Q(changed_at=None) | Q(changed_at__lt=since), taken_at__lt=since, id__gt=after)
    return list(old.order_by("id").values_list("id", "customer")[:limit])


def proposals(state: State, *, page: int) -> tuple[list[ProposalWords], bool]:
    """Return a page of proposals, the heaviest first, and whether there is another one.

    Open ones that have become one person by themselves, since the customer has proven both, are not shown.
    """
    with entered(VAULT):
        start = max(0, page - 1) * PAGE
        rows = list(_in_state(state)[start : start + PAGE + 1])
        entries = Entry.objects.in_bulk([each for row in rows for each in (row.entry_of_low_id, row.entry_of_high_id)])
        decided: dict[uuid.UUID, list[Said]] = {row.id: [] for row in rows}
        for decision in Decision.objects.filter(proposal__in=list(decided)).order_by("-decided_at", "-id"):
            decided[decision.proposal_id].append(_said(decision))
        return [_words(row, entries, tuple(decided[row.id])) for row in rows[:PAGE]], len(rows) > PAGE


def counts() -> dict[str, int]:
    """Return how many proposals are in each state."""
    with entered(VAULT):
        return {state: _in_state(state).count() for state in ("open", "later", "decided")}


def proposal(proposal_id: uuid.UUID) -> ProposalWords:
    """Return one proposal, with which pieces are kept of each side. Raises :class:`ProposalUnknown`."""
    with entered(VAULT):
        row = Proposal.objects.filter(id=proposal_id).first()
        if row is None:
            raise ProposalUnknown
        entries = Entry.objects.in_bulk([row.entry_of_low_id, row.entry_of_high_id])
        decisions = tuple(_said(each) for each in row.decisions.order_by("-decided_at", "-id"))
        words = _words(row, entries, decisions)
    one, other = (
        msgspec.structs.replace(side, pieces=tuple(piece.field for piece in kept_pieces(side.entry)))
        for side in (words.one, words.other)
    )
    return msgspec.structs.replace(words, one=one, other=other)


def _in_state(state: State) -> QuerySet[Proposal]:
    latest = Decision.objects.filter(proposal=OuterRef("pk")).order_by("-decided_at", "-id").values("answer")[:1]
    rows = Proposal.objects.annotate(answer=Subquery(latest)).order_by("-weight", "id")
    if state == "decided":
        return rows.filter(answer__in=["one_person", "two_persons"]).order_by("-proposed_at", "id")
    waiting = rows.filter(~are_one("low", "high"))
    return waiting.filter(answer="later") if state == "later" else waiting.filter(Q(answer=None) | Q(answer="undone"))


def _words(row: Proposal, entries: dict[uuid.UUID, Entry], decisions: tuple[Said, ...]) -> ProposalWords:
    return ProposalWords(
        id=row.id,
        one=_side(entries[row.entry_of_low_id], row.low),
        other=_side(entries[row.entry_of_high_id], row.high),
        basis=row.basis,
        weight=row.weight,
        agreements=tuple(row.agreements),
        differences=tuple(row.differences),
        proposed_at=row.proposed_at,
        decisions=decisions,
    )


def _side(entry: Entry, customer: uuid.UUID) -> Side:
    kind = entry.kind
    if customer != entry.customer:
        kind = Further.objects.filter(entry=entry, customer=customer).values_list("kind", flat=True).first() or ""
    return Side(entry.id, customer, kind, entry.list, entry.taken_at)


def _said(decision: Decision) -> Said:
    return Said(
        decision.answer, decision.reason, decision.decided_by, decision.decided_at, decision.told_at is not None
    )


def entries_by_customer() -> dict[uuid.UUID, uuid.UUID]:
    """Return for every customer that is only known from a list the entry under which its contact data is kept."""
    kept = Entry.objects.exclude(kept_at=None).values_list("id", "customer")
    found = {customer: entry for entry, customer in kept.order_by("id").iterator(chunk_size=10_000)}
    further = Further.objects.exclude(entry__kept_at=None).values_list("entry_id", "customer")
    return {customer: entry for entry, customer in further.iterator(chunk_size=10_000)} | found
