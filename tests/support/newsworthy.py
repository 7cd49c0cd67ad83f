"""What happens on the square that somebody wants to hear of: Alice, as Wren, asks, and Bob, as Finch, answers."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any, Final

from comptoir.foundation.kernel.clock import Clock
from support import talking
from support.gateway import Gateway
from support.pages import accepted, event

ALICE, BOB = uuid.UUID(int=0xA11CE), uuid.UUID(int=0xB0B)
_LONG_AGO: Final = dt.timedelta(days=9)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Turning(Clock):
    """A clock that a test sets."""

    def __init__(self, at: dt.datetime) -> None:
        self.at = at

    def now(self) -> dt.datetime:
        return self.at


def reference(user: uuid.UUID) -> dict[str, str]:
    return {"kind": "user", "value": str(user)}


def wants(gate: Gateway, user: uuid.UUID, rhythm: str = "daily", language: str = "en") -> None:
    said = {"customer": reference(user), "rhythm": rhythm, "language": language}
    accepted(
        gate.post([event("letters.chosen", said, source="/storefront", at=_now() - _LONG_AGO)], touchpoint="storefront")
    )


def named(gate: Gateway, user: uuid.UUID, name: str) -> str:
    persona = str(uuid.uuid4())
    said = {"customer": reference(user), "persona": persona, "name": name}
    accepted(gate.post([event("persona.choose", said, source="/storefront")], touchpoint="storefront"))
    return persona


def tell(gate: Gateway, said: dict[str, Any], *, touchpoint: str = "square") -> str:
    accepted(gate.post([{**said, "id": uuid.uuid4().hex}], touchpoint=touchpoint))
    return str(said["data"].get("post", ""))


def conversation(gate: Gateway, *, title: str = "How long does rye bread keep?") -> tuple[str, str, str]:
    """Let Alice, as Wren, ask something, and Bob, as Finch, who is no newcomer, answer; returns both and the thread."""
    wren, finch = named(gate, ALICE, "Wren"), named(gate, BOB, "Finch")
    tell(gate, talking.wrote(finch, "Which flour?", at=_now()))
    thread = tell(gate, talking.wrote(wren, title, at=_now()))
    answered(gate, finch, thread)
    return wren, finch, thread


def answered(gate: Gateway, persona: str, thread: str) -> None:
    tell(gate, talking.wrote(persona, "Five days.", kind="answer", thread=thread, at=_now()))
