"""Reads of what is new for a member, and of what they want to hear of. Every list has an end.

News is asked of the tables of what was said, each time: nothing is kept that could say more, or other things, than they
do. Runs in the current room: the square's for pages, the counter's for letters.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec
from django.utils import timezone, translation
from django.utils.crypto import salted_hmac

from comptoir.foundation.kernel.database import load_statements
from comptoir.foundation.kernel.ids import millisecond_of
from comptoir.foundation.rooms import reading
from comptoir.square.community.queries import Author, PostShown, authors_of, names_of
from comptoir.square.community.rendering import plain
from comptoir.square.hearing import rules
from comptoir.square.hearing.contracts import NEWS_KINDS

_SQL: Final = load_statements(__package__, "queries.sql")
#: So much is shown, and counted, at a time; what is older than so many days is new no more.
NEWS_MAX: Final = 100
NEWS_DAYS: Final = 60
_SNIPPET_CHARACTERS: Final = 160
_RANKS: Final = {kind: number for number, kind in enumerate(NEWS_KINDS, 1)}
#: While nothing was chosen: everything on the page; in letters, should there be any, what is about oneself.
PAGE_DEFAULT: Final = NEWS_KINDS
LETTERS_DEFAULT: Final = ("decision", "accepted", "idea", "mention", "reply", "charter")
LAST: Final = uuid.UUID(int=(1 << 128) - 1)


class News(msgspec.Struct, frozen=True):
    """Something that concerns a member. ``kind`` is one of ``NEWS_KINDS``; ``position`` is the event that it came with.

    An idea's step has a ``status`` with its ``reason``, said by ``by``; a decision an id, an ``action`` and a ``rule``.
    An amendment of the charter is its own post and thread, and its ``status`` is what became of it.
    """

    kind: str
    position: uuid.UUID
    post: uuid.UUID
    thread: uuid.UUID
    title: str
    language: str
    thread_kind: str
    number: int
    snippet: str
    author: Author
    status: str | None
    reason: str | None
    by: str | None
    decision: uuid.UUID | None
    action: str | None
    rule: str | None
    is_unread: bool

    @property
    def at(self) -> dt.datetime:
        """Return when it came."""
        return dt.datetime.fromtimestamp(millisecond_of(self.position) / 1000, dt.UTC)

    @property
    def mark(self) -> str:
        """Return what stands for its position on a page, where nobody can tell from it when exactly it came."""
        return salted_hmac("comptoir.news", str(self.position), algorithm="sha256").hexdigest()[:32]


class Choice(msgspec.Struct, frozen=True):
    """Of which kinds a member hears on the page and in letters; whether writing in a thread follows it."""

    page: tuple[str, ...] = PAGE_DEFAULT
    letters: tuple[str, ...] = LETTERS_DEFAULT
    is_following: bool = True


class Followed(msgspec.Struct, frozen=True):
    """Something that a member follows or mutes, with what it is called."""

    kind: str
    target: str
    how: str
    name: str


class Part(msgspec.Struct, frozen=True):
    """What a member has to do with a thread: whether they began it, their posts and votes, how they follow it."""

    has_begun: bool
    own: frozenset[uuid.UUID]
    votes: dict[uuid.UUID, int]
    how: str


class Written(msgspec.Struct, frozen=True):
    """What a member wrote, for everybody."""

    id: uuid.UUID
    thread: uuid.UUID
    kind: str
    number: int
    title: str
    language: str
    snippet: str
    published_at: dt.datetime


def news(
    persona: uuid.UUID,
    *,
    since: uuid.UUID | None = None,
    until: uuid.UUID = LAST,
    kinds: Collection[str] | None = None,
    is_unread: bool = False,
    is_letter: bool = False,
    limit: int = NEWS_MAX,
    now: dt.datetime | None = None,
) -> list[News]:
    """Return what is new for a member, the latest first.

    ``since`` and ``until`` are events (half-open to the left); without ``since``, what is younger than ``NEWS_DAYS``.
    ``kinds`` are by default those that the member wants on the page. ``is_letter`` leaves out what somebody new here
    wrote first, unless a person has looked at it or a member has answered.
    """
    if kinds is None:
        kinds = choice_of(persona).page
    oldest = (now or timezone.now()) - dt.timedelta(days=NEWS_DAYS)
    since = max(since or uuid.UUID(int=0), position_at(oldest))
    if is_unread:
        known = _ask("seen", {"me": persona})
        since = max(since, known[0][0]) if known else since
    asked = {
        "me": persona, "since": since, "until": until, "limit": limit, "is_unread": is_unread, "is_letter": is_letter,
        "language": translation.get_language() or "en", "ranks": sorted(_RANKS[kind] for kind in kinds),
    }  # fmt: skip
    rows = _ask("news", asked)
    authors = authors_of((row[9], row[10], row[11]) for row in rows) if rows else []
    return [
        News(*(NEWS_KINDS[row[0] - 1], *row[1:8], plain(row[8], characters=_SNIPPET_CHARACTERS), author, *row[12:]))
        for row, author in zip(rows, authors, strict=True)
    ]  # fmt: skip


def position_at(moment: dt.datetime) -> uuid.UUID:
    """Return the least position that an event of a moment can have."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)


