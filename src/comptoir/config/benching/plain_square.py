"""The reference of ``bench square``: the same reads in the plainest honest SQL, rendered by a template of twenty lines.

A WSGI application with one connection for each process, no sessions, no languages, no headers: what a programmer in a
hurry would write. It shows the same rows to a reader who is nobody; like the pages it keeps the counts of topics for a
second, which would take it most of its time.
"""

from __future__ import annotations

import html
import time
import urllib.parse
from collections.abc import Callable, Iterable
from typing import Any

import psycopg

from comptoir.foundation.kernel import database
from comptoir.square.community import words

_PAGE = "<!doctype html><title>{title}</title><h1>{title}</h1><ol>{items}</ol>"
_LINE = "<li><a href='/threads/{}'>{}</a> <p>{}</p> <small>{} {} {} {}</small></li>"
_TOPIC_LINE = "<li><a href='/topics/{}'>{}</a> {}</li>"
_WAITING_LINE = "<li><a href='/threads/{}'>{}</a></li>"
_POST = "<li id='{}'><b>{}</b> <small>{} {}</small> <div>{}</div></li>"
_AUTHOR = "coalesce(p.name, n.name, 'nobody')"
_LIST = (
    f"select t.id, t.title, left(p.text, 180), {_AUTHOR}, t.replies, t.score, t.last_at"  # noqa: S608 - constants
    " from community_thread t join community_post p on p.id = t.id"
    " left join community_persona n on n.id = p.author where t.is_shown"
)
_FRONT = f"{_LIST} order by t.last_at desc, t.id limit 20"
_THREAD = (
    f"select p.id, {_AUTHOR}, p.published_at, p.up - p.down, p.html"  # noqa: S608
    " from community_post p left join community_persona n on n.id = p.author"
    " where p.thread = %s order by p.number limit 50"
)
_TITLE = (
    "select t.title, t.posts, c.en from community_thread t left join community_topic c on c.slug = t.topic"
    " where t.id = %s"
)
_WAITING = (
    "select id, title from community_thread where is_shown and kind = 'question' and replies = 0"
    " order by last_at limit 3"
)
_TOPIC = f"{_LIST} and t.topic = %s order by t.last_at desc limit 20"
_NAMED = "select en from community_topic where slug = %s"
_TOPICS = (
    "select c.slug, c.en, count(*) from community_topic c join community_thread t on t.topic = c.slug"
    " where t.is_shown group by c.slug, c.en order by max(t.last_at) desc limit 12"
)
_FOUND = "select id from community_post p where state = 'public' and {} order by published_at desc limit 20"

_THREADS_OF = _LIST + " and t.id in (select thread from community_post where id = any(%s))"  # noqa: S608

_connection: psycopg.Connection | None = None


def _rows(query: str, values: tuple[Any, ...] = ()) -> list[Any]:
    global _connection  # noqa: PLW0603 - one for each process
    if _connection is None:
        # As the owner, so that names can be joined: the square's own role may not see them in that table.
        _connection = psycopg.connect(database.owner_conninfo())
        _connection.autocommit = True
    return _connection.execute(query.encode(), values).fetchall()


def _list(rows: Iterable[Any]) -> str:
    return "".join(_LINE.format(*(html.escape(str(each)) for each in row)) for row in rows)


def _search(asked: str) -> str:
    pairs, rest = words.question(asked)
    if pairs:
        found = _rows(_FOUND.format("words @@ %s::tsquery"), (pairs,))
    else:
        found = _rows(_FOUND.format("words @@ plainto_tsquery('english', %s)"), (rest,))
    ids = [row[0] for row in found]
    return _list(_rows(_THREADS_OF, (ids,)))


_kept: tuple[float, str] = (0.0, "")


def _topics() -> str:
    global _kept  # noqa: PLW0603 - for a second
    if time.monotonic() - _kept[0] > 1:
        _kept = (time.monotonic(), "".join(_TOPIC_LINE.format(*map(_text, row)) for row in _rows(_TOPICS)))
    return _kept[1]


def _text(value: object) -> str:
    return html.escape(str(value))


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Answer the front page, a topic, the first page of a thread, and a search."""
    path = environ["PATH_INFO"]
    last = path.rpartition("/")[2]
    title = "The square"
    if "/threads/" in path:
        title = " · ".join(map(_text, _rows(_TITLE, (last,))[0]))
        items = "".join(_POST.format(*map(_text, row[:4]), row[4]) for row in _rows(_THREAD, (last,)))
    elif "/topics/" in path:
        title = _text(_rows(_NAMED, (last,))[0][0])
        items = _list(_rows(_TOPIC, (last,)))
    elif path.endswith("/search"):
        items = _search(urllib.parse.parse_qs(environ["QUERY_STRING"])["q"][0])
    else:
        waiting = "".join(_WAITING_LINE.format(*map(_text, row)) for row in _rows(_WAITING))
        items = _list(_rows(_FRONT)) + waiting + _topics()
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [_PAGE.format(title=title, items=items).encode()]
