"""What a campaign changed: everybody who was drawn into an arm, whatever became of their message, and what they bought.

The outcome is fixed before anything is sent: what a person paid at any channel in so many days from the draw, less what
came back of it. The covariate is the same of as many days before. Whoever does not allow the shop to count what they
buy is left out, of every arm alike. While the days are not over, the interval is as wide as looking early demands.
Where stores were drawn, and by group, it is looked at once, when the days are over.
The lasting holdout is measured over everybody the shop knows, since whom it kept out was drawn without a campaign.
Needs scipy. Not here: the statistics (``office/experiments``), their words (``doors/console/effects.py``).
"""

from __future__ import annotations

import datetime as dt
import math
import statistics
import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from comptoir.counter.customers import queries as customers
from comptoir.counter.messages.contracts import LEFT
from comptoir.counter.messages.queries import Decided
from comptoir.counter.offers.queries import Promised
from comptoir.counter.sales import queries as sales
from comptoir.foundation.kernel.problem import Problem
from comptoir.office.campaigns import grouping, rules
from comptoir.office.campaigns.contracts import HOLDOUT, HOLDOUT_OF_ALL_SHARE, Version
from comptoir.office.campaigns.grouping import By
from comptoir.office.campaigns.rules import HOME_SPAN
from comptoir.office.experiments.contracts import Effects, Question

#: The names of the two arms of the lasting holdout.
EVERYTHING: Final = "everything"
_YEAR_STARTS: Final = (1, 1)
_POWER_AND_LEVEL: Final = statistics.NormalDist().inv_cdf(0.8) + statistics.NormalDist().inv_cdf(0.975)


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign changed up to now. ``effects`` is empty where nothing can be compared, and ``problem`` says why.

    ``time_over`` is the share of the days that are over; ``left_out`` are people who do not allow to be counted.
    ``stores`` is how many stores were drawn, 0 where people were; ``by`` is what its groups are made of, if anything.
    ``points`` were promised by coupons or given, and ``points_cost`` is what they cost, where that was said beforehand.
    ``planned`` is how many people each arm waits for, where it is looked at once and people come one after the other.
    """

    effects: Effects | None
    problem: str
    days: int
    time_over: float
    ends_at: dt.datetime | None
    people: int
    left_out: int
    stores: int = 0
    by: By | None = None
    points: int = 0
    points_cost: float | None = None
    planned: int = 0


class Person(msgspec.Struct, frozen=True):
    """Somebody who was drawn: into which arm and when, by which version, and to how many messages that left.

    ``cluster`` is the store that they were drawn with, if they were.
    """

    person: uuid.UUID
    arm: str
    since: dt.datetime
    version: int = 1
    contacts: int = 0
    cluster: str = ""


def drawn_of(decided: Iterable[Decided]) -> list[Person]:
    """Return whom a campaign has drawn into an arm: once each, with their first decision."""
    found: dict[uuid.UUID, Person] = {}
    for each in decided:
        is_held = each.verdict == "held_out" and each.reason == "campaign"
        if not is_held and each.verdict != "send" and each.reason != "no_coupon":
            continue
        one = Person(
            each.customer, HOLDOUT if is_held else each.variant, each.decided_at, version=each.campaign_version,
            contacts=int(not LEFT.isdisjoint(each.outcomes)), cluster=each.cluster,
        )  # fmt: skip
        known = found.get(one.person)
        if known is None or one.since < known.since:
            found[one.person] = one
    return list(found.values())


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What was fixed before anything was sent: shares of the arms, the days that count, what it costs and brings.

    ``planned`` is how many people the smaller arm is meant to have; unset, how many it has: then all of them were drawn
    at once. ``is_closed``: nobody is drawn any more, so there is nothing to wait for.
    """

    shares: dict[str, float]
    days: int
    margin: float | None = None
    cost_per_contact: float | None = None
    cost_per_point: float | None = None
    planned: int | None = None
    is_closed: bool = True


def terms_of(version: Version) -> Terms:
    """Return what a campaign fixed beforehand. How many its smaller arm has, its list has fixed when it was frozen."""
    return Terms(
        shares=rules.shares(version), days=version.days, margin=version.margin,
        cost_per_contact=version.cost_per_contact, cost_per_point=version.cost_per_point,
    )  # fmt: skip


