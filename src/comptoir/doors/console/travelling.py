"""Journeys in the console: written step by step, tried on the past year, switched on and off, killed.

The form has a fixed number of lines for steps, so that it works without a script. Not here: what a journey is and who
travels (``office/journeys``).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from comptoir.counter.messages import queries as messaging
from comptoir.doors.console import campaigning, charts, counting, drafting, reporting
from comptoir.doors.console.acting import name_of, page
from comptoir.doors.console.counting import Write
from comptoir.doors.console.declared import declared_map
from comptoir.doors.console.locality import shop_of
from comptoir.doors.console.refusals import told
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints.house import Trouble
from comptoir.office.campaigns import commands as campaigns
from comptoir.office.campaigns import effects, segmenting
from comptoir.office.campaigns import queries as campaign_queries
from comptoir.office.campaigns.errors import CampaignInvalid
from comptoir.office.campaigns.grouping import By
from comptoir.office.journeys import commands, queries, rules, simulating
from comptoir.office.journeys.contracts import (
    Ask,
    Check,
    FirstVisit,
    Give,
    Happens,
    Joins,
    Say,
    Simulated,
    Step,
    Version,
    Wait,
    segments_of,
)
from comptoir.office.journeys.errors import JourneyInvalid
from comptoir.office.journeys.queries import Written
from comptoir.office.segments.telling import roughly

_NUMBER_MAX: Final = 10**9 - 1
_SECONDS: Final = 60
_STEPS: Final = 8
_REPORTS_MAX: Final = 5
_BLANK: Final = {
    "name": "", "trigger": "joins", "trigger_segment": "", "trigger_event": "", "trigger_store": "", "why_en": "",
    "why_fr": "", "why_ja": "", "exit_bought": "on", "exit_events": "", "exit_segment": "", "re_entry": "once",
    "every_days": "30", "holdout": "10", "holdout_reason": "", "drawn_by": "person", "after": "0", "margin": "",
    "cost_per_contact": "", "cost_per_point": "",
}  # fmt: skip
_LINE: Final = ("kind", "hours", "segment", "template", "promotion", "path", "points", "reason")
SALE: Final = "sale.closed"
_THANKED: Final = "contribution.thanked"


@in_room(OFFICE)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Answer with every journey."""
    lines = []
    for each in queries.journeys():
        traffic, write = queries.traffic(each.journey), campaigning.writing(_named_by(queries.versions(each.journey)))
        on_it = (write(traffic.entered), write(traffic.under_way))
        lines.append((each, _states()[queries.switch(each.journey).state], _triggered(each.content), on_it))
    return page(request, "console/journeys.html", "campaigns", {"lines": lines})


@in_room(OFFICE)
@require_http_methods(["GET", "HEAD", "POST"])
def write(request: HttpRequest, journey: uuid.UUID | None = None) -> HttpResponse:
    """Write a journey, or its next version."""
    found = None if journey is None else _find(journey)
    form, steps = (dict(_BLANK), [dict.fromkeys(_LINE, "")]) if found is None else _form_of(found.content, found.number)
    trouble = None
    if request.method == "POST":
        form = {field: request.POST.get(field, "").strip()[:2_000] for field in _BLANK}
        steps = [
            {field: request.POST.get(f"{field}_{number}", "").strip()[:200] for field in _LINE}
            for number in range(1, _STEPS + 1)
        ]
        try:
            written = commands.write(
                _read(form, steps), journey=journey, after=whole(form["after"], _NUMBER_MAX) or 0,
                by=name_of(request), at=timezone.now(),
            )  # fmt: skip
        except Problem as problem:
            trouble = told(problem)
        else:
            return redirect(f"{reverse('console:journey', args=(written,))}?try=1")
    context = {
        "form": form, "problem": trouble, "found": found, "segments": segmenting.named_segments(),
        "steps": [(number, steps[number - 1] if number <= len(steps) else dict.fromkeys(_LINE, ""))
                  for number in range(1, _STEPS + 1)],
        "templates": drafting.texts(), "promotions": drafting.promotions(), "kinds": list(_kinds().items()),
        "triggers": list(_triggers().items()), "policies": list(_policies().items()),
        "events": sorted({sends.type for each in declared_map().touchpoints for sends in each.sends} | {_THANKED}),
        "currency": shop_of().currency,
        "languages": [(code, title, form[f"why_{code}"]) for code, title in reporting.LANGUAGES.items()],
    }  # fmt: skip
    status = HTTPStatus.UNPROCESSABLE_ENTITY if trouble else HTTPStatus.OK
    return page(request, "console/journey_form.html", "campaigns", context, status=status)


