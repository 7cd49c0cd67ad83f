"""What everybody reads on the square: the front page, conversations, topics, ideas, what a search finds."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Hashable, Sequence
from urllib.parse import quote

import msgspec
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import translation
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST, require_safe

from comptoir.doors.storefront.community import drawing, honest, keeping, picturing, reminding, unsent
from comptoir.doors.storefront.community.speaking import page, persona_of, prefix, spoken
from comptoir.foundation.kernel.clock import to_the_minute
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.foundation.rooms.visits import end_visit
from comptoir.foundation.rooms.web import in_room
from comptoir.square.community import queries
from comptoir.square.community.contracts import IDEA_STATUSES
from comptoir.square.community.describing import describe, in_page
from comptoir.square.hearing import queries as hearing
from comptoir.square.stewardship import queries as stewardship

_PAGES_MAX = 50
_SEARCH_CHARACTERS_MAX = 200
_PAGE_DIGITS_MAX = 8
_SKIP_DIGITS_MAX = 6
_MINUTE = dt.timedelta(minutes=1)
_WAITING = 3
_EMPTY_SLOTS = tuple(picturing.slots_of())
#: What can be chosen on the front page: the kinds of conversation.
_KINDS = ("question", "review", "story")


@spoken
@require_safe
def front(request: HttpRequest) -> HttpResponseBase:
    """Answer with what was said last, the questions that wait for an answer, and the topics."""
    kind = request.GET.get("kind", "")
    kind = kind if kind in _KINDS else ""
    before, skip = earlier = _earlier(request.GET.get("before", ""))
    lines = queries.latest(kind=kind, before=before, skip=skip)
    waiting = queries.unanswered(limit=_WAITING) if not kind and before is None else []
    topics = keeping.fact("topics", queries.topics)[: drawing.LISTED_MAX]
    own = drawing.Own()
    look: dict[str, Hashable] = {
        "section": "front", "kind": kind, "is_first": before is None, "feed_url": reverse("square:feed"),
        "honest": honest.lately() if not kind and before is None else None, **_list(lines, own, earlier),
        "waiting": tuple(
            drawing.Linked(own.put(f"waiting{number}", line.id), own.put(f"asking{number}", line.title), line.language)
            for number, line in enumerate(waiting)
        ),
        "topics": tuple(
            drawing.Linked(
                own.put(f"listed{number}", each.slug), own.put(f"entitled{number}", each.here), "",
                own.put(f"counted{number}", each.threads),
            )
            for number, each in enumerate(topics)
        ),
    }  # fmt: skip
    return drawing.page(request, "community/front.html", look, own)


@spoken
@require_safe
def thread(request: HttpRequest, thread_id: uuid.UUID) -> HttpResponseBase:
    """Answer with a page of a conversation."""
    return thread_page(request, thread_id, number=page_number(request.GET.get("page", "")))


def thread_page(
    request: HttpRequest, thread_id: uuid.UUID, *, number: int = 1, status: int = 200, **more: object
) -> HttpResponseBase:
    """Answer with a page of a conversation, and with what a form that stands on it has to say (``more``)."""
    reader = persona_of(request)
    shown = queries.thread(thread_id, reader=reader, page=number)
    if shown is None:
        raise Http404
    topic = shown.about
    is_member = reader is not None
    described = describe(
        shown,
        url=addresses.url_of(SQUARE, f"/threads/{thread_id}"),
        about=topic.here if topic else "",
        about_marks=addresses.url_of(SQUARE, "/honest"),
    )
    mine = [post.id for post in shown.posts if post.is_mine]
    posts = (*shown.posts, *filter(None, [shown.helped]))
    first, *later = hearing.with_links(posts, prefix=f"{prefix()}members/")
    waiting = unsent.typed(request, reader)
    own = drawing.Own()
    look: dict[str, Hashable] = {
        "thread": msgspec.structs.replace(
            shown, id=own.put("thread", thread_id), title=own.put("title", shown.title), posts=(), words=(),
            topic=None, product=None, accepted=None, replies=0, posted=0, helped=None, pages=0, is_asker=False,
            about=None, opened_at=shown.opened_at.min,
        ),
        "topic": drawing.Linked(own.put("topic", topic.slug), own.put("topic_title", topic.here)) if topic else None,
        "pages": own.put_safe(
            "pages", drawing.pages(number, shown.pages, thread_id, translation.get_language() or "en")
        ),
        "opening": own.put_safe("first", drawing.posts(request, shown, [first], is_member=is_member)),
        "helped": own.put_safe(
            "helped", drawing.posts(request, shown, later[-1:], is_member=is_member) if shown.helped else ""
        ),
        "helped_at": own.put("place", place_in(thread_id, shown.helped.number) if shown.helped else None),
        "drawn": own.put_safe(
            "posts", drawing.posts(request, shown, later[: len(shown.posts) - 1], is_member=is_member)
        ),
        "rule": reminding.reminder_on(
            str(thread_id), kind=shown.kind, language=shown.language, opened_at=shown.opened_at
        ),
        "slots": _EMPTY_SLOTS,
        "fresh": own.put("fresh", waiting.get("post") or uuid.uuid4()),
        "described": own.put_safe("described", in_page(described) if described else ""),
    }  # fmt: skip
    rare: dict[str, object] = {
        "statements": _latest(mine) if mine else [],
        "words": shown.words,
        "draft": waiting,
        **more,
    }
    if reader is not None:
        fresh = hearing.news(reader, is_unread=True)
        how = hearing.follows_thread(reader, thread_id)
        look |= {"following": drawing.Following("thread", own.mark("thread"), how), "news_count": len(fresh)}
        rare["news_here"] = [each for each in fresh if each.thread == thread_id]
    return drawing.page(request, "community/thread.html", look, own, status=status, **rare)


def place_in(thread_id: uuid.UUID, number: int) -> str:
    """Return the address of the post with this number, on the page of its conversation."""
    page_number = queries.page_of(number)
    return f"{prefix()}threads/{thread_id}{f'?page={page_number}' if page_number > 1 else ''}#p{number}"


@spoken
@require_safe
def post(request: HttpRequest, post_id: uuid.UUID) -> HttpResponseBase:  # noqa: ARG001 - a view
    """Lead to a post in its place: an address that holds, whatever page it stands on."""
    place = queries.place_of(post_id)
    if place is None:
        raise Http404
    return redirect(place_in(*place))


@spoken
@require_safe
def topic(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Answer with what is said about a topic."""
    found = queries.topic(slug)
    if found is None:
        raise Http404
    reader = persona_of(request)
    before, skip = earlier = _earlier(request.GET.get("before", ""))
    own = drawing.Own()
    look: dict[str, Hashable] = {
        "topic": drawing.Linked(own.put("topic", slug), own.put("topic_title", found.here)),
        "kind": found.kind,
        "feed_url": reverse("square:topic_feed", args=(own.mark("topic"),)),
        "following": drawing.Following(
            "topic", own.mark("topic"), hearing.how(reader, "topic", slug) if reader else ""
        ),
        **_list(queries.latest(topic=slug, before=before, skip=skip), own, earlier),
    }
    return drawing.page(request, "community/topic.html", look, own)


