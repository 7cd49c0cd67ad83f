"""Reads of the square, for pages. Runs in the current room; every list has an end.

Plain SQL, prepared, one statement for a list. What a transaction has not committed is not seen here.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import re
import uuid
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import msgspec
from django.utils import translation

from comptoir.foundation.kernel.database import load_statements
from comptoir.foundation.rooms import reading
from comptoir.square.community import words
from comptoir.square.community.pictures import small_size
from comptoir.square.community.previews import host_of
from comptoir.square.community.rendering import plain

_SQL: Final = load_statements(__package__, "queries.sql")
LISTED: Final = 20
#: Posts on a page of a conversation. The first page has those with the numbers 1 to 50, for ever: none is taken out.
PAGE_POSTS: Final = 50
_SNIPPET_CHARACTERS: Final = 180
_SNIPPETS_KEPT_MAX: Final = 4_000


class Author(msgspec.Struct, frozen=True):
    """Who wrote something, as everybody may see it: ``kind`` is ``member``, ``staff``, ``imported`` or ``gone``."""

    kind: str
    name: str = ""
    id: uuid.UUID | None = None
    place: str = ""
    url: str = ""


class PictureShown(msgspec.Struct, frozen=True):
    """A picture of a post: its digest, what it shows in words, and its size in pixels."""

    digest: str
    alt: str
    width: int
    height: int

    @property
    def small_width(self) -> int:
        """Return how wide its smaller size is, in pixels."""
        return small_size(self.width, self.height)[0]


class PreviewShown(msgspec.Struct, frozen=True):
    """A card below a post: where it leads, and what the page there says of itself."""

    url: str
    title: str
    description: str
    site: str

    @property
    def host(self) -> str:
        """Return the name under which the page stands: what it calls itself proves nothing."""
        return host_of(self.url)


class ThreadLine(msgspec.Struct, frozen=True):
    """A conversation in a list."""

    id: uuid.UUID
    kind: str
    topic: str | None
    title: str
    language: str
    opened_at: dt.datetime
    last_at: dt.datetime
    replies: int
    score: int
    is_answered: bool
    status: str | None
    rating: int | None
    is_seeded: bool
    snippet: str
    author: Author
    product: str | None = None
    is_confirmed: bool = False
    is_rewarded: bool = False
    pictures: tuple[PictureShown, ...] = ()


class PostShown(msgspec.Struct, frozen=True):
    """A post on the page of its thread. ``can_be_read``: not held, hidden or taken back, or the reader's own."""

    id: uuid.UUID
    number: int
    parent: uuid.UUID | None
    kind: str
    html: str
    language: str
    published_at: dt.datetime
    edited_at: dt.datetime | None
    version: int
    state: str
    held: str | None
    rating: int | None
    elsewhere: str | None
    up: int
    down: int
    is_seeded: bool
    author: Author
    is_mine: bool = False
    my_vote: int = 0
    url: str | None = None
    license: str | None = None
    is_confirmed: bool = False
    is_rewarded: bool = False
    pictures: tuple[PictureShown, ...] = ()
    preview: PreviewShown | None = None

    @property
    def license_url(self) -> str:
        """Return where the licence's text stands, if it is one of Creative Commons'."""
        return licence_address(self.license or "")

    @property
    def score(self) -> int:
        """Return the votes, added up."""
        return self.up - self.down

    @property
    def can_be_read(self) -> bool:
        """Tell whether its text is shown."""
        return self.state == "public" or (self.is_mine and self.state == "held")


class IdeaWord(msgspec.Struct, frozen=True):
    """What the shop said about an idea."""

    status: str
    reason: str
    name: str
    said_at: dt.datetime


class ThreadShown(msgspec.Struct, frozen=True):
    """A page of a conversation: its posts in order. ``posted`` counts all posts, those on other pages too.

    ``helped`` is the answer that helped, on the first page of a conversation where it stands on a later one.
    """

    id: uuid.UUID
    kind: str
    topic: str | None
    product: str | None
    title: str
    language: str
    status: str | None
    accepted: uuid.UUID | None
    replies: int
    posted: int
    opened_at: dt.datetime
    posts: tuple[PostShown, ...]
    page: int = 1
    pages: int = 1
    is_locked: bool = False
    words: tuple[IdeaWord, ...] = ()
    helped: PostShown | None = None
    about: TopicShown | None = None

    @property
    def first(self) -> PostShown:
        """Return the first post of the page."""
        return self.posts[0]

    @property
    def helped_page(self) -> int:
        """Return the page on which the answer that helped has its place."""
        return page_of(self.helped.number) if self.helped else self.page


def page_of(number: int, *, size: int = PAGE_POSTS) -> int:
    """Return on which page of a conversation the post with this number stands.

    >>> page_of(1), page_of(50), page_of(51)
    (1, 1, 2)
    """
    return (max(number, 1) - 1) // size + 1


