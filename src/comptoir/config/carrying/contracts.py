"""What is carried from one place to another, and the events that say so."""

from __future__ import annotations

import abc
import collections
import datetime as dt
import re
import unicodedata
import uuid
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from comptoir.config.replaying.recordings import Entry, Event
from comptoir.square.community.contracts import (
    IDEA_MOVED,
    MEMBER_IMPORTED,
    POST_IMPORTED,
    TITLE_CHARACTERS_MAX,
    TOPIC_OPENED,
)
from comptoir.square.community.writing import without_unseen

TEXT_CHARACTERS_MAX: Final = 60_000
NAME_CHARACTERS_MAX: Final = 100
#: A place is the name of a host: it stands in the address of everything that comes from there.
PLACE: Final = re.compile(r"(?=.{1,100}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+(:\d{1,5})?")
_SLUG: Final = re.compile(r"[^a-z0-9]+")
_SLUG_CHARACTERS_MAX: Final = 60


class CarryingError(Exception):
    """What was given cannot be carried; the message says why, and nothing was sent."""


class Member(msgspec.Struct, frozen=True):
    """Somebody who wrote in the place: their public name there, and their page if the licence wants it named."""

    id: str
    name: str
    url: str | None = None
    place: str | None = None


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """A post of the place: ``id``, ``thread`` and ``parent`` are the place's own. ``topic`` is a title.

    ``topic_slug`` is a topic that was opened before; ``place`` is said where it is not the source's.
    """

    id: str
    kind: str
    text: str
    language: str
    at: dt.datetime
    author: Member | None = None
    thread: str | None = None
    parent: str | None = None
    topic: str | None = None
    topic_slug: str | None = None
    title: str | None = None
    up: int = 0
    down: int = 0
    accepted: bool = False
    product: str | None = None
    rating: int | None = None
    elsewhere: str | None = None
    url: str | None = None
    license: str | None = None
    place: str | None = None
    pictures: list[dict[str, Any]] | None = None
    marks: list[str] | None = None
    signature: str | None = None


