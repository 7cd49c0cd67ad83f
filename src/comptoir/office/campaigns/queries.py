"""Reads of campaigns: versions, launches, lists, caps, and how far each has come. In the office."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Final, Literal

import msgspec

from comptoir.counter.messages import queries as messaging
from comptoir.counter.messages.models import Stop
from comptoir.office.campaigns import rules
from comptoir.office.campaigns.contracts import Cap, Counts, Version
from comptoir.office.campaigns.errors import CampaignUnknown
from comptoir.office.campaigns.models import CampaignVersion, CapsSet, Launch, TargetList

_NEVER: Final = dt.datetime.max.replace(tzinfo=dt.UTC)
State = Literal["draft", "scheduled", "sending", "sent", "stopped"]


class Written(msgspec.Struct, frozen=True):
    """A version as it was written."""

    campaign: uuid.UUID
    number: int
    content: Version
    hash: str
    written_at: dt.datetime
    written_by: str


class Frozen(msgspec.Struct, frozen=True):
    """A frozen list."""

    campaign: uuid.UUID
    version: int
    frozen_at: dt.datetime
    members: int
    members_hash: str
    segment_hash: str
    counts: Counts


class Due(msgspec.Struct, frozen=True):
    """A launch whose list is not frozen yet."""

    campaign: uuid.UUID
    version: int
    starts_at: dt.datetime


class Standing(msgspec.Struct, frozen=True):
    """How far a campaign has come: its latest version, the launch that waits, its lists, and how many wait to leave."""

    latest: Written
    state: State
    due: Due | None
    lists: tuple[Frozen, ...]
    waiting: int
    stopped_at: dt.datetime | None
    stopped_by: str
    stopped_because: str


def last_number(campaign: uuid.UUID) -> int:
    """Return the number of a campaign's latest version, 0 if there is none."""
    row = CampaignVersion.objects.filter(campaign=campaign).order_by("-number").first()
    return 0 if row is None else row.number


def version(campaign: uuid.UUID, number: int) -> Written:
    """Return one version. Raises :class:`CampaignUnknown`."""
    row = CampaignVersion.objects.filter(campaign=campaign, number=number).first()
    if row is None:
        raise CampaignUnknown
    return _written(row)


def versions(campaign: uuid.UUID) -> list[Written]:
    """Return all versions of a campaign, the latest first."""
    return [_written(row) for row in CampaignVersion.objects.filter(campaign=campaign).order_by("-number")]


def latest(campaign: uuid.UUID) -> Written:
    """Return the latest version. Raises :class:`CampaignUnknown`."""
    return version(campaign, last_number(campaign))


def campaigns() -> list[Written]:
    """Return the latest version of every campaign, the latest written first."""
    rows = CampaignVersion.objects.order_by("campaign", "-number").distinct("campaign")
    return sorted((_written(row) for row in rows), key=lambda each: each.written_at, reverse=True)


def launched(campaign: uuid.UUID) -> int | None:
    """Return the version whose launch holds."""
    row = Launch.objects.filter(campaign=campaign).order_by("-version").first()
    return None if row is None else row.version


def due(now: dt.datetime) -> list[Due]:
    """Return the launches that are due and whose list is not frozen yet, the longest waiting first."""
    frozen = set(TargetList.objects.values_list("campaign", "version"))
    stopped = set(Stop.objects.values_list("campaign", flat=True))
    holding = Launch.objects.order_by("campaign", "-version").distinct("campaign")
    found = [
        Due(row.campaign, row.version, row.starts_at)
        for row in holding
        if row.starts_at <= now and (row.campaign, row.version) not in frozen and row.campaign not in stopped
    ]
    return sorted(found, key=lambda each: each.starts_at)


def waiting_for(segment: uuid.UUID) -> list[str]:
    """Return the names of the campaigns that are launched and whose list is still to be frozen from a segment."""
    waiting = [version(each.campaign, each.version).content for each in due(_NEVER)]
    return sorted({content.name for content in waiting if content.segment == str(segment)})


def lists(campaign: uuid.UUID) -> list[Frozen]:
    """Return the lists that were frozen of a campaign, the first one first."""
    return [
        Frozen(
            row.campaign, row.version, row.frozen_at, row.members, row.members_hash, row.segment_hash,
            msgspec.convert(row.counts, Counts),
        )
        for row in TargetList.objects.filter(campaign=campaign).order_by("version")
    ]  # fmt: skip


def frozen(campaign: uuid.UUID, number: int) -> Frozen | None:
    """Return the list that was frozen of one version."""
    return next((each for each in lists(campaign) if each.version == number), None)


def standing(campaign: uuid.UUID) -> Standing:
    """Return how far a campaign has come. Raises :class:`CampaignUnknown`."""
    last = latest(campaign)
    frozen = tuple(lists(campaign))
    stop = Stop.objects.filter(campaign=campaign).first()
    launch = Launch.objects.filter(campaign=campaign).order_by("-version").first()
    pending = None
    if launch is not None and launch.version not in {each.version for each in frozen} and stop is None:
        pending = Due(campaign, launch.version, launch.starts_at)
    waiting = messaging.waiting(campaign)
    state: State = "draft"
    if stop is not None:
        state = "stopped"
    elif pending is not None:
        state = "scheduled"
    elif frozen:
        state = "sending" if waiting else "sent"
    stopped = (None, "", "") if stop is None else (stop.at, stop.by, stop.reason)
    return Standing(last, state, pending, frozen, waiting, *stopped)


def caps() -> list[Cap]:
    """Return what all campaigns together may send to one person."""
    row = CapsSet.objects.order_by("-number").first()
    return list(rules.CAPS) if row is None else msgspec.convert(row.caps, list[Cap])


def _written(row: CampaignVersion) -> Written:
    content = msgspec.convert(row.definition, Version)
    return Written(row.campaign, row.number, content, row.hash, row.written_at, row.written_by)
