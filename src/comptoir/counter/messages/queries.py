"""Reads for pages and for the office: templates, what was decided, what became of it. In the current room."""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from django.db import connections, router

from comptoir.counter.customers import queries as customers
from comptoir.counter.messages import models, rendering, store
from comptoir.counter.messages.contracts import LANGUAGES, Leaving, TemplateText
from comptoir.counter.messages.errors import TemplateFailed, TemplateUnknown
from comptoir.counter.messages.testing import given

#: More than these a page does not show.
SHOWN_MAX: Final = 50
#: So long a message waits at most for its days and hours: what was decided earlier is not looked for among what leaves.
WAITS_MAX: Final = dt.timedelta(days=31)


class TemplateVersion(msgspec.Struct, frozen=True):
    """One version of a template, in all its languages."""

    template: str
    version: int
    channel: str
    texts: Mapping[str, TemplateText]
    examples: Mapping[str, object]
    written_by: str
    written_at: dt.datetime


class Decided(msgspec.Struct, frozen=True, array_like=True):
    """One decision of a campaign with what became of it: when, by kind of outcome."""

    id: uuid.UUID
    campaign_version: int
    customer: uuid.UUID
    occurrence: str
    verdict: str
    reason: str
    variant: str
    cluster: str
    coupon: uuid.UUID | None
    decided_at: dt.datetime
    outcomes: Mapping[str, dt.datetime]


class SentMessage(msgspec.Struct, frozen=True):
    """A marketing message that left or is to leave: to whom, on which channel, and when."""

    customer: uuid.UUID
    channel: str
    at: dt.datetime


class Count(msgspec.Struct, frozen=True):
    """How many decisions of a version and variant had a verdict; ``kind``: of what became of them, if anything did."""

    campaign_version: int
    variant: str
    verdict: str
    kind: str | None
    reason: str
    count: int


def template(name: str, version: int | None = None) -> TemplateVersion:
    """Return a version of a template, the latest where none is named. Raises :class:`TemplateUnknown`."""
    rows = models.Template.objects.filter(template=name)
    if version is None:
        last = rows.order_by("-version").first()
        version = 0 if last is None else last.version
    found = list(rows.filter(version=version))
    if not found:
        raise TemplateUnknown(field="template")
    return _version(found)


def templates() -> list[TemplateVersion]:
    """Return the latest version of every template, by name."""
    latest: dict[str, list[models.Template]] = defaultdict(list)
    for row in models.Template.objects.order_by("template", "version"):
        if latest[row.template] and latest[row.template][0].version != row.version:
            latest[row.template].clear()
        latest[row.template].append(row)
    return [_version(rows) for _, rows in sorted(latest.items())]


def decisions_of(campaign: uuid.UUID) -> Iterator[Decided]:
    """Give every decision of a campaign, whoever was held out too, with what became of it: for reports of effects."""
    with connections[_alias()].cursor() as cursor:
        for row in store.find_outcomes(cursor, campaign):
            outcomes = msgspec.json.decode(row[10]) if isinstance(row[10], str) else row[10]
            yield msgspec.convert((*row[:10], outcomes), Decided)


def counts_of(campaign: uuid.UUID) -> list[Count]:
    """Return how many decisions a campaign made, by what became of them; one decision may have several outcomes.

    What has ended is not on its way any more.
    """
    with connections[_alias()].cursor() as cursor:
        return [Count(*row) for row in store.count_outcomes(cursor, campaign)]


def delayed(*, before: dt.datetime, until: dt.datetime) -> list[tuple[uuid.UUID, int]]:
    """Return the lists, as campaign and version, decided ``before``, of which offers wait that may leave ``until``."""
    with connections[_alias()].cursor() as cursor:
        return store.find_delayed(cursor, before=before, until=until)


def leaving(
    campaign: uuid.UUID,
    version: int,
    *,
    until: dt.datetime,
    portion: int,
    customers: Collection[uuid.UUID] | None = None,
) -> Iterator[list[Leaving]]:
    """Give the messages of one list that wait and may leave until a moment, in portions.

    Those to these ``customers``, or all.
    """
    asked = None if customers is None else sorted(customers)
    after = uuid.UUID(int=0)
    with connections[_alias()].cursor() as cursor:
        while rows := store.find_leaving(
            cursor, campaign, version, until=until, after=after, customers=asked, limit=portion
        ):
            after = rows[-1].decision
            yield rows


