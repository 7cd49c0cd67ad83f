"""The figures, read from the rows of ``health_counted``: for now or for any moment before, here and where imported.

Spans are in UTC and half-open; weeks begin on Monday. Not here: what a figure's statistics are (``rules.py``), how
figures are said in words (the console). No Django, so that the command line may ask as well.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import psycopg

from comptoir.foundation.kernel.database import load_statements
from comptoir.square.health import rules
from comptoir.square.health.rules import Figure

_SQL: Final = load_statements(__package__, "figures.sql")
WEEKS_SHOWN: Final = 52
#: Figures are of the last four weeks: long enough for a small shop, short enough to see a change.
SPAN_WEEKS: Final = 4
SPAN_WEEKS_MAX: Final = 52
#: Who answers whom takes longer to show.
RECIPROCITY_WEEKS: Final = 12
COHORT_WEEKS: Final = 26
#: So many weeks after the first is looked for people again.
RETENTION: Final = (1, 4, 12)
_WEEK: Final = dt.timedelta(weeks=1)
_DAY: Final = dt.timedelta(days=1)
_AGAIN: Final = dt.timedelta(days=28)
_HOUR_SECONDS: Final = 3_600


class Week(msgspec.Struct, frozen=True):
    """What was said in a week: ``week`` is its Monday. Hours are the median wait of the four weeks up to its end."""

    week: dt.date
    member_posts: int
    shop_posts: int
    member_threads: int
    staff_threads: int
    seeded_threads: int
    contributors: int
    returning: int
    first_reply_hours: float | None


class Cohort(msgspec.Struct, frozen=True):
    """People who contributed first in a week, and the shares of them that did so 1, 4 and 12 weeks later."""

    week: dt.date
    people: int
    again: dict[str, Figure]


class Place(msgspec.Struct, frozen=True):
    """The figures of what was said here, or of what was brought from elsewhere."""

    figures: dict[str, Figure]
    contributors: int
    newcomers: int
    waiting: int
    half_writers: int
    rho: float | None
    weeks: list[Week]
    cohorts: list[Cohort]


class Health(msgspec.Struct, frozen=True):
    """How the square does at ``until``, over ``span_weeks``; ``advice`` is what :func:`rules.advise` says."""

    until: dt.datetime
    span_weeks: int
    advice: str
    is_sure: bool
    here: Place
    imported: Place | None


def health(connection: psycopg.Connection[Any], *, until: dt.datetime, span_weeks: int = SPAN_WEEKS) -> Health:
    """Return every figure for the weeks before ``until``, on a connection of any room's."""
    assert 0 < span_weeks <= SPAN_WEEKS_MAX
    here = _place(connection, until=until, span_weeks=span_weeks, member="member", shop=("staff", "seeded"))
    carried = _one(connection, "carried", {"until": until})[0]
    imported = None
    if carried:
        imported = _place(connection, until=until, span_weeks=span_weeks, member="imported", shop=())
    figures = here.figures
    looked = rules.Looked(
        contributors=here.contributors,
        answered=figures["answered_within_7_days"],
        newcomers_answered=figures["newcomers_answered_within_24_hours"],
        participation=figures["participation"],
        started=figures["started_by_customers"],
        newcomers_again=figures["newcomers_again"],
        top_ten=figures["top_10_share"],
    )
    advice, is_sure = rules.advise(looked)
    return Health(until, span_weeks, advice, is_sure, here, imported)


class Safety(msgspec.Struct, frozen=True):
    """How the square is looked after: how often a machine and reporters were right, and how long people wait."""

    figures: dict[str, Figure]
    reporters: int
    held: int


def safety(connection: psycopg.Connection[Any], *, until: dt.datetime, span_weeks: int = SPAN_WEEKS) -> Safety:
    """Return the figures of what was held, flagged and decided, on a connection that may see who flags."""
    asked = {"since": until - span_weeks * _WEEK, "until": until}
    held, removed = _one(connection, "held", asked)
    reporters = _all(connection, "reporters", asked)
    noticed, against = _one(connection, "noticed", asked)
    objected, changed = _one(connection, "objected", asked)
    waits = _all(connection, "decided", asked)
    found = {
        "held_upheld": rules.rate(removed, held),
        "flags_upheld": rules.rate(sum(right for _all_of, right in reporters), sum(many for many, _right in reporters)),
        "reporters_right": rules.rate(sum(2 * right >= many for many, right in reporters), len(reporters)),
        "notices_upheld": rules.rate(against, noticed),
        "decided_hours": rules.median_wait((seconds / _HOUR_SECONDS, came) for seconds, came in waits),
        "appeals_overturned": rules.rate(changed, objected),
    }
    return Safety(found, len(reporters), _one(connection, "held_now", {})[0])


class Decision(msgspec.Struct, frozen=True):
    """What the shop decided about an idea."""

    at: dt.datetime
    status: str
    title: str


def decisions(connection: psycopg.Connection[Any], *, until: dt.datetime) -> list[Decision]:
    """Return what the shop decided about ideas in the year before, the latest first; twenty at most."""
    return [Decision(*row) for row in _all(connection, "decisions", {"since": until - 52 * _WEEK, "until": until})]


