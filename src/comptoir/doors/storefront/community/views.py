"""What everybody reads on the square: the front page, conversations, topics, ideas, what a search finds."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Hashable, Sequence
from urllib.parse import quote

import msgspec
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST, require_safe

from comptoir.doors.storefront.community import drawing, honest, keeping, picturing, reminding, unsent
from comptoir.doors.storefront.community.speaking import news_of, page, persona_of, prefix, spoken, ways_of
from comptoir.doors.storefront.shop.picturing import shelved
from comptoir.doors.storefront.shop.window import all_categories
from comptoir.doors.storefront.shop.windows import own_of
from comptoir.foundation.kernel.clock import to_the_minute
from comptoir.foundation.kernel.database import value_array
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.foundation.rooms.visits import end_visit
from comptoir.foundation.rooms.web import in_room
from comptoir.square.catalog import queries as catalog
from comptoir.square.catalog.composing import Composed
from comptoir.square.community import queries
from comptoir.square.community.contracts import IDEA_STATUSES
from comptoir.square.community.describing import describe, in_page
from comptoir.square.hearing import queries as hearing
from comptoir.square.stewardship import queries as stewardship

_PAGES_MAX = 50
#: So many things that are sold stand above what is said about the words that were searched for.
_GOODS_MAX = 3
_SEARCH_CHARACTERS_MAX = 200
_PAGE_SAID_MAX = 10**7 - 1
_SKIP_MAX = 99_999
_MINUTE = dt.timedelta(minutes=1)
_WAITING = 3
_EMPTY_SLOTS = tuple(picturing.slots_of())
#: What can be chosen on the front page: the kinds of conversation.
_KINDS = ("question", "review", "story")


#: Before which minute the conversations of a list are, and how many of them were shown already.
Earlier = tuple[dt.datetime | None, int]


class Shared(msgspec.Struct, frozen=True):
    """What a page says to everybody: what its template is told, and its own texts. Nobody changes it."""

    look: dict[str, Hashable]
    own: drawing.Own


@spoken
@require_safe
def front(request: HttpRequest) -> HttpResponseBase:
    """Answer with what was said last, the questions that wait for an answer, and the topics."""
    kind = request.GET.get("kind", "")
    kind = kind if kind in _KINDS else ""
    earlier = _earlier(request.GET.get("before", ""))
    said = keeping.part(request, ("front", translation.get_language(), kind, earlier), lambda: _front(kind, earlier))
    return drawing.page(request, "community/front.html", said.look, said.own.copy())


def _front(kind: str, earlier: Earlier) -> Shared:
    before, skip = earlier
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
    return Shared(look, own)


@spoken
@require_safe
def thread(request: HttpRequest, thread_id: uuid.UUID) -> HttpResponseBase:
    """Answer with a page of a conversation."""
    return thread_page(request, thread_id, number=page_number(request.GET.get("page", "")))


class Conversation(msgspec.Struct, frozen=True):
    """A page of a conversation as everybody sees it: its posts, and what else the page says. Nobody changes it.

    ``ids`` are those of its posts, as the server reads an array.
    """

    posts: tuple[queries.PostShown, ...]
    helped: queries.PostShown | None
    accepted: uuid.UUID | None
    kind: str
    language: str
    opened_at: dt.datetime
    ids: str
    said: Shared

    @property
    def everything(self) -> tuple[queries.PostShown, ...]:
        """Return its posts, and the one that helped and stands elsewhere."""
        return (*self.posts, self.helped) if self.helped else self.posts

    def draw(
        self, thread_id: uuid.UUID, *, is_member: bool, can_accept: bool, part: hearing.Part | None = None
    ) -> dict[uuid.UUID, str]:
        """Draw its posts for whoever has nothing to do with them; with a ``part``, those that its member has."""
        posts = self.everything
        if part is not None:
            posts = tuple(
                msgspec.structs.replace(each, is_mine=each.id in part.own, my_vote=part.votes.get(each.id, 0))
                for each in posts
                if each.id in part.own or each.id in part.votes
            )
        drawn = drawing.posts(thread_id, posts, accepted=self.accepted, is_member=is_member, can_accept=can_accept)
        return dict(zip([each.id for each in posts], drawn, strict=True))


def thread_page(
    request: HttpRequest, thread_id: uuid.UUID, *, number: int = 1, status: int = 200, **more: object
) -> HttpResponseBase:
    """Answer with a page of a conversation, and with what a form that stands on it has to say (``more``)."""
    reader = persona_of(request)
    here = (thread_id, number, translation.get_language())
    found = keeping.part(request, ("thread", *here), lambda: _conversation(thread_id, number))
    if found is None:
        raise Http404
    part = hearing.part_of(reader, thread_id, found.ids) if reader else None
    can_accept = part is not None and part.has_begun and found.kind == "question"
    drawn = keeping.part(
        request, ("posts", *here, part is not None, can_accept),
        lambda: found.draw(thread_id, is_member=part is not None, can_accept=can_accept),
    )  # fmt: skip
    look, own = dict(found.said.look), found.said.own.copy()
    if part is not None and reader is not None:
        if part.own or part.votes:
            drawn = {**drawn, **found.draw(thread_id, is_member=True, can_accept=can_accept, part=part)}
        fresh = news_of(request, reader)
        look |= {
            "following": drawing.Following("thread", own.mark("thread"), part.how),
            "news_count": len(fresh),
            "news_here": own.put_safe("news_here", _news_here(request, thread_id, fresh)),
            "statements": own.put_safe("statements", _statements(request, part.own.intersection(drawn))),
        }
    waiting = unsent.typed(request, reader)
    look |= {
        "opening": own.put_safe("first", drawn[found.posts[0].id]),
        "helped": own.put_safe("helped", drawn[found.helped.id] if found.helped else ""),
        "drawn": own.put_safe("posts", "".join([drawn[each.id] for each in found.posts[1:]])),
        "rule": reminding.reminder_on(
            str(thread_id), kind=found.kind, language=found.language, opened_at=found.opened_at
        ),
        "fresh": own.put("fresh", waiting.get("post") or uuid.uuid4()),
    }  # fmt: skip
    return drawing.page(request, "community/thread.html", look, own, status=status, **{"draft": waiting, **more})


def _conversation(thread_id: uuid.UUID, number: int) -> Conversation | None:
    shown = queries.thread(thread_id, page=number)
    if shown is None:
        return None
    topic = shown.about
    described = describe(
        shown,
        url=addresses.url_of(SQUARE, f"/threads/{thread_id}"),
        about=topic.here if topic else "",
        about_marks=addresses.url_of(SQUARE, "/honest"),
    )
    posts = hearing.with_links((*shown.posts, *filter(None, [shown.helped])), prefix=f"{prefix()}members/")
    own = drawing.Own()
    look: dict[str, Hashable] = {
        "thread": msgspec.structs.replace(
            shown, id=own.put("thread", thread_id), title=own.put("title", shown.title), posts=(), words=(),
            topic=None, product=None, accepted=None, replies=0, posted=0, helped=None, pages=0,
            about=None, opened_at=shown.opened_at.min,
        ),
        "topic": drawing.Linked(own.put("topic", topic.slug), own.put("topic_title", topic.here)) if topic else None,
        "pages": own.put_safe(
            "pages", drawing.pages(number, shown.pages, thread_id, translation.get_language() or "en")
        ),
        "helped_at": own.put("place", place_in(thread_id, shown.helped.number) if shown.helped else None),
        "slots": _EMPTY_SLOTS,
        "described": own.put_safe("described", in_page(described) if described else ""),
        "words": own.put_safe(
            "words", drawing.piece(None, "community/words.html", words=shown.words) if shown.words else ""
        ),
    }  # fmt: skip
    return Conversation(
        tuple(posts[: len(shown.posts)]), posts[-1] if shown.helped else None, shown.accepted, shown.kind,
        shown.language, shown.opened_at, value_array([str(each.id) for each in posts]), Shared(look, own),
    )  # fmt: skip


def _news_here(request: HttpRequest, thread_id: uuid.UUID, fresh: Sequence[hearing.News]) -> str:
    here = [each for each in fresh if each.thread == thread_id]
    if not here:
        return ""
    return drawing.piece(
        request, "community/news_here.html", news_here=here, thread=thread_id, here=ways_of(request).here,
        csrf_token=drawing.secret_of(request),
    )  # fmt: skip


def _statements(request: HttpRequest, own: Collection[uuid.UUID]) -> str:
    """Draw what was decided last on each of these posts, as their author is told."""
    found: dict[uuid.UUID, stewardship.Statement] = {}
    for each in stewardship.statements(sorted(own)) if own else ():
        found.setdefault(each.post, each)
    return drawing.piece(request, "community/statements.html", statements=list(found.values())) if found else ""


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
    earlier = _earlier(request.GET.get("before", ""))
    key = ("topic", translation.get_language(), slug, earlier)
    said = keeping.part(request, key, lambda: _topic(slug, earlier))
    if said is None:
        raise Http404
    reader = persona_of(request)
    how = hearing.how(reader, "topic", slug) if reader else ""
    own = said.own.copy()
    look = {**said.look, "following": drawing.Following("topic", own.mark("topic"), how)}
    return drawing.page(request, "community/topic.html", look, own)


def _topic(slug: str, earlier: Earlier) -> Shared | None:
    found = queries.topic(slug)
    if found is None:
        return None
    own = drawing.Own()
    look: dict[str, Hashable] = {
        "topic": drawing.Linked(own.put("topic", slug), own.put("topic_title", found.here)),
        "kind": found.kind,
        "feed_url": reverse("square:topic_feed", args=(own.mark("topic"),)),
        **_list(queries.latest(topic=slug, before=earlier[0], skip=earlier[1]), own, earlier),
    }
    return Shared(look, own)


def _list(lines: Sequence[queries.ThreadLine], own: drawing.Own, earlier: Earlier) -> dict[str, Hashable]:
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
    number = whole(request.GET.get("page", "1"), 999)
    number_of = 1 if number is None else min(number, _PAGES_MAX)
    own = own_of(request, all_categories)
    window = None if own is None else own.composed
    key = ("search", translation.get_language(), asked, number_of, window)
    said = keeping.part(request, key, lambda: _found(request, asked, max(number_of, 1), window))
    return drawing.page(request, "community/search.html", said.look, said.own.copy())


def _found(request: HttpRequest, asked: str, number: int, window: Composed | None) -> Shared:
    lines = queries.search(asked, offset=(number - 1) * queries.LISTED) if asked else []
    more = number + 1 if len(lines) == queries.LISTED and number < _PAGES_MAX else None
    own = drawing.Own()
    look: dict[str, Hashable] = {
        "section": "search", "lines": bool(lines), "drawn": own.put_safe("lines", drawing.lines(lines)),
        "asked": own.put("asked", asked), "asked_in_address": own.put("asked_in_address", quote(asked)),
        "more": own.put("more", more),
    }  # fmt: skip
    sold = _goods(asked, window) if asked and number == 1 else []
    look["goods"] = bool(sold)
    wares = {"wares": shelved(sold, all_categories)}
    look["wares"] = own.put_safe("wares", render_to_string("shop/wares.html", wares, request) if sold else "")
    return Shared(look, own)


def _goods(asked: str, window: Composed | None) -> list[catalog.Ware]:
    """Return the first few things that are sold under these words: whoever searches need not know where to."""
    if not keeping.fact("anything is sold", catalog.has_any):
        return []
    currency = keeping.fact("currency", catalog.currency)
    wanted = catalog.Asked(words=asked.replace("\x00", ""), currency=currency, window=window)
    found, _ = catalog.wares(wanted, limit=_GOODS_MAX)
    return found


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


def page_number(text: str) -> int:
    """Return which page is asked for: the first one unless a number is said."""
    number = whole(text, _PAGE_SAID_MAX)
    return 1 if number is None else number


def _earlier(text: str) -> Earlier:
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
    return to_the_minute(found), whole(shown, _SKIP_MAX) or 0
