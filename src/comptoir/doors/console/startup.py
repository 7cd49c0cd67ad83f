"""The steward's first screen: who waits for a first reply, what is due today, where the programme stands.

Also until when the shop can say no to an amendment of the charter, and what becomes of it if nobody does.

Whatever is done goes through the gateway, as an event of the console's. Not here: what is due (``square/programme``).
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from http import HTTPStatus
from typing import Any, Final

import msgspec
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from comptoir.doors.console import participation
from comptoir.doors.console.acting import own_connection, with_key
from comptoir.doors.console.refusals import told
from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import OFFICE, SQUARE
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints import house
from comptoir.square.charter import queries as charter
from comptoir.square.health.rules import Figure
from comptoir.square.programme import outcomes, rules, steps
from comptoir.square.programme import plan as plans
from comptoir.square.programme.closing import SQUARE as SQUARE_ITSELF
from comptoir.square.programme.contracts import EXPERIMENT_STOPPED
from comptoir.square.programme.errors import PlanInvalid
from comptoir.square.programme.experiments import Experiment
from comptoir.square.programme.plan import Gate, Plan, Prompt
from comptoir.square.programme.reading import load_plan
from comptoir.square.programme.rules import Due, Standing

REASON_CHARACTERS_MAX: Final = 500
_HISTORY_SHOWN: Final = 20
_WEEK: Final = dt.timedelta(weeks=1)
_YEAR: Final = dt.timedelta(days=365)
#: What is posted for a task has an id of the task's, so that it cannot be posted twice.
_POSTS: Final = uuid.UUID("5a0f5f0e-6d1c-4f0b-9a55-2f3f8d9a1c07")
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_-]")


class Task(msgspec.Struct, frozen=True):
    """A task as the page shows it, in the reader's language; ``language`` is that of the text."""

    due: Due
    title: str
    text: str
    language: str

    @property
    def can_be_posted(self) -> bool:
        """Tell whether the shop can post it by a button."""
        return self.due.kind in {"prompt", "trial"}


class GateShown(msgspec.Struct, frozen=True):
    """A gate in words, with what the figure says of it."""

    title: str
    aim: str
    value: str
    verdict: str


@in_room(OFFICE)
@require_safe
def today(request: HttpRequest) -> HttpResponse:
    """Answer with what is due today."""
    return _page(request)


