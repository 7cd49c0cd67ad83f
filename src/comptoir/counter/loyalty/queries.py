"""Reads for pages: what somebody has, since when and why, and the programme as a whole.

Every function runs in the current room and takes the customers of one person. Not here: how things are said in
words; entries carry kinds, rules and amounts, and the templates have the words.
"""

from __future__ import annotations

import collections
import datetime as dt
import itertools
import json
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
from django.db import OperationalError, connections, router, transaction
from django.db.models import Count, Max, Min, Sum

from comptoir.counter.loyalty.codes import AHEAD_SECONDS_TOLERATED, MintedCode, mint_code
from comptoir.counter.loyalty.contracts import Account
from comptoir.counter.loyalty.models import Account as AccountRow
from comptoir.counter.loyalty.models import Programme, ProgrammeBalance, Transfer, UsedCode
from comptoir.counter.loyalty.models import Standing as StandingRow
from comptoir.counter.loyalty.programme import NEVER
from comptoir.counter.loyalty.spending import Limits, Standing, Waiting, together, waiting
from comptoir.counter.loyalty.store import read_words
from comptoir.counter.sales import queries as sales
from comptoir.foundation.events import queries as events
from comptoir.foundation.kernel.money import Money

ENTRIES_MAX: Final = 100


class Lot(msgspec.Struct, frozen=True):
    """Points that can be spent until the end of ``last_day``; ``None``: they never expire."""

    last_day: dt.date | None
    points: int


class Wallet(msgspec.Struct, frozen=True):
    """What a person has, over all its customers. ``lots`` add up to ``available``, the first to expire first.

    ``last_position`` is the latest event that moved something, ``None`` if none ever did.
    """

    available: int = 0
    held: int = 0
    owed: int = 0
    lots: tuple[Lot, ...] = ()
    last_position: uuid.UUID | None = None

    @property
    def expiring(self) -> Lot | None:
        """Return the lot that expires first, or ``None`` if nothing ever does."""
        return next((lot for lot in self.lots if lot.last_day is not None), None)


class Move(msgspec.Struct, frozen=True):
    """Points from one account to another, named in small letters. ``rule`` is an earning rule or the ledger's word.

    ``titles`` are what an earning rule is called, by language; none if its programme says nothing of it.
    """

    debit: str
    credit: str
    points: int
    last_day: dt.date | None
    rule: str
    titles: Mapping[str, str] = msgspec.field(default_factory=dict)


class Entry(msgspec.Struct, frozen=True):
    """What one event did to a person's points, and why.

    ``kind`` is the event's type. ``position`` is where it was booked; where ``is_correction``, an earlier event
    (``cause``, of which everything else here tells) is counted anew since a later one belongs before it.
    ``change``, ``held_change`` and ``owed_change`` are net, in points.
    """

    position: uuid.UUID
    cause: uuid.UUID
    kind: str
    source: str
    id: str
    touchpoint: str
    occurred_at: dt.datetime
    moves: tuple[Move, ...]
    change: int
    held_change: int
    owed_change: int
    is_correction: bool
    receipt: str = ""
    sale_receipt: str = ""
    store: str = ""
    total: Money | None = None
    note: str = ""

    @property
    def reasons(self) -> tuple[Move, ...]:
        """Return the moves as one tells them: those of one rule together, with their last day where it is one day."""
        told: dict[tuple[str, str, str], Move] = {}
        for move in self.moves:
            key = (move.debit, move.credit, move.rule)
            former = told.get(key)
            if former is not None:
                day = move.last_day if move.last_day == former.last_day else None
                move = msgspec.structs.replace(move, points=former.points + move.points, last_day=day)  # noqa: PLW2901
            told[key] = move
        return tuple(told.values())


class ProgrammeTotals(msgspec.Struct, frozen=True):
    """The programme so far, in points. ``liability`` is what customers can still spend, held points included."""

    liability: int
    issued: int
    redeemed: int
    expired: int
    adjusted: int


class MonthTotals(msgspec.Struct, frozen=True):
    """One calendar month in UTC, in points; taken-back points are subtracted from those issued."""

    month: dt.date
    issued: int
    redeemed: int
    expired: int
    adjusted: int


class Spending(msgspec.Struct, frozen=True):
    """What a person allows to be spent, and what the house has stopped: a cooling until a moment, a freeze.

    ``waiting`` is what they want, if it does not hold as a whole yet.
    """

    limits: Limits = Limits()
    waiting: Waiting | None = None
    cooling_until: dt.datetime | None = None
    is_frozen: bool = False


