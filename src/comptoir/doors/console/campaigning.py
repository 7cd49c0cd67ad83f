"""Campaigns: what staff plan, whom it would reach, launching and stopping, and what became of it.

Not here: what a campaign is and who gets a message (``office/campaigns``), its form (``drafting.py``),
its effect in words (``reporting.py``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from comptoir.counter.loyalty.programme import title_in
from comptoir.counter.messages import queries as messaging
from comptoir.counter.messages.queries import Count
from comptoir.counter.offers import queries as offers
from comptoir.counter.offers.models import Promotion
from comptoir.doors.console import charts, counting, drafting, reporting, sending
from comptoir.doors.console.acting import name_of, page
from comptoir.doors.console.counting import Write
from comptoir.doors.console.locality import Shop, shop_of
from comptoir.doors.console.refusals import told
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.addresses import url_of
from comptoir.foundation.rooms.declaration import OFFICE, VAULT
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints.house import Trouble
from comptoir.office.campaigns import commands, effects, queries, rules, segmenting
from comptoir.office.campaigns.contracts import HOLDOUT, Counts, Version, Window
from comptoir.office.campaigns.grouping import By
from comptoir.office.campaigns.queries import Standing, Written
from comptoir.office.segments.telling import roughly
from comptoir.vault.messages.viewing import is_shown

_LATELY: Final = dt.timedelta(days=1)
_SECONDS: Final = 60
_CAP_ROWS: Final = 5
_REPORTS_MAX: Final = 5


class Line(msgspec.Struct, frozen=True):
    """A campaign as the list shows it."""

    campaign: uuid.UUID
    name: str
    state: str
    segment: str
    channel: str
    people: str
    written: dt.datetime


@in_room(OFFICE)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Answer with every campaign."""
    names = {str(each.id): each.name for each in segmenting.named_segments()}
    lines, now = [], timezone.now()
    for written in queries.campaigns():
        standing = queries.standing(written.campaign)
        content = written.content
        people = sum(each.counts.sent for each in standing.lists)
        write = writing([content.segment])
        lines.append(
            Line(
                written.campaign, content.name, _states()[_state_at(standing, now)], names.get(content.segment, "–"),
                reporting.channels()[content.channel], write(people) if standing.lists else "–", written.written_at,
            )
        )  # fmt: skip
    return page(request, "console/campaigns.html", "campaigns", {"lines": lines, "caps": _caps_in_words()})


def _state_at(standing: Standing, now: dt.datetime) -> str:
    """Return the state of a campaign in the list: what left in the last day may still be on its way."""
    if standing.state != "sent" or standing.lists[-1].frozen_at < now - _LATELY:
        return standing.state
    return _state(standing, sending.far(messaging.counts_of(standing.latest.campaign)))


def _state(standing: Standing, far: sending.Far) -> str:
    return "sending" if standing.state == "sent" and far.on_their_way else standing.state


@in_room(OFFICE)
@require_http_methods(["GET", "HEAD", "POST"])
def write(request: HttpRequest, campaign: uuid.UUID | None = None) -> HttpResponse:
    """Write a campaign, or its next version."""
    found = None if campaign is None else _find(campaign)
    form = drafting.blank(request) if found is None else drafting.form_of(found)
    trouble = None
    if request.method == "POST":
        form = {field: request.POST.get(field, "").strip()[:2_000] for field in drafting.BLANK}
        form["weekdays"] = " ".join(each for each in request.POST.getlist("weekdays") if each in "0123456")
        try:
            version = drafting.read(form)
            written = commands.write(
                version, campaign=campaign, after=drafting.number_after(form), by=name_of(request), at=timezone.now()
            )
        except Problem as problem:
            trouble = told(problem, fields=drafting.FIELDS)
        else:
            return redirect(f"{reverse('console:campaign', args=(written,))}?count=1")
    context = {
        "form": form, "problem": trouble, "found": found, "segments": segmenting.named_segments(),
        "templates": drafting.texts(), "promotions": drafting.promotions(), "lacking": drafting.lacking(),
        "channels": drafting.offered(form["channel"]), "weekdays": list(enumerate(_days())),
        "field": trouble.field if trouble else "", "hours": range(25),
        "languages": [(code, title, form[f"why_{code}"]) for code, title in reporting.LANGUAGES.items()],
        "currency": shop_of().currency,
    }  # fmt: skip
    status = HTTPStatus.UNPROCESSABLE_ENTITY if trouble else HTTPStatus.OK
    return page(request, "console/campaign_form.html", "campaigns", context, status=status)


