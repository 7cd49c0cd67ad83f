"""A journey on the past year: whom it would have reached, and how often, before it is switched on. Writes nothing.

It walks the same steps by the same rules as the real one; what it cannot know is what people would have done had they
got the messages. Consents and caps are those of today; the messages of other campaigns are left out.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from comptoir.counter.customers import queries as customers
from comptoir.office.campaigns import commands as campaigns
from comptoir.office.campaigns import rules as campaign_rules
from comptoir.office.campaigns import windows
from comptoir.office.campaigns.commands import Segments
from comptoir.office.campaigns.contracts import Cap, Sent
from comptoir.office.journeys import happenings, rules
from comptoir.office.journeys.contracts import Give, Happening, Say, Simulated, Version
from comptoir.office.journeys.happenings import Exits
from comptoir.office.journeys.rules import Act, Former

YEAR: Final = dt.timedelta(days=365)


class _Said(msgspec.Struct, frozen=True):
    reached: int
    no_consent: int
    capped: int
    points: int
    by_month: dict[str, int]


def simulate(
    version: Version, *, journey: uuid.UUID, now: dt.datetime, segments: Segments, caps: Sequence[Cap], salt: bytes
) -> Simulated:
    """Return what a journey would have done in the year up to ``now``."""
    since = now - YEAR
    found = happenings.of_the_past(version.trigger, since=since, until=now, segments=segments)
    entered, held_out = _entered(version, found, journey=journey, since=since, now=now, salt=salt)
    people = {uuid.UUID(each.person) for each in entered}
    exits = Exits(version, people, since=since, until=now)
    known: dict[tuple[str, str, dt.date], bool] = {}

    def is_in(segment: str, person: str, at: dt.datetime) -> bool:
        key = (segment, person, at.date())
        if key not in known:
            known[key] = segments.is_in(uuid.UUID(segment), uuid.UUID(person), at)
        return known[key]

    ended: Counter[str] = Counter()
    acts: list[tuple[str, Act]] = []
    for each in entered:

        def is_out(at: dt.datetime, each: Happening = each) -> bool:
            if exits.is_taken(uuid.UUID(each.person), since=each.at, by=at):
                return True
            return version.exit_segment is not None and not is_in(version.exit_segment, each.person, at)

        walk = rules.walk(
            version, step=0, due_at=each.at, until=now, is_out=is_out,
            is_in=lambda segment, at, each=each: is_in(segment, each.person, at),  # type: ignore[misc]
        )  # fmt: skip
        ended[walk.ended or "under_way"] += 1
        acts += [(each.person, act) for act in walk.acts]
    said = _said(version, sorted(acts, key=lambda one: (one[1].at, one[0])), caps=caps)
    return Simulated(
        since=since, until=now, happenings=len(found), people=len({each.person for each in entered}) + len(held_out),
        trips=len(entered), held_out=len(held_out), ended=dict(sorted(ended.items())), reached=said.reached,
        messages=sum(said.by_month.values()), no_consent=said.no_consent, capped=said.capped, points=said.points,
        by_month=said.by_month,
    )  # fmt: skip


def _entered(
    version: Version,
    found: Sequence[Happening],
    *,
    journey: uuid.UUID,
    since: dt.datetime,
    now: dt.datetime,
    salt: bytes,
) -> tuple[list[Happening], set[str]]:
    """Return who would have gone the way, each time, and who would have been held out; stores are those of today."""
    is_by_store = version.drawn_by == "store"
    homes = campaigns.stores_of({uuid.UUID(each.person) for each in found}, now=now) if is_by_store else {}
    former: dict[str, list[Former]] = {}
    entered: list[Happening] = []
    held_out: set[str] = set()
    for each in found:
        occurrence = rules.occurrence(version, event=each.event, at=each.at, began_at=since)
        before = former.setdefault(each.person, [])
        if not rules.may_enter(version, before, occurrence=occurrence, at=each.at):
            continue
        before.append(Former(occurrence, each.at))
        store = homes.get(uuid.UUID(each.person), "")
        if rules.arm(each.person, journey=str(journey), version=version, at=each.at, salt=salt, store=store)[1]:
            held_out.add(each.person)
        else:
            entered.append(each)
    return entered, held_out


def _said(version: Version, acts: Sequence[tuple[str, Act]], *, caps: Sequence[Cap]) -> _Said:
    """Return how many messages and points, in the order in which they would have come."""
    people = {uuid.UUID(person) for person, _ in acts}
    channels = {step.channel for step in version.steps if isinstance(step, Say)}
    allowed = {
        channel: {
            str(each)
            for each in customers.permitted(purpose="marketing", channel=channel)
            .filter(customer__in=people)
            .values_list("customer", flat=True)
        }
        for channel in channels
    }
    sent: dict[str, list[Sent]] = {}
    by_month: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for person, act in acts:
        step = version.steps[act.step]
        if isinstance(step, Give):
            counts["points"] += step.points
        elif isinstance(step, Say):
            before, leaves_at = sent.setdefault(person, []), windows.leaves_at(version.window, act.at)
            if person not in allowed[step.channel]:
                counts["no_consent"] += 1
            elif not campaign_rules.fits(before, caps, channel=step.channel, at=leaves_at):
                counts["capped"] += 1
            else:
                before.append(Sent(leaves_at, step.channel))
                by_month[f"{act.at:%Y-%m}"] += 1
    return _Said(
        sum(1 for each in sent.values() if each), counts["no_consent"], counts["capped"], counts["points"],
        dict(sorted(by_month.items())),
    )  # fmt: skip
