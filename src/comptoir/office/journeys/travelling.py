"""Who enters a journey, and what is due on every trip: by the clock, as often and by as many as like.

A portion of trips is one transaction, in which their steps, decisions and next moments are written together; whoever
else is at work takes other trips. Not here: what happens next (``rules.py``).
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from django.db import router, transaction

from comptoir.counter.customers import queries as customers
from comptoir.counter.messages import commands as messages
from comptoir.counter.messages import queries as messaging
from comptoir.counter.messages.contracts import Decision, Dispatch
from comptoir.counter.trips.models import Trip
from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.addresses import url_of
from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.office.campaigns import commands as campaigns
from comptoir.office.campaigns import queries as campaign_queries
from comptoir.office.campaigns import rules as campaign_rules
from comptoir.office.campaigns import windows
from comptoir.office.campaigns.commands import Segments
from comptoir.office.campaigns.contracts import Sent
from comptoir.office.journeys import commands, happenings, queries, rules
from comptoir.office.journeys.contracts import Ask, Give, Happening, Say
from comptoir.office.journeys.happenings import Exits
from comptoir.office.journeys.models import Heard
from comptoir.office.journeys.queries import Written
from comptoir.office.journeys.rules import Act, Former

_log = logging.getLogger(__name__)

#: What is being written while the clock looks has been written by then.
SETTLED: Final = dt.timedelta(seconds=60)
PORTION: Final = 500


class Hands(Protocol):
    """What a journey does at the counter, each at most once however often it is asked."""

    def give(self, customer: uuid.UUID, points: int, *, reason: str, name: str, at: dt.datetime) -> str:
        """Give points; ``name`` tells this gift from every other one.

        Returns by which problem they were refused, empty if they were given.
        """
        ...

    def issue(
        self, promotion: uuid.UUID, customer: uuid.UUID, *, campaign: uuid.UUID, at: dt.datetime
    ) -> uuid.UUID | None:
        """Have a coupon of a promotion for a customer, and return it; ``None`` if it was refused."""
        ...


def enter(*, now: dt.datetime, settled: dt.timedelta = SETTLED, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Let everybody enter who may, for whom something has happened since the last look; returns how many."""
    count = 0
    for journey, switched in queries.switched_on():
        if should_stop():
            break
        with transaction.atomic(using=_alias()):
            heard = Heard.objects.select_for_update(skip_locked=True).filter(journey=journey).first()
            until = happenings.position_at(now - settled)
            if heard is None or heard.until >= until:
                continue
            written = queries.version(journey, switched.version)
            found = happenings.between(written.content.trigger, after=heard.until, until=until)
            count += _enter(written, found, began_at=switched.since or now, now=now)
            heard.until = until
            heard.save()
    return count


def _enter(written: Written, found: Sequence[Happening], *, began_at: dt.datetime, now: dt.datetime) -> int:
    content, journey = written.content, written.journey
    persons = {uuid.UUID(each.person) for each in found}
    former = _former(journey, persons)
    homes = campaigns.stores_of(persons, now=now) if content.drawn_by == "store" else {}
    salt = campaigns.salt()
    trips = []
    for each in found:
        occurrence = rules.occurrence(content, event=each.event, at=each.at, began_at=began_at)
        before = former.setdefault(each.person, [])
        if not rules.may_enter(content, before, occurrence=occurrence, at=each.at):
            continue
        store = rules.store_of(before, homes.get(uuid.UUID(each.person), "")) if content.drawn_by == "store" else ""
        before.append(Former(occurrence, each.at, store))
        arm, why = rules.arm(each.person, journey=str(journey), version=content, at=each.at, salt=salt, store=store)
        is_held = bool(why)
        trips.append(
            Trip(
                id=uuid.UUID(IDS.reserve(1)[0]), journey=journey, version=written.number,
                customer=uuid.UUID(each.person), occurrence=occurrence, entered_at=each.at, arm=why or arm,
                step=0, due_at=None if is_held else each.at, ended_at=each.at if is_held else None,
                ended_because="held_out" if is_held else "", cluster=store,
            )
        )  # fmt: skip
    Trip.objects.bulk_create(trips, ignore_conflicts=True, batch_size=1_000)
    return len(trips)