def units(people: Iterable[Person]) -> list[Person]:
    """Return one of those who are the same person by now: who was drawn first."""
    drawn = sorted(people, key=lambda each: (each.since, each.person))
    persons = customers.persons_of({each.person for each in drawn})
    firsts: dict[uuid.UUID, Person] = {}
    for each in drawn:
        known = firsts.setdefault(persons[each.person], each)
        if known is not each:
            firsts[persons[each.person]] = msgspec.structs.replace(known, contacts=known.contacts + each.contacts)
    return list(firsts.values())


def measure(
    people: Sequence[Person],
    terms: Terms,
    *,
    minor_units: int,
    now: dt.datetime,
    version: int | None = None,
    by: By | None = None,
    promised: Iterable[Promised] = (),
) -> Measured:
    """Return what was changed up to ``now``; ``minor_units`` make one unit of the shop's currency.

    Points ``promised`` in somebody's days are a cost of their arm; the holdout has neither coupons nor gifts.

    Where people were drawn one after the other, whose days have only just begun is as much in it as everybody else.
    With a ``version`` only who was drawn by it counts: another one may have other arms and shares. ``by`` looks at the
    effect by group, of those alone whose days are over: intervals of groups are for one look.
    """
    people = [each for each in units(people) if version is None or each.version == version]
    span = dt.timedelta(days=terms.days)
    asked = {each.person for each in people}
    counted = _counted(asked)
    kept = [each for each in people if each.person in counted]
    is_by_store, is_full = any(each.cluster for each in kept), True
    if is_by_store and terms.planned is not None:
        kept, is_full = _first_planned(kept, terms.planned, arms=terms.shares)
        people = kept if is_full else people
    if by is not None:
        kept = [each for each in kept if now - each.since >= span]
    ends_at = max((each.since + span for each in people), default=None)
    over = [max(0.0, min(1.0, (now - each.since) / span)) for each in kept]
    time_over = math.fsum(over) / len(over) if over else 0.0
    measured = Measured(
        effects=None, problem="", days=terms.days, time_over=time_over, ends_at=ends_at,
        people=len(kept), left_out=len(asked - counted), by=by,
        stores=len({each.cluster for each in kept if each.cluster}),
    )  # fmt: skip
    if HOLDOUT not in terms.shares:
        return msgspec.structs.replace(measured, problem="no_holdout")
    if measured.time_over <= 0 or not kept:
        return msgspec.structs.replace(measured, problem="too_early")
    if is_by_store and not is_full and not terms.is_closed:
        return msgspec.structs.replace(measured, problem="waits_for_people", planned=terms.planned or 0)
    if is_by_store and time_over < 1:
        # With so few units no interval could be looked at often: it is looked at once.
        return msgspec.structs.replace(measured, problem="waits")
    after, before = _paid(kept, span, now=now)
    question = Question(
        arm="arm", control=HOLDOUT, outcome="sales", covariate="before", shares=terms.shares,
        cost_per_contact=terms.cost_per_contact, margin=terms.margin, is_for_every_look=not is_by_store, by=by,
        planned=terms.planned or _smallest(each.arm for each in kept), time_over=measured.time_over,
        cluster="store" if is_by_store else None,
    )  # fmt: skip
    groups = {} if by is None else _groups(kept, before, span, by)
    points = _points(kept, promised, span)
    cost = None if terms.cost_per_point is None else sum(points.values()) * terms.cost_per_point
    measured = msgspec.structs.replace(measured, points=sum(points.values()), points_cost=cost)
    costs = {arm: number * (terms.cost_per_point or 0.0) for arm, number in points.items()}
    return _compared(measured, kept, after, before, question, minor_units=minor_units, groups=groups, costs=costs)


def measure_year(year: int, *, minor_units: int, salt: bytes, now: dt.datetime) -> Measured:
    """Return what all campaigns of a year changed together, up to ``now``: everybody known, against the two percent."""
    since = dt.datetime(year, *_YEAR_STARTS, tzinfo=dt.UTC)
    until = dt.datetime(year + 1, *_YEAR_STARTS, tzinfo=dt.UTC)
    span = min(now, until) - since
    counted = _counted(None)
    people = [
        Person(
            person,
            HOLDOUT if rules.is_held_out_of_all(str(person), at=since, salt=salt) else EVERYTHING,
            since,
        )
        for person in sorted(counted)
    ]
    measured = Measured(
        effects=None, problem="", days=(until - since).days, time_over=max(0.0, span / (until - since)), ends_at=until,
        people=len(people), left_out=0,
    )  # fmt: skip
    if span <= dt.timedelta(0) or not people:
        return msgspec.structs.replace(measured, problem="too_early")
    after, before = _paid(people, span, now=now)
    question = Question(
        arm="arm", control=HOLDOUT, outcome="sales", covariate="before",
        shares={HOLDOUT: HOLDOUT_OF_ALL_SHARE, EVERYTHING: 1 - HOLDOUT_OF_ALL_SHARE}, is_for_every_look=True,
        planned=_smallest(each.arm for each in people), time_over=min(1.0, measured.time_over),
    )  # fmt: skip
    return _compared(measured, people, after, before, question, minor_units=minor_units)


