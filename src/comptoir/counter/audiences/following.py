"""Bringing lines, acts and figures up to date with what was said at some positions of the log.

Idempotent and in any order: rows of a sale and figures of a customer are made anew from everything that is known, so a
batch that comes twice, late or beside another one changes nothing. Not here: who calls it, and when (``jobs.py`` of
``office/segments``, ``rebuilding.py``).
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from comptoir.counter.audiences import store
from comptoir.counter.audiences.rules import is_act, is_followed
from comptoir.counter.audiences.store import Heard
from comptoir.counter.customers.contracts import SALE_FORGET
from comptoir.counter.loyalty.store import find_programmes
from comptoir.counter.sales.contracts import SALE_CLOSED, SALE_RETURNED
from comptoir.foundation.events.rules import is_severed
from comptoir.foundation.events.store import find_follower, read_beyond
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.square.stewardship.store import find_levels

#: What the follower is called among those who read the outbox.
FOLLOWER: Final = "house.figures"
_PORTION: Final = 5_000
_OF_COUPONS: Final = frozenset({"coupon", "promotion"})
#: Events that change who is one person, what a person allows, or points, which are drawn from all cards of a person:
#: others of the person are touched too.
_OF_PERSONS: Final = frozenset({"identifier", "link", "terms", "consent", "objection", "customer", "points"})


def bring(connection: Connection, positions: Collection[Id], *, time_zone: str, now: dt.datetime) -> set[Id]:
    """Bring everything up to date with these positions; returns whose figures were written. In a transaction."""
    store.lock_following(connection)
    named = [each for each in store.read_heard(connection, positions) if is_followed(each.type)]
    heard = [each for each in named if each.is_accepted]
    sales = sales_of(connection, heard)
    store.write_lines(connection, sales, time_zone=time_zone)
    store.insert_acts(connection, [each.position for each in heard if is_act(each.type)], time_zone=time_zone)
    touched = {each.customer for each in named if each.customer is not None} | set(sales.values())
    personas = {each.persona for each in heard if each.persona is not None}
    posts = {each.post for each in heard if each.post is not None}
    touched |= store.find_behind(connection, personas=personas, posts=posts)
    coupons = [each.position for each in heard if each.type.partition(".")[0] in _OF_COUPONS]
    if coupons:
        # A code is shown without a card, a promotion ends for everybody who has a coupon of it.
        touched |= store.find_holders(connection, coupons)
    of_persons = {
        each.customer for each in heard
        if each.customer is not None and each.type.partition(".")[0] in _OF_PERSONS
    }  # fmt: skip
    if of_persons:
        touched |= store.find_linked(connection, of_persons)
    if any(each.type == SALE_FORGET for each in heard):
        store.drop_foreign(connection, touched)
    touched = {each for each in touched if not is_severed(each)}
    since = first_days(((each.customer, each.occurred_at) for each in heard if each.customer), time_zone)
    refresh(connection, touched, since=since, now=now)
    return touched


def sales_of(connection: Connection, heard: Sequence[Heard]) -> dict[Id, Id]:
    """Return the sales whose lines some events change: their places in the log, and their customers."""
    sales = {each.position: each.customer for each in heard if each.type == SALE_CLOSED and each.customer is not None}
    back = {
        (each.source, each.receipt)
        for each in heard
        if each.type == SALE_RETURNED and each.source is not None and each.receipt is not None
    }
    return sales | store.find_returned_sales(connection, back)


def catch_up(connection: Connection) -> bool:
    """Bring everything up to date with what no follower has come to; ``False`` if there never was a follower."""
    place = find_follower(connection, FOLLOWER)
    if place is None:
        return False
    positions = read_beyond(connection, place)
    for start in range(0, len(positions), _PORTION):
        portion = positions[start : start + _PORTION]
        bring(connection, portion, time_zone=time_zone_of(connection), now=SYSTEM_CLOCK.now())
    return True


def time_zone_of(connection: Connection) -> str:
    """Return the time zone of the shop's days, by its latest programme; without one there are no sales either."""
    programmes = find_programmes(connection)
    return "UTC" if programmes is None else programmes.at(SYSTEM_CLOCK.now()).programme.time_zone


def refresh(
    connection: Connection, customers: Collection[Id], *, since: Mapping[Id, dt.date], now: dt.datetime
) -> None:
    """Write the figures of these customers anew."""
    if not customers:
        return
    names = store.find_personas(connection, customers)
    personas = {persona for each in names.values() for persona in each}
    levels = find_levels(connection, personas, now) if personas else {}
    trust = {
        customer: max((levels[each].number for each in theirs if each in levels), default=0)
        for customer, theirs in names.items()
    }
    store.refresh_figures(connection, {each: since.get(each) for each in customers}, trust=trust)


def refresh_all(connection: Connection, *, since: Mapping[Id, dt.date], now: dt.datetime) -> None:
    """Write the figures of everybody, in portions."""
    for portion in store.read_customers(connection, portion=_PORTION):
        refresh(connection, portion, since=since, now=now)


def first_days(said: Iterable[tuple[Id, dt.datetime]], time_zone: str) -> dict[Id, dt.date]:
    """Return for each customer the first of the shop's days on which something happened."""
    zone = zoneinfo.ZoneInfo(time_zone)
    first: dict[Id, dt.datetime] = {}
    for customer, at in said:
        if customer not in first or at < first[customer]:
            first[customer] = at
    return {customer: at.astimezone(zone).date() for customer, at in first.items()}
