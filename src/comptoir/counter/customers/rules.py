"""Who is who: derived ids, and the person that a set of links makes. Pure."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable

import msgspec

from comptoir.foundation.kernel.ids import VARIANTS, Id

#: More linked identifiers than a person can have; beyond it somebody links strangers.
MEMBERS_MAX = 50
#: For so long a customer can undo a link as a mistake; the shop can later, too.
UNDO_DAYS = 30
#: More public names at a time than one person can have.
PERSONAS_MAX = 10


def customer_id(key: bytes, kind: str, value: str) -> Id:
    """Derive the opaque customer id of an identifier: a UUIDv8 (RFC 9562) from BLAKE2b keyed with the shop's key.

    Equal identifiers give equal ids in any order of arrival, on every gateway, and after a rebuild; without the
    key nothing leads back. ``kind`` holds no NUL, so kind and value cannot run into each other.
    """
    digest = hashlib.blake2b(f"{kind}\0{value}".encode(), key=key, digest_size=16).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-{VARIANTS[digest[16]]}{digest[17:20]}-{digest[20:]}"


def forgotten_mark(key: bytes, customer: Id) -> bytes:
    """Return the mark of a customer who was forgotten: BLAKE2b with a key that has no other use.

    Without the key nobody can tell whether a guessed identifier is among the forgotten ones.
    """
    return hashlib.blake2b(customer.encode(), key=key, digest_size=32).digest()


def sale_mark(key: bytes, source: str, receipt: str) -> bytes:
    """Return the mark of a purchase that was forgotten: whoever books it again is refused."""
    return forgotten_mark(key, f"sale\0{source}\0{receipt}")


class Statement(msgspec.Struct, frozen=True, order=True):
    """One side's last word on a link: when, by whom (the canonical order), and on what evidence."""

    occurred_at: dt.datetime
    source: str
    id: str
    evidence: str


class Link(msgspec.Struct, frozen=True):
    """What is known of two customers: the last statement that they are one person, and the last that they are not."""

    low: Id
    high: Id
    linked: Statement | None = None
    unlinked: Statement | None = None

    @property
    def is_active(self) -> bool:
        """Whether the link holds: the later statement wins, and on equal times the undoing one does."""
        if self.linked is None:
            return False
        return self.unlinked is None or self.linked.occurred_at > self.unlinked.occurred_at

    def after(self, *, linked: Statement | None = None, unlinked: Statement | None = None) -> Link:
        """Return the link after further statements, in any order: each side keeps its latest."""
        return Link(self.low, self.high, _latest(self.linked, linked), _latest(self.unlinked, unlinked))


class Holder(msgspec.Struct, frozen=True, order=True):
    """A persona, who is behind it, and what its name looks like."""

    persona: Id
    customer: Id
    skeleton: str
    is_given_up: bool = False


class Choice(msgspec.Struct, frozen=True):
    """What a customer last said on one matter: ``value`` (and a ``record``, where there is one), when and by whom.

    Matters stand in ``matters.py``. The statement's evidence is a record that belongs to the choice, or nothing.
    """

    customer: Id
    matter: str
    value: str
    said: Statement
    #: When a consent is over, and for how long nothing may be heard of the person; ``None``: the shop's policy says it.
    ends_at: dt.datetime | None = None
    quiet_days: int | None = None

    @property
    def key(self) -> tuple[Id, str]:
        """Return on what there is one choice at a time."""
        return (self.customer, self.matter)

    def after(self, other: Choice | None) -> Choice:
        """Return what holds of two choices on the same matter: the later one, whichever was heard first."""
        return self if other is None or self.said > other.said else other


def _latest(one: Statement | None, other: Statement | None) -> Statement | None:
    if one is None or other is None:
        return one or other
    return max(one, other)


def rejoined(links: Iterable[Link], members: Iterable[Id], *, gone: Id, around: Id) -> list[Id]:
    """Return whom ``around`` has to be linked with, so that its person stays one person when ``gone`` goes.

    ``members`` are the person's customers, ``links`` all of theirs: one customer of each part that only ``gone`` held
    together with ``around``, the smallest.
    """
    person = persons(link for link in links if gone not in (link.low, link.high))
    parts: dict[Id, Id] = {}
    for member in sorted(members):
        if member != gone:
            parts.setdefault(person.get(member, member), member)
    return sorted(member for part, member in parts.items() if part != person.get(around, around))


def persons(links: Iterable[Link]) -> dict[Id, Id]:
    """Return for every customer with an active link the person: the smallest id of those it is joined with."""
    parent: dict[Id, Id] = {}

    def root(customer: Id) -> Id:
        while parent[customer] != customer:
            parent[customer] = customer = parent[parent[customer]]
        return customer

    for link in links:
        if link.is_active:
            for end in (link.low, link.high):
                parent.setdefault(end, end)
            low, high = sorted((root(link.low), root(link.high)))
            parent[high] = low
    return {customer: root(customer) for customer in parent}