def choice_of(persona: uuid.UUID) -> Choice:
    """Return of what a member wants to hear."""
    rows = _ask("choice", {"me": persona})
    return Choice(tuple(rows[0][0]), tuple(rows[0][1]), rows[0][2]) if rows else Choice()


def how(persona: uuid.UUID, kind: str, target: object) -> str:
    """Return whether a member follows or mutes something: ``follow``, ``mute``, ``neither``, or nothing was said."""
    rows = _ask("how", {"me": persona, "kind": kind, "target": str(target)})
    return str(rows[0][0]) if rows else ""


def part_of(persona: uuid.UUID, thread: uuid.UUID, posts: str) -> Part:
    """Return what a member has to do with a thread and these posts of it, an array as the server reads it.

    Whoever writes in a thread follows it, unless they have said something else.
    """
    began, own, voted, values, said, follows = _ask("part", {"me": persona, "thread": thread, "posts": posts})[0]
    how = said or ("follow" if follows else "neither")
    return Part(began, frozenset(own), dict(zip(voted, values, strict=True)), how)


def followed(persona: uuid.UUID) -> list[Followed]:
    """Return what a member follows and mutes."""
    language = translation.get_language() or "en"
    return [
        Followed(kind, target, said, {"ja": ja, "fr": fr}.get(language) or name)
        for kind, target, said, name, ja, fr in _ask("followed", {"me": persona})
    ]


def named_in(text: str, *, limit: int) -> list[str]:
    """Return the ids of the members whom a text names, in its order, at most so many."""
    tried = sorted({name for names in rules.candidates(text) for name in names})
    if not tried:
        return []
    names = {name: persona for persona, name in _ask("named", {"names": tried})}
    return rules.meant(text, names, limit=min(limit, rules.MENTIONS_MAX))


def with_links(posts: Sequence[PostShown], *, prefix: str) -> list[PostShown]:
    """Return posts with a link to each member whom they mention, and who is called so still.

    ``prefix`` is the address of members' pages. The database is asked only where there is an ``@`` in what is shown.
    """
    asked = [post.id for post in posts if rules.may_mention(post.html)]
    names: dict[uuid.UUID, dict[str, str]] = {}
    unnamed: set[uuid.UUID] = set()
    for post, persona, name in _ask("mentioned_in", {"posts": asked}) if asked else ():
        if name is None:
            unnamed.add(post)
        else:
            names.setdefault(post, {})[name] = persona
    return [
        msgspec.structs.replace(
            post, html=rules.linked(post.html, names[post.id], prefix=prefix, is_complete=post.id not in unnamed)
        )
        if post.id in names
        else post
        for post in posts
    ]


def name_of(persona: uuid.UUID) -> str | None:
    """Return a public name."""
    return names_of([persona]).get(persona)


def latest_of(member: uuid.UUID) -> list[Written]:
    """Return what a member wrote last, as everybody may read it."""
    return [
        Written(*(*row[:6], plain(row[6], characters=_SNIPPET_CHARACTERS), row[7]))
        for row in _ask("latest_of_member", {"member": member})
    ]


def _ask(name: str, values: dict[str, Any]) -> list[Any]:
    return reading.rows(_SQL[name], values)