@in_room(OFFICE)
@require_safe
def one(request: HttpRequest, campaign: uuid.UUID) -> HttpResponse:
    """Answer with everything about one campaign; ``?count`` counts whom it would reach now.

    ``?part=sending`` is the part that changes while it is being sent.
    """
    if request.GET.get("part") == "sending":
        _find(campaign)
        standing = queries.standing(campaign)
        context = {**_under_way(campaign, standing, _write_of(standing)), "is_part": True}
        return render(request, "console/campaign_part.html", context)
    return _one(request, campaign)


@in_room(OFFICE)
@require_POST
def launch(request: HttpRequest, campaign: uuid.UUID) -> HttpResponse:
    """Launch the version that was looked at, at once or at a moment of the shop's day."""
    found, now = _find(campaign), timezone.now()
    try:
        starts_at = drafting.moment(request.POST.get("starts_at", ""))
        version = whole(request.POST.get("version", ""), 10**9 - 1) or 0
        commands.launch(campaign, version, by=name_of(request), at=now, starts_at=starts_at)
        if starts_at is None or starts_at <= now:
            commands.freeze(campaign, found.number, now=now, segments=segmenting.SEGMENTS)
    except Problem as problem:
        return _one(request, campaign, problem=told(problem, fields=drafting.FIELDS))
    return redirect("console:campaign", campaign=campaign)


@in_room(OFFICE)
@require_POST
def stop(request: HttpRequest, campaign: uuid.UUID) -> HttpResponse:
    """Stop a campaign at once and for good, with a reason."""
    try:
        commands.stop(campaign, by=name_of(request), reason=request.POST.get("reason", ""), at=timezone.now())
    except Problem as problem:
        return _one(request, campaign, problem=told(problem, fields=drafting.FIELDS))
    return redirect("console:campaign", campaign=campaign)


@in_room(OFFICE)
@require_http_methods(["GET", "HEAD", "POST"])
def caps(request: HttpRequest) -> HttpResponse:
    """Show and set what all campaigns together may send to one person."""
    trouble = None
    if request.method == "POST":
        try:
            rows = zip(*(request.POST.getlist(name) for name in ("messages", "days", "channel")), strict=False)
            said = [drafting.cap(*row) for row in rows if row[0].strip() or row[1].strip()]
            commands.set_caps(said, by=name_of(request), at=timezone.now())
        except Problem as problem:
            trouble = told(problem, fields=drafting.FIELDS)
        else:
            return redirect("console:campaigns")
    shown: list[tuple[str, str, str]] = [(str(e.messages), str(e.days), e.channel or "") for e in queries.caps()]
    shown += [("", "", "")] * max(1, _CAP_ROWS - len(shown))
    context = {"rows": shown, "problem": trouble, "channels": list(reporting.channels().items())}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if trouble else HTTPStatus.OK
    return page(request, "console/caps.html", "campaigns", context, status=status)


@in_room(OFFICE)
@require_safe
def year(request: HttpRequest) -> HttpResponse:
    """Answer with what all campaigns of this year changed together, against who is held out of everything."""
    now, shop = timezone.now(), shop_of()
    key = ("year", database.database_name(), now.year)
    measured = reporting.kept(
        key, lambda: effects.measure_year(now.year, minor_units=shop.minor_units, salt=commands.salt(), now=now)
    )
    context = {"year": now.year, "report": reporting.report(key, measured, "", currency=shop.currency)}
    return page(request, "console/campaigns_year.html", "campaigns", context)


