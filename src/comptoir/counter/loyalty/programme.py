"""The programme: who earns what for what, until when points last, held as data and read once. Pure.

A programme has versions. Each starts at a moment, and a sale is judged by the version in force when it happened,
so that the order in which sales arrive never matters.
"""

from __future__ import annotations

import bisect
import calendar
import datetime as dt
import re
import zoneinfo
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Annotated, Final, Literal, Protocol

import msgspec

from comptoir.counter.loyalty.contracts import POINTS_MAX
from comptoir.counter.loyalty.errors import ProgrammeInvalid
from comptoir.counter.taxes.rules import shares
from comptoir.foundation.kernel.money import exponent

#: The day of points that never expire.
NEVER: Final = dt.date(9999, 12, 31)
TITLE_CHARACTERS_MAX: Final = 80
#: For what is done on the square, earning rules may promise points too: for a review, for a vote for an idea that the
#: shop has done since. Such points are promised at once and given later (``counter/contributions``).
REVIEWED: Final = "review.published"
IDEA_DONE: Final = "idea.done"
_FIELD: Final = re.compile("(?:unknown|required) field `(.+)`")
_SLOT_SECONDS: Final = 900  # every time zone's offset is a multiple of a quarter of an hour
_SLOTS_MAX: Final = 200_000


class PricedLine(Protocol):
    """A line of a sale, as far as earning goes."""

    @property
    def amount(self) -> int:
        """Minor units."""
        ...

    @property
    def category(self) -> str | None:
        """The line's category, if it has one."""
        ...


_Title = Annotated[str, msgspec.Meta(pattern=r"^\S(.*\S)?$", max_length=TITLE_CHARACTERS_MAX)]


