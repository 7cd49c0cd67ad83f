"""Who wants letters or notifications, and what one says of what is new for each public name. In memory only.

A letter has titles with links; a notification says how much is new for whom, and leads to the page that has it all.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterator
from typing import Any, Final

import msgspec
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext, ngettext

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
#: And a notification so many names; both keep a message below the size that every one has.
NAMES_MAX: Final = 5
TITLE_CHARACTERS_MAX: Final = 80
#: What is still being written when a round begins belongs to the next one.
_SETTLED: Final = dt.timedelta(seconds=60)


class Wish(msgspec.Struct, frozen=True):
    """How often a person wants letters, in which language, and since when; ``customer`` is the one who said so."""

    customer: uuid.UUID
    rhythm: str
    language: str
    since: dt.datetime


class DeviceWish(msgspec.Struct, frozen=True):
    """How often a device shows what is new for a ``person``; ``customer`` is the one who said so."""

    person: uuid.UUID
    customer: uuid.UUID
    rhythm: str
    language: str
    device: str
    since: dt.datetime


class Notification(msgspec.Struct, frozen=True):
    """What a device shows: the shop's title, how much is new for whom, and where it leads. Never written down."""

    title: str
    body: str
    url: str
    language: str


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


def device_wishes(rhythms: Collection[str]) -> dict[uuid.UUID, DeviceWish]:
    """Return which devices want notifications in one of these rhythms, by their numbers."""
    with entered(COUNTER):
        said = [
            (number, each)
            for each in Choice.objects.filter(matter__startswith=matters.notifications(""))
            if (number := matters.subscription_of(each.matter)) and each.value.partition(" ")[0] in rhythms
        ]
        persons = customers.persons_of([each.customer for _, each in said])
    found: dict[uuid.UUID, DeviceWish] = {}
    for number, each in said:
        rhythm, language, device = each.value.split(" ")
        wish = DeviceWish(persons[each.customer], each.customer, rhythm, language, device, each.said_at)
        found[uuid.UUID(number)] = wish
    return found


def devices_of(person: customers.Person) -> list[tuple[uuid.UUID, DeviceWish]]:
    """Return the devices that show a person what is new, the latest first. In the current room."""
    said = Choice.objects.filter(customer__in=person.customers, matter__startswith=matters.notifications(""))
    found = []
    for each in said.order_by("-said_at", "matter"):
        rhythm, language, device = each.value.split(" ")
        number = matters.subscription_of(each.matter)
        if rhythm != "never" and number is not None:
            wish = DeviceWish(person.person, each.customer, rhythm, language, device, each.said_at)
            found.append((uuid.UUID(number), wish))
    return found


def begin_round(rhythm: str, *, due_at: dt.datetime, now: dt.datetime) -> tuple[uuid.UUID, uuid.UUID] | None:
    """Write a round down and return between which events it tells; ``None`` if it is not due, or the first ever.

    Letters and notifications have rounds of their own: ``rhythm`` is what tells them apart.
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
        parts: list[dict[str, Any]] = []
        count = 0
        for name, news in _news_of(found, since=since, until=until):
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


def notify(person: uuid.UUID, wish: DeviceWish, *, since: uuid.UUID, until: uuid.UUID) -> Notification | None:
    """Return how much is new for a person's public names; ``None`` if nothing is."""
    since = max(since, hearing.position_at(wish.since))
    with entered(COUNTER), translation.override(wish.language):
        found = customers.person_of(person)
        told = [] if found is None else list(_news_of(found, since=since, until=until))
        if not told:
            return None
        lines = [_line(name, len(news)) for name, news in told[:NAMES_MAX]]
        if len(told) > NAMES_MAX:
            lines.append(gettext("And for further names."))
        url = addresses.url_of(SQUARE, f"/{wish.language}/news")
        return Notification(house.shop_title()[:TITLE_CHARACTERS_MAX], "\n".join(lines), url, wish.language)


def _line(name: str, count: int) -> str:
    if count > ITEMS_MAX:
        return gettext("%(name)s: more than %(number)d new things") % {"name": name, "number": ITEMS_MAX}
    text = ngettext("%(name)s: %(number)d new thing", "%(name)s: %(number)d new things", count)
    return text % {"name": name, "number": count}


def _news_of(
    person: customers.Person, *, since: uuid.UUID, until: uuid.UUID
) -> Iterator[tuple[str, list[hearing.News]]]:
    """Give each public name that has news, by name; one more than are told where there is more."""
    held = PersonaHolder.objects.filter(customer__in=person.customers, is_given_up=False)
    names = names_of(list(held.values_list("persona", flat=True)))
    for persona, name in sorted(names.items(), key=lambda each: each[1]):
        kinds = hearing.choice_of(persona).letters
        news = hearing.news(
            persona, since=since, until=until, kinds=kinds, is_unread=True, is_letter=True, limit=ITEMS_MAX + 1
        )
        if news:
            yield name, news


def _url(news: hearing.News, language: str) -> str:
    if news.decision is not None:
        return addresses.url_of(SQUARE, f"/{language}/decisions/{news.decision}")
    if news.kind == "charter":
        return addresses.url_of(SQUARE, f"/{language}/charter/proposals/{news.post}")
    return addresses.url_of(SQUARE, f"/{language}/threads/{news.thread}#p{news.number}")
