"""Pages and their parts that differ in words only: a template draws what all that look alike have in common, once.

Where a name, a number or a text belongs, the template is given a *mark*; afterwards each page puts in what is its own.
What decides how something looks (which kind, held or not, whether there is more) is part of what is remembered, so
nothing has to be thrown away when somebody writes or votes. A frame is drawn for nobody: no request, no session and no
form's secret is there while it is drawn, so that it can say nothing of one reader to another.
"""

from __future__ import annotations

import datetime as dt
import functools
import html
import re
import uuid
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse
from django.template.loader import get_template
from django.utils import timezone, translation
from django.utils.safestring import SafeString

from comptoir.doors.storefront.community import keeping, reminding, unsent
from comptoir.doors.storefront.community.speaking import prefix, ways_of
from comptoir.foundation.rooms.forms import secret_for
from comptoir.square.catalog import queries as catalog
from comptoir.square.community.queries import Author, PostShown, ThreadLine
from comptoir.square.hearing import queries as hearing

_POSTS_KEPT_MAX: Final = 4_000
_LINES_KEPT_MAX: Final = 4_000
_FRAMES_KEPT_MAX: Final = 1_000
_DAYS_KEPT_MAX: Final = 20_000
#: So many of a short list on a page (questions that wait, topics) can be put into its frame.
LISTED_MAX: Final = 12
_LISTED: Final = ("listed", "entitled", "counted", "waiting", "asking")
_NAMES: Final = (
    "secret", "shop", "path", "here", "who", "member", "id", "thread", "title", "number", "html", "day", "name", "url",
    "elsewhere", "text", "lines", "first", "helped", "posts", "topic", "topic_title", "fresh", "described", "pages",
    "place", "more", "news_here", "statements", "words", "asked", "asked_in_address", "writer", "draft_key",
    "wares",
    *(f"{name}{number}" for name in _LISTED for number in range(LISTED_MAX)),
)  # fmt: skip
#: A mark is an id that nobody knows: it can stand in an address, and no text has it in it.
_MARKS: Final = {name: str(uuid.uuid4()) for name in _NAMES}
_SAFE_MARKS: Final = {name: SafeString(mark) for name, mark in _MARKS.items()}
_NAME_OF: Final = {mark: name for name, mark in _MARKS.items()}
_MARK: Final = re.compile("(" + "|".join(_NAME_OF) + ")")
#: Where a request remembers it.
_ASKED: Final = "_comptoir_form"
_SOMETIME: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_SOMEBODY: Final = uuid.UUID(_MARKS["who"])

#: What was drawn, split where something belongs: texts, and between them the names of what goes there.
Drawn = tuple[str, ...]


class Named(msgspec.Struct, frozen=True):
    """Somebody, by the mark of their name."""

    name: str


class Following(msgspec.Struct, frozen=True):
    """What can be followed here: of which kind, the mark of what it is, and what the reader has said of it."""

    kind: str
    target: str
    how: str


class Linked(msgspec.Struct, frozen=True):
    """Something that a page leads to: where, its title, in which language, and how many are behind it."""

    id: str
    here: str
    language: str = ""
    threads: str = ""


class Own(msgspec.Struct):
    """What is a page's own: escaped texts by the name of the mark in whose place they go."""

    texts: dict[str, str] = {}

    def copy(self) -> Own:
        """Return one that says the same, and can say more."""
        return Own(dict(self.texts))

    def put(self, name: str, value: object) -> str:
        """Take a text, and return what stands for it in the frame; nothing for nothing."""
        return self.put_safe(name, "" if value is None else html.escape(str(value)))

    def mark(self, name: str) -> str:
        """Return what stands for a text."""
        return _MARKS[name]

    def put_safe(self, name: str, value: str) -> str:
        """Take what was drawn already."""
        self.texts[name] = value
        return _SAFE_MARKS[name] if value else ""


