"""What is remembered: everything that the counter holds of a customer, where it came from, and what can be done.

Read from the packages' queries, in numbers and dates: the things themselves are in the card's history and in the
vault's copy of everything. Bounded: of somebody with more than ``EVENTS_COUNTED`` events, the latest are counted.
Not here: deciding anything (``me.py``, ``spending.py``), what the vault holds.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Final

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.views.decorators.http import require_safe

from comptoir.counter.answers import queries as answers
from comptoir.counter.answers.rules import Answer
from comptoir.counter.assembly import EVENT_TYPES, PRODUCTS
from comptoir.counter.customers import matters
from comptoir.counter.customers import queries as customers
from comptoir.counter.customers.rules import Choice
from comptoir.counter.loyalty import queries as loyalty
from comptoir.counter.windows import queries as windows
from comptoir.counter.windows.models import Window
from comptoir.doors.storefront.spending import name_of
from comptoir.foundation.events import queries as events
from comptoir.foundation.events.queries import Tally
from comptoir.foundation.rooms.borrowing import borrowed
from comptoir.foundation.rooms.declaration import COUNTER
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.rooms.web import in_room
from comptoir.foundation.touchpoints.compiling import source_matcher
from comptoir.foundation.touchpoints.contracts import TouchpointMap
from comptoir.foundation.touchpoints.reading import MapOnDisk

EVENTS_COUNTED: Final = 5_000
_map = MapOnDisk(types=EVENT_TYPES, products=PRODUCTS)


class Place(msgspec.Struct, frozen=True):
    """A touchpoint that has told of somebody: its name, what the map calls it, its channel, and what it has told."""

    name: str
    title: str
    channel: str
    tallies: tuple[Tally, ...]


class Word(msgspec.Struct, frozen=True):
    """What somebody has decided on one matter, when, and through which touchpoint.

    ``about`` is ``terms``, ``objection``, ``consent`` or ``closeness``; a consent has a purpose and a channel.
    """

    about: str
    value: str
    said_at: dt.datetime
    where: str
    purpose: str = ""
    channel: str = ""


class Remembered(msgspec.Struct, frozen=True):
    """What the counter holds of one person. ``is_cut``: only the latest events are counted in ``places``.

    ``kinds`` are those of the identifiers, with how many there are. ``spending_places`` are where points may be spent.
    """

    places: tuple[Place, ...]
    is_cut: bool
    booked: loyalty.Booked
    available: int
    answers: tuple[Answer, ...]
    kinds: tuple[tuple[str, int], ...]
    links: int
    personas: tuple[customers.Persona, ...]
    words: tuple[Word, ...]
    spending: loyalty.Spending
    spending_places: tuple[str, ...]
    window: tuple[str, ...] = ()
    guesses_answered: int = 0


def remembered_of(customer: uuid.UUID, *, now: dt.datetime) -> Remembered | None:
    """Return what the counter holds of the person whom a customer belongs to; ``None`` of whom it holds nothing."""
    person = customers.person_of(customer)
    if person is None:
        return None
    members = person.customers
    declared = _map.read()
    positions = _latest(members)
    spending = loyalty.spending_of(members, now=now)
    return Remembered(
        places=_places(events.tallies(positions[:EVENTS_COUNTED]), declared),
        is_cut=len(positions) > EVENTS_COUNTED,
        booked=loyalty.booked(members),
        available=loyalty.wallet(members).available,
        answers=tuple(answers.answers_of(members, now=now)),
        kinds=tuple(sorted(Counter(member.kind for member in person.members).items())),
        links=sum(link.is_active for link in customers.links_of(person)),
        personas=tuple(customers.personas_of(person)),
        words=tuple(_words(list(customers.choices_of(person).items()), _titles_of_sources(declared))),
        spending=spending,
        spending_places=tuple(name_of(place, declared) for place in spending.limits.places or ()),
        window=_window(customer),
        guesses_answered=windows.count_answers(borrowed(Window), [str(each) for each in members]),
    )


@in_room(COUNTER)
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Answer with what the counter remembers of the browser's customer."""
    visit = visit_of(request)
    assert visit is not None, "in_room lets nobody in who is not recognised"
    held = remembered_of(uuid.UUID(visit.subject), now=timezone.now())
    return render(request, "storefront/remembered.html", {"held": held, "counted": EVENTS_COUNTED})


def _window(customer: uuid.UUID) -> tuple[str, ...]:
    language = (translation.get_language() or "en").split("-")[0]
    return tuple(each[language] for each in windows.told(borrowed(Window), str(customer)).sentences)


def _latest(members: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Return the latest events of a person, one more than are counted if there are more."""
    moved = loyalty.latest_positions_of(members, limit=EVENTS_COUNTED + 1)
    told = events.latest_positions_of(members, limit=EVENTS_COUNTED + 1)
    return sorted({*moved, *told}, reverse=True)


def _places(tallies: Sequence[Tally], declared: TouchpointMap) -> tuple[Place, ...]:
    named = {each.name: each for each in declared.touchpoints}
    found = []
    for name, group in groupby(tallies, key=lambda each: each.touchpoint):
        touchpoint = named.get(name)
        title, channel = (touchpoint.title, touchpoint.channel) if touchpoint else (name, "")
        found.append(Place(name, title, channel, tuple(group)))
    return tuple(sorted(found, key=lambda place: (-sum(each.number for each in place.tallies), place.name)))


def _words(choices: Sequence[tuple[str, Choice]], title_of: Callable[[str], str]) -> list[Word]:
    found = []
    for matter, choice in choices:
        about, purpose, channel = matter, "", ""
        if matters.is_consent(matter):
            about = "consent"
            purpose, channel = matters.purpose_and_channel(matter)
        elif matter not in {matters.TERMS, matters.OBJECTION, matters.CLOSENESS}:
            continue  # what was proffered is over with the answer
        said = choice.said
        at = matters.over_since(said.evidence) if choice.value == matters.EXPIRED else said.occurred_at
        found.append(Word(about, choice.value, at, title_of(said.source), purpose, channel))
    return sorted(found, key=lambda word: word.said_at, reverse=True)


def _titles_of_sources(declared: TouchpointMap) -> Callable[[str], str]:
    matchers = [(source_matcher(list(each.sources)), each.title) for each in declared.touchpoints]

    def title_of(source: str) -> str:
        return next((title for matches, title in matchers if matches(source)), source)

    return title_of
