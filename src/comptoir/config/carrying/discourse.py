"""Categories or topics of a Discourse forum, as its own script writes them into one JSON file.

That is ``script/discourse export_category ID`` or ``export_topics ID`` on the forum's machine: categories, topics with
their posts, users. Posts are Markdown already. A topic whose title asks something becomes a question, whose first posts
are answers; every other one a story with replies. Of the users, only the name is read under which they wrote: the file
has their e-mail addresses too, and those are never looked at. Left where they are: private messages, hidden posts, and
what the forum itself says. The file knows neither likes nor solutions.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from comptoir.config.carrying.contracts import CarryingError, Member, Post, Source
from comptoir.config.carrying.languages import language_of
from comptoir.config.replaying.recordings import Entry

FILE_BYTES_MAX: Final = 256 << 20
_QUOTE: Final = re.compile(r'\[quote(?:="([^",\]]{0,100})[^\]]{0,200})?\]\n?(.*?)\n?\[/quote\]', re.DOTALL)
_PICTURE: Final = re.compile(r"!\[([^\]|]{0,300})(?:\|[^\]]{0,100})?\]\(([^)\s]{0,1000})[^)]{0,300}\)")
_TAG: Final = re.compile(r"</?(?:img|div|span|center|details|summary|aside|font|iframe|video|audio)\b[^>]{0,2000}>")
_REGULAR: Final = "regular"
_SYSTEM: Final = -1


class _User(msgspec.Struct):
    id: int
    username: str


class _Category(msgspec.Struct):
    id: int
    name: str


class _Post(msgspec.Struct):
    id: int
    user_id: int | None
    post_number: int
    raw: str
    created_at: dt.datetime
    reply_to_post_number: int | None = None
    hidden: bool | None = False


class _Topic(msgspec.Struct):
    id: int
    title: str
    created_at: dt.datetime
    posts: list[_Post]
    category_id: int | None = None
    archetype: str = _REGULAR


class _Export(msgspec.Struct):
    topics: list[_Topic]
    users: list[_User] = []
    categories: list[_Category] = []


class Discourse(Source):
    """An export. ``license`` is under what the forum publishes its posts, where it says so."""

    def __init__(
        self,
        file: Path,
        place: str,
        *,
        language: str = "en",
        licence: str | None = None,
        passed: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Read the file; raises :class:`CarryingError` where it is no export."""
        super().__init__(place)
        self._language = language
        self._licence = licence
        self._passed = passed
        if file.stat().st_size > FILE_BYTES_MAX:
            raise CarryingError(f"{file} is larger than {FILE_BYTES_MAX >> 20} MiB; export one category at a time")
        try:
            self._export = msgspec.json.decode(file.read_bytes(), type=_Export)
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
            raise CarryingError(f"{file} is no export of Discourse: {error}") from None
        self._names = {user.id: user.username for user in self._export.users}
        self._categories = {category.id: category.name for category in self._export.categories}

    def events(self) -> Iterator[Entry]:
        """Yield every topic's posts, one topic after the other."""
        done = 0
        self.counts["rows_topics"] = len(self._export.topics)
        self.counts["rows_users"] = len(self._export.users)
        for topic in self._export.topics:
            if topic.archetype != _REGULAR:
                self.left_out["private_topics"] += 1
                continue
            yield from self._topic(topic)
            done += len(topic.posts)
            self._passed(done)

    def _topic(self, topic: _Topic) -> Iterator[Entry]:
        is_question = topic.title.rstrip().endswith(("?", "？"))
        posts = sorted(topic.posts, key=lambda post: post.post_number)
        names = {post.post_number: f"posts/{post.id}" for post in posts}
        first = posts[0] if posts else None
        for post in posts:
            if post.hidden or (post.user_id is not None and post.user_id <= _SYSTEM):
                self.left_out["hidden_posts" if post.hidden else "posts_of_the_forum_itself"] += 1
                continue
            is_first = post is first
            about = names.get(post.reply_to_post_number or 0)
            is_answer = is_question and about in {None, names[posts[0].post_number]}
            parent = about if about in self._carried and not is_answer else None
            text = to_markdown(post.raw)
            yield from self.post(
                Post(
                    id=names[post.post_number],
                    kind=("question" if is_question else "story") if is_first else ("answer" if is_answer else "reply"),
                    text=text,
                    language=language_of(f"{topic.title if is_first else ''}\n{text}", default=self._language),
                    at=_aware(post.created_at),
                    author=self._author(post.user_id),
                    thread=None if is_first else names[posts[0].post_number],
                    parent=parent,
                    topic=self._categories.get(topic.category_id or 0) if is_first else None,
                    title=topic.title if is_first else None,
                    url=f"https://{self.place}/t/{topic.id}/{post.post_number}",
                    license=self._licence,
                )
            )

    def _author(self, user: int | None) -> Member | None:
        name = self._names.get(user) if user is not None else None
        return Member(f"users/{user}", name) if name else None


def to_markdown(raw: str) -> str:
    r"""Return what somebody typed in Discourse without what only Discourse knows.

    >>> to_markdown('[quote="wren, post:1, topic:2"]\nHow long?\n[/quote]\nFive days.')
    '> wren: How long?\n\nFive days.'
    """
    text = raw.replace("\r\n", "\n")

    def quoted(found: re.Match[str]) -> str:
        who = f"{found[1]}: " if found[1] else ""
        return "\n".join(f"> {line}".rstrip() for line in (who + found[2].strip()).split("\n")) + "\n"

    def picture(found: re.Match[str]) -> str:
        shown = found[1].strip() or "image"
        return f"[{shown}]({found[2]})" if found[2].startswith(("https://", "http://")) else shown

    return _TAG.sub("", _PICTURE.sub(picture, _QUOTE.sub(quoted, text))).strip()


def _aware(at: dt.datetime) -> dt.datetime:
    return at if at.tzinfo is not None else at.replace(tzinfo=dt.UTC)