def _place(
    connection: psycopg.Connection[Any], *, until: dt.datetime, span_weeks: int, member: str, shop: Sequence[str]
) -> Place:
    since = until - span_weeks * _WEEK
    year = _monday(until) - (WEEKS_SHOWN - 1) * _WEEK
    asked: dict[str, Any] = {"member": member, "shop": list(shop), "since": since, "until": until}
    posts, shop_posts, started, staff_started, *talk = _one(connection, "totals", asked)
    # From so early that the oldest week of the year has the four weeks that its median is made of.
    waits = _all(connection, "waits", {**asked, "since": min(since - _WEEK, year - SPAN_WEEKS * _WEEK)})
    recent = [(seconds, came, by) for _week, at, seconds, came, by in waits if at >= since]
    answered_by = [by for _seconds, came, by in recent if came]
    ripe = [(s, came) for _week, at, s, came, _by in waits if since - _WEEK <= at < until - _WEEK]
    in_time = sum(came and seconds <= _WEEK.total_seconds() for seconds, came in ripe)
    new = _one(
        connection, "newcomers",
        asked | {"early": since - _AGAIN, "early_until": until - _AGAIN, "day_since": since - _DAY,
                 "day_until": until - _DAY},
    )  # fmt: skip
    mutual, links, people = _one(connection, "pairs", {**asked, "since": until - RECIPROCITY_WEEKS * _WEEK})
    counts = [each for each, many in _all(connection, "counts", asked) for _ in range(many)]
    top = sum(sorted(counts, reverse=True)[:10])
    weeks = _weeks(_all(connection, "weeks", {**asked, "since": year}), waits, first=year.date(), until=until)
    last_full = (_monday(until) - _WEEK).date()
    last = next((week for week in weeks if week.week == last_full), None)
    figures = {
        "participation": rules.ratio(posts, shop_posts),
        "started_by_customers": rules.rate(started, started + staff_started),
        "first_reply_hours": rules.median_wait((seconds / _HOUR_SECONDS, came) for seconds, came, _by in recent),
        "answered_within_7_days": rules.rate(in_time, len(ripe)),
        "answered_by_customers": rules.rate(sum(by == member for by in answered_by), len(answered_by)),
        "newcomers_answered_within_24_hours": rules.rate(new[2], new[1]),
        "newcomers_again": rules.rate(new[4], new[3]),
        "returning_weekly": rules.rate(last.returning, last.contributors) if last else rules.rate(0, 0),
        "reciprocity": rules.reciprocity(mutual=mutual, one_way=links - 2 * mutual),
        "gini": rules.gini(counts),
        "top_10_share": rules.rate(top, sum(counts)),
        "shop_share_of_matter": rules.rate(talk[1], talk[0] + talk[1]),
        "shop_share_of_company": rules.rate(talk[3], talk[2] + talk[3]),
    }
    return Place(
        figures=figures,
        contributors=len(counts),
        newcomers=new[0],
        waiting=_one(connection, "waiting", asked)[0],
        half_writers=rules.half_writers(counts),
        rho=rules.rho(links=links, mutual_links=2 * mutual, people=people),
        weeks=weeks,
        cohorts=_cohorts(connection, asked, until=until),
    )


def _weeks(rows: Sequence[Any], waits: Sequence[Any], *, first: dt.date, until: dt.datetime) -> list[Week]:
    """Return every week from the first in which something was said; a quiet one has zeros."""
    told = {row[0]: row for row in rows if row[0] >= first}
    if not told:
        return []
    opened: dict[dt.date, list[tuple[dt.datetime, float, bool]]] = {}
    for week, at, seconds, came, _by in waits:
        opened.setdefault(week, []).append((at, seconds, came))
    made, week, last = [], min(told), _monday(until).date()
    while week <= last:
        end = min(dt.datetime.combine(week + _WEEK, dt.time(), dt.UTC), until)
        # As it was known at the week's end: what was answered later was still waiting then.
        known = []
        for back in range(SPAN_WEEKS):
            for at, seconds, came in opened.get(week - back * _WEEK, ()):
                seen = (end - at).total_seconds()
                known.append((min(seconds, seen) / _HOUR_SECONDS, came and seconds < seen))
        said: Any = told[week][1:] if week in told else (0,) * 7
        made.append(Week(*(week, *said, rules.median_wait(known).value)))
        week += _WEEK
    return made


def _cohorts(connection: psycopg.Connection[Any], asked: Mapping[str, Any], *, until: dt.datetime) -> list[Cohort]:
    since = _monday(until) - (COHORT_WEEKS - 1) * _WEEK
    this_week = _monday(until).date()
    made = []
    for week, people, *again in _all(connection, "cohorts", {**asked, "since": since}):
        shares = {}
        for later, came in zip(RETENTION, again, strict=True):
            # A week that is not over says nothing yet.
            is_over = week + later * _WEEK < this_week
            shares[str(later)] = rules.rate(came, people) if is_over else Figure(None, came, 0, None)
        made.append(Cohort(week, people, shares))
    return made


def _monday(moment: dt.datetime) -> dt.datetime:
    day = moment.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - dt.timedelta(days=day.weekday())


def _all(connection: psycopg.Connection[Any], name: str, values: Mapping[str, Any]) -> list[Any]:
    with connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        return cursor.execute(_SQL[name].encode(), values).fetchall()


def _one(connection: psycopg.Connection[Any], name: str, values: Mapping[str, Any]) -> Any:
    return _all(connection, name, values)[0]