class TopicShown(msgspec.Struct, frozen=True):
    """A topic with its titles and how much is said about it."""

    slug: str
    kind: str
    titles: dict[str, str]
    reference: str | None
    threads: int = 0

    @property
    def here(self) -> str:
        """Return the title in the language of the page, or else in English."""
        return self.titles.get(translation.get_language() or "en") or self.titles["en"]


def licence_address(name: str) -> str:
    """Return where the text of a Creative Commons licence stands; nothing for another one.

    >>> licence_address("CC BY-SA 4.0")
    'https://creativecommons.org/licenses/by-sa/4.0/'
    """
    found = _CREATIVE_COMMONS.fullmatch(name)
    return f"https://creativecommons.org/licenses/{found[1].lower()}/{found[2]}/" if found else ""


_CREATIVE_COMMONS: Final = re.compile(r"CC (BY(?:-NC)?(?:-SA|-ND)?) ([1-4]\.[05])")


def names_of(personas: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Return the public names of these personas; one that was given up has none."""
    return {row[0]: row[1] for row in _rows("names", {"ids": list(personas)})} if personas else {}


def authors_of(rows: Iterable[tuple[uuid.UUID | None, str | None, str | None]]) -> list[Author]:
    """Return who wrote what: for each row of author, staff's name and place."""
    rows = list(rows)
    ids = {author for author, _, _ in rows if author is not None}
    names = names_of(ids)
    missing = ids - names.keys()
    found = _rows("imported_members", {"ids": list(missing)}) if missing else []
    carried = {member: (name, url) for member, name, url in found}
    return [
        _author((*row, names.get(row[0]) if row[0] else None, *(carried.get(row[0], _UNKNOWN) if row[0] else _UNKNOWN)))
        for row in rows
    ]


_UNKNOWN: Final = (None, None)


def _author(row: Sequence[Any]) -> Author:
    """Return who wrote something: from the author, staff's name, place; public name; name and address in that place."""
    author, staff, place, name, carried, url = row
    if staff is not None:
        return Author("staff", staff)
    if name is not None:
        return Author("member", name, author)
    if place is not None:
        return Author("imported", carried or "", author, place, url or "")
    return Author("gone")


def latest(
    *,
    kind: str = "",
    topic: str = "",
    product: str = "",
    before: dt.datetime | None = None,
    skip: int = 0,
    limit: int = LISTED,
) -> list[ThreadLine]:
    """Return the conversations in which something was said last, all of them or of a kind, a topic, a product.

    Only what was last ``before`` a moment, without the first few (``skip``).
    """
    name = "latest_of_product" if product else "latest_of_topic" if topic else "latest_of_kind" if kind else "latest"
    asked = {"kind": kind, "topic": topic, "product": product, "skip": skip, "limit": limit}
    asked["before"] = before or dt.datetime.max.replace(tzinfo=dt.UTC)
    return _lines(_rows(name, asked))


class Rated(msgspec.Struct, frozen=True):
    """How a product was rated: by how many, and on average."""

    count: int
    mean: float

    @property
    def rounded(self) -> int:
        """Return the average in whole stars."""
        return int(self.mean + 0.5)


def about(product: str, *, limit: int = LISTED) -> list[ThreadLine]:
    """Return the conversations about a product, or about the topic that is this product, the latest first."""
    return _lines(_rows("about_product", {"product": product, "limit": limit}))


def topic_of(product: str) -> str | None:
    """Return the topic that is about a product."""
    found = _rows("topic_of_product", {"product": product})
    return str(found[0][0]) if found else None


def products(asked: str = "", *, limit: int) -> list[TopicShown]:
    """Return products that the shop knows: those of which it opened topics, or those that a text comes near to."""
    return [_topic(row) for row in _rows("products", {"asked": asked.strip(), "limit": limit})]


def product_named(asked: str) -> str | None:
    """Return the number of the product that is meant by its number or by its title; ``None`` if it is not just one."""
    found = [_topic(row) for row in _rows("products_named", {"asked": asked.strip()})]
    exact = [each for each in found if each.reference == asked.strip()] or found
    return exact[0].reference if len(exact) == 1 else None


def titles_of(products: Collection[str]) -> dict[str, str]:
    """Return what topics call these products, in the language of the page."""
    found = [_topic(row) for row in _rows("topics_of_products", {"products": list(products)})]
    return {each.reference: each.here for each in found if each.reference}


def rating_of(product: str) -> Rated:
    """Return how the reviews of a product rate it."""
    count, mean = _rows("rating_of_product", {"product": product})[0]
    return Rated(count, float(mean or 0))


def ideas(*, status: str = "", limit: int = 50) -> list[ThreadLine]:
    """Return ideas, those that most want first; of one status, or of all."""
    return _lines(_rows("ideas", {"status": status, "limit": limit}))


class Waiting(msgspec.Struct, frozen=True):
    """A question that nobody has answered."""

    id: uuid.UUID
    title: str
    language: str


def unanswered(*, limit: int = LISTED) -> list[Waiting]:
    """Return questions that nobody has answered yet, the oldest first."""
    return [Waiting(*row) for row in _rows("unanswered", {"limit": limit})]


def search(text: str, *, limit: int = LISTED, offset: int = 0) -> list[ThreadLine]:
    """Return conversations in whose posts every word of a question stands, the latest first."""
    pairs, rest = words.question(text)
    if not pairs and not rest:
        return []
    name = "search" if pairs and rest else "search_pairs" if pairs else "search_rest"
    return _lines(_rows(name, {"pairs": pairs, "rest": rest, "limit": limit, "offset": offset}))


def thread(thread_id: uuid.UUID, *, page: int = 1, size: int = PAGE_POSTS) -> ThreadShown | None:
    """Return a page of a conversation as everybody may see it; ``None`` if there is no such conversation or page."""
    found = _rows("thread", {"id": thread_id})
    if not found:
        return None
    head = found[0]
    asked = {"id": thread_id, "after": (page - 1) * size, "until": page * size}
    rows = _rows("posts_of_thread", asked) if page > 0 else []
    if not rows:
        return None
    accepted = head[7]
    if page == 1 and accepted is not None and all(row[0] != accepted for row in rows):
        rows += _rows("post_of_thread", {"id": thread_id, "post": accepted})
    posts = [_post(row) for row in rows]
    helped = posts.pop() if posts[-1].number > page * size else None
    said = _rows("words_on_idea", {"id": thread_id}) if head[1] == "idea" else []
    about = _topic(head[13:20]) if head[13] else None
    told = tuple(IdeaWord(*row) for row in said)
    pages = page_of(head[9], size=size)
    return ThreadShown(*(*head[:11], tuple(posts), page, pages, head[11], told, helped, about))


def _post(row: Sequence[Any]) -> PostShown:
    author = _author((*row[13:16], *row[28:31]))
    preview = PreviewShown(*row[24:28]) if row[25] else None
    return PostShown(*(*row[:13], *row[16:19], author, False, 0, *row[19:23], pictures_of(row[23]), preview))


class OwnPost(msgspec.Struct, frozen=True):
    """A post as its author writes it anew."""

    id: uuid.UUID
    thread: uuid.UUID
    text: str
    version: int
    title: str
    pictures: tuple[PictureShown, ...] = ()

    @property
    def is_first(self) -> bool:
        """Tell whether it begins its thread."""
        return self.id == self.thread


def own_post(post: uuid.UUID, *, author: uuid.UUID | None) -> OwnPost | None:
    """Return a post that this author wrote and that can still be changed."""
    rows = _rows("own_post", {"id": post, "author": author})
    return OwnPost(*(*rows[0][:5], pictures_of(rows[0][5]))) if rows else None


def picture(digest: str, *, is_small: bool, reader: uuid.UUID | None = None) -> tuple[bytes, bool] | None:
    """Return a picture (WebP) as ``reader`` may see it, and whether everybody may: a post that shows it is public."""
    asked = {"digest": digest, "is_small": is_small, "reader": reader or uuid.UUID(int=0)}
    rows = _rows("picture", asked)
    return (bytes(rows[0][0]), rows[0][1]) if rows else None


def any_picture(digest: str, *, is_small: bool = False) -> bytes | None:
    """Return a picture (WebP) for whoever looks after the square, whatever became of the posts that show it."""
    rows = _rows("any_picture", {"digest": digest, "is_small": is_small})
    return bytes(rows[0][0]) if rows else None


def place_of(post: uuid.UUID) -> tuple[uuid.UUID, int] | None:
    """Return the thread in which a post stands, and its number there."""
    rows = _rows("place_of", {"id": post})
    return (rows[0][0], rows[0][1]) if rows else None


def topics(*, limit: int = 200) -> list[TopicShown]:
    """Return the topics, those first in which something was said last: what was carried here long ago comes behind.

    Counts every conversation; a page that is asked for often keeps the answer.
    """
    return [_topic(row) for row in _rows("topics", {"limit": limit})]


def topic(slug: str) -> TopicShown | None:
    """Return one topic, without its count."""
    found = _rows("topic", {"slug": slug})
    return _topic(found[0]) if found else None


def _topic(row: Sequence[Any]) -> TopicShown:
    slug, kind, en, ja, fr, reference, threads = row
    return TopicShown(slug, kind, {"en": en, "ja": ja or "", "fr": fr or ""}, reference, threads)


def _lines(rows: Sequence[Any]) -> list[ThreadLine]:
    return [
        ThreadLine(
            *(*row[:13], _snippet(row[13]), _author((*row[14:17], *row[21:24])), *row[17:20], pictures_of(row[20]))
        )
        for row in rows
    ]


@functools.lru_cache(_SNIPPETS_KEPT_MAX)
def _snippet(text: str) -> str:
    return plain(text, characters=_SNIPPET_CHARACTERS)


def pictures_of(kept: Any) -> tuple[PictureShown, ...]:
    """Return the pictures of a post from their column."""
    if isinstance(kept, str):
        kept = json.loads(kept)
    return tuple(PictureShown(**each) for each in kept or ())


def _rows(name: str, values: dict[str, Any]) -> list[Any]:
    return reading.rows(_SQL[name], values)
