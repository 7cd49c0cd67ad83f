"""Reads of stewardship, for pages: the queue of the staff, a statement for its author, the public record.

Runs in the current room; every list has an end.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Collection
from typing import Any, Final

import msgspec
from django.utils import timezone

from comptoir.foundation.kernel.database import load_statements
from comptoir.foundation.rooms import reading
from comptoir.square.community.queries import Author, PictureShown, authors_of, names_of, pictures_of
from comptoir.square.community.rendering import plain
from comptoir.square.stewardship.trust import Standing

_SQL: Final = load_statements(__package__, "queries.sql")
QUEUE_MAX: Final = 100
RECORD_MAX: Final = 100
_REACH: Final = 3
_HISTORY: Final = 10
#: From so many posts on that the same three have flagged, the queue says so.
_TOGETHER_MIN: Final = 2


class QueueLine(msgspec.Struct, frozen=True):
    """A post that waits for a person's decision, and why it does."""

    post: uuid.UUID
    kind: str
    title: str
    state: str
    held: str | None
    snippet: str
    author: Author
    since: dt.datetime
    flags: int
    notices: int
    is_appealed: bool


class Around(msgspec.Struct, frozen=True):
    """A post of the same thread."""

    id: uuid.UUID
    number: int
    kind: str
    html: str
    language: str
    published_at: dt.datetime
    state: str
    author: Author


class Earlier(msgspec.Struct, frozen=True):
    """What the author has said before, or since."""

    id: uuid.UUID
    kind: str
    title: str
    snippet: str
    state: str
    published_at: dt.datetime
    score: int


class FlagShown(msgspec.Struct, frozen=True):
    """A flag as the queue shows it; ``upheld`` of ``decided`` earlier flags under this name were found right."""

    name: str
    reason: str
    words: str | None
    said_at: dt.datetime
    is_waiting: bool
    decided: int
    upheld: int


class NoticeShown(msgspec.Struct, frozen=True):
    """A notice as the queue shows it."""

    kind: str
    words: str
    said_at: dt.datetime
    is_waiting: bool


class Statement(msgspec.Struct, frozen=True):
    """A decision with its reasons, what its author has objected, and the answer to that."""

    id: uuid.UUID
    post: uuid.UUID
    action: str
    ground: str
    rule: str | None
    facts: str
    is_automated: bool
    name: str
    staff: str
    said_at: dt.datetime
    persona: uuid.UUID | None
    appeal: uuid.UUID | None
    objection: str | None
    objected_at: dt.datetime | None
    answer: str | None
    answer_id: uuid.UUID | None

    @property
    def waits(self) -> bool:
        """Tell whether somebody has objected and nobody has answered."""
        return self.objected_at is not None and self.answer is None

    @property
    def can_be_appealed(self) -> bool:
        """Tell whether its author can still object, as far as is known without the clock."""
        return self.objected_at is None and self.appeal is None


class Case(msgspec.Struct, frozen=True):
    """Everything that somebody needs who decides on a post, for one screen."""

    id: uuid.UUID
    thread: uuid.UUID
    number: int
    kind: str
    title: str
    html: str
    text: str
    language: str
    published_at: dt.datetime
    edited_at: dt.datetime | None
    version: int
    state: str
    held: str | None
    elsewhere: str | None
    is_locked: bool
    persona: uuid.UUID | None
    author: Author
    around: tuple[Around, ...]
    history: tuple[Earlier, ...]
    said: int
    since: dt.datetime | None
    hidden: int
    flags: tuple[FlagShown, ...]
    together: int
    notices: tuple[NoticeShown, ...]
    decisions: tuple[Statement, ...]
    pictures: tuple[PictureShown, ...] = ()

    @property
    def appealed(self) -> Statement | None:
        """Return the decision whose appeal waits for an answer."""
        return next((each for each in self.decisions if each.waits), None)

    @property
    def is_flood(self) -> bool:
        """Tell whether the same members flag again and again together."""
        return self.together >= _TOGETHER_MIN


class Recorded(msgspec.Struct, frozen=True):
    """A decision in the public record: nothing of whom it was about, and nothing of who has decided."""

    day: dt.date
    kind: str
    action: str
    ground: str
    rule: str | None
    is_automated: bool
    is_appealed: bool
    is_answered: bool
    answer: str | None
    is_answer: bool


class Count(msgspec.Struct, frozen=True):
    """How often something was decided on a ground; how often after a machine, and how often on an appeal."""

    action: str
    ground: str
    number: int
    automated: int
    on_appeal: int