def _one(request: HttpRequest, campaign: uuid.UUID, *, problem: Trouble | None = None) -> HttpResponse:
    _find(campaign)
    standing, shop, now = queries.standing(campaign), shop_of(), timezone.now()
    by = request.GET.get("by", "")
    content, write = standing.latest.content, _write_of(standing)
    context: dict[str, Any] = {
        **_under_way(campaign, standing, write), "problem": problem, "facts": _facts(content, shop),
        "versions": queries.versions(campaign), "can_launch": _can_launch(standing),
        "is_due_now": standing.due is not None and standing.due.starts_at <= now,
    }  # fmt: skip
    if standing.lists:
        counts = [each.counts for each in standing.lists]
        context["lists"] = [(each, _counted(each.counts, write)) for each in standing.lists]
        context["drawing"] = _drawing(campaign, counts, write)
        context |= {
            "reports": _reports(campaign, standing, shop, now, by=by, write=write),
            "bys": list(reporting.bys().items()),
        }
        context["by"] = by
        context["is_rough"] = write is counting.rough
        context["letters"] = url_of(VAULT, "/messages/mail/") if is_shown() else ""
        if content.promotion is not None:
            given, redeemed, off = offers.of_campaign(campaign)
            context["coupons"] = (write(given), write(redeemed), off)
    elif "count" in request.GET and not problem:
        try:
            context["foreseen"] = _foreseen(campaign, content, shop, now, write)
        except Problem as refused:
            context["problem"] = problem = told(refused, fields=drafting.FIELDS)
    if standing.due is not None:
        launched = queries.version(campaign, standing.due.version).content
        context["hindered"] = hindered([launched.segment], [launched.promotion])
    status = (problem.status or HTTPStatus.UNPROCESSABLE_ENTITY) if problem else HTTPStatus.OK
    return page(request, "console/campaign.html", "campaigns", context, status=status)


def _write_of(standing: Standing) -> Write:
    """Return how numbers of people are written of all that a campaign was and is for."""
    versions = [queries.version(standing.latest.campaign, each.version) for each in standing.lists]
    return writing({each.content.segment for each in (standing.latest, *versions)})


def _under_way(campaign: uuid.UUID, standing: Standing, write: Write) -> dict[str, Any]:
    """Return what changes while a campaign is being sent: its state, how far it is, what became of the messages."""
    counts = messaging.counts_of(campaign)
    far = sending.far(counts)
    state = _state(standing, far)
    return {
        "standing": standing, "content": standing.latest.content, "state": _states()[state],
        "is_sending": state == "sending", "hours": _hours(_sent_last(standing).window),
        "sending": sending.told(far, write), "outcomes": _outcomes(counts, write),
    }  # fmt: skip


def _sent_last(standing: Standing) -> Version:
    """Return the version whose list was frozen last, or what would be sent."""
    if not standing.lists:
        return standing.latest.content
    return queries.version(standing.latest.campaign, standing.lists[-1].version).content


def _find(campaign: uuid.UUID) -> Written:
    if not queries.last_number(campaign):
        raise Http404
    return queries.latest(campaign)


def _can_launch(standing: Standing) -> bool:
    number = standing.latest.number
    is_frozen = number in {each.version for each in standing.lists}
    is_launched = standing.due is not None and standing.due.version == number
    return standing.state != "stopped" and not is_frozen and not is_launched


def _foreseen(campaign: uuid.UUID, content: Version, shop: Shop, now: dt.datetime, write: Write) -> dict[str, Any]:
    """Return how the list would come about now, and which effect it could show."""
    counts, open_to = commands.preview(content, campaign=campaign, now=now, segments=segmenting.SEGMENTS)
    seen = effects.detectable(open_to, content, minor_units=shop.minor_units, now=now, stores=open_to)
    said = ""
    if seen is not None:
        amount = reporting.money(seen, shop.currency)
        said = _("An effect of %(amount)s for each person would be found in four of five cases.") % {"amount": amount}
    if (
        content.drawn_by == "store"
        and content.holdout
        and len(rules.with_enough_stores(counts)) < len(rules.shares(content))
    ):
        said = _(
            "Too few stores are in an arm to say anything of it. Hold out a greater share, or draw each person by"
            " themselves."
        )
    return {"counts": _counted(counts, write), "said": said, "drawing": _drawing(campaign, [counts], write)}