@in_room(OFFICE)
@require_safe
def one(request: HttpRequest, journey: uuid.UUID) -> HttpResponse:
    """Answer with everything about one journey; ``?try`` tries it on the past year."""
    return _one(request, journey)


@in_room(OFFICE)
@require_POST
def switch(request: HttpRequest, journey: uuid.UUID) -> HttpResponse:
    """Switch a journey on or off, or kill it."""
    now, by, reason = timezone.now(), name_of(request), request.POST.get("reason", "")
    number = whole(request.POST.get("version", ""), _NUMBER_MAX) or 0
    _find(journey)
    try:
        match request.POST.get("how"):
            case "on":
                commands.switch_on(journey, number, by=by, at=now)
            case "off":
                commands.switch_off(journey, by=by, reason=reason, at=now)
            case "kill":
                commands.kill(journey, by=by, reason=reason, at=now)
    except Problem as problem:
        return _one(request, journey, problem=told(problem))
    return redirect("console:journey", journey=journey)


def _one(request: HttpRequest, journey: uuid.UUID, *, problem: Trouble | None = None) -> HttpResponse:
    written = _find(journey)
    switched = queries.switch(journey)
    traffic = queries.traffic(journey)
    write = campaigning.writing(_named_by(queries.versions(journey)))
    context: dict[str, Any] = {
        "problem": problem, "written": written, "content": written.content, "switched": switched,
        "state": _states()[switched.state], "steps": [_step(each) for each in written.content.steps],
        "trigger": _triggered(written.content), "facts": _facts(written.content),
        "traffic": [(_("Entered"), write(traffic.entered)), (_("Under way"), write(traffic.under_way))]
        + [(_ends().get(name, name), write(count)) for name, count in traffic.ended.items()],
        "versions": queries.versions(journey), "outcomes": campaigning.outcomes_of(journey, write),
    }  # fmt: skip
    if traffic.entered:
        context["refused"] = _refused(journey, write)
        by = request.GET.get("by", "")
        context |= {"reports": _reports(journey, by=by, write=write), "bys": list(reporting.bys().items()), "by": by}
    if switched.state == "on":
        used = [each.content for each in queries.in_use(journey)]
        promotions = {step.promotion for content in used for step in content.steps if isinstance(step, Say)}
        asked = {segment for content in used for segment in segments_of(content)}
        begin = {content.trigger.segment for content in used if isinstance(content.trigger, Joins)}
        context["hindered"] = campaigning.hindered(asked | begin, promotions)
    if "try" in request.GET and not problem:
        try:
            said = simulating.simulate(
                written.content, journey=journey, now=timezone.now(), segments=segmenting.PAST_SEGMENTS,
                caps=campaign_queries.caps(), salt=campaigns.salt(),
            )  # fmt: skip
            context["simulated"] = _simulated(journey, said, write)
        except Problem as refused:
            context["problem"] = problem = told(refused)
    status = (problem.status or HTTPStatus.UNPROCESSABLE_ENTITY) if problem else HTTPStatus.OK
    return page(request, "console/journey.html", "campaigns", context, status=status)