def _former(journey: uuid.UUID, persons: set[uuid.UUID]) -> dict[str, list[Former]]:
    """Return the earlier trips of these persons, by whichever of their ids they entered with."""
    members = customers.members_of(persons)
    called = {customer: person for person, those in members.items() for customer in those}
    found: dict[str, list[Former]] = {}
    rows = Trip.objects.filter(journey=journey, customer__in=called)
    for customer, occurrence, at, cluster in rows.values_list("customer", "occurrence", "entered_at", "cluster"):
        found.setdefault(str(called[customer]), []).append(Former(occurrence, at, cluster))
    return found


def advance(
    *, now: dt.datetime, segments: Segments, hands: Hands, should_stop: Callable[[], bool] = lambda: False
) -> int:
    """Do what is due on every trip of every journey that is on; returns how many trips went on."""
    count = 0
    for journey in queries.killed_under_way():
        commands.end_trips(journey, at=now)
    for journey, _ in queries.switched_on():
        due = Trip.objects.filter(journey=journey, ended_at=None, due_at__lte=now)
        for number in sorted(due.values_list("version", flat=True).distinct()):
            written = queries.version(journey, number)
            while not should_stop():
                try:
                    moved = _portion(written, now=now, segments=segments, hands=hands)
                except Problem as problem:
                    # A segment that it asks for has ended: whoever is on it waits. Other journeys go on.
                    _log.warning("journey %s, version %d stands still: %s", journey, number, problem)
                    break
                count += moved
                if moved < PORTION:
                    break
    return count


def _portion(written: Written, *, now: dt.datetime, segments: Segments, hands: Hands) -> int:
    with transaction.atomic(using=_alias()):
        due = Trip.objects.filter(journey=written.journey, version=written.number, ended_at=None, due_at__lte=now)
        trips = list(due.order_by("due_at", "id").select_for_update(skip_locked=True)[:PORTION])
        if not trips or queries.switch(written.journey).state != "on":
            return 0
        _Moving(written, now=now, segments=segments, hands=hands).move(trips)
        Trip.objects.bulk_update(trips, ["step", "due_at", "ended_at", "ended_because", "refused"])
    return len(trips)


