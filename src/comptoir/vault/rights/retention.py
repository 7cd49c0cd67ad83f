"""How long is long enough: what the clock drops, and whose contact data end because nobody has heard of them.

Two things are done. Rows that the map of personal data gives so many days go when these are over, each by the role of a
room that may delete there. And the contact data of a customer who was neither seen in the vault nor heard of at the
counter for ``COMPTOIR_CONTACT_KEPT_DAYS`` are destroyed with their key: the person is recognised then, and no longer
known; points stay. Not here: forgetting somebody who asks for it.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import uuid
from collections.abc import Callable, Iterator
from typing import Final

import psycopg
from django.db import connections, transaction
from psycopg import sql

from comptoir.counter.customers import queries as customers
from comptoir.counter.customers.contracts import CLOSENESS_CHANGED, USER_KIND
from comptoir.counter.loyalty import queries as loyalty
from comptoir.foundation.events import audit
from comptoir.foundation.events import queries as events
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms import grants, personal
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import ROOMS, VAULT, Room
from comptoir.foundation.rooms.personal import Kept
from comptoir.foundation.touchpoints import house
from comptoir.vault.contacts import commands as contacts
from comptoir.vault.contacts import queries as contact_queries
from comptoir.vault.credentials.models import Kind, User
from comptoir.vault.lists import commands as list_commands
from comptoir.vault.lists import queries as lists
from comptoir.vault.rights.errors import RetentionTooLong
from comptoir.vault.rights.holders import customers_of

_log = logging.getLogger("comptoir.rights")

#: Two years: the French authority found four years after the last activity excessive for a loyalty programme and
#: accepted three (CNIL, SAN-2020-008, Carrefour). Three are the ceiling here, and nobody needs them.
KEPT_DAYS_DEFAULT: Final = 730
KEPT_DAYS_MAX: Final = 3 * 365
KEPT_DAYS_MIN: Final = 30
#: Entries of old lists whose customer was never linked with anybody who signs in, after they were taken or changed.
PENDING_KEPT_DAYS: Final = 365
ENDED: Final = "rights.retention_ended"
#: What a repeated request is recognised by: one for each person and day.
_REQUESTS: Final = uuid.UUID("7d1c0c5e-6a53-5b53-9f3a-5f0b2c1de001")
_ROWS_AT_ONCE: Final = 5_000
_USERS_AT_ONCE: Final = 200
#: A worker that was away for a weekend is no breach.
_GRACE: Final = dt.timedelta(days=2)
_PENDING: Final = """
    select count(*) from lists_entry e
    where greatest(e.taken_at, coalesce(e.changed_at, e.taken_at)) < %s and not exists (
      select from customers_membership m join customers_membership o on o.person = m.person
      join customers_customer c on c.customer = o.customer where m.customer = e.customer and c.kind = 'user'
    )
"""


def kept_days() -> int:
    """Return for how many days contact data are kept after the last activity.

    Raises :class:`RetentionTooLong` for a setting that is no number of days from 30 to 1,095.
    """
    written = os.environ.get("COMPTOIR_CONTACT_KEPT_DAYS") or str(KEPT_DAYS_DEFAULT)
    days = whole(written, KEPT_DAYS_MAX, least=KEPT_DAYS_MIN)
    if days is None:
        raise RetentionTooLong(
            f"COMPTOIR_CONTACT_KEPT_DAYS is {written!r}; a number of days from {KEPT_DAYS_MIN} to {KEPT_DAYS_MAX}."
        )
    return days


# -- what the clock drops -----------------------------------------------------------------------------------------


def drop_expired(*, now: dt.datetime, should_stop: Callable[[], bool] = lambda: False) -> dict[str, int]:
    """Delete the rows whose days are over; returns how many of which table."""
    dropped: dict[str, int] = {}
    for table, kept in personal.dropped_by_the_clock().items():
        room = _deleting_room(table)
        statement = sql.SQL(
            "delete from {table} where ctid = any(array(select ctid from {table} where {since} < %s limit %s))"
        ).format(table=sql.Identifier(table), since=sql.Identifier(kept.since))
        with entered(room):
            while not should_stop():
                with connections[room.name].cursor() as cursor:
                    cursor.execute(statement, [_before(kept, now), _ROWS_AT_ONCE])
                    gone = cursor.rowcount
                dropped[table] = dropped.get(table, 0) + gone
                if gone < _ROWS_AT_ONCE:
                    break
    return {table: rows for table, rows in dropped.items() if rows}


def overdue(connection: psycopg.Connection, *, now: dt.datetime) -> list[str]:
    """Return which rows should have been dropped more than two days ago, and whether the setting is not allowed."""
    sentences = []
    for table, kept in personal.dropped_by_the_clock().items():
        query = sql.SQL("select count(*) from {} where {} < %s").format(
            sql.Identifier(table), sql.Identifier(kept.since)
        )
        row = connection.execute(query, (_before(kept, now) - _GRACE,)).fetchone()
        if row is not None and row[0]:
            sentences.append(f"{row[0]} rows of {table} should be gone: {kept.until}")
    row = connection.execute(_PENDING, (now - dt.timedelta(days=PENDING_KEPT_DAYS) - _GRACE,)).fetchone()
    if row is not None and row[0]:
        sentences.append(f"{row[0]} entries of old lists should be gone: nobody has taken them in hand for a year")
    try:
        kept_days()
    except RetentionTooLong as problem:
        sentences.append(problem.detail)
    return sentences


def _before(kept: Kept, now: dt.datetime) -> dt.datetime:
    assert kept.days is not None
    return now - dt.timedelta(days=kept.days)


def _deleting_room(table: str) -> Room:
    access = grants.declared_tables()[table]
    return next(room for room in ROOMS.values() if {"DELETE", "SELECT"} <= access.of(room))


# -- contact data that nobody needs any more ----------------------------------------------------------------------


def end_unused_contacts(*, now: dt.datetime, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Destroy the contact data of customers of whom nobody has heard for too long; returns of how many.

    The counter hears of it first: if it cannot be reached, or refuses, that person's data stay until the next run.
    Raises :class:`RetentionTooLong`.
    """
    ended = 0
    since = now - dt.timedelta(days=kept_days())
    with entered(VAULT):
        for user in unused_since(since):
            if should_stop():
                break
            ended += _end(user, now=now)
    if ended:
        _log.info("the contact data of %s customers were kept long enough, and are gone", ended)
    return ended