def _reports(journey: uuid.UUID, *, by: str, write: Write) -> list[reporting.Report]:
    """Return a report for each version by which somebody entered first, the latest first."""
    shop = shop_of()
    numbers = queries.entered_by(journey)
    reports = []
    for number in numbers[:_REPORTS_MAX]:
        content = queries.version(journey, number).content
        key = ("journey", database.database_name(), journey, number)

        def measured(by: By | None, content: Version = content, number: int = number) -> effects.Measured:
            switched = queries.switch(journey)
            terms = effects.Terms(
                shares=rules.shares(content), days=content.days, planned=content.planned,
                is_closed=switched.state == "killed" or switched.version != number, margin=content.margin,
                cost_per_contact=content.cost_per_contact, cost_per_point=content.cost_per_point,
            )  # fmt: skip
            return effects.measure(
                queries.drawn(journey), terms, minor_units=shop.minor_units, now=timezone.now(), version=number, by=by,
                promised=queries.promised(journey),
            )  # fmt: skip

        unheld = content.holdout_reason if not content.holdout else ""
        report = reporting.reported(key, measured, unheld, currency=shop.currency, by=by, write=write)
        reports.append(msgspec.structs.replace(report, version=number if len(numbers) > 1 else 0))
    return reports


def _refused(journey: uuid.UUID, write: Write) -> list[tuple[str, str, str, str]]:
    """Return which points were refused: the step in words, why, what to do, how many."""
    found = queries.refused(journey)
    contents = {number: queries.version(journey, number).content for number in {each.version for each in found}}
    latest = queries.last_number(journey)
    told = []
    for each in found:
        step = _step(contents[each.version].steps[each.step])
        if each.version != latest:
            step = _("%(step)s (version %(version)s)") % {"step": step, "version": each.version}
        why, what = _refusals(each.problem)
        told.append((step, why, what, write(each.count)))
    return told


def _refusals(problem: str) -> tuple[str, str]:
    """Return why points are refused by a problem, and what there is to do."""
    nobody = _("Nothing: there is nobody to give them to.")
    known = {
        "customer_forgotten": (_("They have asked to be forgotten."), nobody),
        "customer_unknown": (_("The shop does not know this customer."), nobody),
    }
    return known.get(problem) or (
        _("The ledger refused them: %(problem)s.") % {"problem": problem},
        _("Look the name up under Problems in the manual. Once its cause is gone, add the points by hand."),
    )


def _simulated(journey: uuid.UUID, said: Simulated, write: Write) -> dict[str, Any]:
    """Return a simulation in words: a sentence, a drawing, and a table that says the same."""
    each = said.messages / said.reached if said.reached else 0.0
    sentence = ngettext(
        "It would have reached %(people)s person, with %(each)s messages.",
        "It would have reached %(people)s people, with %(each)s messages each.", said.reached,
    ) % {"people": write(said.reached), "each": number_format(round(each, 1), 1)}  # fmt: skip
    rows = [
        (_("It would have begun"), said.happenings), (_("People who would have entered"), said.people),
        (_("Held out by chance"), said.held_out), (_("Ways that were gone"), said.trips),
        (_("Messages"), said.messages), (_("Without consent then"), said.no_consent),
        (_("Written to often enough"), said.capped), (_("Points"), said.points),
    ]  # fmt: skip
    ended = [(_ends().get(name, name), write(count)) for name, count in said.ended.items()]
    drawing = None
    if len(said.by_month) > 1:
        months = [
            (month, roughly(count) if write is counting.rough else count) for month, count in said.by_month.items()
        ]
        words = {"figure": _("messages"), "label": _("Messages by month, had the journey been on")}
        key = ("journey", database.database_name(), journey, tuple(months))
        drawing = charts.cached(key, _SECONDS, lambda: charts.parts(months, words=words, is_even=True))
    return {
        "sentence": sentence, "rows": [(title, write(count)) for title, count in rows if count], "ended": ended,
        "drawing": drawing,
    }  # fmt: skip


def _named_by(versions: Sequence[Written]) -> set[str]:
    """Return the segments that any version of a journey begins with or asks for."""
    named = {segment for each in versions for segment in segments_of(each.content)}
    return named | {each.content.trigger.segment for each in versions if isinstance(each.content.trigger, Joins)}


def _find(journey: uuid.UUID) -> Written:
    if not queries.last_number(journey):
        raise Http404
    return queries.latest(journey)


# -- the form ---------------------------------------------------------------------------------------------------------


