"""The page on how the square does: each figure in words, with what it was made of; weeks as charts; what to do next.

Not here: what a figure is (``square/health``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from comptoir.counter.contributions.comparing import bought_again
from comptoir.doors.console import charts
from comptoir.doors.console.acting import own_connection
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.rooms.web import in_room
from comptoir.square.charter import queries as charter
from comptoir.square.health import figures, honesty, rules
from comptoir.square.health.figures import Health, Place
from comptoir.square.health.rules import Difference, Figure
from comptoir.square.programme import outcomes, steps
from comptoir.square.programme import rules as programme
from comptoir.square.programme.errors import PlanInvalid
from comptoir.square.programme.plan import Gate
from comptoir.square.programme.reading import load_plan
from comptoir.square.stewardship import queries as stewardship

#: The page reads all of a year; it does so at most this often.
_SECONDS: Final = 60
_HUNDRED: Final = 100
_HONEST_SECONDS: Final = 600
#: So many weeks stand in the table below the charts.
_WEEKS_IN_WORDS: Final = 12


class Line(msgspec.Struct, frozen=True):
    """A figure as the page shows it."""

    title: str
    meaning: str
    value: str
    made_of: str
    interval: str
    #: What to do about it, where it is out of its bounds; and whether the figure is sure of that.
    advice: str = ""
    is_sure: bool = True


@in_room(OFFICE)
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """Answer with how the square does."""
    found, decided = read()
    safety = figures.safety(own_connection(), until=found.until)
    changes = _changes(found.until, decided, first=found.here.weeks[0].week if found.here.weeks else None)
    bounds = _bounds()
    context: dict[str, Any] = {
        "honesty": _honesty(),
        "health": found,
        "advice": _advice(found),
        "here": _lines(found.here.figures, bounds, contributors=found.here.contributors),
        "safety": _lines(safety.figures, bounds),
        "held": safety.held,
        "imported": _lines(found.imported.figures, {}) if found.imported else [],
        "cohorts": _cohorts(found.here),
        "decided": changes,
        "drawings": _drawings(found, {each.day: each.number for each in changes if each.number is not None}),
        "weeks": [(week, _numbers_in(week.week, changes)) for week in found.here.weeks[::-1][:_WEEKS_IN_WORDS]],
    }
    return render(request, "console/health.html", {**context, "section": "health", "staff": visit_of(request)})


_kept: dict[str, tuple[dt.datetime, tuple[Health, list[figures.Decision]]]] = {}


def read() -> tuple[Health, list[figures.Decision]]:
    """Return the figures of now, and what the shop decided; at most a minute old."""
    name, now = database.database_name(), timezone.now()
    kept = _kept.get(name)
    if kept is not None and dt.timedelta(0) <= now - kept[0] < dt.timedelta(seconds=_SECONDS):
        return kept[1]
    found = figures.health(own_connection(), until=now), figures.decisions(own_connection(), until=now)
    _kept[name] = (now, found)
    return found


class Comparison(msgspec.Struct, frozen=True):
    """What became of conversations with honest advice, beside those without it, as the page shows it."""

    title: str
    meaning: str
    one: str
    other: str
    difference: str
    interval: str


class _Counted(msgspec.Struct, frozen=True):
    figure: honesty.Honesty
    compared: honesty.Compared
    bought: Difference | None


_honest: dict[str, tuple[dt.datetime, _Counted]] = {}


def _count() -> _Counted:
    """Return the figures of honest advice of now; at most some minutes old, since they read much."""
    name, now = database.database_name(), timezone.now()
    kept = _honest.get(name)
    if kept is not None and dt.timedelta(0) <= now - kept[0] < dt.timedelta(seconds=_HONEST_SECONDS):
        return kept[1]
    with database.connect(OFFICE.role) as connection:
        found = _Counted(
            honesty.honesty(connection, until=now),
            honesty.compared(connection, until=now),
            bought_again(connection, honesty.asked(connection, until=now), until=now),
        )
    _honest[name] = (now, found)
    return found


def _honesty() -> dict[str, Any]:
    """Return how often somebody is sent elsewhere, and what became of it, in words."""
    found = _count()
    lately, ever = found.figure.lately, found.figure.ever
    shares = [
        (_("In the last 90 days"), lately.all), (_("of them by customers"), lately.by_customers),
        (_("of them by staff"), lately.by_staff), (_("Since the beginning"), ever.all),
    ]  # fmt: skip
    return {
        "lines": [Line(title, "", *_told("honest", figure, _percent)) for title, figure in shares],
        "compared": [
            _compared(_("An answer helped"), _("as whoever asked says"), found.compared.helped, _percent),
            _compared(
                _("Who asked came back"), _("said something else within 30 days"), found.compared.again, _percent
            ),
            _compared(_("Votes"), _("for the best answer"), found.compared.votes, _plain),
            _compared(
                _("Who asked bought something"), _("within 90 days; counted at the counter, as two sums of people"),
                found.bought, _percent,
            ),
        ],
    }  # fmt: skip


def _compared(title: str, meaning: str, found: Difference | None, form: Callable[[float], str]) -> Comparison:
    if found is None:
        return Comparison(title, meaning, "–", "–", _("cannot tell yet"), "")
    one, other = (_group(each, form) for each in (found.one, found.other))
    if found.difference is None or found.interval is None:
        return Comparison(title, meaning, one, other, _("cannot tell yet"), "")
    low, high = found.interval.low, found.interval.high
    # A difference that may as well be none is none that can be told.
    difference = _signed(found.difference, form) if low > 0 or high < 0 else _("cannot tell yet")
    return Comparison(title, meaning, one, other, difference, f"{_signed(low, form)} – {_signed(high, form)}")


def _group(figure: Figure, form: Callable[[float], str]) -> str:
    if figure.value is None:
        return "–"
    return f"{form(figure.value)} ({number_format(figure.denominator, 0, force_grouping=True)})"


def _signed(value: float, form: Callable[[float], str]) -> str:
    return f"+{form(value)}" if value > 0 else f"−{form(-value)}" if value < 0 else form(value)


def _statuses() -> dict[str, str]:
    return {
        "proposed": _("proposed"),
        "considered": _("being considered"),
        "doing": _("being done"),
        "done": _("done"),
        "declined": _("declined"),
    }


def _advice(found: Health) -> tuple[str, str]:
    """Return what to do next, in a sentence and one more."""
    waiting = found.here.waiting
    said = {
        "begin": (
            _("Nobody has contributed lately. Begin."),
            _(
                "Seed three questions that customers really asked at the counter, and invite ten "
                "people who know the answers."
            ),
        ),
        "answer": (
            _("Too many conversations stay without an answer. Answer those first."),
            _(
                "Waiting for a first word now: %(number)d. Ask somebody who knows, or say "
                "honestly that nobody here does."
            )
            % {"number": waiting},
        ),
        "welcome": (
            _("Too many newcomers are not answered within a day. Welcome them first."),
            _(
                "A first answer decides whether somebody comes again. Let customers answer in "
                "the first hours, then do it yourself."
            ),
        ),
        "step_back": (
            _("The shop talks more than its customers. Step back."),
            _("Leave new questions to customers for some hours, and ask instead of telling."),
        ),
        "ask_less_say_more": (
            _("Most conversations are begun by the shop. Let customers begin them."),
            _("Ask somebody who answered well to begin the next one, about what they know."),
        ),
        "invite_back": (
            _("Too few newcomers come a second time. Invite them back."),
            _("Thank each for their first contribution by name, and show them a question that they can answer."),
        ),
        "find_more_voices": (
            _("Almost everything is written by a few people. Find more voices."),
            _("If two of them leave, it is quiet here. Ask people by name who have voted and never written."),
        ),
        "go_on": (_("It goes well. Go on."), _("Look again next week.")),
        "wait": (
            _("There is too little to tell. Go on and look again next week."),
            _("With fewer than five contributors, every figure is chance."),
        ),
    }  # fmt: skip
    return said[found.advice]


class Mark(msgspec.Struct, frozen=True):
    """What changed when, and the number of its day in the charts; ``None`` if they begin later."""

    number: int | None
    at: dt.datetime
    title: str
    said: str

    @property
    def day(self) -> dt.date:
        """Return its day in UTC, as the charts have it."""
        return _day(self.at)


def _changes(until: dt.datetime, decided: list[figures.Decision], *, first: dt.date | None) -> list[Mark]:
    """Return what changed in the year before, the latest first; ``first`` is the day on which the charts begin."""
    # The figures may be a minute old; what somebody has just changed is here at once.
    since, now, own = until - dt.timedelta(days=364), timezone.now(), own_connection()
    changes = [(each.at, _statuses()[each.status], each.title) for each in decided]
    for step in steps.taken(own):
        if step.kind == "phase":
            changes.append((step.at, _("begins"), _("Phase “%(name)s”") % {"name": step.item}))
        elif step.kind == "switched":
            said = _("switched on") if step.how == "on" else _("switched off")
            changes.append((step.at, said, _("“%(name)s”") % {"name": step.item}))
    for each in outcomes.registered(own):
        title = _("Experiment “%(name)s”") % {"name": each.experiment}
        if each.started_at is not None and each.over_at is not None:
            changes.append((each.started_at, _("begins"), title))
            if each.over_at <= now:
                changes.append((each.over_at, _("stopped") if each.over_at == each.stopped_at else _("ends"), title))
    for section in charter.versions_since(since):
        title = _("Charter “%(name)s”") % {"name": section.here.title}
        changes.append((section.since, _("version %(number)d") % {"number": section.version}, title))
    for change in stewardship.filter_changes(since=since):
        if change.is_trained:
            changes.append((change.at, _("has learned anew"), _("Filter for spam")))
        if change.is_switched:
            changes.append((change.at, _modes()[change.mode], _("Filter for spam")))
    found = sorted([each for each in changes if since < each[0] <= now], key=lambda each: each[0], reverse=True)
    days = sorted({_day(at) for at, _said, _title in found if first is not None and _day(at) >= first})
    numbers = {day: number for number, day in enumerate(days, start=1)}
    return [Mark(numbers.get(_day(at)), at, title, said) for at, said, title in found]


def _modes() -> dict[str, str]:
    return {
        "off": _("switched off"),
        "log": _("writes down what it would hold"),
        "hold": _("holds what it finds"),
    }


def _day(moment: dt.datetime) -> dt.date:
    return moment.astimezone(dt.UTC).date()


def _bounds() -> dict[str, tuple[float | None, float | None]]:
    """Return each figure's bounds: the plan's ceilings and the present phase's gates, else this software's."""
    bounds = dict(rules.BOUNDS)
    try:
        plan = load_plan()
    except PlanInvalid:
        plan = None
    if plan is None:
        return bounds
    bounds["shop_share_of_matter"] = (None, plan.ceiling.matter)
    bounds["shop_share_of_company"] = (None, plan.ceiling.company)
    phase = programme.phase_of(plan, programme.standing(steps.taken(own_connection())).phase)
    for gate in phase.gates if phase else ():
        bounds[gate.figure] = (gate.at_least, gate.at_most)
    return bounds


def _lines(
    found: Mapping[str, Figure], bounds: Mapping[str, tuple[float | None, float | None]], *, contributors: int = 0
) -> list[Line]:
    lines = []
    for name, figure in found.items():
        shown = line(name, figure)
        at_least, at_most = bounds.get(name, (None, None))
        # Ten people write everything where there are no more than ten.
        is_few = name == "top_10_share" and contributors <= 10
        if (at_least is not None or at_most is not None) and not is_few:
            verdict = programme.judge(Gate(name, at_least=at_least, at_most=at_most), figure)
            value = figure.value
            is_out = value is not None and (
                (at_least is not None and value < at_least) or (at_most is not None and value > at_most)
            )
            if verdict == "missed" or is_out:
                shown = msgspec.structs.replace(shown, advice=_what_to_do()[name], is_sure=verdict == "missed")
        lines.append(shown)
    return lines


def _what_to_do() -> dict[str, str]:
    """Return for each figure what to do next where it is out of its bounds."""
    return {
        "participation": _("Leave the next questions to customers for some hours."),
        "started_by_customers": _("Ask somebody who answered well to begin the next conversation."),
        "first_reply_hours": _("Answer what waits the longest first, or say that you do not know."),
        "answered_within_7_days": _("Ask somebody by name who may know the answer."),
        "answered_by_customers": _("Wait with your answer until the customers' hours are over."),
        "newcomers_answered_within_24_hours": _("Answer every newcomer today; the page “Today” says who waits."),
        "newcomers_again": _("Thank newcomers by name, and show them a question that they can answer."),
        "top_10_share": _("Ask people by name who have voted and never written."),
        "shop_share_of_matter": _("Answer only what no customer has answered in the customers' hours."),
        "shop_share_of_company": _("Leave stories and reviews to customers this week."),
        "held_upheld": _("The machine holds too much that is fine: let it only write down, and teach it."),
        "flags_upheld": _("Say in the charter what is to be flagged and what is not."),
        "decided_hours": _("Decide what waits today, and name a second person for the queue."),
        "appeals_overturned": _("Decide the next ones in pairs, and compare your reasons."),
    }  # fmt: skip


def line(name: str, figure: Figure) -> Line:
    """Return a figure in words."""
    title, meaning, form = _titles()[name]
    return Line(title, meaning, *_told(name, figure, form))


def form_of(name: str) -> Callable[[float], str]:
    """Return how values of a figure are written."""
    return _titles()[name][2]


def _titles() -> dict[str, tuple[str, str, Callable[[float], str]]]:
    """Return of each figure its title, its meaning, and how it is written."""
    return {
        "participation": (
            _("Posts by customers for one of the shop's"),
            _("More than one: they talk with each other, not only with you."), _plain,
        ),
        "started_by_customers": (
            _("Conversations begun by customers"), _("What the shop seeded is left out."), _percent,
        ),
        "first_reply_hours": (
            _("Hours until the first reply"),
            _("By then half are answered; who still waits is counted in."), _plain,
        ),
        "answered_within_7_days": (_("Answered within seven days"), _("By anybody but who asked."), _percent),
        "answered_by_customers": (
            _("First answered by another customer"), _("Of the conversations that were answered."), _percent,
        ),
        "newcomers_answered_within_24_hours": (
            _("Newcomers answered within a day"), _("Their first contribution, by anybody else."), _percent,
        ),
        "newcomers_again": (
            _("Newcomers who came a second time"), _("Within 28 days of their first contribution."), _percent,
        ),
        "returning_weekly": (
            _("Back from the week before"), _("Of last week's contributors."), _percent,
        ),
        "reciprocity": (
            _("Answers that go both ways"), _("Of who answered whom, in twelve weeks."), _percent,
        ),
        "gini": (
            _("Concentration"),
            _("Gini's coefficient: 0, all contribute alike; near 1, one person everything."), _plain,
        ),
        "top_10_share": (
            _("Written by the ten busiest"),
            _("Over seven tenths is fragile, where there are more than ten."), _percent,
        ),
        "shop_share_of_matter": (
            _("The shop's share in questions and ideas"), _("Helpful up to a point."), _percent,
        ),
        "shop_share_of_company": (
            _("The shop's share in stories and reviews"), _("Here customers are among themselves."), _percent,
        ),
        "held_upheld": (
            _("Held by the machine, and rightly"), _("A person found something against it too."), _percent,
        ),
        "flags_upheld": (_("Flagged, and rightly"), _("Of the flags that were decided on."), _percent),
        "reporters_right": (
            _("Members who mostly flag rightly"), _("At least half of their flags; nobody sees who."), _percent,
        ),
        "notices_upheld": (
            _("Notices of illegal content, and rightly"), _("Of those that were decided on."), _percent,
        ),
        "decided_hours": (
            _("Hours until a decision"), _("By then half of what was held or reported is decided."), _plain,
        ),
        "appeals_overturned": (
            _("Objections that changed the decision"), _("Of those that were answered."), _percent,
        ),
    }  # fmt: skip


def _told(name: str, figure: Figure, form: Callable[[float], str]) -> tuple[str, str, str]:
    made_of = (_("%(some)s to %(all)s") if name == "participation" else _("%(some)s of %(all)s")) % {
        "some": number_format(figure.numerator, 0, force_grouping=True),
        "all": number_format(figure.denominator, 0, force_grouping=True),
    }
    if figure.value is None:
        # A median that is not reached is something else than a figure of nothing.
        is_wait = name in {"first_reply_hours", "decided_hours"}
        return (_("more than half still wait") if is_wait and figure.denominator else "–"), made_of, ""
    if figure.interval is None:
        return form(figure.value), made_of, ""
    high = form(figure.interval.high) if figure.interval.high < float("inf") else "∞"
    return form(figure.value), made_of, f"{form(figure.interval.low)} – {high}"


def _plain(value: float) -> str:
    # The formatting itself cuts off and does not round.
    return number_format(round(value, 2), 2) if value < 10 else number_format(round(value), 0)


def _percent(value: float) -> str:
    return _("%(number)s %%") % {"number": number_format(round(_HUNDRED * value), 0)}


def _cohorts(place: Place) -> list[tuple[dt.date, int, list[str]]]:
    """Return people by their first week, the latest first, with the shares that came again."""
    return [
        (cohort.week, cohort.people, [_share(figure) for figure in cohort.again.values()])
        for cohort in place.cohorts[::-1][:12]
    ]


def _share(figure: Figure) -> str:
    if figure.value is None:
        return "–"
    return f"{_percent(figure.value)} ({number_format(figure.numerator, 0)})"


def _numbers_in(monday: dt.date, changes: list[Mark]) -> list[int]:
    """Return the numbers of the marks that stand in a week."""
    return sorted({each.number for each in changes if each.number is not None and 0 <= (each.day - monday).days < 7})


def _drawings(found: Health, changes: Mapping[dt.date, int]) -> list[tuple[str, str, SafeString]]:
    """Return charts of the weeks: title, explanation, drawing."""
    weeks = found.here.weeks
    if len(weeks) < 2:  # one bar compares nothing
        return []

    def series(name: str) -> list[tuple[dt.date, float | None]]:
        return [(week.week, getattr(week, name)) for week in weeks]

    key = (database.database_name(), tuple(weeks), tuple(changes.items()))
    talk = charts.cached(
        ("talk", key), _SECONDS,
        lambda: charts.by_week(
            [(_("customers"), series("member_posts")), (_("the shop"), series("shop_posts"))], changes=changes,
            words={"figure": _("posts"), "label": _("Posts by week: customers, the shop")},
        ),
    )  # fmt: skip
    waits = charts.cached(
        ("waits", key), _SECONDS,
        lambda: charts.by_week(
            [(_("hours"), series("first_reply_hours"))], changes=changes, is_stacked=False,
            words={"figure": _("hours"), "label": _("Hours until the first reply, by week")},
        ),
    )  # fmt: skip
    people = charts.cached(
        ("people", key), _SECONDS,
        lambda: charts.by_week(
            [(_("contributors"), series("contributors")),
             (_("of them back from the week before"), series("returning"))],
            changes=changes, is_stacked=False,
            words={"figure": _("people"),
                   "label": _("Contributors by week, and who of them was there the week before")},
        ),
    )  # fmt: skip
    return [
        (_("Who talks"), _("posts by week"), talk),
        (_("How long people wait"), _("hours until half are answered, over four weeks"), waits),
        (_("Who comes back"), _("people by week"), people),
    ]