def page(
    request: HttpRequest, template: str, look: Mapping[str, Hashable], own: Own, *, status: int = 200, **rare: object
) -> HttpResponse:
    """Answer with a page: ``look`` is what its template is told, with marks; ``rare`` is what is never remembered."""
    ways = ways_of(request)
    texts = own.texts
    texts["path"], texts["here"] = html.escape(ways.path), html.escape(ways.here)
    is_member = ways.member is not None
    drafts = unsent.context_of(request, ways.persona)
    if drafts.get("unsent"):
        rare |= {"prefix_here": prefix(), **drafts, "writer": _MARKS["writer"], "draft_key": _MARKS["draft_key"]}
    if ways.member is not None:
        texts["writer"], texts["draft_key"] = drafts["writer"], drafts["draft_key"]
        texts["member"] = html.escape(ways.member.name)
        texts["secret"] = secret_of(request)
    texts["shop"] = keeping.fact("shop", _shop_name)
    spoken = (translation.get_language() or "en", namespace_of(request))
    context = (
        *ways.rooms,
        ("languages", tuple((code, f"/{code}{_MARKS['path']}", name) for code, name in ways.languages)),
        ("member", Named(_MARKS["member"]) if is_member else None),
        ("writer", _MARKS["writer"] if is_member else ""),
        ("draft_key", _MARKS["draft_key"] if is_member else ""),
        ("shop_name", _MARKS["shop"]),
        ("here", _MARKS["here"]),
        ("news_max", hearing.NEWS_MAX),
        ("archive", reminding.archive()),
        ("shop_has", keeping.fact("shop_has", catalog.has_any)),
        ("news_count", ways.news_count() if "news_count" not in look else 0),
        *look.items(),
    )
    drawn = (
        _draw(template, {**dict(context), **rare}, stand_in=_nobody(spoken[1]))
        if any(rare.values())
        else _frame(template, spoken, context)
    )
    return HttpResponse(_filled(drawn, texts), status=status)


def secret_of(request: HttpRequest) -> str:
    """Return the secret of this page's forms: one for all of them."""
    found: str | None = getattr(request, _ASKED, None)
    if found is None:
        found = secret_for(request)
        setattr(request, _ASKED, found)
    return found


def piece(request: HttpRequest | None, template: str, **context: object) -> str:
    """Draw a small piece of a page that is not remembered: what only few pages have, and each differently.

    ``request`` is only asked where its addresses lead (unset: there are none in it).
    """
    return get_template(template).render(context, _nobody(namespace_of(request) if request else "")).strip()


def posts(
    thread: uuid.UUID, shown: Iterable[PostShown], *, accepted: uuid.UUID | None, is_member: bool, can_accept: bool
) -> tuple[str, ...]:
    """Draw posts of a conversation, each by itself. No form's secret is in them: their buttons belong to one form."""
    language = translation.get_language() or "en"
    zone = timezone.get_current_timezone()
    texts = {"thread": str(thread)}
    drawn = []
    for post in shown:
        author = post.author
        look = msgspec.structs.replace(
            post, id=_MARKS["id"], number=_MARKS["number"], html=_MARKS["html"], parent=None, version=1,
            published_at=_SOMETIME, edited_at=post.edited_at and _SOMETIME, up=post.score, down=0,
            elsewhere=post.elsewhere and _MARKS["elsewhere"], url=post.url and _MARKS["url"],
            author=_look_of(author),
        )  # fmt: skip
        texts["id"], texts["number"], texts["html"] = str(post.id), str(post.number), post.html
        texts["day"] = _day(post.published_at.astimezone(zone).date(), language)
        texts["name"], texts["place"] = html.escape(author.name), html.escape(author.url)
        texts["who"] = str(author.id)
        texts["elsewhere"], texts["url"] = html.escape(post.elsewhere or ""), html.escape(post.url or "")
        drawn.append(_filled(_post(look, post.id == accepted, is_member, can_accept, language), texts))
    return tuple(drawn)