class _Moving:
    """Moves trips of one version, as far as they come."""

    def __init__(self, written: Written, *, now: dt.datetime, segments: Segments, hands: Hands) -> None:
        self._written, self._now, self._segments, self._hands = written, now, segments, hands
        self._content, self._journey = written.content, written.journey
        self._caps = campaign_queries.caps()

    def move(self, trips: Sequence[Trip]) -> None:
        persons = customers.persons_of({trip.customer for trip in trips})
        earliest = min(trip.entered_at for trip in trips)
        exits = Exits(self._content, set(persons.values()), since=earliest, until=self._now)
        acts: list[tuple[Trip, Act]] = []
        for trip in trips:
            person = persons[trip.customer]

            def is_out(at: dt.datetime, trip: Trip = trip, person: uuid.UUID = person) -> bool:  # noqa: ARG001 - asked now
                if exits.is_taken(person, since=trip.entered_at, by=self._now):
                    return True
                segment = self._content.exit_segment
                return segment is not None and not self._is_in(segment, person)

            assert trip.due_at is not None
            walk = rules.walk(
                self._content, step=trip.step, due_at=trip.due_at, until=self._now, is_out=is_out,
                is_in=lambda segment, _at, person=person: self._is_in(segment, person),  # type: ignore[misc]
                done_at=self._now,
            )  # fmt: skip
            trip.step, trip.due_at = walk.step, walk.due_at
            if walk.ended:
                trip.ended_at, trip.ended_because = self._now, walk.ended
            acts += [(trip, act) for act in walk.acts]
        self._do(acts)

    def _is_in(self, segment: str, person: uuid.UUID) -> bool:
        return self._segments.is_in(uuid.UUID(segment), person, self._now)

    def _do(self, acts: Iterable[tuple[Trip, Act]]) -> None:
        saying: dict[int, list[Trip]] = {}
        for trip, act in acts:
            step = self._content.steps[act.step]
            if isinstance(step, Give):
                name = rules.gift_name(trip.id, act.step)
                refused = self._hands.give(trip.customer, step.points, reason=step.reason, name=name, at=act.at)
                if refused:
                    trip.refused = {**trip.refused, str(act.step): refused}
            else:
                saying.setdefault(act.step, []).append(trip)
        for number, trips in sorted(saying.items()):
            step = self._content.steps[number]
            assert isinstance(step, Say)
            self._say(number, step, trips)

    def _say(self, number: int, step: Say, trips: Sequence[Trip]) -> None:
        people = {trip.customer for trip in trips}
        permitted = customers.permitted(purpose="marketing", channel=step.channel)
        allowed = set(permitted.filter(customer__in=people).values_list("customer", flat=True))
        persons = customers.persons_of(people)
        leaves_at = windows.leaves_at(self._content.window, self._now)
        campaigns.one_at_a_time()
        sent = campaigns.sent_to_persons(set(persons.values()), caps=self._caps, now=self._now)
        dispatch = self._dispatch(number, step)
        decisions = []
        for trip in trips:
            reason = ""
            before = sent.setdefault(persons[trip.customer], [])
            if trip.customer not in allowed:
                reason = "no_consent"
            elif not campaign_rules.fits(before, self._caps, channel=step.channel, at=leaves_at):
                reason = "capped"
            coupon = None
            if not reason and step.promotion is not None:
                coupon = self._coupon(uuid.UUID(step.promotion), trip)
                reason = "" if coupon else "no_coupon"
            if not reason:
                before.append(Sent(leaves_at, step.channel))
            decisions.append(
                Decision(
                    id=uuid.UUID(IDS.reserve(1)[0]), campaign=self._journey, campaign_version=self._written.number,
                    customer=trip.customer, occurrence=rules.occurrence_at(trip.occurrence, number), variant=rules.GO,
                    reason=reason, verdict="suppressed" if reason else "send", dispatch=None if reason else dispatch.id,
                    coupon=coupon, decided_at=self._now, not_before=self._not_before() if not reason else None,
                )
            )  # fmt: skip
        messages.decide(decisions)

    def _coupon(self, promotion: uuid.UUID, trip: Trip) -> uuid.UUID | None:
        """Return the coupon of this trip: one, whichever steps name the promotion, and another one on the next trip.

        ``None`` where there is none to be had: the promotion has ended, or nobody knows the customer any more.
        """
        trips_own = rules.coupons_campaign(self._journey, trip.occurrence)
        try:
            return self._hands.issue(promotion, trip.customer, campaign=trips_own, at=self._now)
        except Problem as problem:
            _log.warning("journey %s has no coupon to send: %s", self._journey, problem)
            return None

    def _dispatch(self, number: int, step: Say) -> Dispatch:
        window = self._content.window
        because: dict[str, str] = {language: text for language, text in self._content.why.items() if text.strip()}
        dispatch = Dispatch(
            id=uuid.uuid5(self._journey, f"{self._written.number} {number}"), campaign=self._journey,
            campaign_version=self._written.number, channel=step.channel, template=step.template,
            template_version=step.template_version, variant=rules.GO, because=because,
            promotion=None if step.promotion is None else uuid.UUID(step.promotion),
            hours=(window.from_hour, window.until_hour), weekdays=tuple(window.weekdays),
            zone=window.zone,
            values={
                **messaging.template(step.template, step.template_version).examples,
                **({"link": url_of(SQUARE, step.path)} if isinstance(step, Ask) else {}),
            },
        )  # fmt: skip
        messages.begin_dispatch(dispatch, at=self._now)
        return dispatch

    def _not_before(self) -> dt.datetime | None:
        window = self._content.window
        return None if window.weekdays == windows.EVERY_DAY else windows.leaves_at(window, self._now)


def _alias() -> str:
    return router.db_for_write(Heard)
