"""What goes in and out: contact values, hidden from whatever would write them down by mistake.

No Django. Not here: what is a valid value (``rules.py``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any, Final, Generic, Literal, NoReturn, TypeVar, get_args

import msgspec

T = TypeVar("T")

#: The pieces of contact data. A birthday is a month and a day; nobody here is ever asked for a year.
Field = Literal["name", "addresses", "email", "phone", "birthday"]
FIELDS: Final[tuple[Field, ...]] = get_args(Field)

#: What STOP, answered from a number, ends: for what, and on which channel.
STOP_ENDS: Final = {"purpose": "marketing", "channel": "message"}


class Hidden(Generic[T]):
    """A value that is not written down by mistake: it refuses ``str()``, formatting, JSON and pickling.

    ``repr()`` says that there is something and not what: tracebacks and reports of errors show variables that way.
    """

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """Return the value; where this is called, somebody meant it."""
        return self._value

    def __repr__(self) -> str:
        return "<hidden>"

    def __str__(self) -> NoReturn:
        raise TypeError("a hidden value is not written down; reveal() it where that is meant")

    def __format__(self, _specification: str) -> NoReturn:
        str(self)
        raise AssertionError

    def __reduce__(self) -> NoReturn:
        raise TypeError("a hidden value is not pickled")

    def __eq__(self, other: object) -> bool:
        return self._value == other._value if isinstance(other, Hidden) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._value)


class PostalAddress(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where post and parcels go: one to four lines, then postcode, city, region, and the country's two letters."""

    lines: tuple[str, ...]
    city: str
    country: str
    postcode: str = ""
    region: str = ""


class Birthday(msgspec.Struct, frozen=True):
    """The day on which somebody wants to be treated. It has no year: it tells nobody's age."""

    month: int
    day: int


class ContactValues(msgspec.Struct, frozen=True, kw_only=True):
    """Contact data of one face; ``None`` is a piece that is not there or was not asked for."""

    name: Hidden[str] | None = None
    addresses: Hidden[tuple[PostalAddress, ...]] | None = None
    email: Hidden[str] | None = None
    phone: Hidden[str] | None = None
    birthday: Hidden[Birthday] | None = None

    @classmethod
    def of(cls, **values: Any) -> ContactValues:
        """Return values that are hidden from here on: ``ContactValues.of(email="alice@example.org")``."""
        return cls(**{field: Hidden(value) for field, value in values.items() if value is not None})

    def given(self) -> Mapping[Field, Hidden[Any]]:
        """Return the pieces that are there, by field."""
        pieces: dict[Field, Hidden[Any]] = {}
        for field in FIELDS:
            value: Hidden[Any] | None = getattr(self, field)
            if value is not None:
                pieces[field] = value
        return pieces


class FormerAddress(msgspec.Struct, frozen=True):
    """A handle for somebody's former e-mail address, which stays sealed: who, which one, and until when it is kept."""

    person: uuid.UUID
    id: uuid.UUID
    kept_until: dt.datetime


class Kept(msgspec.Struct, frozen=True):
    """What came of keeping contact data: whether the person was not known before, and the e-mail that was replaced."""

    became_known: bool
    former: FormerAddress | None = None
