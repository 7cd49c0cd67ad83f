"""What a customer list says about somebody, understood: identifiers, contact data, consents. In memory only.

Nothing in here is written anywhere as it stands: identifiers become opaque ids, contact data is sealed by
``vault/contacts``, and what two entries are compared by is kept as keyed digests.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Final, Literal, get_args

import msgspec

#: Limits of a list: rows of one file, characters of an identifier, of a text, identifiers of one row.
ROWS_MAX: Final = 500_000
IDENTIFIER_CHARACTERS_MAX: Final = 256
TEXT_CHARACTERS_MAX: Final = 200
IDENTIFIERS_MAX: Final = 5
#: What staff may write as a reason.
REASON_CHARACTERS_MAX: Final = 160


class Identifier(msgspec.Struct, frozen=True, order=True):
    """What the old system knows somebody by: a kind, such as ``card``, and its value in clear."""

    kind: str
    value: str

    def __repr__(self) -> str:
        """Say that there is one, and not which: tracebacks show variables that way."""
        return f"<identifier {self.kind}>"


class Details(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who somebody is and where they can be reached, as the list says it, in a tidy spelling.

    ``family_first`` says in which order the name is written. ``reading`` is how a Japanese name is read. ``phone`` is
    in E.164, ``country`` in ISO 3166-1 alpha-2.
    """

    given_name: str = ""
    family_name: str = ""
    family_first: bool = False
    reading: str = ""
    email: str = ""
    phone: str = ""
    lines: tuple[str, ...] = ()
    postcode: str = ""
    city: str = ""
    region: str = ""
    country: str = ""

    def __repr__(self) -> str:
        """Say that there are some, and not which."""
        return "<details>"


class Consent(msgspec.Struct, frozen=True):
    """A consent that the old system recorded: for what, by which channel, when and how it was given."""

    purpose: str
    channel: str
    given_at: dt.datetime
    how: str


class Entered(msgspec.Struct, frozen=True):
    """An entry that was noted: its id, since when it is on the list, and whether the gateway was told of it."""

    entry: uuid.UUID
    taken_at: dt.datetime
    is_told: bool


class Taken(msgspec.Struct, frozen=True):
    """What became of rows: entries that are new, the same as before, changed and kept, changed and replaced.

    ``kept_lines`` and ``replaced_lines`` are the lines of the last two. ``stopped`` are the entries, new or not, from
    whose number STOP came, each with the moment.
    """

    new: int = 0
    same: int = 0
    kept_lines: tuple[int, ...] = ()
    replaced_lines: tuple[int, ...] = ()
    stopped: Mapping[uuid.UUID, dt.datetime] = {}


class Listed(msgspec.Struct, frozen=True):
    """One row of a list. The first identifier is the one by which the list tells its rows apart.

    ``unproven`` counts consents that the row claims without saying when and how they were given: they give none.
    """

    line: int
    identifiers: tuple[Identifier, ...]
    details: Details
    consents: tuple[Consent, ...] = ()
    unproven: int = 0


class Compared(msgspec.Struct, frozen=True):
    """The details of somebody in the spelling in which they are compared; an empty text says nothing."""

    given: str = ""
    family: str = ""
    whole: str = ""
    reading: str = ""
    email: str = ""
    phone: str = ""
    postcode: str = ""
    words: str = ""
    numbers: str = ""

    def __repr__(self) -> str:
        """Say that there is something to compare, and not what."""
        return "<compared>"


#: What staff may say on a proposal; ``undone`` takes ``one_person`` back.
Answer = Literal["one_person", "two_persons", "later", "undone"]
ANSWERS: Final[tuple[Answer, ...]] = get_args(Answer)


class Match(msgspec.Struct, frozen=True):
    """Two entries that may be one person: the weight of what agrees, in bits, and what agrees and differs, in codes."""

    one: uuid.UUID
    other: uuid.UUID
    weight: float
    agreements: tuple[str, ...]
    differences: tuple[str, ...] = ()