@in_room(OFFICE)
@require_POST
def done(request: HttpRequest) -> HttpResponse:
    """Say that a task is done or passed over; with ``post``, post it first."""
    plan, now = _plan(), timezone.now()
    at = stands()
    task = next((each for each in _due(plan, at, now) if each.task == request.POST.get("task")), None)
    if task is None:
        return redirect("console:today")  # somebody else was faster
    how = request.POST.get("how", "done")
    said: dict[str, Any] = {"task": task.task, "how": "passed_over" if how == "passed_over" else "done"}
    try:
        if how == "post" and task.kind in {"prompt", "trial"}:
            said["post"] = _post(request, plan, at, task, now)
        answer = send(request, "programme.done", said, now)
    except Problem as problem:
        return _page(request, problem=told(problem), status=problem.status)
    except _Refused as refused:
        return _page(request, problem=refused.trouble, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    if answer.problem is not None and answer.problem.name != "task_done_already":
        return _page(request, problem=answer.problem, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return redirect("console:today")


@in_room(OFFICE)
@require_POST
def phase(request: HttpRequest) -> HttpResponse:
    """Begin a phase of the plan, with a reason."""
    named = request.POST.get("phase", "")
    if rules.phase_of(_plan(), named) is None:
        raise Http404
    return _say(request, "programme.phase", {"phase": named})


@in_room(OFFICE)
@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Turn an element off, or on again, with a reason."""
    plan, element = _plan(), request.POST.get("element", "")
    if element not in {
        SQUARE_ITSELF,
        *rules.ELEMENTS,
        *(each.name for each in plan.prompt),
        *(each.name for each in plan.ritual),
    }:
        raise Http404
    is_on = request.POST.get("on") == "1"
    answer = _say(request, "programme.switched", {"element": element, "is_on": is_on})
    if element == rules.TRIALS and not is_on and answer.status_code == HTTPStatus.FOUND:
        # None may go on in secret; switched on again, they are registered anew.
        _stop_trials(request, request.POST.get("reason", "").strip(), timezone.now())
    return answer


def _stop_trials(request: HttpRequest, reason: str, now: dt.datetime) -> None:
    for each in outcomes.registered(own_connection()):
        if each.state(now) in {"running", "over"}:
            send(request, EXPERIMENT_STOPPED, {"experiment": each.experiment, "reason": reason}, now)


class _Refused(Exception):  # noqa: N818 - not an error of the program
    def __init__(self, trouble: house.Trouble) -> None:
        super().__init__(trouble.name)
        self.trouble = trouble


def _post(request: HttpRequest, plan: Plan, stands: Standing, task: Due, now: dt.datetime) -> str:
    """Post a prompt as the shop's, labelled as seeded; posted already, it is not posted again."""
    shown = _task(task)
    prompt: Prompt | Experiment
    if task.kind == "trial":
        prompt = next(each for each in outcomes.registered(own_connection()) if each.experiment == task.element)
    else:
        prompt = next(each for each in plan.prompt if each.name == task.element)
    post = str(uuid.uuid5(_POSTS, f"{stands.began}/{task.task}"))
    said = {
        "post": post, "kind": prompt.kind, "title": shown.title, "text": shown.text or shown.title,
        "language": shown.language, "seeded": True,
    }  # fmt: skip
    said |= {name: value for name in ("topic", "product") if (value := getattr(prompt, name, None)) is not None}
    answer = send(request, "post.staff", said, now)
    if answer.problem is not None and answer.problem.name != "post_taken":
        raise _Refused(answer.problem)
    return post


def _say(request: HttpRequest, kind: str, said: dict[str, Any]) -> HttpResponse:
    reason = request.POST.get("reason", "").strip()
    if not 0 < len(reason) <= REASON_CHARACTERS_MAX:
        return _page(request, problem=reason_wanted(), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        answer = send(request, kind, {**said, "reason": reason}, timezone.now())
    except Problem as problem:
        return _page(request, problem=told(problem), status=problem.status)
    if answer.problem is not None:
        return _page(request, problem=answer.problem, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return redirect("console:today")


def reason_wanted() -> house.Trouble:
    """Return what is said to whoever gives no reason."""
    return house.Trouble(
        title=_("Say why."), detail=_("In at most 500 characters. Whoever comes after you will want to know.")
    )


def send(request: HttpRequest, kind: str, said: dict[str, Any], now: dt.datetime) -> house.Answer:
    """Send what a member of staff does, with who they are. Raises what the house's client raises."""
    visit = visit_of(request)
    assert visit is not None, "the office is for staff"
    who = {"staff": _UNFIT.sub("-", visit.subject)[:64] or "staff", "name": (visit.name or _("Staff"))[:60]}
    answer: house.Answer = with_key(
        lambda: house.send(kind, {**who, **said}, touchpoint=house.CONSOLE, request=IDS.new(), at=now)
    )
    return answer


def _page(request: HttpRequest, *, problem: house.Trouble | None = None, status: int = HTTPStatus.OK) -> HttpResponse:
    now = timezone.now()
    context: dict[str, Any] = {
        "problem": problem, "section": "today", "staff": visit_of(request), "now": now,
        "amendments": charter.waiting(now), "square": addresses.url_of(SQUARE, "/").rstrip("/"),
    }  # fmt: skip
    try:
        plan = load_plan()
    except PlanInvalid as fault:
        return render(request, "console/today.html", {**context, "fault": fault}, status=HTTPStatus.CONFLICT)
    guarantee = plan.guarantee if plan else plans.Guarantee()
    at = stands()
    is_guaranteed = rules.FIRST_REPLY not in at.off
    context |= {
        "plan": plan,
        "guarantee": guarantee,
        "is_guaranteed": is_guaranteed,
        "newcomers": steps.newcomers(own_connection(), guarantee, now=now) if is_guaranteed else [],
        "closed": steps.closed(own_connection()),
        "export": "comptoir community export DIR",
    }
    if plan is None:
        return render(request, "console/today.html", context, status=status)
    found = participation.read()[0]
    current, following = rules.phase_of(plan, at.phase), rules.next_phase(plan, at.phase)
    figures = found.here.figures
    context |= {
        "at": at,
        "week": (_today(now) - at.began).days // 7 + 1 if at.began else 0,
        "tasks": [_task(each) for each in _due(plan, at, now)],
        "phase": current.title.here(_language())[0] if current else "",
        "gates": [_gate(gate, figures[gate.figure]) for gate in current.gates] if current else [],
        "next": (following.name, following.title.here(_language())[0]) if following else None,
        "wind_down": [
            (each.name, each.title.here(_language())[0])
            for each in plan.phase
            if each.is_wind_down and each is not current
        ],
        "is_ending": current is not None and current.is_wind_down,
        "helpers": steps.helpers(
            own_connection(), since=now - (_YEAR if current is not None and current.is_wind_down else _WEEK), until=now
        ),
        "ceilings": _ceilings(plan, figures),
        "elements": _elements(plan, at),
        "history": _taken()[::-1][:_HISTORY_SHOWN],
    }  # fmt: skip
    return render(request, "console/today.html", context, status=status)


def _due(plan: Plan, at: Standing, now: dt.datetime) -> list[Due]:
    trials = rules.due_trials(outcomes.registered(own_connection()), at, now=now)
    return [*trials, *rules.due(plan, at, today=_today(now))]


def _task(due: Due) -> Task:
    title, language = due.title.here(_language())
    text = due.text.here(language)[0] if due.text else ""
    return Task(due, title, text, language)


def _gate(gate: Gate, figure: Figure) -> GateShown:
    line = participation.line(gate.figure, figure)
    bound = gate.at_least if gate.at_least is not None else gate.at_most
    assert bound is not None
    said = {"number": participation.form_of(gate.figure)(bound)}
    aim = _("at least %(number)s") % said if gate.at_least is not None else _("at most %(number)s") % said
    return GateShown(line.title, aim, line.value, rules.judge(gate, figure))


def _ceilings(plan: Plan, figures: dict[str, Figure]) -> list[GateShown]:
    """Return where the shop's own share of the talk is over its ceiling, surely or perhaps."""
    bounds = {"shop_share_of_matter": plan.ceiling.matter, "shop_share_of_company": plan.ceiling.company}
    shown = []
    for name, bound in bounds.items():
        value = figures[name].value
        if value is not None and value > bound:
            shown.append(_gate(Gate(name, at_most=bound), figures[name]))
    return shown


def _elements(plan: Plan, stands: Standing) -> list[tuple[str, str, bool]]:
    """Return what can be switched: name, title, whether it is on."""
    whole = {
        rules.FIRST_REPLY: _("The first reply for every newcomer"),
        rules.PROMPTS: _("All prompts"),
        rules.RITUALS: _("All rituals"),
        rules.TRIALS: _("All experiments"),
        rules.INVITATIONS: _("All invitations"),
    }
    named = {each.name: each.title.here(_language())[0] for each in plan.ritual}
    named |= {each.name: each.title.here(_language())[0] for each in plan.prompt}
    return [(name, title, name not in stands.off) for name, title in (whole | named).items()]


def _plan() -> Plan:
    try:
        plan = load_plan()
    except PlanInvalid:
        plan = None
    if plan is None:
        raise Http404
    return plan


def stands() -> Standing:
    """Return where the programme stands."""
    return rules.standing(_taken())


def _taken() -> list[rules.Taken]:
    return steps.taken(own_connection())


def _today(now: dt.datetime) -> dt.date:
    return now.astimezone(dt.UTC).date()


def _language() -> str:
    return translation.get_language() or "en"