class Record(msgspec.Struct, frozen=True):
    """The public record of moderation."""

    counts: tuple[Count, ...]
    appeals: int
    appeals_answered: int
    appeals_granted: int
    notices: int
    notices_answered: int
    notices_median_seconds: float | None
    decisions: tuple[Recorded, ...]


class Answered(msgspec.Struct, frozen=True):
    """What became of a notice; ``action`` is empty as long as it waits."""

    post: uuid.UUID
    said_at: dt.datetime
    action: str | None
    ground: str | None
    decided_at: dt.datetime | None


def queue(*, limit: int = QUEUE_MAX) -> list[QueueLine]:
    """Return what waits for a person, as the office. How many have flagged something does not move it up."""
    rows = _rows("queue", {"limit": limit})
    authors = authors_of((row[6], row[7], row[8]) for row in rows)
    return [
        QueueLine(*(*row[:5], plain(row[5], characters=180), author, *row[9:]))
        for row, author in zip(rows, authors, strict=True)
    ]


def case(post: uuid.UUID) -> Case | None:
    """Return everything about a post on which somebody is to decide, as the office."""
    found = _rows("subject", {"id": post})
    if not found:
        return None
    row = found[0]
    asked = {"id": post, "thread": row[1], "number": row[2], "reach": _REACH}
    beside = _rows("around", asked)
    authors = authors_of([row[15:18], *(each[7:10] for each in beside)])
    author = authors[0]
    persona = row[15] if row[16] is None and row[17] is None else None
    by_author = {"author": row[15], "id": post, "limit": _HISTORY}
    flags = _rows("flags", {"id": post})
    names = names_of({each[0] for each in flags})
    said, since, hidden = _rows("author_counts", by_author)[0] if row[15] else (0, None, 0)
    earlier = _rows("history", by_author) if row[15] else []
    return Case(
        *(
            *row[:15],
            persona,
            author,
            tuple(Around(*(*each[:7], who)) for each, who in zip(beside, authors[1:], strict=True)),
            tuple(Earlier(*(*each[:3], plain(each[3], characters=100), *each[4:])) for each in earlier),
            said,
            since,
            hidden,
            tuple(FlagShown(*(names.get(each[0], ""), *each[1:])) for each in flags),
            _rows("together", {"id": post})[0][0] if flags else 0,
            tuple(NoticeShown(*each) for each in _rows("notices", {"id": post})),
            tuple(statements([post])),
            pictures_of(row[18]),
        )
    )


def statements(posts: Collection[uuid.UUID]) -> list[Statement]:
    """Return what was decided on these posts, the latest first."""
    return [Statement(*row) for row in _rows("decisions_on", {"posts": list(posts)})] if posts else []


def statement(decision: uuid.UUID) -> Statement | None:
    """Return one decision with its reasons."""
    found = _rows("decision", {"id": decision})
    return Statement(*found[0]) if found else None


def digest_of(number: str) -> str:
    """Return the digest under which a notice's receipt is kept; spaces, dashes and capitals do not matter."""
    plain_number = "".join(character for character in number.upper() if character.isalnum())
    return hashlib.sha256(plain_number.encode()).hexdigest()


def answered(number: str) -> Answered | None:
    """Return what became of the notice with this receipt."""
    found = _rows("receipt", {"receipt": digest_of(number)})
    return Answered(*found[0]) if found else None


def record(*, limit: int = RECORD_MAX) -> Record:
    """Return the public record of moderation."""
    return Record(
        *(
            tuple(Count(*row) for row in _rows("record_counts", {})),
            *_rows("record_appeals", {})[0],
            *_rows("record_notices", {})[0],
            tuple(Recorded(*row) for row in _rows("record", {"limit": limit})),
        )
    )


class FilterChanged(msgspec.Struct, frozen=True):
    """What the filter for spam does from a moment on; ``is_switched``, ``is_trained``: what is new about it."""

    at: dt.datetime
    mode: str
    is_switched: bool
    is_trained: bool


def filter_changes(*, since: dt.datetime) -> list[FilterChanged]:
    """Return how the filter for spam has changed since a moment."""
    return [FilterChanged(*row) for row in _rows("filter_changes", {"since": since})]


def standing(persona: uuid.UUID) -> Standing:
    """Return what a name has done on the square, from which its level of trust follows."""
    found = _rows("standing", {"persona": persona, "now": timezone.now()})
    return Standing(*found[0])


def _rows(name: str, values: dict[str, Any]) -> list[Any]:
    return reading.rows(_SQL[name], values)