def hindered(segments: Iterable[str], promotions: Iterable[str | None]) -> list[str]:
    """Return in words what is not there any more of what a campaign or a journey needs."""
    said = set()
    for segment in segments:
        try:
            segmenting.SEGMENTS.hash_of(uuid.UUID(segment))
        except Problem:
            said.add(_("A segment that it asks for has ended, so that it stands still. Write a new version."))
    needed = {each for each in promotions if each}
    if needed and Promotion.objects.filter(id__in=needed, codes="each", ended_at=None).count() < len(needed):
        said.add(_("The promotion that its coupons are of has ended; no message leaves without one."))
    return sorted(said)


def _reports(
    campaign: uuid.UUID, standing: Standing, shop: Shop, now: dt.datetime, *, by: str, write: Write
) -> list[reporting.Report]:
    """Return a report for each list that was frozen, the latest first: another version may have other arms."""
    reports = []
    for frozen in reversed(standing.lists[-_REPORTS_MAX:]):
        content = queries.version(campaign, frozen.version).content
        key = ("campaign", database.database_name(), campaign, frozen.version)
        reason = content.holdout_reason if not content.holdout else ""

        def measured(by: By | None, content: Version = content, number: int = frozen.version) -> effects.Measured:
            people = effects.drawn_of(messaging.decisions_of(campaign))
            terms = effects.terms_of(content)
            return effects.measure(
                people, terms, minor_units=shop.minor_units, now=now, version=number, by=by,
                promised=offers.promised_by([campaign]) if content.promotion is not None else (),
            )  # fmt: skip

        report = reporting.reported(key, measured, reason, currency=shop.currency, by=by, write=write)
        reports.append(msgspec.structs.replace(report, version=frozen.version if len(standing.lists) > 1 else 0))
    return reports


# -- in words ---------------------------------------------------------------------------------------------------------


def _states() -> dict[str, str]:
    return {
        "draft": _("draft"), "scheduled": _("scheduled"), "sending": _("being sent"), "sent": _("sent"),
        "stopped": _("stopped"),
    }  # fmt: skip