def detectable(
    persons: Collection[uuid.UUID],
    version: Version,
    *,
    minor_units: int,
    now: dt.datetime,
    stores: Mapping[uuid.UUID, str] = MappingProxyType({}),
) -> float | None:
    """Return the smallest effect for each person that a list of these shows in four of five cases; else ``None``.

    Reckoned from what they paid in as many days before now, without a covariate: a little cautious. It is that of the
    smaller variant against the holdout. Whoever has one of the ``stores`` is drawn with everybody who has it: the mean
    of an arm is then a ratio of sums over stores (Cochran 1977, *Sampling Techniques*, 6.19).
    """
    shares = rules.shares(version)
    if HOLDOUT not in shares or len(persons) < 20:
        return None
    paid = _by_person(sales.net_sales(since=now - dt.timedelta(days=version.days), until=now), set(persons))
    mean = statistics.fmean(paid.get(each, 0) for each in persons)
    off: dict[str, float] = defaultdict(float)
    for each in persons:
        off[stores.get(each) or str(each)] += (paid.get(each, 0) - mean) / minor_units
    people_each = len(persons) / len(off)
    spread = statistics.pvariance([each / people_each for each in off.values()])
    if not spread:
        return None  # nobody bought anything then: nothing can be foreseen
    smallest = min(share for arm, share in shares.items() if arm != HOLDOUT)
    units = [len(off) * share for share in (shares[HOLDOUT], smallest)]
    return _POWER_AND_LEVEL * math.sqrt(spread * sum(1 / each for each in units)) if min(units) >= 1 else None


def _counted(asked: Collection[uuid.UUID] | None) -> set[uuid.UUID]:
    """Return those of these persons, or of all, who allow that what they buy is counted."""
    allowed = set(customers.permitted(purpose="analysis", channel="store").values_list("customer", flat=True))
    if asked is not None:
        return allowed & set(asked)
    return set(customers.persons_of(allowed).values()) & allowed


def _smallest(arms: Iterable[str]) -> int:
    sizes: dict[str, int] = defaultdict(int)
    for arm in arms:
        sizes[arm] += 1
    return max(20, min(sizes.values()))


def _paid(
    people: Sequence[Person], span: dt.timedelta, *, now: dt.datetime
) -> tuple[dict[uuid.UUID, int], dict[uuid.UUID, int]]:
    """Return what each paid from their draw on, up to now, and in as long a time before it."""
    after: dict[uuid.UUID, int] = {}
    before: dict[uuid.UUID, int] = {}
    for moment, those in _by_moment(people).items():
        after |= _by_person(sales.net_sales(since=moment, until=min(now, moment + span)), those)
        before |= _by_person(sales.net_sales(since=moment - span, until=moment), those)
    return after, before


def _first_planned(
    people: Sequence[Person], planned: int, *, arms: Collection[str]
) -> tuple[list[Person], bool]:  # fmt: skip
    """Return who came until every arm had as many people as were planned, and whether it came to that.

    Whoever comes later changes nothing: else it would be looked at again with everybody who comes.
    """
    missing = dict.fromkeys(arms, planned)
    found = []
    for each in sorted(people, key=lambda one: (one.since, one.person)):
        if not any(missing.values()):
            break
        found.append(each)
        if missing.get(each.arm):
            missing[each.arm] -= 1
    return found, not any(missing.values())


def _points(people: Sequence[Person], promised: Iterable[Promised], span: dt.timedelta) -> dict[str, int]:
    """Return the points that were promised to each arm's people in their days."""
    given = list(promised)
    if not given:
        return {}
    now_called = customers.persons_of({each.person for each in people} | {each.customer for each in given})
    drawn = {now_called[each.person]: each for each in people}
    sums: dict[str, int] = defaultdict(int)
    for each in given:
        one = drawn.get(now_called[each.customer])
        if one is not None and one.since <= each.at < one.since + span:
            sums[one.arm] += each.points
    return dict(sums)


#: People who were drawn at more moments than this are counted by whole days.
_MOMENTS_MAX: Final = 40