def waiting(campaign: uuid.UUID) -> int:
    """Return how many messages of a campaign have not been taken up yet."""
    with connections[_alias()].cursor() as cursor:
        return sum(int(row[4]) for row in store.count_decided(cursor, campaign))


def sent_to(customers: Iterable[uuid.UUID], *, since: dt.datetime) -> list[SentMessage]:
    """Return every marketing message to these customers that left or is to leave since a moment: for frequency caps.

    What waits counts; what never left does not, nor what was decided more than :data:`WAITS_MAX` before the moment.
    """
    with connections[_alias()].cursor() as cursor:
        rows = store.find_recent(cursor, customers, since=since, decided_since=since - WAITS_MAX)
    return [SentMessage(*row) for row in rows]


def is_stopped(campaign: uuid.UUID) -> bool:
    """Tell whether a campaign was stopped."""
    return models.Stop.objects.filter(campaign=campaign).exists()


def _version(rows: list[models.Template]) -> TemplateVersion:
    first = rows[0]
    texts = {row.language: TemplateText(row.text, row.subject, row.html) for row in rows}
    return TemplateVersion(
        first.template, first.version, first.channel, texts, first.examples, first.written_by, first.written_at
    )


def _alias() -> str:
    return router.db_for_read(models.Decision)


class Shown(msgspec.Struct, frozen=True):
    """What was sent to somebody: when, how, why, and of the customer's own page also what it says."""

    decision: uuid.UUID
    at: dt.datetime
    channel: str
    purpose: str
    message_class: str
    title: str
    text: str
    because: str
    coupon: uuid.UUID | None


def shown_to(customers: Collection[uuid.UUID], *, language: str, shop: str, now: dt.datetime) -> list[Shown]:
    """Return what was sent to a person, the latest first; what went elsewhere is told without its text.

    What a page says is filled in without a name, which the counter does not know. What was stopped or is over is not
    shown with its text any more. In the current room.
    """
    with connections[_alias()].cursor() as cursor:
        rows = store.find_shown(cursor, customers, limit=SHOWN_MAX)
    dispatches = models.Dispatch.objects.in_bulk([row[5] for row in rows])
    return [_shown(row, dispatches[row[5]], language=language, shop=shop, now=now) for row in rows]


def _shown(row: tuple[Any, ...], dispatch: models.Dispatch, *, language: str, shop: str, now: dt.datetime) -> Shown:
    decision, _, coupon, values, not_after, _, at, is_stopped = row
    title = text = ""
    if dispatch.channel == "web" and not is_stopped and (not_after is None or not_after > now):
        texts = template(dispatch.template, dispatch.template_version).texts
        chosen = next((each for each in (language, *LANGUAGES) if each in texts), None)
        values = msgspec.json.decode(values) if isinstance(values, str) else values
        if chosen is not None:
            filled = {**dispatch.values, **(values or {}), **given("", None, chosen, shop)}
            with contextlib.suppress(TemplateFailed):
                rendered = rendering.template_of(texts[chosen]).render(filled)
                title, text = rendered.subject, rendered.text
    because = dispatch.because.get(language) or dispatch.because.get("en", "")
    return Shown(
        decision, at, dispatch.channel, dispatch.purpose, dispatch.message_class, title, text, because,
        coupon if text else None,
    )  # fmt: skip


class Why(msgspec.Struct, frozen=True):
    """Why a message came: to whom, how, what for, and since when the shop may."""

    customer: uuid.UUID
    channel: str
    purpose: str
    message_class: str
    because: str
    is_ended: bool


def why(decision: uuid.UUID, *, language: str) -> Why | None:
    """Return why a message came; ``None`` if nobody was written to by this decision. In the current room."""
    row = models.Decision.objects.filter(id=decision, verdict="send").first()
    if row is None or row.dispatch is None:
        return None
    dispatch = models.Dispatch.objects.get(id=row.dispatch)
    # Whoever has agreed anew since can end it anew.
    ended = models.Outcome.objects.filter(decision=decision, kind__in=["unsubscribed", "complained"]).exists() and (
        not customers.permits(row.customer, purpose=dispatch.purpose, channel=dispatch.channel)
    )
    because = dispatch.because.get(language) or dispatch.because.get("en", "")
    return Why(row.customer, dispatch.channel, dispatch.purpose, dispatch.message_class, because, ended)
