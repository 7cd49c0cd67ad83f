"""The charter's statements, on the caller's connection."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from comptoir.foundation.events.contracts import Accepted
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements, text_array, value_array
from comptoir.foundation.kernel.ids import Id
from comptoir.square.charter.contracts import (
    CHARTER_ADOPTED,
    CHARTER_PROPOSED,
    CHARTER_PUBLISHED,
    CHARTER_REJECTED,
    CHARTER_VETOED,
    CHARTER_VOTED,
    wording_of,
)
from comptoir.square.charter.rules import Proposal, Wordings

_SQL = load_statements(__package__)


class Kept(msgspec.Struct, frozen=True):
    """A proposal with its text."""

    proposal: Proposal
    wording: Wordings


def lock_charter(connection: Connection) -> Id | None:
    """Wait for other batches; return the last position."""
    row = connection.execute(_SQL["lock_charter"]).fetchone()
    assert row is not None
    return None if row[1] is None else str(row[1])


def find_sections(connection: Connection, sections: Collection[str]) -> dict[str, tuple[int, Wordings]]:
    """Return the version of these sections now, and what it says; of a section that is not there, nothing."""
    rows = connection.execute(_SQL["find_sections"], (text_array(sorted(sections)),))
    return {section: (version, msgspec.json.decode(wording)) for section, version, wording in rows}


def has_begun(connection: Connection) -> bool:
    """Tell whether members have ever proposed something."""
    row = connection.execute(_SQL["has_begun"]).fetchone()
    return row is not None and bool(row[0])


def find_proposals(connection: Connection, proposals: Collection[Id]) -> dict[Id, Kept]:
    """Return those of these proposals that there are."""
    return _kept(connection.execute(_SQL["find_proposals"], (value_array(sorted(proposals)),)))


def find_waiting(connection: Connection, now: dt.datetime) -> dict[Id, Kept]:
    """Return the proposals whose votes are over and of which nothing was said yet."""
    return _kept(connection.execute(_SQL["find_waiting"], (now,)))


def _kept(rows: Iterable[Any]) -> dict[Id, Kept]:
    return {row[0]: Kept(Proposal(*row[:9]), msgspec.json.decode(row[9])) for row in rows}


def find_open(connection: Connection, personas: Collection[Id]) -> set[Id]:
    """Return which of these names have a proposal that is still voted on."""
    return {str(row[0]) for row in connection.execute(_SQL["find_open"], (value_array(sorted(personas)),))}


def find_ballots(connection: Connection, proposals: Collection[Id]) -> dict[Id, dict[Id, int]]:
    """Return who has voted how on these proposals."""
    found: dict[Id, dict[Id, int]] = {each: {} for each in proposals}
    for proposal, persona, value in connection.execute(_SQL["find_ballots"], (value_array(sorted(proposals)),)):
        found[proposal][persona] = value
    return found


def write(connection: Connection, said: Sequence[Accepted]) -> None:
    """Write accepted events, each kind as a set."""
    by_type: dict[str, list[Accepted]] = {}
    for each in said:
        by_type.setdefault(each.type, []).append(each)
    if sections := [*by_type.get(CHARTER_PUBLISHED, ()), *by_type.get(CHARTER_ADOPTED, ())]:
        connection.tell(
            _SQL["insert_sections"],
            text_array([each.data.section for each in sections]),
            _numbers(getattr(each.data, "version", 1) for each in sections),
            text_array([_written(each) for each in sections]),
            text_array([each.at.isoformat() for each in sections]),
            text_array([getattr(each.data, "name", None) for each in sections]),
            value_array([getattr(each.data, "proposal", None) for each in sections]),
            _numbers(getattr(each.data, "up", 0) for each in sections),
            _numbers(getattr(each.data, "down", 0) for each in sections),
            value_array([each.position for each in sections]),
        )
    if proposed := by_type.get(CHARTER_PROPOSED):
        connection.tell(
            _SQL["insert_proposals"],
            value_array([each.data.proposal for each in proposed]),
            text_array([each.data.section for each in proposed]),
            _numbers(each.data.base for each in proposed),
            value_array([each.data.persona for each in proposed]),
            text_array([_written(each) for each in proposed]),
            text_array([each.data.reason for each in proposed]),
            _numbers(each.data.days for each in proposed),
            _numbers(each.data.veto_days for each in proposed),
            _numbers(each.data.quorum for each in proposed),
            value_array([each.data.thread for each in proposed]),
            text_array([each.at.isoformat() for each in proposed]),
            value_array([each.position for each in proposed]),
        )
    if voted := by_type.get(CHARTER_VOTED):
        last = {(each.data.proposal, each.data.persona): each for each in voted}
        connection.tell(
            _SQL["upsert_ballots"],
            value_array([each.data.proposal for each in last.values()]),
            value_array([each.data.persona for each in last.values()]),
            _numbers(each.data.value for each in last.values()),
            value_array([each.position for each in last.values()]),
        )
    if settled := [each for each in said if each.type in _STATES]:
        connection.tell(
            _SQL["settle_proposals"],
            value_array([each.data.proposal for each in settled]),
            text_array([_STATES[each.type] for each in settled]),
            text_array([getattr(each.data, "why", None) or getattr(each.data, "reason", None) for each in settled]),
            text_array([getattr(each.data, "name", None) for each in settled]),
            text_array([each.at.isoformat() for each in settled]),
            value_array([each.position for each in settled]),
        )


def sever(connection: Connection, fresh: Mapping[Id, Id]) -> None:
    """Put fresh ids in the place of these names, and take their words away."""
    pairs = value_array(list(fresh)), value_array(list(fresh.values()))
    connection.tell(_SQL["sever_proposals"], *pairs)
    connection.tell(_SQL["sever_ballots"], *pairs)


_STATES: Mapping[str, str] = {CHARTER_ADOPTED: "adopted", CHARTER_REJECTED: "rejected", CHARTER_VETOED: "vetoed"}


def _written(said: Accepted) -> str:
    return msgspec.json.encode(wording_of(said.data)).decode()


def _numbers(values: Iterable[int]) -> str:
    return value_array([str(each) for each in values])
