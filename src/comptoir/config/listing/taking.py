"""A customer list is taken: read, kept in the vault, compared; and what came of it, as a summary and a report.

Not here: what a terminal shows (``commands/listing.py``), the rows (``reading.py``), the tables (``vault/lists``).
"""

from __future__ import annotations

import collections
import datetime as dt
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from comptoir.config.listing.mapping import ListMapping
from comptoir.config.listing.reading import Note, Reading
from comptoir.counter.customers.forgetting import find_forgotten
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.declaration import COUNTER
from comptoir.vault.contacts.contracts import STOP_ENDS
from comptoir.vault.lists import rules
from comptoir.vault.lists.contracts import Entered, Listed
from comptoir.vault.lists.identifying import opaque_customers

_AT_A_TIME: Final = 10_000

#: Who imports, as the audit chain says it: whoever runs the shop's machine.
ACTOR: Final = "operator"


class Steps(Protocol):
    """What wants to know how far the work is: the name of each step, and how much of it is done."""

    def step(self, title: str, total: int | None) -> Callable[[int], None]:
        """Begin a step, and return what hears how much of it is done."""
        ...


def read_summary(reading: Reading, mapping: ListMapping) -> dict[str, Any]:
    """Return what was read, in figures: rows are listed, repeated or refused, and every one is counted once."""
    refused = collections.Counter(note.reason for note in reading.notes if note.is_refusal)
    left_out = collections.Counter(note.reason for note in reading.notes if not note.is_refusal)
    listed = reading.listed
    return {
        "list": mapping.about.name,
        "rows": reading.rows,
        "listed": len(listed),
        "repeated": reading.repeated,
        "refused": reading.refused,
        "refused_by_reason": dict(refused.most_common()),
        "cells_left_out": dict(left_out.most_common()),
        "columns_left_out": reading.left_out,
        "columns_of_birth": [column for column in reading.left_out if rules.names_a_birth(column)],
        "identifiers": dict(collections.Counter(each.kind for row in listed for each in row.identifiers)),
        "with_contact_data": sum(bool(rules.values_of(row.details).given()) for row in listed),
        "consents": dict(
            collections.Counter(f"{each.purpose} by {each.channel}" for row in listed for each in row.consents)
        ),
        "consents_without_proof": sum(row.unproven for row in listed),
    }


class Kept(NamedTuple):
    """What became of a list: figures, further notes for the report, and the rows that are in the vault."""

    figures: dict[str, Any]
    notes: list[Note]
    rows: list[tuple[Entered, Listed]]


def take(reading: Reading, mapping: ListMapping, *, at: dt.datetime, steps: Steps) -> Kept:
    """Keep what was read; returns what became of it. Django has to be set up.

    Raises :class:`~comptoir.foundation.kernel.problem.Problem` where the list as a whole is refused.
    """
    from comptoir.vault.lists import commands  # noqa: PLC0415 - needs loaded models

    name = mapping.about.name
    own = {each.kind for each in mapping.identifiers if each.is_email}
    commands.claim_kinds(name=name, email_kinds=own, kinds={each.kind for each in mapping.identifiers} - own)
    customer = opaque_customers()
    customers = {line.identifiers: [str(customer(each)) for each in line.identifiers] for line in reading.listed}
    forgotten = _forgotten({each for some in customers.values() for each in some})
    listed = [row for row in reading.listed if forgotten.isdisjoint(customers[row.identifiers])]
    gone = [row.line for row in reading.listed if not forgotten.isdisjoint(customers[row.identifiers])]
    count = len(listed)
    found = commands.enter(listed, name=name, at=at, passed=steps.step("Noting who is on it", count))
    taken = commands.keep(
        [(each.entry, row) for each, row in zip(found, listed, strict=True)],
        replaces=mapping.about.changed == "replace",
        actor=ACTOR,
        at=at,
        passed=steps.step("Sealing contact data", count),
    )
    wanted = [_without_stopped(row, taken.stopped.get(each.entry)) for each, row in zip(found, listed, strict=True)]
    ended = [now.line for now, row in zip(wanted, listed, strict=True) if now.consents != row.consents]
    notes = [Note(line, "row_changed") for line in taken.kept_lines]
    notes += [Note(line, "consent_stopped") for line in ended]
    notes += [Note(line, "customer_forgotten", is_refusal=True) for line in gone]
    result = {
        "forgotten": len(gone),
        "new": taken.new,
        "same": taken.same,
        "changed_and_kept": len(taken.kept_lines),
        "changed_and_replaced": len(taken.replaced_lines),
        "consents_stopped": len(ended),
    }
    figures = result | _proposed(reading, mapping, at=at, steps=steps)
    # What was replaced may name other identifiers than before.
    news = set(taken.replaced_lines)
    rows = [
        (msgspec.structs.replace(each, is_told=each.is_told and row.line not in news), row)
        for each, row in zip(found, wanted, strict=True)
    ]
    return Kept(figures, notes, rows)


def _without_stopped(row: Listed, stopped_at: dt.datetime | None) -> Listed:
    """Return a row without the consents that its number ended by STOP, after they were given."""
    if stopped_at is None:
        return row
    left = tuple(
        each
        for each in row.consents
        if {"purpose": each.purpose, "channel": each.channel} != STOP_ENDS or each.given_at > stopped_at
    )
    return msgspec.structs.replace(row, consents=left)


def _forgotten(customers: set[str]) -> set[str]:
    """Return those who asked to be forgotten: whatever list still has them, nothing of theirs is taken in again."""
    found: set[str] = set()
    with database.connect(COUNTER.role) as connection:
        everybody = sorted(customers)
        for start in range(0, len(everybody), _AT_A_TIME):
            found |= find_forgotten(connection, everybody[start : start + _AT_A_TIME])
    return found


def _proposed(reading: Reading, mapping: ListMapping, *, at: dt.datetime, steps: Steps) -> dict[str, Any]:
    from comptoir.vault.lists import comparing, errors, matching  # noqa: PLC0415 - needs loaded models

    if not matching.is_available():
        return {"proposals": None, "proposals_missing": "matching"}
    try:
        proposed = comparing.compare(
            reading.listed,
            name=mapping.about.name,
            threshold=mapping.about.threshold,
            actor=ACTOR,
            at=at,
            passed=steps.step("Looking for duplicates", None),
        )
    except errors.ListTooLarge:
        return {"proposals": None, "proposals_missing": errors.ListTooLarge.name}
    return {
        "proposals": proposed.pairs,
        "proposals_threshold": mapping.about.threshold or matching.weights().threshold,
        "compared": proposed.compared,
        "opened_to_compare": proposed.opened,
    }
