"""What passes between the parts of a sender: what was claimed, what one reader gets, what became of it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from comptoir.counter.messages.contracts import OutcomeKind
from comptoir.vault.contacts.contracts import Field, Hidden

#: By which piece of contact data a channel reaches somebody; the others need none.
FIELD_OF: Mapping[str, Field] = {"mail": "email", "message": "phone"}
#: ``again``: it has certainly not left, and may be tried once more.
Fate = Literal["accepted", "refused", "unknown", "unreachable", "again"]


class Claim(msgspec.Struct, frozen=True, array_like=True):
    """A decision that a sender has in hand, with whether it may be sent at this moment."""

    decision: uuid.UUID
    tries: int
    campaign: uuid.UUID
    customer: uuid.UUID
    occurrence: str
    coupon: uuid.UUID | None
    values: Mapping[str, Any] | None
    not_after: dt.datetime | None
    dispatch: uuid.UUID
    is_stopped: bool
    is_permitted: bool


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """What one reader gets, and where. In memory only; ``key`` is the same whenever this decision is tried again."""

    decision: uuid.UUID
    key: uuid.UUID
    tries: int
    is_service: bool
    to: Hidden[str] | None
    customers: tuple[uuid.UUID, ...] = ()
    subject: str = ""
    text: str = ""
    html: str = ""
    url: str = ""
    #: Why it came and in which language, for a channel that says so apart from the text.
    reason: str = ""
    language: str = "en"
    not_after: dt.datetime | None = None


class Result(msgspec.Struct, frozen=True):
    """What became of one message; ``reason`` is a word of the house's own, never what a server said."""

    fate: Fate
    reason: str = ""


class Done(msgspec.Struct, frozen=True):
    """What is to be written down of a decision."""

    decision: uuid.UUID
    kind: OutcomeKind
    at: dt.datetime
    reason: str = ""


class Back(msgspec.Struct, frozen=True):
    """That a decision goes back into the queue: due when, and whether that counts as a try."""

    decision: uuid.UUID
    due_at: dt.datetime
    tried: bool = False
