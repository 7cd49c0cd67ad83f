"""Reads of the charter, for pages. Runs in the current room; every list has an end."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from django.utils import translation

from comptoir.foundation.kernel.database import load_statements
from comptoir.foundation.rooms import reading
from comptoir.square.charter.contracts import LANGUAGES
from comptoir.square.charter.rules import MAJORITY, Amendment, outcome
from comptoir.square.community.queries import Author, authors_of

_SQL: Final = load_statements(__package__, "queries.sql")
PROPOSALS_MAX: Final = 50


class Words(msgspec.Struct, frozen=True):
    """A section in the language of the page, or in the first one that it has."""

    title: str
    text: str
    language: str


class SectionShown(msgspec.Struct, frozen=True):
    """A version of a section."""

    section: str
    version: int
    wording: Mapping[str, Mapping[str, str]]
    since: dt.datetime
    name: str | None
    proposal: uuid.UUID | None
    up: int
    down: int

    @property
    def here(self) -> Words:
        """Return it in the language of the page."""
        return words_of(self.wording)

    @property
    def rule(self) -> str:
        """Return how a decision names it: for good, whatever the section says later."""
        return f"{self.section}/{self.version}: {words_of(self.wording, language='en').title}"


class ProposalShown(Amendment, msgspec.Struct, frozen=True):
    """A proposal with its votes; ``mine`` is the reader's own, ``version`` that of its section now."""

    id: uuid.UUID
    section: str
    base: int
    persona: uuid.UUID
    wording: Mapping[str, Mapping[str, str]]
    reason: str
    days: int
    veto_days: int
    quorum: int
    thread: uuid.UUID | None
    proposed_at: dt.datetime
    state: str
    why: str | None
    name: str | None
    settled_at: dt.datetime | None
    up: int
    down: int
    version: int
    mine: int
    author: Author

    @property
    def here(self) -> Words:
        """Return what it proposes, in the language of the page."""
        return words_of(self.wording)

    @property
    def expected(self) -> str | None:
        """Return what becomes of it, as the votes stand, if the shop does not say no: ``adopted``, or why it is not."""
        return outcome(self, up=self.up, down=self.down, version=self.version, now=self.veto_until)

    @property
    def needed(self) -> int:
        """Return how many of the votes so far have to be for it."""
        return -(-(self.up + self.down) * MAJORITY[0] // MAJORITY[1])


def words_of(wording: Mapping[str, Mapping[str, str]], *, language: str = "") -> Words:
    """Return a wording in a language (unset: the page's), or in the first one that there is."""
    wanted = language or translation.get_language() or "en"
    for each in (wanted, *LANGUAGES):
        if each in wording:
            return Words(wording[each]["title"], wording[each]["text"], each)
    return Words("", "", wanted)


def charter() -> list[SectionShown]:
    """Return what every section says now."""
    return [_section(row) for row in _rows("charter", {})]


def versions(section: str) -> list[SectionShown]:
    """Return every version of a section, the latest first."""
    return [_section(row) for row in _rows("versions", {"section": section})]


def versions_since(moment: dt.datetime) -> list[SectionShown]:
    """Return the versions of all sections that came since a moment, the latest first."""
    return [_section(row) for row in _rows("versions_since", {"since": moment})]


def proposals(*, reader: uuid.UUID | None = None, limit: int = PROPOSALS_MAX) -> list[ProposalShown]:
    """Return proposals: first those that are voted on, what the shop can say no to the soonest before the others."""
    return _proposals({"id": None, "reader": reader, "limit": limit})


def waiting(now: dt.datetime) -> list[ProposalShown]:
    """Return the proposals to which the shop can still say no, the soonest first."""
    return [each for each in proposals() if each.state == "open" and now < each.veto_until]


def proposal(proposal_id: uuid.UUID, *, reader: uuid.UUID | None = None) -> ProposalShown | None:
    """Return one proposal."""
    found = _proposals({"id": proposal_id, "reader": reader, "limit": 1})
    return found[0] if found else None


def _proposals(asked: dict[str, Any]) -> list[ProposalShown]:
    rows = _rows("proposals", asked)
    authors = authors_of((row[3], None, None) for row in rows)
    return [
        ProposalShown(*(*row[:4], _wording(row[4]), *row[5:18], row[18] or 0, author))
        for row, author in zip(rows, authors, strict=True)
    ]


def _section(row: Any) -> SectionShown:
    return SectionShown(*(*row[:2], _wording(row[2]), *row[3:]))


def _wording(kept: Any) -> Mapping[str, Mapping[str, str]]:
    found: Mapping[str, Mapping[str, str]] = json.loads(kept) if isinstance(kept, str) else kept
    return found


def _rows(name: str, values: dict[str, Any]) -> list[Any]:
    return reading.rows(_SQL[name], values)
