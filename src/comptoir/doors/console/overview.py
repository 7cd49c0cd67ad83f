"""What the live map shows, gathered in one value: every arm with its state, refusals, broken promises, the chart.

Figures come from the touchpoints; here they are put in the order in which people look at them. Not here: HTTP.
"""

from __future__ import annotations

import datetime as dt
from typing import Final, Literal

import msgspec
from django.db import connections
from django.utils import translation
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from comptoir.doors.console import charts
from comptoir.foundation.kernel.database import database_name
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.touchpoints import picture, promises, queries
from comptoir.foundation.touchpoints.contracts import TouchpointMap
from comptoir.foundation.touchpoints.freshness import Arm, Stage
from comptoir.foundation.touchpoints.models import Freshness
from comptoir.foundation.touchpoints.store import BreachRow

_CHART_WINDOW: Final = dt.timedelta(hours=1)
_CHART_SECONDS: Final = 10
#: Below this share within the promise a link is late; the promise itself is about 99 of 100.
_SHARE_KEPT: Final = 0.99

State = Literal["kept", "late", "quiet", "broken"]


class ArmRow(msgspec.Struct, frozen=True):
    """One line of the table: a touchpoint and what it sends or needs. Delays in seconds, ``within`` a share.

    ``told_as_history`` counts events that came long after they happened; no sender is slow because of them.
    """

    touchpoint: str
    title: str
    data: str
    is_need: bool
    rate_per_minute: float
    p50_seconds: float | None
    p99_seconds: float | None
    promised_seconds: float | None
    within: float | None
    sender_p99_seconds: float | None
    told_as_history: int
    last_seen: dt.datetime | None
    state: State


class Overview(msgspec.Struct, frozen=True):
    """Everything on the live map."""

    now: dt.datetime
    minutes: int
    rate_per_minute: float
    slowest: ArmRow | None
    refused: int
    arms: tuple[ArmRow, ...]
    refusals: tuple[queries.RefusalFigures, ...]
    open_breaches: tuple[BreachRow, ...]
    past_breaches: tuple[BreachRow, ...]
    picture: SafeString
    chart: SafeString | None

    @property
    def busy(self) -> tuple[ArmRow, ...]:
        """Return the arms over which something runs, or whose promise is broken."""
        return tuple(arm for arm in self.arms if arm.state != "quiet")

    @property
    def quiet(self) -> tuple[tuple[str, str, str], ...]:
        """Return the others, by touchpoint: its title, what it could send, what it could need."""
        names = dict.fromkeys(arm.touchpoint for arm in self.arms if arm.state == "quiet")
        rows = []
        for name in names:
            mine = [arm for arm in self.arms if arm.touchpoint == name and arm.state == "quiet"]
            sends = ", ".join(arm.data for arm in mine if not arm.is_need)
            rows.append((mine[0].title, sends, ", ".join(arm.data for arm in mine if arm.is_need)))
        return tuple(rows)

    @property
    def has_events(self) -> bool:
        """Tell whether anything was ever counted."""
        return any(arm.last_seen for arm in self.arms)


def read_overview(declared: TouchpointMap, *, now: dt.datetime) -> Overview:
    """Return the live map as it is now, in the current room."""
    database = connections[OFFICE.name]
    database.ensure_connection()
    figures = queries.figures(database.connection, declared=declared, now=now)
    promised = promises.promised_seconds(declared)
    arms: list[ArmRow] = []
    for touchpoint in declared.touchpoints:
        sent = [(send.type, False, Stage.OURS) for send in touchpoint.sends]
        needed = [(need.data, True, Stage.VISIBLE) for need in touchpoint.needs]
        for data, is_need, stage in (*sent, *needed):
            limit = promised.get((Arm(touchpoint.name, data), stage))
            arms.append(_arm(touchpoint.title or touchpoint.name, touchpoint.name, data, is_need, limit, figures))
    measured = [arm for arm in arms if arm.p99_seconds is not None and arm.promised_seconds]
    return Overview(
        now=now,
        minutes=round((figures.until - figures.since).total_seconds() / 60),
        rate_per_minute=sum(arm.rate_per_minute for arm in arms if not arm.is_need),
        slowest=max(measured, key=lambda arm: (arm.p99_seconds or 0) / (arm.promised_seconds or 1), default=None),
        refused=sum(refusal.count for refusal in figures.refusals),
        arms=tuple(arms),
        refusals=tuple(sorted(figures.refusals, key=lambda refusal: -refusal.count)),
        open_breaches=tuple(breach for breach in figures.breaches if breach.closed_at is None),
        past_breaches=tuple(breach for breach in figures.breaches if breach.closed_at is not None)[:10],
        picture=_picture(declared, figures),
        chart=read_chart(declared, now=now),
    )


def read_chart(declared: TouchpointMap, *, now: dt.datetime) -> SafeString | None:
    """Return the chart of the last hour's events by minute and touchpoint, some seconds old at most."""
    until = now.replace(second=0, microsecond=0)
    since = until - _CHART_WINDOW

    def draw() -> SafeString:
        rows: dict[tuple[dt.datetime, str], int] = {}
        for minute, touchpoint, counts in Freshness.objects.filter(stage=Stage.OURS, minute__gte=since).values_list(
            "minute", "touchpoint", "counts"
        ):
            rows[minute, touchpoint] = rows.get((minute, touchpoint), 0) + sum(counts)
        if not rows:
            return SafeString("")
        return charts.events_by_minute(
            [(minute, touchpoint, count) for (minute, touchpoint), count in sorted(rows.items())],
            titles={each.name: each.title or each.name for each in declared.touchpoints},
            since=since,
            until=until + dt.timedelta(minutes=1),
            words={"events": _("events a minute"), "label": _("Events a minute over the last hour, by touchpoint")},
        )

    key = ("events", database_name(), declared.fingerprint)
    return charts.cached(key, _CHART_SECONDS, draw) or None


def _arm(
    title: str, touchpoint: str, data: str, is_need: bool, limit: float | None, figures: queries.MapFigures
) -> ArmRow:
    found = figures.arm(touchpoint, data)
    stage = None if found is None else found.visible if is_need else found.ours
    if found is not None and found.breaches:
        state: State = "broken"
    elif stage is None:
        state = "quiet"
    elif stage.within is not None and stage.within < _SHARE_KEPT:
        state = "late"
    else:
        state = "kept"
    return ArmRow(
        touchpoint=touchpoint,
        title=title,
        data=data,
        is_need=is_need,
        rate_per_minute=found.rate_per_minute if found else 0.0,
        p50_seconds=stage.p50_seconds if stage else None,
        p99_seconds=stage.p99_seconds if stage else None,
        promised_seconds=limit,
        within=stage.within if stage else None,
        sender_p99_seconds=found.sender.p99_seconds if found and found.sender else None,
        told_as_history=found.told_as_history if found else 0,
        last_seen=found.last_seen if found else None,
        state=state,
    )


def _picture(declared: TouchpointMap, figures: queries.MapFigures) -> SafeString:
    """Draw the map twice, for a desk and for a telephone; the style sheet shows one of them."""
    language = translation.get_language() or "en"
    wide = picture.render_svg(declared, figures, language)
    narrow = picture.render_svg(declared, figures, language, is_narrow=True)
    # Drawn by the house; every text of the map is escaped there.
    return mark_safe(f'<div class="wide">{wide}</div><div class="phone">{narrow}</div>')  # noqa: S308