class Titles(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What people read in place of a rule's name, for each language of the pages that the shop writes in."""

    en: _Title | None = None
    ja: _Title | None = None
    fr: _Title | None = None


class EarningRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One way to earn: ``points`` for every ``per`` of money (``"1.00"``), or ``points`` for each ``event``.

    ``category`` limits a money rule to lines of that category. ``starts`` and ``ends`` are local dates, the last one
    included. ``rounding`` says what happens to a part of a point: each rule rounds once for each sale. ``name`` stands
    in the ledger for good; ``title`` is what pages show for it.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    points: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    per: str | None = None
    category: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    event: Annotated[str, msgspec.Meta(max_length=128)] | None = None
    starts: dt.date | None = None
    ends: dt.date | None = None
    rounding: Literal["down", "nearest", "up"] = "down"
    title: Titles | None = None


class Programme(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A version of the programme, as people write it.

    Points last ``expires_after_months`` whole months: until the end of that month, at midnight in ``time_zone``.
    Without it they never expire. ``minimum`` is the smallest number of points that can be spent at once,
    ``lease_max`` the greatest that a till can lease of a customer's at once. ``worth`` is what a point pays at the
    checkout, in minor units; without it nobody pays with points there.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
    time_zone: str
    earn: Annotated[tuple[EarningRule, ...], msgspec.Meta(max_length=200)]
    expires_after_months: Annotated[int, msgspec.Meta(ge=1, le=600)] | None = None
    minimum: Annotated[int, msgspec.Meta(ge=1, le=POINTS_MAX)] = 1
    lease_max: Annotated[int, msgspec.Meta(ge=0, le=POINTS_MAX)] = 1_000
    worth: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None


def read_programme(text: str) -> Programme:
    """Read a programme written as TOML: a table ``programme`` and a list ``earn``.

    Raises :class:`ProgrammeInvalid` naming the field.
    """
    try:
        tables = msgspec.toml.decode(text, type=dict[str, object])
    except msgspec.DecodeError as error:
        raise ProgrammeInvalid(str(error)) from None
    unknown = tables.keys() - {"programme", "earn"}
    if unknown:
        raise ProgrammeInvalid("Only programme and earn are known here.", field=min(unknown))
    head = tables.get("programme")
    if not isinstance(head, dict):
        raise ProgrammeInvalid("The table is missing.", field="programme")
    try:
        programme = msgspec.convert({**head, "earn": tables.get("earn", [])}, Programme)
    except msgspec.ValidationError as error:
        raise _refused(error) from None
    Version(programme, None)  # finds what no single field shows
    return programme


def title_in(titles: Mapping[str, str], language: str) -> str | None:
    """Return a rule's title for a reader: in their language, or else in English, or else in any; ``None`` without one.

    ``language`` may name a country too: ``fr-ca`` reads French.
    """
    for wanted in (language.partition("-")[0], "en"):
        if wanted in titles:
            return titles[wanted]
    return next(iter(titles.values()), None)


def _refused(error: msgspec.ValidationError) -> ProgrammeInvalid:
    """Say which field of the file is at fault, as it is written there."""
    detail, _, place = str(error).partition(" - at `$.")
    named = _FIELD.search(detail)
    field = ".".join(part for part in (place.rstrip("`"), named[1] if named else "") if part)
    if field and not field.startswith("earn"):
        field = f"programme.{field}"
    return ProgrammeInvalid(f"{detail}.", field=field or None)


class _MoneyRule(msgspec.Struct, frozen=True):
    name: str
    points: int
    per_minor: int
    category: str | None
    starts: dt.date
    ends: dt.date
    rounding: str

    def earned(self, amount: int) -> int:
        if amount <= 0:
            return 0
        product = amount * self.points
        if self.rounding == "down":
            points = product // self.per_minor
        elif self.rounding == "up":
            points = -(-product // self.per_minor)
        else:
            points = (2 * product + self.per_minor) // (2 * self.per_minor)
        return min(points, POINTS_MAX)


class Earning(msgspec.Struct, frozen=True, gc=False):
    """Points that something earns: by which rule, and the last day on which they can be spent."""

    rule: str
    points: int
    day: dt.date


class Version:
    """A programme in force from ``starts_at`` (``None``: from the beginning of time), ready to be asked."""

    def __init__(self, programme: Programme, starts_at: dt.datetime | None) -> None:
        """Compile the rules; :class:`ProgrammeInvalid` for what contradicts itself."""
        self.programme = programme
        self.starts_at = starts_at
        try:
            self._zone = zoneinfo.ZoneInfo(programme.time_zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise ProgrammeInvalid("No such time zone.", field="programme.time_zone") from None
        self._money: list[_MoneyRule] = []
        self._events: dict[str, list[EarningRule]] = {}
        self._slots: dict[int, tuple[dt.date, dt.date]] = {}
        names: set[str] = set()
        for index, rule in enumerate(programme.earn):
            field = f"earn[{index}]"
            if rule.title == Titles():
                raise ProgrammeInvalid("Say it in a language, or leave it out.", field=f"{field}.title")
            if rule.name in names:
                raise ProgrammeInvalid("Two rules have this name.", field=f"{field}.name")
            names.add(rule.name)
            if rule.starts and rule.ends and rule.starts > rule.ends:
                raise ProgrammeInvalid("The rule ends before it starts.", field=f"{field}.ends")
            if (rule.per is None) == (rule.event is None):
                raise ProgrammeInvalid("A rule is either for money (per) or for an event.", field=field)
            if rule.event is not None:
                if rule.category is not None:
                    raise ProgrammeInvalid("An event has no category.", field=f"{field}.category")
                self._events.setdefault(rule.event, []).append(rule)
            else:
                self._money.append(_compiled(rule, programme.currency, field))
        self._has_dates = any(rule.starts or rule.ends for rule in programme.earn)

    def local_day(self, at: dt.datetime) -> dt.date:
        """Return the shop's calendar day of a moment."""
        return self._days(at)[0]

    def local_time(self, at: dt.datetime) -> dt.datetime:
        """Return what the shop's clocks show at a moment."""
        return at.astimezone(self._zone)

    def midnight(self, day: dt.date) -> dt.datetime:
        """Return the moment at which a day begins in the shop."""
        return dt.datetime.combine(day, dt.time(), self._zone).astimezone(dt.UTC)

    def last_day(self, at: dt.datetime) -> dt.date:
        """Return the last day on which points earned at that moment can be spent."""
        return self._days(at)[1]

    def for_sale(self, at: dt.datetime, lines: Sequence[PricedLine]) -> list[Earning]:
        """Return what goods bought at a moment earn, one entry for each rule that gives anything."""
        day, last = self._days(at)
        amounts: dict[str | None, int] = {}
        total = 0
        for line in lines:
            amount, category = line.amount, line.category
            total += amount
            amounts[category] = amounts.get(category, 0) + amount
        amounts[None] = total  # a rule without a category is for all lines
        return [
            Earning(rule.name, points, last)
            for rule in self._money
            if rule.category in amounts
            and rule.starts <= day <= rule.ends
            and (points := rule.earned(amounts[rule.category]))
        ]

    def by_line(self, earnings: Sequence[Earning], lines: Sequence[PricedLine]) -> list[int]:
        """Return how many of the points that goods earn each of their lines has earned: together all of them.

        A rule's points are split over the lines that it counts, in proportion to their amounts, by largest remainder.
        A line below zero, such as a deposit's, has earned nothing.
        """
        points = {each.rule: each.points for each in earnings}
        found = [0] * len(lines)
        for rule in self._money:
            if rule.name in points:
                counted = [max(0, each.amount) if rule.category in {None, each.category} else 0 for each in lines]
                found = [sum(both) for both in zip(found, shares(points[rule.name], counted), strict=True)]
        return found

    def for_event(self, at: dt.datetime, event: str) -> list[Earning]:
        """Return what an activity earns at a moment."""
        rules = self._events.get(event)
        if not rules:
            return []
        day, last = self._days(at)
        return [
            Earning(rule.name, rule.points, last)
            for rule in rules
            if (rule.starts or dt.date.min) <= day <= (rule.ends or NEVER)
        ]

    def _days(self, at: dt.datetime) -> tuple[dt.date, dt.date]:
        slot = int(at.timestamp()) // _SLOT_SECONDS
        days = self._slots.get(slot)
        if days is None:
            day = at.astimezone(self._zone).date()
            days = (day, _end_of_month_after(day, self.programme.expires_after_months))
            if len(self._slots) >= _SLOTS_MAX:
                self._slots.clear()
            self._slots[slot] = days
        return days


class Programmes:
    """All versions, oldest first. There is always one in force: the first reaches back to the beginning of time."""

    def __init__(self, versions: Sequence[Version]) -> None:
        """Take the versions in the order of their start; the first one's start does not matter."""
        if not versions:
            raise ValueError("a programme needs a version")
        self.versions = tuple(versions)
        self._starts = [version.starts_at for version in versions[1:]]

    def at(self, moment: dt.datetime) -> Version:
        """Return the version in force at a moment."""
        if not self._starts:
            return self.versions[0]
        return self.versions[bisect.bisect_right(self._starts, moment)]  # type: ignore[type-var]

    @property
    def currency(self) -> str:
        """The currency the shop sells in."""
        return self.versions[-1].programme.currency


def _compiled(rule: EarningRule, currency: str, field: str) -> _MoneyRule:
    try:
        scaled = Decimal(rule.per or "").scaleb(exponent(currency))
    except InvalidOperation:
        raise ProgrammeInvalid("Not an amount of money.", field=f"{field}.per") from None
    if not scaled.is_finite() or scaled != scaled.to_integral_value() or not 0 < scaled <= POINTS_MAX:
        raise ProgrammeInvalid(f"Not a positive amount in {currency}.", field=f"{field}.per")
    return _MoneyRule(
        rule.name,
        rule.points,
        int(scaled),
        rule.category,
        rule.starts or dt.date.min,
        rule.ends or NEVER,
        rule.rounding,
    )


def _end_of_month_after(day: dt.date, months: int | None) -> dt.date:
    if months is None:
        return NEVER
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return dt.date(year, month + 1, calendar.monthrange(year, month + 1)[1])