def end_pending_entries(*, now: dt.datetime, should_stop: Callable[[], bool] = lambda: False) -> int:
    """End the entries of old lists that nobody has taken in hand for a year; returns how many.

    Taken in hand: their customer is linked with somebody who signs in. Those end with the person, not here.
    """
    ended, after = 0, uuid.UUID(int=0)
    since = now - dt.timedelta(days=PENDING_KEPT_DAYS)
    while not should_stop():
        with entered(VAULT):
            some = lists.untouched_since(since, after=after, limit=_USERS_AT_ONCE)
            claimed = customers.signing_in([customer for _, customer in some])
        if not some:
            break
        after = some[-1][0]
        gone = [entry for entry, customer in some if customer not in claimed]
        list_commands.end(gone, actor="worker", at=now)
        ended += len(gone)
    if ended:
        _log.info("%s entries of old lists were kept long enough, and are gone", ended)
    return ended


def unused_since(since: dt.datetime) -> Iterator[uuid.UUID]:
    """Give the customers with contact data of whom neither the vault nor the counter has heard since a moment."""
    after = uuid.UUID(int=0)
    while some := _quiet_users(since, after=after):
        for user in some:
            after = user
            if contact_queries.is_known(user) and _last_given(user) < since and not _heard_of(user, since):
                yield user


def _quiet_users(since: dt.datetime, *, after: uuid.UUID) -> list[uuid.UUID]:
    found = User.objects.filter(kind=Kind.CUSTOMER, id__gt=after, joined_at__lt=since)
    found = found.exclude(last_login__gte=since)
    return list(found.order_by("id").values_list("id", flat=True)[:_USERS_AT_ONCE])


def _last_given(user: uuid.UUID) -> dt.datetime:
    return max(
        piece.given_at
        for face in contact_queries.faces_of(user)
        for piece in contact_queries.kept_pieces(user, face=face)
    )


def _heard_of(user: uuid.UUID, since: dt.datetime) -> bool:
    customers = customers_of(user)
    if not customers:
        return False
    return loyalty.has_moved_since(customers, since) or events.has_any_since(customers, since)


def _end(user: uuid.UUID, *, now: dt.datetime) -> int:
    try:
        if customers_of(user):
            day = dt.datetime.combine(now.date(), dt.time(), dt.UTC)
            answer = house.send(
                CLOSENESS_CHANGED,
                {"customer": {"kind": USER_KIND, "value": str(user)}, "closeness": "recognised"},
                request=uuid.uuid5(_REQUESTS, f"{user} {day:%Y-%m-%d}"),
                at=day,
            )
            if answer.problem is not None:
                _log.error("the counter does not take that somebody steps back: %s", answer.problem.title)
                return 0
        list_commands.forget(customers_of(user), actor="worker", at=now)
        for face in contact_queries.faces_of(user):
            contacts.destroy(user, actor="worker", at=now, face=face)
        with transaction.atomic(using=VAULT.name):
            audit.append(
                connections[VAULT.name],
                room=VAULT,
                actor="worker",
                action=ENDED,
                subject=user,
                purpose=f"nobody has heard of them for {kept_days()} days",
                at=now,
            )
    except Problem as problem:
        _log.error("contact data that should end stay for now: %s", problem.title())
        return 0
    return 1