def _read(form: Mapping[str, str], steps: list[dict[str, str]]) -> Version:
    """Return what a form says. Raises :class:`JourneyInvalid`."""
    known = {str(each.id) for each in segmenting.named_segments()}
    trigger: Joins | Happens | FirstVisit
    if form["trigger"] == "joins":
        if form["trigger_segment"] not in known:
            raise JourneyInvalid(_("Choose a segment."), field="trigger_segment")
        trigger = Joins(form["trigger_segment"])
    elif form["trigger"] == "happens":
        trigger = Happens(form["trigger_event"])
    else:
        trigger = FirstVisit(form["trigger_store"])
    exits = [each for each in form["exit_events"].replace(",", " ").split() if each != SALE]
    said = {
        "name": form["name"], "trigger": msgspec.to_builtins(trigger),
        "steps": [msgspec.to_builtins(_step_of(each, known)) for each in steps if each["kind"]],
        "why": {language: form[f"why_{language}"] for language in reporting.LANGUAGES if form[f"why_{language}"]},
        "exit_events": [*([SALE] if form["exit_bought"] else []), *exits],
        "exit_segment": form["exit_segment"] or None, "re_entry": form["re_entry"],
        "every_days": _whole(form["every_days"] or "30"), "holdout": _whole(form["holdout"]) / 100,
        "holdout_reason": form["holdout_reason"], "drawn_by": form["drawn_by"] or "person",
        "window": {"zone": shop_of().zone}, **_costs(form),
    }  # fmt: skip
    try:
        return msgspec.convert(said, Version)
    except msgspec.ValidationError as error:
        raise JourneyInvalid(
            str(error).partition(" - at")[0], field=str(error).rpartition("$.")[2].strip("`")
        ) from None


def _costs(form: Mapping[str, str]) -> dict[str, float | None]:
    try:
        return drafting.costs_said(form)
    except CampaignInvalid as problem:
        raise JourneyInvalid(problem.detail, field=problem.field) from None


def _step_of(line: Mapping[str, str], known: set[str]) -> Step:
    match line["kind"]:
        case "wait":
            return Wait(_whole(line["hours"]))
        case "in" | "out":
            if line["segment"] not in known:
                raise JourneyInvalid(_("Choose a segment."), field="steps")
            return Check(line["segment"], is_in=line["kind"] == "in")
        case "give":
            return Give(_whole(line["points"]), line["reason"] or _("A gift of the shop"))
        case _:
            found = next((each for each in messaging.templates() if each.template == line["template"]), None)
            if found is None:
                raise JourneyInvalid(_("Choose what is sent."), field="steps")
            promotion = line["promotion"] or None
            if line["kind"] == "ask":
                path = line["path"] or "/"
                return Ask(found.channel, found.template, found.version, promotion, path=path)  # type: ignore[arg-type]
            return Say(found.channel, found.template, found.version, promotion)  # type: ignore[arg-type]


def _whole(text: str) -> int:
    number = whole(text, _NUMBER_MAX)
    if number is None:
        raise JourneyInvalid(_("That is not a number."), field="steps")
    return number


def _form_of(content: Version, number: int) -> tuple[dict[str, str], list[dict[str, str]]]:
    trigger = content.trigger
    form = {
        **_BLANK, "name": content.name, **{f"why_{language}": text for language, text in content.why.items()},
        "exit_bought": "on" if SALE in content.exit_events else "", "exit_segment": content.exit_segment or "",
        "exit_events": " ".join(each for each in content.exit_events if each != SALE), "re_entry": content.re_entry,
        "every_days": str(content.every_days), "holdout": f"{100 * content.holdout:g}",
        "holdout_reason": content.holdout_reason, "drawn_by": content.drawn_by, "after": str(number),
        **drafting.costs_form(content),
    }  # fmt: skip
    match trigger:
        case Joins():
            form |= {"trigger": "joins", "trigger_segment": trigger.segment}
        case Happens():
            form |= {"trigger": "happens", "trigger_event": trigger.event}
        case FirstVisit():
            form |= {"trigger": "first_visit", "trigger_store": trigger.store}
    steps = []
    for each in content.steps:
        line = dict.fromkeys(_LINE, "")
        match each:
            case Wait():
                line |= {"kind": "wait", "hours": str(each.hours)}
            case Check():
                line |= {"kind": "in" if each.is_in else "out", "segment": each.segment}
            case Give():
                line |= {"kind": "give", "points": str(each.points), "reason": each.reason}
            case Ask():
                line |= {"kind": "ask", "template": each.template, "promotion": each.promotion or "", "path": each.path}
            case Say():
                line |= {"kind": "say", "template": each.template, "promotion": each.promotion or ""}
        steps.append(line)
    return form, steps


