"""Reads for pages: of the log, by place only, since it has no other order; of the audit chain. In the current room.

Not here: what an event means; the package that declares its type knows (``counter/sales/queries.py``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec
from django.db.models import Count, Max, Min, Q, QuerySet, TextField
from django.db.models.functions import Cast

from comptoir.foundation.events import audit
from comptoir.foundation.events.models import Audit, Event, Identity, Relay


class DestinationState(msgspec.Struct, frozen=True):
    """How a destination of the relay does; ``held_back`` events were not told, since customers do not allow that."""

    destination: str
    delivered_at: dt.datetime | None
    failing_since: dt.datetime | None
    failure: str
    held_back: int


def destinations() -> list[DestinationState]:
    """Return how every destination of the relay does, by name."""
    return [
        DestinationState(each.destination, each.delivered_at, each.failing_since, each.failure, each.held_back)
        for each in Relay.objects.order_by("destination")
    ]


class LoggedEvent(msgspec.Struct, frozen=True):
    """An event as it stands in the log. ``data`` is its JSON text; ``status`` is ``accepted`` or ``refused``."""

    position: uuid.UUID
    source: str
    id: str
    type: str
    touchpoint: str
    occurred_at: dt.datetime
    received_at: dt.datetime
    status: str
    data: str


def find(positions: Iterable[uuid.UUID]) -> dict[uuid.UUID, LoggedEvent]:
    """Return the events at these positions; positions that the log does not have are left out."""
    rows = (
        Event.objects.filter(position__in=set(positions))
        .annotate(written=Cast("data", TextField()))
        .values_list(
            "position", "source", "id", "type", "touchpoint", "occurred_at", "received_at", "status", "written"
        )
    )
    return {row[0]: LoggedEvent(*row) for row in rows}


def positions_of_ids(source: str, ids: Collection[str]) -> dict[str, uuid.UUID]:
    """Return where the log has what a source has sent under these ids; what it has not sent is left out."""
    return dict(Identity.objects.filter(source=source, id__in=ids).values_list("id", "position"))


class Told(msgspec.Struct, frozen=True):
    """An accepted event of the log, as far as it begins something for somebody; ``data`` is its JSON text."""

    position: uuid.UUID
    type: str
    customer: uuid.UUID | None
    occurred_at: dt.datetime
    data: str


def told_between(types: Collection[str], *, after: uuid.UUID, until: uuid.UUID) -> Iterator[Told]:
    """Give the accepted events of these types after one place in the log, up to another, in the log's order."""
    rows = (
        Event.objects.filter(position__gt=after, position__lte=until, type__in=types, status="accepted")
        .annotate(written=Cast("data", TextField()))
        .order_by("position")
        .values_list("position", "type", "customer", "occurred_at", "written")
    )
    for row in rows.iterator(chunk_size=5_000):
        yield Told(*row)


def heard_of(
    customers: Collection[uuid.UUID], types: Collection[str], *, since: dt.datetime, until: dt.datetime
) -> dict[uuid.UUID, list[dt.datetime]]:
    """Return when events of these types happened to these customers, after one moment and up to another."""
    rows = Event.objects.filter(
        customer__in=customers, type__in=types, status="accepted", occurred_at__gt=since, occurred_at__lte=until
    ).values_list("customer", "occurred_at")
    found: dict[uuid.UUID, list[dt.datetime]] = {}
    for customer, at in rows:
        if customer is not None:
            found.setdefault(customer, []).append(at)
    return found


class AuditedEntry(msgspec.Struct, frozen=True):
    """An entry of the audit chain with its number."""

    number: int
    entry: audit.Entry


def accesses_of(
    *subjects: uuid.UUID, before: int | None = None, limit: int = 100, by: str = "", not_by: str = ""
) -> list[AuditedEntry]:
    """Return who did what with a person's data and why, the newest first; ``before`` goes on where a page ended.

    ``subjects`` are the person, and what else the audit chain knows of theirs by a number of its own.

    ``by`` leaves out what other actors did, ``not_by`` what this one did. In the vault or the office only.
    """
    entries = Audit.objects.filter(subject__in=subjects)
    if by:
        entries = entries.filter(content__contains=_written_actor(by))
    if not_by:
        entries = entries.exclude(content__contains=_written_actor(not_by))
    return _audited(entries, before=before, limit=limit)


def _written_actor(actor: str) -> str:
    """Return how an entry's text begins its actor: inside of a detail or a purpose the quotes would be escaped."""
    return f'"actor":"{actor}"'


def latest_audited(*, before: int | None = None, limit: int = 100) -> list[AuditedEntry]:
    """Return the newest entries of the audit chain. In the vault or the office only."""
    return _audited(Audit.objects.all(), before=before, limit=limit)


def _audited(entries: QuerySet[Audit], *, before: int | None, limit: int) -> list[AuditedEntry]:
    if before is not None:
        entries = entries.filter(number__lt=before)
    rows = entries.order_by("-number").values_list("number", "content")[:limit]
    return [AuditedEntry(number, audit.read(content)) for number, content in rows]


def has_any_since(customers: Sequence[uuid.UUID], since: dt.datetime) -> bool:
    """Tell whether anything was heard of these customers since a moment, leaving out sales that moved points."""
    return _about(customers).filter(occurred_at__gte=since).exclude(source__startswith="/comptoir/").exists()


def positions_of(customers: Sequence[uuid.UUID]) -> Iterator[uuid.UUID]:
    """Give the places of all events about these customers, except sales that moved points: transfers lead to those."""
    return _about(customers).values_list("position", flat=True).iterator()


class Tally(msgspec.Struct, frozen=True):
    """How many events of one type a touchpoint has sent, and when the first and the last of them happened."""

    touchpoint: str
    type: str
    number: int
    first_at: dt.datetime
    last_at: dt.datetime


def tallies(positions: Collection[uuid.UUID]) -> list[Tally]:
    """Count the accepted events at these positions by touchpoint and type; those that the log does not have, not."""
    found = Event.objects.filter(position__in=positions, status="accepted").values("touchpoint", "type")
    counted = found.annotate(number=Count("*"), first_at=Min("occurred_at"), last_at=Max("occurred_at"))
    return [Tally(**row) for row in counted.order_by("touchpoint", "-number", "type")]


def latest_positions_of(customers: Sequence[uuid.UUID], *, limit: int) -> list[uuid.UUID]:
    """Return the latest places that :func:`positions_of` gives, at most ``limit``."""
    return list(_about(customers).order_by("-position").values_list("position", flat=True)[:limit])


def _about(customers: Sequence[uuid.UUID]) -> QuerySet[Event]:
    found = Event.objects.filter(customer__in=customers, customer__isnull=False)
    return found.filter(~Q(type="sale.closed") | Q(decision__isnull=True))
