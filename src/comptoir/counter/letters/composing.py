"""Who wants letters, and what one says: the titles of what is new for each public name, with links. In memory only."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection
from typing import Any, Final

import msgspec
from django.template.loader import render_to_string
from django.utils import translation

from comptoir.counter.customers import matters
from comptoir.counter.customers import queries as customers
from comptoir.counter.customers.models import Choice, PersonaHolder
from comptoir.counter.letters import stopping
from comptoir.counter.letters.models import Round
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER, SQUARE
from comptoir.foundation.touchpoints import house
from comptoir.square.community.queries import names_of
from comptoir.square.hearing import queries as hearing

#: A letter names so much of each public name's news; the rest is on the page.
ITEMS_MAX: Final = 12
#: What is still being written when a round begins belongs to the next one.
_SETTLED: Final = dt.timedelta(seconds=60)


class Wish(msgspec.Struct, frozen=True):
    """How often a person wants letters, in which language, and since when; ``customer`` is the one who said so."""

    customer: uuid.UUID
    rhythm: str
    language: str
    since: dt.datetime


class Letter(msgspec.Struct, frozen=True):
    """What is sent: subject, text, and where letters can be ended. Never written down."""

    subject: str
    text: str
    stop_url: str


def wishes(rhythms: Collection[str]) -> dict[uuid.UUID, Wish]:
    """Return who wants letters in one of these rhythms, by person: the last word of whichever of its customers."""
    with entered(COUNTER):
        said = list(Choice.objects.filter(matter=matters.LETTERS).order_by("said_at", "said_source", "said_id"))
        persons = customers.persons_of([each.customer for each in said])
    found: dict[uuid.UUID, Wish] = {}
    for each in said:
        rhythm, _, language = each.value.partition(" ")
        found[persons[each.customer]] = Wish(each.customer, rhythm, language or "en", each.said_at)
    return {person: wish for person, wish in found.items() if wish.rhythm in rhythms}


def begin_round(rhythm: str, *, due_at: dt.datetime, now: dt.datetime) -> tuple[uuid.UUID, uuid.UUID] | None:
    """Write a round down and return between which events it tells; ``None`` if it is not due, or the first ever.

    Written before anything is sent: what a crash interrupts is not sent twice, and stands on the page anyway.
    """
    until = hearing.position_at(now - _SETTLED)
    with entered(COUNTER):
        last = Round.objects.filter(rhythm=rhythm).first()
        if last is not None and last.at >= due_at:
            return None
        Round.objects.update_or_create(rhythm=rhythm, defaults={"until": until, "at": now})
    return None if last is None else (last.until, until)


def compose(person: uuid.UUID, wish: Wish, *, since: uuid.UUID, until: uuid.UUID) -> Letter | None:
    """Return what is new for a person's public names, as a letter; ``None`` if nothing is."""
    since = max(since, hearing.position_at(wish.since))
    with entered(COUNTER), translation.override(wish.language):
        found = customers.person_of(person)
        if found is None:
            return None
        held = PersonaHolder.objects.filter(customer__in=found.customers, is_given_up=False)
        names = names_of(list(held.values_list("persona", flat=True)))
        parts: list[dict[str, Any]] = []
        count = 0
        for persona, name in sorted(names.items(), key=lambda each: each[1]):
            kinds = hearing.choice_of(persona).letters
            news = hearing.news(
                persona, since=since, until=until, kinds=kinds, is_unread=True, is_letter=True, limit=ITEMS_MAX + 1
            )
            if news:
                count += min(len(news), ITEMS_MAX)
                items = [(each, _url(each, wish.language)) for each in news[:ITEMS_MAX]]
                parts.append({"name": name, "items": items, "has_more": len(news) > ITEMS_MAX})
        if not parts:
            return None
        stop_url = stopping.stop_url(wish.customer)
        context = {
            "parts": parts, "rhythm": wish.rhythm, "shop": house.shop_title(), "stop_url": stop_url,
            "count": count,
            "news_url": addresses.url_of(SQUARE, f"/{wish.language}/news"),
            "letters_url": addresses.url_of(COUNTER, "/letters"),
        }  # fmt: skip
        subject = " ".join(render_to_string("letters/subject.txt", context).split())
        return Letter(subject, render_to_string("letters/letter.txt", context).strip() + "\n", stop_url)


def _url(news: hearing.News, language: str) -> str:
    if news.decision is not None:
        return addresses.url_of(SQUARE, f"/{language}/decisions/{news.decision}")
    return addresses.url_of(SQUARE, f"/{language}/threads/{news.thread}#p{news.number}")
