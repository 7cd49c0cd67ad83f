"""Writes: templates, dispatches, decisions, stops. Each runs in the current room, which has to be the office.

Every function takes part in the caller's transaction where there is one, so that a campaign's own records and its
decisions are written together or not at all.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

from django.db import connections, router, transaction

from comptoir.counter.messages import models, store, testing
from comptoir.counter.messages.contracts import (
    LANGUAGES,
    MESSAGE_CHANNELS,
    Decision,
    Dispatch,
    TemplateText,
)
from comptoir.counter.messages.errors import DecisionInvalid, TemplateInvalid, TemplateUnknown

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
_SUBJECT_CHARACTERS_MAX: Final = 200
_TEXT_CHARACTERS_MAX: Final = 50_000
#: What a text message says in any language, beside its reason: at most ten parts of 67 characters, each of them paid.
TEXT_MESSAGE_CHARACTERS_MAX: Final = 670
_PORTION: Final = 5_000
_SUNDAY: Final = 6
_T = TypeVar("_T")


def write_template(
    template: str,
    *,
    channel: str,
    texts: Mapping[str, TemplateText],
    by: str,
    at: dt.datetime,
    examples: Mapping[str, object] | None = None,
) -> int:
    """Write a further version of a template, by language; returns its number.

    ``examples`` are the values that it names beside what every template may, as they are sent. It is filled in for
    every test person before it is kept. Raises :class:`TemplateInvalid`, :class:`TemplateFailed`.
    """
    if not _NAME.fullmatch(template):
        raise TemplateInvalid("A name has small letters, digits and hyphens, at most 40.", field="template")
    if channel not in MESSAGE_CHANNELS:
        raise TemplateInvalid(f"One of: {', '.join(MESSAGE_CHANNELS)}.", field="channel")
    if not texts or any(language not in LANGUAGES for language in texts):
        raise TemplateInvalid(f"At least one of: {', '.join(LANGUAGES)}.", field="language")
    for language, text in texts.items():
        _check(text, channel=channel)
        longest = testing.try_out(text, language=language, examples=examples or {})
        if channel == "message" and longest > TEXT_MESSAGE_CHARACTERS_MAX:
            raise TemplateInvalid(
                f"A text message says at most {TEXT_MESSAGE_CHARACTERS_MAX} characters; this one has {longest}.",
                field="text",
            )
    with transaction.atomic(using=_alias()):
        with connections[_alias()].cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(hashtextextended('messages_template ' || %s, 0))", [template])
        last = models.Template.objects.filter(template=template).order_by("-version").first()
        if last is not None and last.channel != channel:
            raise TemplateInvalid(f"It is a template for {last.channel}.", field="channel")
        version = 1 if last is None else last.version + 1
        models.Template.objects.bulk_create(
            models.Template(
                template=template, version=version, language=language, channel=channel, subject=text.subject,
                text=text.text, html=text.html, examples=dict(examples or {}), written_by=by, written_at=at,
            )
            for language, text in texts.items()
        )  # fmt: skip
    return version


def begin_dispatch(dispatch: Dispatch, *, at: dt.datetime) -> None:
    """Write down what all messages of one variant share; the same number again changes nothing.

    Raises :class:`TemplateUnknown`, :class:`DecisionInvalid`.
    """
    found = models.Template.objects.filter(template=dispatch.template, version=dispatch.template_version).first()
    if found is None:
        raise TemplateUnknown(field="template")
    if found.channel != dispatch.channel:
        raise DecisionInvalid(f"The template is for {found.channel}.", field="channel")
    if dispatch.hours is not None and not all(0 <= hour <= 24 for hour in dispatch.hours):
        raise DecisionInvalid("Hours are from 0 to 24.", field="hours")
    if not all(0 <= day <= _SUNDAY for day in dispatch.weekdays):
        raise DecisionInvalid("Days of the week are from 0, Monday, to 6.", field="weekdays")
    with connections[_alias()].cursor() as cursor:
        store.insert_dispatch(cursor, dispatch, at=at)


def decide(decisions: Iterable[Decision]) -> int:
    """Write decisions, and queue for the vault those to send; returns how many are new.

    What the campaign has decided before about a customer and an occurrence stays as it was, so that a decision that
    is repeated, by whomever, sends nothing twice. A stopped campaign decides nothing more; whatever it hands over is
    answered with ``stopped`` when it is due. Raises :class:`DecisionInvalid` before anything of the portion is written.
    """
    new = 0
    with transaction.atomic(using=_alias()), connections[_alias()].cursor() as cursor:
        for portion in _portions(decisions):
            for each in portion:
                if (each.verdict == "send") != (each.dispatch is not None):
                    raise DecisionInvalid("What is sent has a dispatch, and nothing else has.", field="dispatch")
                if each.verdict != "send" and not each.reason:
                    raise DecisionInvalid("Whoever is not written to has a right to a reason.", field="reason")
            new += len(store.insert_decisions(cursor, portion))
    return new


def stop(campaign: uuid.UUID, *, by: str, reason: str, at: dt.datetime) -> None:
    """Stop a campaign for good: whatever has not left by then never leaves. Safe to call again."""
    with connections[_alias()].cursor() as cursor:
        store.insert_stop(cursor, campaign, at=at, by=by, reason=reason)


def withdraw(decisions: Collection[uuid.UUID], *, reason: str, at: dt.datetime) -> set[uuid.UUID]:
    """Take decisions out of the queue, with a reason such as ``left_segment``.

    Returns those that had not been taken up.
    """
    with connections[_alias()].cursor() as cursor:
        return store.withdraw(cursor, decisions, at=at, reason=reason)


def ask_for_trial(
    *,
    trial: uuid.UUID,
    template: str,
    version: int,
    language: str,
    person: str,
    values: Mapping[str, object],
    staff: uuid.UUID,
    at: dt.datetime,
) -> None:
    """Ask the vault to send a template to a member of staff, as a test person would get it."""
    if not models.Template.objects.filter(template=template, version=version, language=language).exists():
        raise TemplateUnknown(field="template")
    models.Trial.objects.get_or_create(
        id=trial,
        defaults={
            "template": template, "version": version, "language": language, "person": person,
            "values": dict(values), "staff": staff, "asked_at": at,
        },
    )  # fmt: skip


def _check(text: TemplateText, *, channel: str) -> None:
    if not text.text.strip():
        raise TemplateInvalid("A message says something.", field="text")
    if len(text.subject) > _SUBJECT_CHARACTERS_MAX or "\n" in text.subject:
        raise TemplateInvalid(f"One line of at most {_SUBJECT_CHARACTERS_MAX} characters.", field="subject")
    if channel == "mail" and not text.subject.strip():
        raise TemplateInvalid("A mail has a subject.", field="subject")
    if text.html.strip() and channel != "mail":
        raise TemplateInvalid("Only a mail has HTML beside its text.", field="html")
    for field, written in (("text", text.text), ("html", text.html)):
        if len(written) > _TEXT_CHARACTERS_MAX:
            raise TemplateInvalid(f"At most {_TEXT_CHARACTERS_MAX} characters.", field=field)


def _portions(items: Iterable[_T]) -> Iterator[Sequence[_T]]:
    portion: list[_T] = []
    for each in items:
        portion.append(each)
        if len(portion) == _PORTION:
            yield portion
            portion = []
    if portion:
        yield portion


def _alias() -> str:
    return router.db_for_write(models.Decision)