def lines(shown: Iterable[ThreadLine]) -> SafeString:
    """Draw the conversations of a list."""
    language = translation.get_language() or "en"
    start = prefix()
    zone = timezone.get_current_timezone()
    drawn = []
    for line in shown:
        author = line.author
        look = msgspec.structs.replace(
            line, id=_MARKS["id"], title=line.title and _MARKS["title"], snippet=line.snippet and _MARKS["text"],
            opened_at=_SOMETIME, last_at=_SOMETIME, score=0, topic=None, product=None, author=_look_of(author),
        )  # fmt: skip
        texts = {
            "id": str(line.id), "title": html.escape(line.title), "text": html.escape(line.snippet),
            "day": _day(line.last_at.astimezone(zone).date(), language), "name": html.escape(author.name),
            "place": html.escape(author.url),
        }  # fmt: skip
        drawn.append(_filled(_line(look, start, language), texts))
    return SafeString("".join(drawn))


@functools.lru_cache(2_000)
def pages(number: int, of: int, thread: uuid.UUID, language: str) -> str:  # noqa: ARG001 - its words are the language's
    """Draw the ways from one page of a conversation to the others."""
    if of == 1:
        return ""
    address = f"{prefix()}threads/{thread}"
    context = {
        "number": number, "of": of, "first": address, "last": f"{address}?page={of}",
        "previous": f"{address}?page={number - 1}" if number > 2 else address, "next": f"{address}?page={number + 1}",
    }  # fmt: skip
    return get_template("community/pages.html").render(context).strip()


def _look_of(author: Author) -> Author:
    return _look(author.kind, bool(author.name), bool(author.id), author.place, bool(author.url))


@functools.lru_cache(1_000)
def _look(kind: str, is_named: bool, is_here: bool, place: str, has_url: bool) -> Author:
    return Author(
        kind, _MARKS["name"] if is_named else "", _SOMEBODY if is_here else None, place,
        _MARKS["place"] if has_url else "",
    )  # fmt: skip


@functools.lru_cache(_POSTS_KEPT_MAX)
def _post(look: PostShown, has_helped: bool, is_member: bool, can_accept: bool, language: str) -> Drawn:
    context = {
        "post": look, "thread_id": _MARKS["thread"], "has_helped": has_helped, "member": is_member,
        "can_accept": can_accept, "prefix": f"/{language}/", "day": _MARKS["day"],
    }  # fmt: skip
    return _draw("community/post.html", context)


@functools.lru_cache(_LINES_KEPT_MAX)
def _line(look: ThreadLine, prefix: str, language: str) -> Drawn:  # noqa: ARG001 - the words are the language's
    return _draw("community/line.html", {"line": look, "prefix": prefix, "day": _MARKS["day"]})


@functools.lru_cache(_DAYS_KEPT_MAX)
def _day(day: dt.date, language: str) -> str:  # noqa: ARG001 - written as the language does
    return get_template("community/day.html").render({"date": day}).strip()


@functools.lru_cache(_FRAMES_KEPT_MAX)
def _frame(template: str, spoken: tuple[str, str], context: Sequence[tuple[str, Hashable]]) -> Drawn:
    return _draw(template, dict(context), stand_in=_nobody(spoken[1]))


def namespace_of(request: HttpRequest) -> str:
    """Return the language's namespace of addresses that a request came by; none where nothing was resolved."""
    return request.resolver_match.namespace if request.resolver_match else ""


def _nobody(namespace: str) -> HttpRequest:
    """Return a request of nobody, from which a template takes the language of its addresses and nothing else."""
    request = HttpRequest()
    request.current_app = namespace
    return request


def _shop_name() -> str:
    return get_template("community/shop.html").render({}, _nobody("")).strip()


def _draw(template: str, context: dict[str, Any], *, stand_in: HttpRequest | None = None) -> Drawn:
    text = get_template(template).render({"csrf_token": _MARKS["secret"], **context}, stand_in).strip()
    parts = _MARK.split(text)
    parts[1::2] = [_NAME_OF[mark] for mark in parts[1::2]]
    return tuple(parts)


def _filled(drawn: Drawn, texts: Mapping[str, str]) -> str:
    parts = list(drawn)
    parts[1::2] = [texts[name] for name in parts[1::2]]
    return "".join(parts)