def _list(
    lines: Sequence[queries.ThreadLine], own: drawing.Own, earlier: tuple[dt.datetime | None, int]
) -> dict[str, Hashable]:
    """Return what the template of a list is told: its lines, and from when the earlier ones are.

    That is told to the minute, with how many of that minute were shown: no address says when exactly somebody wrote.
    """
    more = None
    if len(lines) == queries.LISTED:
        end = to_the_minute(lines[-1].last_at) + _MINUTE
        shown = sum(to_the_minute(line.last_at) == end - _MINUTE for line in lines) + (
            earlier[1] if end == earlier[0] else 0
        )
        more = quote(f"{end.isoformat(timespec='minutes')}/{shown}")
    return {"lines": bool(lines), "drawn": own.put_safe("lines", drawing.lines(lines)), "more": own.put("more", more)}


@spoken
@require_safe
def ideas(request: HttpRequest) -> HttpResponseBase:
    """Answer with the ideas, those that most want first, and how far each has come."""
    status = request.GET.get("status", "")
    status = status if status in IDEA_STATUSES else ""
    return page(
        request, "community/ideas.html",
        {"section": "ideas", "lines": queries.ideas(status=status), "status": status, "statuses": IDEA_STATUSES},
    )  # fmt: skip


@spoken
@require_safe
def search(request: HttpRequest) -> HttpResponseBase:
    """Answer with the conversations in which every word stands."""
    asked = request.GET.get("q", "")[:_SEARCH_CHARACTERS_MAX].strip()
    number = request.GET.get("page", "1")
    number_of = min(int(number), _PAGES_MAX) if number.isdecimal() and 0 < len(number) < 4 else 1
    offset = (max(number_of, 1) - 1) * queries.LISTED
    lines = queries.search(asked, offset=offset) if asked else []
    more = number_of + 1 if len(lines) == queries.LISTED and number_of < _PAGES_MAX else None
    own = drawing.Own()
    look: dict[str, Hashable] = {
        "section": "search", "lines": bool(lines), "drawn": own.put_safe("lines", drawing.lines(lines)),
        "asked": own.put("asked", asked), "asked_in_address": own.put("asked_in_address", quote(asked)),
        "more": own.put("more", more),
    }  # fmt: skip
    return drawing.page(request, "community/search.html", look, own)


@in_room(SQUARE)
@require_POST
def leave(request: HttpRequest) -> HttpResponseBase:
    """Be a reader again: the browser's session of the square ends."""
    end_visit(request)
    response = unsent.discard(request, redirect("/"))
    # Whoever sits here next finds nothing of what was typed, sealed as it was.
    response.headers["Clear-Site-Data"] = '"storage"'
    response.delete_cookie(unsent.TAKEN_COOKIE)
    return response


@in_room(SQUARE)
@require_POST
def discard(request: HttpRequest) -> HttpResponseBase:
    """Let what was typed before somebody was here again go."""
    return unsent.discard(request, redirect("/"))


def _latest(posts: list[uuid.UUID]) -> list[stewardship.Statement]:
    """Return what was decided last on each of these posts, as their author is told."""
    found: dict[uuid.UUID, stewardship.Statement] = {}
    for each in stewardship.statements(posts):
        found.setdefault(each.post, each)
    return list(found.values())


def page_number(text: str) -> int:
    """Return which page is asked for: the first one unless a number is said."""
    return int(text) if text.isdecimal() and text.isascii() and len(text) < _PAGE_DIGITS_MAX else 1


def _earlier(text: str) -> tuple[dt.datetime | None, int]:
    """Return before which minute the conversations of a list are, and how many of them were shown already.

    Whoever asks with seconds is told no more than with minutes.
    """
    moment, _, shown = text.partition("/")
    try:
        found = parse_datetime(moment) if len(moment) < 40 else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        return None, 0
    skip = int(shown) if shown.isdecimal() and shown.isascii() and len(shown) < _SKIP_DIGITS_MAX else 0
    return to_the_minute(found), skip
