"""Experiments on the start-up programme: register, begin, look every week, stop. Each is an event of the console's.

Not here: what an experiment is and what its units say (``square/programme``).
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from comptoir.doors.console import charts, startup
from comptoir.doors.console.acting import own_connection, page
from comptoir.doors.console.refusals import told
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints import house
from comptoir.square.community import queries
from comptoir.square.programme import contracts, experiments, outcomes, rules
from comptoir.square.programme.experiments import Experiment, Planned, Standing, Unit
from comptoir.square.programme.sequential import Difference

_SECONDS: Final = 60
#: What can be compared, and by what: element, unit, outcome.
_DESIGNS: Final = {
    "prompt-answers": ("prompt", "thread", "answers"),
    "prompt-answered": ("prompt", "thread", "answered"),
    "reminder-answers": ("reminder", "thread", "answers"),
    "reminder-answered": ("reminder", "thread", "answered"),
    "reminder-contributions": ("reminder", "week", "contributions"),
}
_KINDS: Final = ("question", "idea", "story", "review")
_LANGUAGES: Final = ("en", "ja", "fr")
_NUMBERS: Final = {"days": int, "cap": int, "weeks_max": int, "smallest": float, "expected": float}
_BLANK: Final = {
    "experiment": "", "hypothesis": "", "design": "prompt-answers", "kind": "question", "language": "en", "title_a": "",
    "text_a": "", "title_b": "", "text_b": "", "topic": "", "days": "7", "cap": "10", "smallest": "1", "expected": "2",
    "weeks_max": "26",
}  # fmt: skip


class Shown(msgspec.Struct, frozen=True):
    """An experiment in words: how far it has come, what it says, what it would take."""

    experiment: Experiment
    state: str
    verdict: str
    tone: str
    more: str


@in_room(OFFICE)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Answer with every experiment and what it says."""
    now = timezone.now()
    found = outcomes.registered(own_connection())
    return page(request, "console/experiments.html", "today", {"shown": [_shown(each, now) for each in found]})


@in_room(OFFICE)
@require_http_methods(["GET", "HEAD", "POST"])
def write(request: HttpRequest, name: str = "") -> HttpResponse:
    """Register an experiment, or change one that has not begun."""
    found = _find(name) if name else None
    if found is not None and found.state(timezone.now()) != "draft":
        return redirect("console:experiment", name=name)
    form = dict(_BLANK) if found is None else _form_of(found)
    trouble = None
    if request.method == "POST":
        form = {field: request.POST.get(field, "").strip()[:4_000] for field in _BLANK}
        form["experiment"] = name or form["experiment"]
        trouble = _register(request, form, found)
        if trouble is None:
            return redirect("console:experiment", name=form["experiment"])
    context = {
        "form": form, "problem": trouble, "found": found, "designs": _designs(), "kinds": _KINDS,
        "languages": _LANGUAGES, "topics": queries.topics(),
    }  # fmt: skip
    return page(
        request, "console/experiment_form.html", "today", context,
        status=HTTPStatus.UNPROCESSABLE_ENTITY if trouble else HTTPStatus.OK,
    )  # fmt: skip


@in_room(OFFICE)
@require_safe
def one(request: HttpRequest, name: str) -> HttpResponse:
    """Answer with everything about one experiment."""
    return _one(request, name)


@in_room(OFFICE)
@require_POST
def start(request: HttpRequest, name: str) -> HttpResponse:
    """Begin an experiment; what was planned is written down with it."""
    found, now = _find(name), timezone.now()
    if rules.TRIALS in startup.stands().off:
        trouble = house.Trouble(
            title=_("Experiments are switched off."), detail=_("Switch them on again on the page “Today” first.")
        )
        return _one(request, name, problem=trouble)
    planned = _planned(found, now)
    said = {"experiment": name, "units": planned.units}
    if planned.weeks is not None:
        said["weeks"] = planned.weeks
    return _sent(request, name, contracts.EXPERIMENT_STARTED, said, now)


@in_room(OFFICE)
@require_POST
def stop(request: HttpRequest, name: str) -> HttpResponse:
    """Stop an experiment at once, with a reason."""
    _find(name)
    reason = request.POST.get("reason", "").strip()
    if not 0 < len(reason) <= startup.REASON_CHARACTERS_MAX:
        return _one(request, name, problem=startup.reason_wanted())
    return _sent(request, name, contracts.EXPERIMENT_STOPPED, {"experiment": name, "reason": reason}, timezone.now())