class Source(abc.ABC):
    """What a format yields: events in their order, and what was counted on the way. Subclasses read one format."""

    def __init__(self, place: str) -> None:
        """Begin with nothing counted."""
        if not PLACE.fullmatch(place):
            raise CarryingError(f"{place[:120]!r} is not the name of a host, such as meta.example.org")
        self.place = place
        self.counts: collections.Counter[str] = collections.Counter()
        self.left_out: collections.Counter[str] = collections.Counter()
        self.refused: collections.Counter[str] = collections.Counter()
        self.refused_posts: list[tuple[str, str]] = []
        self._said: set[str] = set()
        self._carried: set[str] = set()

    @abc.abstractmethod
    def events(self) -> Iterator[Entry]:
        """Yield everything in an order in which the gateway can take it."""

    # -- how events are made --------------------------------------------------------------------------------------

    def id_of(self, what: str) -> str:
        """Return the id that something of the place has here, the same every time."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://{self.place}/{what}"))

    def once(self, kind: str, name: str, data: dict[str, Any], *, at: dt.datetime) -> Iterator[Entry]:
        """Yield an event the first time that it is spoken of, and nothing afterwards."""
        if name not in self._said:
            self._said.add(name)
            self.counts["topics" if kind == TOPIC_OPENED else "members"] += 1
            yield self.event(kind, name, data, at=at)

    def event(self, kind: str, name: str, data: dict[str, Any], *, at: dt.datetime) -> Entry:
        """Return an event of the place."""
        data = {field: value for field, value in data.items() if value is not None}
        return Event(id=name, source=f"/carried/{self.place}", type=kind, time=at, data=data).encode()

    def member(self, member: Member, *, at: dt.datetime) -> Iterator[Entry]:
        """Yield who somebody is, before the first thing that they say."""
        name = without_unseen(member.name, is_line=True)[:NAME_CHARACTERS_MAX].strip() or "—"
        data = {"persona": self.id_of(member.id), "name": name, "place": member.place or self.place, "url": member.url}
        yield from self.once(MEMBER_IMPORTED, f"member-{data['persona']}", data, at=at)

    def topic(self, title: str, *, at: dt.datetime, **more: str | None) -> Iterator[Entry]:
        """Yield a topic, before the first thing that is about it."""
        slug = slug_of(title)
        shown = without_unseen(title.replace("-", " ").replace("_", " "), is_line=True)[:TITLE_CHARACTERS_MAX].strip()
        data: dict[str, Any] = {"topic": slug, "kind": "interest", "en": shown[:1].upper() + shown[1:], **more}
        yield from self.once(TOPIC_OPENED, f"topic-{slug}", data, at=at)

    def post(self, post: Post) -> Iterator[Entry]:
        """Yield a post with its author and topic, or note why it stays where it is; its answers stay there too."""
        text = without_unseen(post.text).strip()
        if any(each is not None and each not in self._carried for each in (post.thread, post.parent)):
            self.refuse(post.id, "answers_nothing")
            return
        if not text or len(text) > TEXT_CHARACTERS_MAX:
            self.refuse(post.id, "too_long" if text else "empty")
            return
        if post.author is not None:
            yield from self.member(post.author, at=post.at)
        if post.topic is not None:
            yield from self.topic(post.topic, at=post.at)
        self._carried.add(post.id)
        self.counts[PLURALS[post.kind]] += 1
        self.counts["accepted"] += post.accepted
        self.counts["up"] += post.up
        self.counts["down"] += post.down
        yield self.event(POST_IMPORTED, post.id.replace("/", "-"), self._data(post, text), at=post.at)

    def _data(self, post: Post, text: str) -> dict[str, Any]:
        data = {name: getattr(post, name) for name in _PLAIN}
        data |= {name: value for name in _COUNTED if (value := getattr(post, name))}
        title = None if post.title is None else cut(without_unseen(post.title, is_line=True), TITLE_CHARACTERS_MAX)
        return data | {
            "post": self.id_of(post.id),
            "text": text,
            "place": post.place or self.place,
            "persona": None if post.author is None else self.id_of(post.author.id),
            "thread": None if post.thread is None else self.id_of(post.thread),
            "parent": None if post.parent is None else self.id_of(post.parent),
            "title": title or (None if post.title is None else "—"),
            "topic": post.topic_slug if post.topic is None else slug_of(post.topic),
        }

    def step(self, idea: str, *, number: int, status: str, reason: str, name: str, at: dt.datetime) -> Iterator[Entry]:
        """Yield how far an idea came in the place."""
        if idea in self._carried:
            self.counts["idea_steps"] += 1
            data = {"staff": "carried", "name": name, "idea": self.id_of(idea), "status": status, "reason": reason}
            yield self.event(IDEA_MOVED, f"{idea.replace('/', '-')}-step-{number}", data, at=at)

    def refuse(self, post: str, reason: str) -> None:
        """Note that a post stays where it is."""
        self.refused[reason] += 1
        self.refused_posts.append((post, reason))


#: Under which names kinds of posts are counted.
PLURALS: Final = {
    "question": "questions", "review": "reviews", "idea": "ideas", "story": "stories", "answer": "answers",
    "reply": "replies",
}  # fmt: skip
_PLAIN: Final = (
    "kind",
    "language",
    "product",
    "rating",
    "elsewhere",
    "url",
    "license",
    "pictures",
    "marks",
    "signature",
)
_COUNTED: Final = ("up", "down", "accepted")


def slug_of(title: str) -> str:
    """Return what stands for a topic in addresses.

    >>> slug_of("Règles d'usage")
    'regles-d-usage'
    """
    plain = unicodedata.normalize("NFKD", title.casefold()).encode("ascii", "ignore").decode()
    slug = _SLUG.sub("-", plain).strip("-")[:_SLUG_CHARACTERS_MAX].strip("-")
    return slug or "t-" + uuid.uuid5(uuid.NAMESPACE_URL, title).hex[:12]


def cut(text: str, characters: int) -> str:
    """Return a line of at most so many characters, with a mark where it was cut."""
    line = " ".join(text.split())
    return line if len(line) <= characters else line[: characters - 1].rstrip() + "…"