class _Rule(msgspec.Struct):
    """An earning rule, as far as it has a name: a version written before there were titles has none."""

    name: str
    title: dict[str, str] | None = None


class _Definition(msgspec.Struct):
    earn: tuple[_Rule, ...] = ()


class _Note(msgspec.Struct):
    reason: str = ""
    receipt: str | None = None


def wallet(customers: Sequence[uuid.UUID]) -> Wallet:
    """Return what a person has: the sums over its customers."""
    available = held = owed = 0
    lots: dict[dt.date, int] = {}
    last: uuid.UUID | None = None
    for row in AccountRow.objects.filter(customer__in=customers):
        available, held, owed = available + row.available, held + row.held, owed + row.owed
        last = row.last_position if last is None else max(last, row.last_position)
        for day, points in zip(row.lot_days, row.lot_points, strict=True):
            lots[day] = lots.get(day, 0) + points
    return Wallet(
        available=available,
        held=held,
        owed=owed,
        lots=tuple(Lot(None if day == NEVER else day, lots[day]) for day in sorted(lots)),
        last_position=last,
    )


def history(
    customers: Sequence[uuid.UUID], *, before: uuid.UUID | None = None, limit: int = 20
) -> tuple[list[Entry], uuid.UUID | None]:
    """Return a page of entries, the last booked first, and the position to ask for the next page with.

    ``before`` leaves out what was booked at or after that position; ``limit`` counts booked events.
    """
    limit = min(limit, ENTRIES_MAX)
    mine = Transfer.objects.filter(customer__in=customers)
    if before is not None:
        mine = mine.filter(position__lt=before)
    positions = list(mine.order_by("-position").values_list("position", flat=True).distinct()[: limit + 1])
    shown = positions[:limit]
    rows = Transfer.objects.filter(customer__in=customers, position__in=shown).order_by("-position", "ordinal")
    groups = [
        (key, list(group))
        for _, booked in itertools.groupby(rows, key=lambda row: row.position)
        for key, group in _by_cause(booked)
    ]
    log = events.find(cause for (_, cause), _ in groups)
    titles = rule_titles() if groups else {}
    entries = [_entry(position, cause, group, log.get(cause), titles) for (position, cause), group in groups]
    return entries, shown[-1] if len(positions) > limit else None


class Movement(msgspec.Struct, frozen=True):
    """One transfer as a person is told of it: from which account to which, how many points, by which rule or word."""

    occurred_at: dt.datetime
    position: uuid.UUID
    cause: uuid.UUID
    debit: str
    credit: str
    points: int
    last_day: dt.date | None
    rule: str


def movements(customers: Sequence[uuid.UUID]) -> Iterator[Movement]:
    """Give every transfer of a person, in the order in which they were booked, in portions."""
    rows = Transfer.objects.filter(customer__in=customers).order_by("position", "ordinal")
    for row in rows.values_list(
        "occurred_at", "position", "cause", "debit", "credit", "points", "day", "reason"
    ).iterator(chunk_size=1_000):  # fmt: skip
        occurred_at, position, cause, debit, credit, points, day, rule = row
        names = (Account(debit).name.lower(), Account(credit).name.lower())
        yield Movement(occurred_at, position, cause, *names, points, None if day == NEVER else day, rule)


def brought(customers: Sequence[uuid.UUID], positions: Collection[uuid.UUID]) -> int:
    """Return how many points the events at these places have brought a person, less what they took back."""
    rows = Transfer.objects.filter(customer__in=customers, position__in=positions)
    return sum(
        points * (_WORTH.get(credit, 0) - _WORTH.get(debit, 0))
        for debit, credit, points in rows.values_list("debit", "credit", "points")
    )


#: Points in these accounts count for the customer, or against.
_WORTH: Final = {Account.AVAILABLE.value: 1, Account.OWED.value: -1}


class Gift(msgspec.Struct, frozen=True):
    """Points that were given to a customer by a word of the shop, at a moment."""

    customer: uuid.UUID
    at: dt.datetime
    points: int


def gifts_at(customers: Collection[uuid.UUID], positions: Collection[uuid.UUID]) -> list[Gift]:
    """Return what the events at these places of the log gave to these customers."""
    rows = Transfer.objects.filter(customer__in=customers, cause__in=positions, debit=Account.ADJUSTED.value)
    return [Gift(*row) for row in rows.values_list("customer", "occurred_at", "points")]


