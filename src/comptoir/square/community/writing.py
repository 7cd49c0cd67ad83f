"""What a post may be, and what becomes of one: pure decisions over what is known of it."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from typing import Any, Final

import msgspec

from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem
from comptoir.square.community.contracts import OPENING
from comptoir.square.community.errors import PostGone, PostMisplaced, TextUnfit, ThreadLocked

#: At most so many posts of one member in an hour and in a day; who needs more is asked to wait.
POSTS_PER_HOUR_MAX: Final = 20
POSTS_PER_DAY_MAX: Final = 80
#: At most so many times an hour a person writes something anew; every version stays in the log.
EDITS_PER_HOUR_MAX: Final = 20
#: What turns the direction of a text, or cannot be seen: it makes a text say something else than it shows.
_UNSEEN: Final = frozenset(
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062"
    "\u2063\u2064\u2066\u2067\u2068\u2069\u3164\ufeff\uffa0"
)
_MARKS_IN_A_ROW_MAX: Final = 4
#: The same with what is for private use (Co) or half a character (Cs).
_REFUSED: Final = re.compile("[" + "".join(sorted(_UNSEEN)) + "\ud800-\uf8ff\U000f0000-\U0010ffff]")
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CONTROL_IN_LINE: Final = re.compile("[\x00-\x1f\x7f-\x9f]+")
#: Where a row of marks could be: characters that are neither Latin nor of East Asia.
_MAY_BE_MARKS: Final = re.compile(
    "[^\x00-\u02ff\u2010-\u205e\u3000-\u3029\u3030-\u3096\u309b-\u9fff\uac00-\ud7a3\uff00-\uffef]{5}"
)
#: States in which nothing can be said to a post any more.
_ENDED: Final = frozenset({"hidden", "withdrawn", "gone"})


class Thread(msgspec.Struct):
    """A conversation as far as a decision needs it."""

    id: Id
    kind: str
    opener: Id | None
    posts: int
    last_position: Id
    accepted: Id | None = None
    status: str | None = None
    state: str = "public"
    is_locked: bool = False


class Post(msgspec.Struct):
    """A post as far as a decision needs it."""

    id: Id
    thread: Id
    kind: str
    author: Id | None
    state: str
    version: int
    said_at: Id


def judge_text(text: str, *, field: str) -> Problem | None:
    """Return why a text cannot stand on a page, or ``None``."""
    run = 0
    if not text.strip():
        return TextUnfit("Write something.", field=field)
    for character in text:
        category = unicodedata.category(character)
        run = run + 1 if category in {"Mn", "Me"} else 0
        if run > _MARKS_IN_A_ROW_MAX:
            return TextUnfit("Too many marks on one letter.", field=field)
        if character in _UNSEEN or (category == "Cc" and character not in "\n\r\t") or category in {"Co", "Cs"}:
            return TextUnfit("It contains characters that cannot be seen, or that turn the text around.", field=field)
    return None


def without_unseen(text: str, *, is_line: bool = False) -> str:
    """Return a text from elsewhere without what :func:`judge_text` refuses to take from somebody who writes here."""
    text = _REFUSED.sub("", _CONTROL_IN_LINE.sub(" ", text) if is_line else text.replace("\r\n", "\n"))
    text = _CONTROL.sub(" ", text)
    if not _MAY_BE_MARKS.search(text):
        return text
    kept: list[str] = []
    run = 0
    for character in text:
        run = run + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
        if run <= _MARKS_IN_A_ROW_MAX:
            kept.append(character)
    return "".join(kept)


def judge_place(data: Any, thread: Thread | None, parent: Post | None) -> Problem | None:
    """Return why a post cannot stand where its author puts it, or ``None``."""
    return _judge_opening(data) if thread is None else _judge_in(thread, data, parent)


def _judge_opening(data: Any) -> Problem | None:
    if data.kind not in OPENING:
        return PostMisplaced("An answer or a reply needs the thread in which it stands.", field="data.thread")
    if data.title is None:
        return PostMisplaced("What begins a thread needs a title.", field="data.title")
    if data.parent is not None:
        return PostMisplaced("What begins a thread answers nothing.", field="data.parent")
    if data.kind == "review" and data.topic is None and getattr(data, "product", None) is None:
        return PostMisplaced("A review is about a product or a topic.", field="data.product")
    return None


def _judge_in(thread: Thread, data: Any, parent: Post | None) -> Problem | None:
    if thread.state in _ENDED:
        return PostGone(field="data.thread")
    if thread.is_locked:
        return ThreadLocked(field="data.thread")
    if data.kind in OPENING:
        return PostMisplaced("In a thread there are answers and replies.", field="data.kind")
    if data.title is not None:
        return PostMisplaced("Only what begins a thread has a title.", field="data.title")
    if data.kind == "answer" and thread.kind != "question":
        return PostMisplaced("Only questions have answers; reply instead.", field="data.kind")
    if parent is not None and parent.thread != thread.id:
        return PostMisplaced("It answers a post of another thread.", field="data.parent")
    return PostGone(field="data.parent") if parent is not None and parent.state in _ENDED else None


def state_after(action: str, state: str) -> str:
    """Return the state of a post on which somebody has decided. What is decided on waits no longer."""
    if action == "hide":
        return "hidden"
    return state if action in {"lock", "unlock"} and state == "hidden" else "public"


def is_too_fast(
    times: list[dt.datetime],
    *,
    now: dt.datetime,
    per_hour: int = POSTS_PER_HOUR_MAX,
    per_day: int = POSTS_PER_DAY_MAX,
) -> bool:
    """Tell whether somebody who wrote at these times has to wait before writing more."""
    hour = sum(1 for at in times if now - at < dt.timedelta(hours=1))
    return hour >= per_hour or len(times) >= per_day