def _by_moment(people: Iterable[Person]) -> dict[dt.datetime, set[uuid.UUID]]:
    """Return who was drawn when; where that was at many moments, by whole days."""
    by_moment: dict[dt.datetime, set[uuid.UUID]] = defaultdict(set)
    for each in people:
        by_moment[each.since].add(each.person)
    if len(by_moment) <= _MOMENTS_MAX:
        return by_moment
    by_day: dict[dt.datetime, set[uuid.UUID]] = defaultdict(set)
    for moment, those in by_moment.items():
        by_day[moment.replace(hour=0, minute=0, second=0, microsecond=0)] |= those
    return by_day


def _groups(
    people: Sequence[Person], before: Mapping[uuid.UUID, int], span: dt.timedelta, by: By
) -> dict[uuid.UUID, str]:
    """Return each person's group, by what they did before they were drawn."""
    asked = [each.person for each in people]
    if by == "spend":
        return grouping.by_spend(asked, before)
    purchases: dict[uuid.UUID, int] = {}
    homes: dict[uuid.UUID, str] = {}
    for moment, those in _by_moment(people).items():
        long = span if by == "visits" else HOME_SPAN
        habits = sales.habits(since=moment - long, until=moment)
        purchases |= _by_person({each: habit.purchases for each, habit in habits.items()}, those)
        homes |= _homes(habits, those)
    return grouping.by_visits(asked, purchases) if by == "visits" else grouping.by_store(asked, homes)


def _homes(habits: Mapping[uuid.UUID, sales.Habit], asked: set[uuid.UUID]) -> dict[uuid.UUID, str]:
    now_called = customers.persons_of(asked)
    stores: dict[uuid.UUID, Counter[str]] = defaultdict(Counter)
    for customer, person in customers.persons_of(habits).items():
        stores[person].update(habits[customer].by_store)
    found = {each: rules.home(stores[now_called[each]]) for each in asked if now_called[each] in stores}
    return {each: store for each, store in found.items() if store}


def _by_person(paid: Mapping[uuid.UUID, int], asked: set[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Return what each of these persons paid, with whichever of their cards; asked by the id they had then."""
    now_called = customers.persons_of(asked)
    sums: dict[uuid.UUID, int] = defaultdict(int)
    for customer, person in customers.persons_of(paid).items():
        sums[person] += paid[customer]
    return {each: sums[now_called[each]] for each in asked if now_called[each] in sums}


def _compared(
    measured: Measured,
    people: Sequence[Person],
    after: Mapping[uuid.UUID, int],
    before: Mapping[uuid.UUID, int],
    question: Question,
    *,
    minor_units: int,
    groups: Mapping[uuid.UUID, str] = MappingProxyType({}),
    costs: Mapping[str, float] = MappingProxyType({}),
) -> Measured:
    import numpy as np  # noqa: PLC0415 - slow to load, and not needed by whoever only plans

    from comptoir.office.experiments import measuring  # noqa: PLC0415 - needs scipy, which is an extra
    from comptoir.office.experiments.reading import Results  # noqa: PLC0415

    arms = list(question.shares)
    names = grouping.in_order(measured.by, groups) if measured.by else []
    clusters = {name: number for number, name in enumerate(dict.fromkeys(map(_unit, people)))}
    results = Results(
        arm=np.array([arms.index(each.arm) for each in people], dtype=np.int32),
        outcome=np.array([after.get(each.person, 0) / minor_units for each in people]),
        covariate=np.array([before.get(each.person, 0) / minor_units for each in people]),
        cluster=np.array([clusters[_unit(each)] for each in people], dtype=np.int32) if question.cluster else None,
        group=np.array([names.index(groups[each.person]) for each in people], dtype=np.int32) if names else None,
        arms=arms, groups=names, left_out_by_arm=[0] * len(arms), as_zero=0,
        contacts_by_arm=[sum(each.contacts for each in people if each.arm == arm) for arm in arms],
        costs_by_arm=[costs.get(arm, 0.0) for arm in arms],
    )  # fmt: skip
    try:
        try:
            return msgspec.structs.replace(measured, effects=measuring.effects(results, question))
        except Problem:
            # Nobody bought anything before: then nothing of before can be taken out.
            plain = msgspec.structs.replace(results, covariate=None)
            asked = msgspec.structs.replace(question, covariate=None)
            return msgspec.structs.replace(measured, effects=measuring.effects(plain, asked))
    except Problem as problem:
        return msgspec.structs.replace(measured, problem=problem.name)


def _unit(each: Person) -> str:
    """Return what was drawn: a store, or somebody alone."""
    return each.cluster or str(each.person)