def spent_for(customers: Collection[uuid.UUID], *, source: str, receipt: str, at: dt.datetime) -> dict[uuid.UUID, int]:
    """Return how many points each of a person's customers has spent for a source's receipt, the most first.

    ``at`` is when the goods were sold; what was told long before or after it does not count.
    """
    rows = list(
        Transfer.objects.filter(
            customer__in=customers, credit=Account.REDEEMED.value,
            occurred_at__gte=at - _NEAR, occurred_at__lte=at + _NEAR,
        ).values_list("customer", "position", "points")
    )  # fmt: skip
    told = events.find({position for _, position, _ in rows})
    found: collections.Counter[uuid.UUID] = collections.Counter()
    for customer, position, points in rows:
        event = told.get(position)
        if event is not None and event.source == source and json.loads(event.data).get("receipt") == receipt:
            found[customer] += points
    return dict(found.most_common())


#: So far from a sale its points may have been spent: held for a week at most, and told as late.
_NEAR: Final = dt.timedelta(days=15)


def has_moved_since(customers: Sequence[uuid.UUID], since: dt.datetime) -> bool:
    """Tell whether anything of a person's points has moved since a moment, other than by the clock."""
    moved = Transfer.objects.filter(customer__in=customers, occurred_at__gte=since)
    return moved.exclude(credit=Account.EXPIRED).exists()


def positions_of(customers: Sequence[uuid.UUID]) -> Iterator[uuid.UUID]:
    """Give the places in the log of what moved a person's points, some of them more than once."""
    for pair in Transfer.objects.filter(customer__in=customers).values_list("position", "cause").iterator():
        yield from pair


class Booked(msgspec.Struct, frozen=True):
    """How often somebody's points have moved, and when first and last; ``None`` where they never did."""

    number: int
    first_at: dt.datetime | None
    last_at: dt.datetime | None


def booked(customers: Sequence[uuid.UUID]) -> Booked:
    """Return how often a person's points have moved."""
    mine = Transfer.objects.filter(customer__in=customers)
    counted = mine.aggregate(
        number=Count("position", distinct=True), first_at=Min("occurred_at"), last_at=Max("occurred_at")
    )
    return Booked(**counted)


def latest_positions_of(customers: Sequence[uuid.UUID], *, limit: int) -> list[uuid.UUID]:
    """Return the latest places that :func:`positions_of` gives, each once, at most ``limit`` of them."""
    mine = Transfer.objects.filter(customer__in=customers)
    moved = mine.order_by("-position", "-cause").values_list("position", "cause").distinct()[:limit]
    return sorted({place for pair in moved for place in pair}, reverse=True)[:limit]


def spending_of(customers: Sequence[uuid.UUID], *, now: dt.datetime) -> Spending:
    """Return what a person allows to be spent: all of its customers together."""
    standings = list(standings_of(customers).values())
    return Spending(
        limits=together(standings, at=now),
        waiting=waiting(standings, at=now),
        cooling_until=max((each.cooling_until for each in standings if each.cooling_until), default=None),
        is_frozen=any(each.is_frozen for each in standings),
    )


def standings_of(customers: Sequence[uuid.UUID]) -> dict[uuid.UUID, Standing]:
    """Return what was said about these customers' spending, as far as anything was."""
    found = {}
    for row in StandingRow.objects.filter(customer__in=customers).order_by("customer"):
        words, heard_at = read_words(
            row.locked, row.places, row.points_per_day, row.points_without_passkey, row.limited_at, row.limited_source,
            row.limited_id, row.free_at, row.heard_at, json.dumps(row.former),
        )  # fmt: skip
        found[row.customer] = Standing(words, heard_at, cooling_until=row.cooling_until, is_frozen=row.frozen)
    return found


def fresh_code(customer: uuid.UUID, *, now: dt.datetime) -> MintedCode:
    """Return a code for a customer to show: one of this second, or of the next ones if that was used already."""
    code = mint_code(customer, at=now)
    for ahead in range(1, AHEAD_SECONDS_TOLERATED):
        if not UsedCode.objects.filter(digest=code.digest).exists():
            break
        code = mint_code(customer, at=now + dt.timedelta(seconds=ahead))
    return code


def rule_titles() -> dict[str, dict[str, str]]:
    """Return the titles of every earning rule, by its name.

    The newest version that names a rule says what it is called, also for points that were earned long before.
    """
    titles: dict[str, dict[str, str]] = {}
    for definition in Programme.objects.order_by("version").values_list("definition", flat=True):
        titles.update({rule.name: rule.title or {} for rule in msgspec.convert(definition, _Definition).earn})
    return titles


