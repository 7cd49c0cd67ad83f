"""What is said on the square, for tests: members with names, staff, and their posts as events."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any, Final

from support import casting
from support.casting import NOON, Counter, Event, Reference

SQUARE: Final = "/square"
CONSOLE: Final = casting.CONSOLE
STAFF: Final = {"staff": "camille", "name": "Camille, produce"}


def new() -> str:
    """Return a random id."""
    return str(uuid.uuid4())


def said(kind: str, data: dict[str, Any], *, at: dt.datetime = NOON, source: str = SQUARE) -> Event:
    """Return an event of the square, or of the console."""
    return casting.event(kind, {name: value for name, value in data.items() if value is not None}, source=source, at=at)


def opened(
    topic: str = "bread", *, kind: str = "interest", en: str = "Bread", at: dt.datetime = NOON, **more: Any
) -> Event:
    """Return that the shop opens a topic."""
    return said("topic.opened", {"topic": topic, "kind": kind, "en": en, **more}, source=CONSOLE, at=at)


def wrote(
    persona: str,
    text: str = "How long does rye bread keep?",
    *,
    kind: str = "question",
    at: dt.datetime = NOON,
    **more: Any,
) -> Event:
    """Return that a member writes something; what begins a thread gets a title."""
    data = {"persona": persona, "post": new(), "kind": kind, "text": text, "language": "en", **more}
    if "thread" not in data:
        data.setdefault("title", text[:60])
    return said("post.published", data, at=at)


def staff_wrote(text: str, *, kind: str = "answer", at: dt.datetime = NOON, **more: Any) -> Event:
    """Return that a member of staff writes something."""
    return said(
        "post.staff",
        {**STAFF, "post": new(), "kind": kind, "text": text, "language": "en", **more},
        source=CONSOLE,
        at=at,
    )


def voted(persona: str, post: str, value: int = 1, *, at: dt.datetime = NOON) -> Event:
    """Return a vote."""
    return said("vote.cast", {"persona": persona, "post": post, "value": value}, at=at)


def post_of(event: Event) -> str:
    """Return the id of the post that an event brings."""
    return str(event["data"]["post"])


def named(counter: Counter, name: str, of: Reference) -> str:
    """Let somebody choose a public name; return its id."""
    chosen = casting.persona(name, of=of)
    assert counter.tell(chosen).problem is None
    return str(chosen["data"]["persona"])


def later(minutes: int) -> dt.datetime:
    """Return a moment so many minutes after noon."""
    return NOON + dt.timedelta(minutes=minutes)