# -- in words ---------------------------------------------------------------------------------------------------------


def _states() -> dict[str, str]:
    return {"draft": _("draft"), "on": _("on"), "off": _("off"), "killed": _("killed")}


def _triggers() -> dict[str, str]:
    return {
        "joins": _("Somebody joins a segment"), "happens": _("Something is heard about somebody"),
        "first_visit": _("Somebody buys at a store for the first time"),
    }  # fmt: skip


def _policies() -> dict[str, str]:
    return {
        "once": _("once and never again"), "every": _("again after so many days"), "each": _("each time it happens"),
    }  # fmt: skip


def _kinds() -> dict[str, str]:
    return {
        "wait": _("Wait"), "in": _("Go on only who is in a segment"), "out": _("Go on only who is not in a segment"),
        "say": _("Send a message"), "ask": _("Ask for something on the square"), "give": _("Give points"),
    }  # fmt: skip


def _ends() -> dict[str, str]:
    return {
        "done": _("came to the end"), "check": _("ended at a check"), "exit": _("took an exit"),
        "held_out": _("held out by chance"), "killed": _("ended with the journey"), "under_way": _("still under way"),
        "forgotten": _("asked to be forgotten"),
    }  # fmt: skip


def _segment(name: str | None) -> str:
    return next((each.name for each in segmenting.named_segments() if str(each.id) == name), name or "")


def _triggered(content: Version) -> str:
    match content.trigger:
        case Joins(segment):
            return _("Somebody joins “%(segment)s”") % {"segment": _segment(segment)}
        case Happens(event):
            return _("%(event)s is heard about somebody") % {"event": event}
        case FirstVisit(store):
            if store:
                return _("Somebody buys at store %(store)s for the first time") % {"store": store}
            return _("Somebody buys for the first time")


def _step(step: Step) -> str:
    match step:
        case Wait(hours):
            if hours % 24:
                return ngettext("Wait %(hours)s hour", "Wait %(hours)s hours", hours) % {"hours": hours}
            return ngettext("Wait %(days)s day", "Wait %(days)s days", hours // 24) % {"days": hours // 24}
        case Check(segment, is_in):
            words = _("Go on if in “%(segment)s”") if is_in else _("Go on if not in “%(segment)s”")
            return words % {"segment": _segment(segment)}
        case Give(points, reason):
            return _("Give %(points)s points: %(reason)s") % {"points": counting.exact(points), "reason": reason}
        case Ask(path=path):
            return _("Ask with “%(template)s” for something at %(path)s of the square") % {
                "template": step.template, "path": path,
            }  # fmt: skip
        case Say():
            words = _("Send “%(template)s” with a coupon") if step.promotion else _("Send “%(template)s”")
            return words % {"template": step.template}


def _facts(content: Version) -> list[tuple[str, str]]:
    facts = [(f"{_('Why it comes')} ({reporting.LANGUAGES[language]})", text) for language, text in content.why.items()]
    again = _policies()[content.re_entry]
    if content.re_entry == "every":
        again = _("again after %(days)s days") % {"days": content.every_days}
    facts.append((_("Somebody enters"), again))
    exits = [_("somebody buys") if each == SALE else each for each in content.exit_events]
    if content.exit_segment:
        exits.append(_("somebody is not in “%(segment)s” any more") % {"segment": _segment(content.exit_segment)})
    facts.append((_("It ends when"), ", ".join(exits) or "–"))
    if content.holdout:
        facts.append((_("Held out"), reporting.percent(content.holdout)))
        if content.drawn_by == "store":
            facts.append((_("Drawn"), _("a store at a time")))
    else:
        facts.append((_("Nobody is held out"), content.holdout_reason))
    return facts + drafting.costs_told(content, currency=shop_of().currency)
