"""Who is who: derived ids, and the person that a set of links makes. Pure."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable

import msgspec

from comptoir.foundation.kernel.ids import VARIANTS, Id

#: More linked identifiers than a person can have; beyond it somebody links strangers.
MEMBERS_MAX = 50


def customer_id(key: bytes, kind: str, value: str) -> Id:
    """Derive the opaque customer id of an identifier: a UUIDv8 (RFC 9562) from BLAKE2b keyed with the shop's key.

    Equal identifiers give equal ids in any order of arrival, on every gateway, and after a rebuild; without the
    key nothing leads back. ``kind`` holds no NUL, so kind and value cannot run into each other.
    """
    digest = hashlib.blake2b(f"{kind}\0{value}".encode(), key=key, digest_size=16).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-{VARIANTS[digest[16]]}{digest[17:20]}-{digest[20:]}"


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


def _latest(one: Statement | None, other: Statement | None) -> Statement | None:
    if one is None or other is None:
        return one or other
    return max(one, other)


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