def _days() -> list[str]:
    return [_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun")]


def _caps_in_words() -> list[str]:
    said = []
    for cap in queries.caps():
        where = reporting.channels()[cap.channel] if cap.channel else _("all channels together")
        said.append(
            _("%(messages)s messages in %(days)s days (%(where)s)")
            % {"messages": cap.messages, "days": cap.days, "where": where}
        )
    return said


class Fact(msgspec.Struct, frozen=True):
    """One thing that a campaign says of itself; where it is a thing of its own, ``ways`` lead there instead."""

    name: str
    value: str = ""
    ways: tuple[tuple[str, str], ...] = ()


def _hours(window: Window) -> str:
    days = [_days()[day] for day in window.weekdays]
    return _("%(from)s to %(until)s o'clock, %(days)s (%(zone)s)") % {
        "from": window.from_hour, "until": window.until_hour, "zone": window.zone,
        "days": _("every day") if len(days) == len(_days()) else ", ".join(days),
    }  # fmt: skip


def _facts(content: Version, shop: Shop) -> list[Fact]:
    texts = tuple(
        (f"{each.name.upper()}: {each.template}", reverse("console:template", args=(each.template,)))
        for each in content.variants
    )
    name = {str(each.id): each.name for each in segmenting.named_segments()}.get(content.segment)
    segment = ((name, reverse("console:segment", args=(content.segment,))),) if name else ()
    facts = [
        Fact(_("Whom"), "" if segment else _("a segment that has ended"), segment),
        Fact(_("Where"), reporting.channels()[content.channel]),
        Fact(_("Message text"), ways=texts),
        Fact(_("When"), _hours(content.window)),
    ]  # fmt: skip
    if content.promotion is not None:
        way = reverse("console:promotion", args=(content.promotion,))
        facts.append(Fact(_("Coupon of"), ways=((_title_of(content.promotion), way),)))
    if content.message_class == "service":
        return [*facts, Fact(_("Kind"), _("Service: nobody is held out, and it counts against no cap"))]
    asked = _("Asked again before a message leaves")
    facts.append(Fact(asked, _("whoever has left the segment gets none") if content.asks_again else _("no")))
    facts += [
        Fact(f"{_('Why it comes')} ({reporting.LANGUAGES[language]})", text) for language, text in content.why.items()
    ]
    if content.holdout:
        facts.append(Fact(_("Held out"), reporting.percent(content.holdout)))
        if content.drawn_by == "store":
            facts.append(Fact(_("Drawn"), _("a store at a time")))
    else:
        facts.append(Fact(_("Nobody is held out"), content.holdout_reason))
    counted = _("%(days)s days: what is paid at any channel, less what comes back") % {"days": content.days}
    facts.append(Fact(_("Counted for"), counted))
    return facts + [Fact(*each) for each in drafting.costs_told(content, currency=shop.currency)]


def _title_of(promotion: str) -> str:
    found = Promotion.objects.filter(id=promotion).first()
    title = "" if found is None else title_in(found.definition.get("titles", {}), get_language() or "en")
    return title or _("a promotion without a title")


def _counted(counts: Counts, write: Write) -> list[tuple[str, str]]:
    rows = [(_("In the segment"), counts.matched)]
    if counts.decided_before:
        rows.append((_("Decided about by an earlier version"), counts.decided_before))
    rows += [
        (_("Without consent to offers on this channel"), counts.no_consent),
        (_("Held out of everything, this year"), counts.held_out_of_all),
        (_("Written to often enough already"), counts.capped),
        (_("Held out of this campaign, by chance"), counts.held_out),
    ]
    if counts.no_coupon:
        rows.append((_("No coupon could be had for them"), counts.no_coupon))
    rows += [(_("Get text %(name)s") % {"name": arm.upper()}, number) for arm, number in counts.send.items()]
    for arm, stores in sorted(counts.stores.items(), key=lambda each: each[0] != HOLDOUT):
        words = _("Stores held out") if arm == HOLDOUT else _("Stores that get text %(name)s")
        rows.append((words % {"name": arm.upper()} if arm != HOLDOUT else words, stores))
    return [(title, write(number)) for title, number in rows]


def outcomes_of(campaign: uuid.UUID, write: Write = counting.exact) -> list[tuple[str, str, str]]:
    """Return what became of the messages, by variant: variant, outcome, how many, in the order in which it happens."""
    return _outcomes(messaging.counts_of(campaign), write)


def _outcomes(counts: Sequence[Count], write: Write) -> list[tuple[str, str, str]]:
    words = reporting.outcomes()
    found: dict[tuple[str, str], int] = {}
    for each in counts:
        if each.verdict == "send":
            key = (each.variant.upper(), _kind_in(words, each.kind or "waiting", each.reason))
            found[key] = found.get(key, 0) + each.count
    order = {kind: place for place, kind in enumerate(words)}
    shown = sorted(found.items(), key=lambda each: (each[0][0], order.get(each[0][1], len(order))))
    return [(variant, words.get(kind, kind), write(number)) for (variant, kind), number in shown]


def _kind_in(words: Mapping[str, str], kind: str, reason: str) -> str:
    """Return a kind of outcome, with its reason where that has words of its own."""
    return f"{kind} {reason}" if f"{kind} {reason}" in words else kind


def _drawing(campaign: uuid.UUID, counts: Sequence[Counts], write: Write) -> SafeString | None:
    rows = [
        (_("get a message"), sum(each.sent for each in counts)),
        (_("held out by chance"), sum(each.held_out + each.held_out_of_all for each in counts)),
        (_("no consent"), sum(each.no_consent for each in counts)),
        (_("written to often enough"), sum(each.capped for each in counts)),
    ]
    if write is counting.rough:
        rows = [(title, roughly(number)) for title, number in rows]
    if not sum(number for _title, number in rows):
        return None
    words = {"figure": _("people"), "label": _("What is decided about the people in the segment")}
    key = ("list", database.database_name(), campaign, tuple(rows))
    return charts.cached(key, _SECONDS, lambda: charts.parts(rows, words=words))


def writing(segments: Iterable[str]) -> Write:
    """Return how numbers of people are written of what rests on these segments: roughly where the square is asked."""
    return counting.rough if segmenting.is_of_square(segments) else counting.exact