def totals() -> ProgrammeTotals:
    """Return the programme's accounts. What customers hold is their counterpart, so nobody has to be added up."""
    sums = dict(ProgrammeBalance.objects.values_list("account").annotate(Sum("points")))
    issued, adjusted = -sums.get(Account.ISSUED, 0), -sums.get(Account.ADJUSTED, 0)
    redeemed, expired = sums.get(Account.REDEEMED, 0), sums.get(Account.EXPIRED, 0)
    return ProgrammeTotals(
        liability=issued + adjusted - redeemed - expired,
        issued=issued,
        redeemed=redeemed,
        expired=expired,
        adjusted=adjusted,
    )


def by_month(*, seconds_max: float = 5.0) -> list[MonthTotals] | None:
    """Return every month's totals, oldest first. It reads the whole ledger, so ask seldom.

    ``None`` if that takes longer than ``seconds_max``: the ledger has outgrown a page.
    """
    alias = router.db_for_read(Transfer)
    try:
        with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
            cursor.execute("select set_config('statement_timeout', %s, true)", [str(int(seconds_max * 1000))])
            # The table's name is the model's; everything else is a parameter.
            cursor.execute(
                "select date_trunc('month', occurred_at at time zone 'UTC')::date as month,"  # noqa: S608
                " coalesce(sum(points) filter (where debit = %(issued)s), 0)"
                "  - coalesce(sum(points) filter (where credit = %(issued)s), 0),"
                " coalesce(sum(points) filter (where credit = %(redeemed)s), 0),"
                " coalesce(sum(points) filter (where credit = %(expired)s), 0),"
                " coalesce(sum(points) filter (where debit = %(adjusted)s), 0)"
                "  - coalesce(sum(points) filter (where credit = %(adjusted)s), 0)"
                f" from {Transfer._meta.db_table} group by 1 order by 1",
                {each.name.lower(): each.value for each in Account},
            )
            return [MonthTotals(month, *map(int, sums)) for month, *sums in cursor.fetchall()]
    except OperationalError:
        return None


def _by_cause(rows: Iterable[Transfer]) -> list[tuple[tuple[uuid.UUID, uuid.UUID], list[Transfer]]]:
    groups: dict[tuple[uuid.UUID, uuid.UUID], list[Transfer]] = {}
    for row in rows:
        groups.setdefault((row.position, row.cause), []).append(row)
    return list(groups.items())


def _entry(
    position: uuid.UUID,
    cause: uuid.UUID,
    rows: Sequence[Transfer],
    event: events.LoggedEvent | None,
    titles: Mapping[str, Mapping[str, str]],
) -> Entry:
    moves: dict[tuple[int, int, dt.date | None, str], int] = {}
    changes = dict.fromkeys((Account.AVAILABLE, Account.HELD, Account.OWED), 0)
    for row in rows:
        key = (row.debit, row.credit, row.day, row.reason)
        moves[key] = moves.get(key, 0) + row.points
        if row.debit in changes:
            changes[Account(row.debit)] -= row.points
        if row.credit in changes:
            changes[Account(row.credit)] += row.points
    deal = sales.deal_of(event.type, event.data) if event else None
    note = _note(event.data) if event and deal is None else _Note()
    return Entry(
        position=position,
        cause=cause,
        kind=event.type if event else "",
        source=event.source if event else "",
        id=event.id if event else str(cause),
        touchpoint=event.touchpoint if event else "",
        occurred_at=rows[0].occurred_at,
        moves=tuple(
            Move(
                debit=Account(debit).name.lower(),
                credit=Account(credit).name.lower(),
                points=points,
                last_day=None if day == NEVER else day,
                rule=rule,
                titles=titles.get(rule, {}) if Account.ISSUED in {debit, credit} else {},
            )
            for (debit, credit, day, rule), points in moves.items()
        ),
        change=changes[Account.AVAILABLE],
        held_change=changes[Account.HELD],
        owed_change=changes[Account.OWED],
        is_correction=position != cause,
        receipt=deal.receipt if deal else note.receipt or "",
        sale_receipt=deal.sale_receipt if deal else "",
        store=deal.store if deal else "",
        total=deal.total if deal else None,
        note=note.reason,
    )


def _note(data: str) -> _Note:
    try:
        return msgspec.json.decode(data, type=_Note)
    except msgspec.DecodeError:
        return _Note()