def _sent(request: HttpRequest, name: str, kind: str, said: dict[str, Any], now: dt.datetime) -> HttpResponse:
    try:
        trouble = startup.send(request, kind, said, now).problem
    except Problem as problem:
        trouble = told(problem)
    return redirect("console:experiment", name=name) if trouble is None else _one(request, name, problem=trouble)


def _one(request: HttpRequest, name: str, *, problem: house.Trouble | None = None) -> HttpResponse:
    found, now = _find(name), timezone.now()
    units = outcomes.units(own_connection(), found, now=now)
    planned = _planned(found, now)
    context = {
        "problem": problem, "shown": _shown(found, now), "planned": _plan_in_words(found, planned),
        "facts": _facts(found), "units": _units(found, units), "drawing": _drawing(found, units, planned, now),
        "arms": _arms(found, experiments.stand(found, units, planned=planned).difference),
        "texts": [("A", found.title("a"), found.text_a), ("B", found.title("b"), found.text_b)],
    }  # fmt: skip
    return page(
        request, "console/experiment.html", "today", context,
        status=(problem.status or HTTPStatus.UNPROCESSABLE_ENTITY) if problem else HTTPStatus.OK,
    )  # fmt: skip


def _find(name: str) -> Experiment:
    found = next((each for each in outcomes.registered(own_connection()) if each.experiment == name), None)
    if found is None:
        raise Http404
    return found


def _register(request: HttpRequest, form: dict[str, str], found: Experiment | None) -> house.Trouble | None:
    element, unit, outcome = _DESIGNS.get(form["design"], _DESIGNS["prompt-answers"])
    said: dict[str, Any] = {
        "experiment": form["experiment"], "hypothesis": form["hypothesis"], "element": element, "unit": unit,
        "outcome": outcome, "kind": form["kind"], "language": form["language"],
        "text_a": form["text_a"].replace("\r\n", "\n"), "text_b": form["text_b"].replace("\r\n", "\n"),
        # The seed is drawn once: whoever could draw again could choose.
        "seed": found.seed if found else secrets.token_hex(16),
    }  # fmt: skip
    for name in ("title_a", "title_b") if element == "prompt" else ():
        said |= {name: form[name]} if form[name] else {}
    said |= {"topic": form["topic"]} if form["topic"] and element == "prompt" else {}
    try:
        said |= {name: read(form[name].replace(",", ".")) for name, read in _NUMBERS.items()}
    except ValueError:
        return house.Trouble(title=_("That is not a number."), detail=_("Days, weeks and differences are numbers."))
    if outcome == "answered":
        said["cap"] = 1
    try:
        return startup.send(request, contracts.EXPERIMENT_REGISTERED, said, timezone.now()).problem
    except Problem as problem:
        return told(problem)


def _form_of(found: Experiment) -> dict[str, str]:
    form = {name: str(getattr(found, name) or "") for name in _BLANK if name != "design"}
    form["design"] = f"{found.element}-{found.outcome}"
    return form


def _planned(found: Experiment, now: dt.datetime) -> Planned:
    values, per_week = outcomes.past(own_connection(), found, now=found.started_at or now)
    return experiments.plan(found, values, per_week=per_week)


def _shown(found: Experiment, now: dt.datetime) -> Shown:
    state = found.state(now)
    if state == "draft":
        return Shown(found, _("draft"), _("It has not begun."), "", "")
    planned = _planned(found, now)
    stands = experiments.stand(found, outcomes.units(own_connection(), found, now=now), planned=planned)
    states = {"running": _("running"), "over": _("over by its stop rule"), "stopped": _("stopped")}
    verdict, tone = _verdicts()[stands.verdict]
    return Shown(found, states[state], verdict, tone, _more(stands, state))


def _verdicts() -> dict[str, tuple[str, str]]:
    return {
        "a_better": (_("A is better."), "good"),
        "b_better": (_("B is better."), "good"),
        "no_difference": (_("No difference that matters."), ""),
        "cannot_tell": (_("Cannot tell yet."), "attention"),
    }


def _more(stands: Standing, state: str) -> str:
    if stands.verdict != "cannot_tell":
        return ""
    if state != "running":
        return _("It ended before it could tell, which is a result too.")
    if stands.weeks_left is None:
        return _("At this rate it never will: nothing comes in that could be counted.")
    return ngettext(
        "At this rate it would take %(number)s more week.", "At this rate it would take %(number)s more weeks.",
        stands.weeks_left,
    ) % {"number": number_format(stands.weeks_left, 0, force_grouping=True)}  # fmt: skip


