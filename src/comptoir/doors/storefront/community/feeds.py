"""Atom feeds (RFC 4287): the conversations in which something was said last, of everything and of every topic.

An entry is a conversation: its id stays the same, and its time moves when somebody says something in it. Times are
told to the minute, and what came within one minute stands in no order: nobody can set a post beside a purchase by
their seconds. Without a cookie, and answered with 304 where nothing in it has changed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import html
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.feedgenerator import Atom1Feed
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from comptoir.doors.storefront.community.speaking import spoken
from comptoir.foundation.kernel.clock import to_the_minute
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.square.community import queries
from comptoir.square.community.queries import ThreadLine

_ENTRIES: Final = 20
#: When a feed without entries was changed last.
_NEVER: Final = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@spoken
@require_safe
def everything(request: HttpRequest) -> HttpResponseBase:
    """Answer with what was said last."""
    lines = queries.latest(limit=_ENTRIES)
    return _feed(request, lines, title=_title(request), path="/")


@spoken
@require_safe
def topic(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Answer with what was said last about a topic."""
    found = queries.topic(slug)
    if found is None:
        raise Http404
    lines = queries.latest(topic=slug, limit=_ENTRIES)
    return _feed(request, lines, title=_title(request, topic=found), path=f"/topics/{slug}")


def _title(request: HttpRequest, **context: object) -> str:
    return render_to_string("community/feed_title.txt", context, request=request).strip()


def _described(line: ThreadLine) -> str:
    """Return what an entry says, as HTML: how the conversation begins, and what it shows."""
    shown = "".join(
        f'<p><img src="{addresses.url_of(SQUARE, f"/pictures/{each.digest}.webp")}" alt="{html.escape(each.alt)}"'
        f' width="{each.width}" height="{each.height}"></p>'
        for each in line.pictures
    )
    return html.escape(" · ".join([*_marks(line), line.snippet])) + shown


def _feed(request: HttpRequest, lines: list[ThreadLine], *, title: str, path: str) -> HttpResponseBase:
    language = translation.get_language() or "en"
    own = addresses.url_of(SQUARE, request.path)
    feed = Atom1Feed(
        title=title, link=addresses.url_of(SQUARE, f"/{language}{path}"), description=None, language=language,
        feed_url=own, feed_guid=own, subtitle=_("What was said last"),
    )  # fmt: skip
    for line in sorted(lines, key=lambda line: (to_the_minute(line.last_at), line.id), reverse=True):
        feed.add_item(
            title=line.title,
            link=addresses.url_of(SQUARE, f"/{language}/threads/{line.id}"),
            description=_described(line),
            unique_id=f"urn:uuid:{line.id}",
            pubdate=to_the_minute(line.opened_at),
            updateddate=to_the_minute(line.last_at),
            author_name=line.author.name or _("somebody"),
            author_link=line.author.url or None,
            categories=[line.topic] if line.topic else None,  # type: ignore[arg-type]  # a list of names is one,
        )
    feed.latest_post_date = lambda: max(  # type: ignore[method-assign]
        (to_the_minute(line.last_at) for line in lines), default=_NEVER
    )
    written = feed.writeString("utf-8")
    answer = HttpResponse(written, content_type="application/atom+xml; charset=utf-8")
    # Made of what is told and of nothing else, so that it says no more.
    answer.headers["ETag"] = f'"{hashlib.sha256(written.encode()).hexdigest()[:32]}"'
    return answer


def _marks(line: ThreadLine) -> list[str]:
    """Return what the shop knows of a review, as a reader of the feed has to know it before its words."""
    marks = [(line.is_confirmed, _("bought here")), (line.is_rewarded, _("rewarded with points"))]
    return [word for holds, word in marks if holds]
