"""Reads for pages: who is one person, through which links, and whom a beginning of an opaque id can mean.

Every function runs in the current room. Not here: anything that leads from an id back to an identifier; nothing can.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from typing import Final

import msgspec
from django.db import connections, router
from django.db.models import Q

from comptoir.counter.customers.models import Customer, Link, Membership

#: Shorter beginnings would list strangers, not find somebody.
PREFIX_DIGITS_MIN: Final = 4
_HEXADECIMAL = re.compile(r"[0-9a-f]{1,32}")


class Member(msgspec.Struct, frozen=True):
    """One opaque customer of a person, and the kind of identifier it was derived from (``card``, ``web_account``)."""

    customer: uuid.UUID
    kind: str


class Person(msgspec.Struct, frozen=True):
    """The customers that are one person; ``person`` is the smallest of their ids."""

    person: uuid.UUID
    members: tuple[Member, ...]

    @property
    def customers(self) -> tuple[uuid.UUID, ...]:
        """Return the members' ids."""
        return tuple(member.customer for member in self.members)


class LinkWords(msgspec.Struct, frozen=True):
    """What was last said about two customers being one person; times are in UTC, ``None`` was never said."""

    low: uuid.UUID
    high: uuid.UUID
    is_active: bool
    said_at: dt.datetime
    source: str
    evidence: str


def person_of(customer: uuid.UUID) -> Person | None:
    """Return the person that a customer belongs to, or ``None`` for an id that nobody has."""
    if not Customer.objects.filter(customer=customer).exists():
        return None
    row = Membership.objects.filter(customer=customer).first()
    if row is None:
        members = [customer]
    else:
        members = list(Membership.objects.filter(person=row.person).values_list("customer", flat=True))
    kinds = dict(Customer.objects.filter(customer__in=members).values_list("customer", "kind"))
    return Person(
        person=row.person if row else customer,
        members=tuple(Member(each, kinds.get(each, "")) for each in sorted(members)),
    )


def links_of(person: Person) -> list[LinkWords]:
    """Return every link that touches a person's customers, those that were undone too, the latest first."""
    touching = Link.objects.filter(Q(low__in=person.customers) | Q(high__in=person.customers))
    words = []
    for link in touching:
        is_active = link.linked_at is not None and (link.unlinked_at is None or link.linked_at > link.unlinked_at)
        said_at = link.linked_at if is_active else link.unlinked_at or link.linked_at
        assert said_at is not None, "a link of which nothing was ever said"
        words.append(
            LinkWords(
                low=link.low,
                high=link.high,
                is_active=is_active,
                said_at=said_at,
                source=(link.linked_source if is_active else link.unlinked_source) or "",
                evidence=(link.linked_evidence if is_active else link.unlinked_evidence) or "",
            )
        )
    return sorted(words, key=lambda each: each.said_at, reverse=True)


def find_by_beginning(text: str, *, limit: int = 20) -> list[Member]:
    """Return the customers whose id begins with ``text`` (hexadecimal digits, hyphens ignored), at most ``limit``.

    Fewer than four digits, or anything that is no beginning of an id, finds nobody.
    """
    digits = text.strip().lower().replace("-", "")
    if len(digits) < PREFIX_DIGITS_MIN or not _HEXADECIMAL.fullmatch(digits):
        return []
    low, high = uuid.UUID(digits.ljust(32, "0")), uuid.UUID(digits.ljust(32, "f"))
    found = Customer.objects.filter(customer__gte=low, customer__lte=high).order_by("customer")[:limit]
    return [Member(each.customer, each.kind) for each in found]


def count() -> int:
    """Return how many customers there are: exact up to 10,000, beyond that the server's estimate."""
    exact_up_to = 10_000
    few = Customer.objects.all()[: exact_up_to + 1].count()
    return few if few <= exact_up_to else max(few, _estimate())


def _estimate() -> int:
    with connections[router.db_for_read(Customer)].cursor() as cursor:
        cursor.execute("select reltuples::bigint from pg_class where oid = %s::regclass", [Customer._meta.db_table])
        (rows,) = cursor.fetchone()
    return int(rows)