def _plan_in_words(found: Experiment, planned: Planned) -> list[str]:
    said = {
        "once": number_format(planned.units_once, 0, force_grouping=True),
        "units": number_format(planned.units, 0, force_grouping=True),
        "mean": _value(found, planned.mean), "smallest": _value(found, found.smallest),
        "rate": number_format(planned.per_week, 1),
        "weeks": number_format(planned.weeks or 0, 0, force_grouping=True),
    }  # fmt: skip
    basis = (
        _("The twelve weeks before brought %(mean)s for each unit.") if planned.is_from_past
        else _("There is too little of the past to go by; expected is %(mean)s for each unit.")
    )  # fmt: skip
    lines = [
        basis % said,
        _(
            "To find a difference of %(smallest)s in four of five cases, each arm needs %(once)s units at a single "
            "look at the end, and %(units)s when one may look every week."
        )
        % said,
    ]
    if planned.weeks is None:
        lines.append(_("Nothing comes in that could be counted, so there is no telling how long that takes."))
    else:
        lines.append(_("With %(rate)s units a week that takes %(weeks)s weeks.") % said)
    if planned.weeks is None or planned.weeks > found.weeks_max:
        lines.append(_("The stop rule ends it earlier. Expect “cannot tell”, unless the difference is a large one."))
    return lines


def _facts(found: Experiment) -> list[tuple[str, str]]:
    facts = [
        (_("What is compared"), _designs_by_name()[f"{found.element}-{found.outcome}"]),
        (_("In conversations of this kind"), f"{_kinds()[found.kind]}, {found.language}"),
        (_("Smallest difference worth knowing"), _value(found, found.smallest)),
        (_("At most counts for a unit"), number_format(found.cap, 0)),
        (_("Days that an answer is waited for"), number_format(found.days, 0)),
        (_("Stop rule"), _("It ends after %(number)s weeks.") % {"number": found.weeks_max}),
        (_("Seed"), found.seed),
        (_("Registered"), f"{found.registered_at:%Y-%m-%d}, {found.name}"),
    ]
    if found.started_at is not None:
        facts.append((_("Begun"), f"{found.started_at:%Y-%m-%d}"))
    if found.stopped_at is not None:
        facts.append((_("Stopped"), f"{found.stopped_at:%Y-%m-%d}, {found.stopped_by}: {found.reason}"))
    return facts


def _arms(found: Experiment, difference: Difference) -> list[tuple[str, str, str]]:
    """Return each arm, then the difference: name, units, value with its interval."""
    lines = []
    for name, arm in (("A", difference.a), ("B", difference.b)):
        lines.append((name, number_format(arm.units, 0), "–" if arm.mean is None else _value(found, arm.mean)))
    if difference.value is not None:
        said = _value(found, difference.value)
        if difference.interval is not None:
            said += f" ({_value(found, difference.interval.low)} – {_value(found, difference.interval.high)})"
        lines.append((_("B less A"), number_format(difference.a.units + difference.b.units, 0), said))
    return lines


def _units(found: Experiment, units: Sequence[Unit]) -> list[tuple[Unit, str]]:
    return [(each, "–" if each.value is None else _value(found, each.value)) for each in units[::-1][:20]]


def _value(found: Experiment, value: float) -> str:
    if found.outcome == "answered":
        return _("%(number)s %%") % {"number": number_format(round(100 * value, 1), 1)}
    return number_format(round(value, 2), 2)


def _drawing(found: Experiment, units: Sequence[Unit], planned: Planned, now: dt.datetime) -> SafeString | None:
    looks = experiments.history(found, units, planned=planned, now=now)
    rows = [
        (day, each.value, each.interval.low, each.interval.high)
        for day, each in looks
        if each.value is not None and each.interval is not None
    ]
    if not rows:
        return None
    key = (database.database_name(), found.experiment, tuple(rows))
    words = {"figure": _("B less A"), "label": _("The difference and where it may lie, at each week's look")}
    return charts.cached(
        key, _SECONDS, lambda: charts.interval_by_week(rows, smallest=found.smallest, words=words)
    )  # fmt: skip


def _designs() -> list[tuple[str, str]]:
    return list(_designs_by_name().items())


def _designs_by_name() -> dict[str, str]:
    return {
        "prompt-answers": _("Two prompts, by weeks in turn: answers by customers in each conversation"),
        "prompt-answered": _("Two prompts, by weeks in turn: whether a customer answers at all"),
        "reminder-answers": _("Two texts of a visible rule, by conversation: answers by other customers"),
        "reminder-answered": _("Two texts of a visible rule, by conversation: whether another customer answers"),
        "reminder-contributions": _("Two texts of a visible rule, by week: contributions by customers in the week"),
    }


def _kinds() -> dict[str, str]:
    return {"question": _("Question"), "idea": _("Idea"), "story": _("Story"), "review": _("Review")}
