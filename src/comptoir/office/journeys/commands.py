"""What staff do with journeys: write a version, switch it on and off, kill it. In the office."""

from __future__ import annotations

import datetime as dt
import uuid

import msgspec
from django.db import router, transaction

from comptoir.counter.messages import commands as messages
from comptoir.counter.messages import queries as messaging
from comptoir.counter.trips.models import Trip
from comptoir.foundation.kernel.ids import IDS
from comptoir.office.campaigns.windows import zone_of
from comptoir.office.journeys import queries, rules
from comptoir.office.journeys.contracts import Ask, Say, Version
from comptoir.office.journeys.errors import JourneyChanged, JourneyInvalid, JourneyKilled
from comptoir.office.journeys.happenings import position_at
from comptoir.office.journeys.models import Heard, JourneyVersion, Switched


def _judge_text(step: Say) -> None:
    template = messaging.template(step.template, step.template_version)
    if template.channel != step.channel:
        raise JourneyInvalid("This text is not one for that channel.", field="steps")
    if isinstance(step, Ask) and "link" not in template.examples:
        raise JourneyInvalid("Whoever is asked needs a way there: the text has to say {{ link }}.", field="steps")


def write(version: Version, *, journey: uuid.UUID | None, after: int, by: str, at: dt.datetime) -> uuid.UUID:
    """Write a journey's next version and return the journey; ``after`` is the version that was read, 0 for none.

    Whoever is under way goes on by the version with which they entered; who enters next, by the one that is switched
    on. Raises :class:`JourneyInvalid`, :class:`JourneyChanged`, :class:`JourneyKilled`.
    """
    rules.judge(version)
    zone_of(version.window.zone)
    for each in version.steps:
        if isinstance(each, Say):
            _judge_text(each)
    journey = journey or uuid.UUID(IDS.reserve(1)[0])
    with transaction.atomic(using=_alias()):
        _judge(journey, after)
        JourneyVersion.objects.bulk_create(
            [
                JourneyVersion(
                    journey=journey, number=after + 1, definition=msgspec.to_builtins(version), written_at=at,
                    written_by=by,
                )
            ],
            ignore_conflicts=True,
        )  # fmt: skip
        written = JourneyVersion.objects.get(journey=journey, number=after + 1)
        if (written.written_at, written.written_by) != (at, by):
            raise JourneyChanged
    return journey


def switch_on(journey: uuid.UUID, number: int, *, by: str, at: dt.datetime) -> None:
    """Let people enter from now on, by the latest version. What happened while it was off begins nothing."""
    with transaction.atomic(using=_alias()):
        _judge(journey, number)
        was_on = queries.switch(journey).state == "on"
        Switched.objects.create(journey=journey, how="on", version=number, at=at, by=by)
        if not was_on:
            Heard.objects.update_or_create(journey=journey, defaults={"until": position_at(at)})


def switch_off(journey: uuid.UUID, *, by: str, reason: str, at: dt.datetime) -> None:
    """Let nobody enter and nobody go on, until it is switched on again; what was decided still leaves."""
    number = _judge(journey, None)
    Switched.objects.create(journey=journey, how="off", version=number, at=at, by=by, reason=_reason(reason))


def kill(journey: uuid.UUID, *, by: str, reason: str, at: dt.datetime) -> None:
    """End it at once and for good: nobody goes on, and nothing that was decided and has not left ever leaves.

    It waits for nobody who is at work on its trips.
    """
    said = _reason(reason)
    number = queries.latest(journey).number
    with transaction.atomic(using=_alias()):
        messages.stop(journey, by=by, reason=said, at=at)
        Switched.objects.create(journey=journey, how="killed", version=number, at=at, by=by, reason=said)
    # The word holds from here on. Trips that are in the hands of the clock are ended by it (``travelling.py``).
    end_trips(journey, at=at)


def end_trips(journey: uuid.UUID, *, at: dt.datetime) -> int:
    """End the trips of a journey that was killed, but those that somebody has in hand; returns how many."""
    with transaction.atomic(using=_alias()):
        free = Trip.objects.select_for_update(skip_locked=True).filter(journey=journey, ended_at=None)
        ids = list(free.values_list("id", flat=True))
        return Trip.objects.filter(id__in=ids).update(due_at=None, ended_at=at, ended_because="killed")


def _judge(journey: uuid.UUID, number: int | None) -> int:
    """Return the latest version; refuse a journey that was killed, and another version than the latest."""
    if queries.switch(journey).state == "killed":
        raise JourneyKilled
    last = queries.last_number(journey)
    if number is None:
        return queries.latest(journey).number
    if last != number:
        raise JourneyChanged
    return last


def _reason(reason: str) -> str:
    if not 0 < len(reason.strip()) <= 500:
        raise JourneyInvalid("Say why, in a sentence.", field="reason")
    return reason.strip()


def _alias() -> str:
    return router.db_for_write(JourneyVersion)
