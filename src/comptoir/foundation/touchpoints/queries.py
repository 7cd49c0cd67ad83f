"""What the live map shows: how fresh each arm is, who was refused what, which promises are not kept."""

from __future__ import annotations

import datetime as dt
from typing import Final

import msgspec
import psycopg

from comptoir.foundation.touchpoints import promises, store
from comptoir.foundation.touchpoints.contracts import TouchpointMap
from comptoir.foundation.touchpoints.freshness import Arm, Stage, quantile_seconds, share_within

WINDOW_DEFAULT: Final = dt.timedelta(minutes=15)
_BREACHES_SHOWN: Final = dt.timedelta(days=7)


class StageFigures(msgspec.Struct, frozen=True):
    """One stage of an arm in the window. Delays in seconds; ``within`` is the share that kept the promise."""

    events: int
    p50_seconds: float
    p99_seconds: float
    promised_seconds: float | None
    within: float | None


class ArmFigures(msgspec.Struct, frozen=True):
    """An arm: what a touchpoint sends (sender, ours) or needs (visible)."""

    touchpoint: str
    data: str
    rate_per_minute: float
    last_seen: dt.datetime | None
    sender: StageFigures | None = None
    ours: StageFigures | None = None
    visible: StageFigures | None = None
    breaches: tuple[store.BreachRow, ...] = ()

    @property
    def told_as_history(self) -> int:
        """Return how many events were older than any outage explains: no delay is counted until they reached us."""
        return max(0, (self.ours.events if self.ours else 0) - (self.sender.events if self.sender else 0))


class RefusalFigures(msgspec.Struct, frozen=True):
    """How often a touchpoint was refused for one reason in the window; ``""`` stands for a key that is not known."""

    touchpoint: str
    reason: str
    count: int
    last_seen: dt.datetime


class MapFigures(msgspec.Struct, frozen=True):
    """Everything that the live map shows of one window."""

    since: dt.datetime
    until: dt.datetime
    arms: dict[tuple[str, str], ArmFigures]
    refusals: tuple[RefusalFigures, ...]
    breaches: tuple[store.BreachRow, ...]

    def arm(self, touchpoint: str, data: str) -> ArmFigures | None:
        """Return the figures of an arm, or ``None`` if nothing was ever counted there."""
        return self.arms.get((touchpoint, data))

    def rate(self, touchpoint: str) -> float:
        """Return how many events a minute a touchpoint sends, of all types."""
        return sum(each.rate_per_minute for each in self.arms.values() if each.touchpoint == touchpoint and each.ours)


def figures(
    connection: psycopg.Connection,
    *,
    declared: TouchpointMap,
    now: dt.datetime,
    window: dt.timedelta = WINDOW_DEFAULT,
) -> MapFigures:
    """Return the figures of the last ``window``, as the counter or a room further in."""
    since = (now - window).replace(second=0, microsecond=0)
    until = now + dt.timedelta(minutes=1)
    minutes = max(1.0, (now - since).total_seconds() / 60)
    promised = promises.promised_seconds(declared)
    open_breaches = store.breaches(connection, since=now - _BREACHES_SHOWN)
    known = sorted({arm for arm, _ in promised})
    stages: dict[tuple[str, str], dict[Stage, list[int]]] = {}
    for touchpoint, data, stage, _, counts in store.read(connection, "freshness_since", since=since, until=until):
        stages.setdefault((touchpoint, data), {})[Stage(stage)] = counts
    arms: dict[tuple[str, str], ArmFigures] = {}
    for touchpoint, data, last_seen in store.read(
        connection, "last_seen", touchpoints=[arm.touchpoint for arm in known], data=[arm.data for arm in known]
    ):
        counted = stages.get((touchpoint, data), {})
        read = {
            stage: _stage(counts, promised.get((Arm(touchpoint, data), stage))) for stage, counts in counted.items()
        }
        busiest = read.get(Stage.OURS) or read.get(Stage.VISIBLE)
        arms[touchpoint, data] = ArmFigures(
            touchpoint=touchpoint,
            data=data,
            rate_per_minute=busiest.events / minutes if busiest else 0.0,
            last_seen=last_seen,
            sender=read.get(Stage.SENDER),
            ours=read.get(Stage.OURS),
            visible=read.get(Stage.VISIBLE),
            breaches=tuple(
                breach
                for breach in open_breaches
                if breach.closed_at is None and (breach.touchpoint, breach.data) == (touchpoint, data)
            ),
        )
    refusals = store.read(connection, "refusals_since", since=since, until=until)
    return MapFigures(
        since=since,
        until=now,
        arms=arms,
        refusals=tuple(RefusalFigures(*row) for row in refusals),
        breaches=tuple(open_breaches),
    )


def _stage(counts: list[int], promised: float | None) -> StageFigures | None:
    events = sum(counts)
    if events == 0:
        return None
    return StageFigures(
        events=events,
        p50_seconds=quantile_seconds(counts, 0.5) or 0.0,
        p99_seconds=quantile_seconds(counts, 0.99) or 0.0,
        promised_seconds=promised,
        within=None if promised is None else share_within(counts, promised),
    )
