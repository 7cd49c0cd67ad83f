"""What is asked of a provider and what it answers; what the checkout gets. Amounts in minor units, ISO 4217."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Literal

import msgspec

#: What a provider says of a session. ``unknown``: nobody can say; it is never taken for a no.
Word = Literal["open", "paid", "expired", "failed", "unknown"]
#: What a provider says of a refund. ``pending`` is a promise that may still fail.
RefundWord = Literal["done", "pending", "refused", "unknown"]
#: What a report tells. ``other`` is kept and counted, and nothing follows from it.
Kind = Literal["paid", "expired", "failed", "refund_done", "refund_failed", "chargeback", "chargeback_won", "other"]
#: How a purpose stands. ``closing``: nobody knows yet whether it is paid or over.
Standing = Literal["none", "open", "closing", "paid", "over"]
#: What a person has to look at.
UnresolvedKind = Literal["session", "refund", "refused", "twice", "report"]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a session is opened for. ``key`` is our number of it and the idempotency key: one key, one session."""

    key: uuid.UUID
    purpose: uuid.UUID
    amount: int
    currency: str
    title: str
    return_url: str
    cancel_url: str
    expires_at: dt.datetime
    language: str


class Opened(msgspec.Struct, frozen=True):
    """Whether a session was opened: its number at the provider, and the page to which the payer goes."""

    word: Literal["open", "refused", "unknown"]
    reference: str = ""
    url: str = ""
    why: str = ""


class State(msgspec.Struct, frozen=True):
    """How a session stands. Once paid: the provider's number of the payment, and all that was captured of it so far."""

    word: Word
    payment: str = ""
    amount: int = 0
    currency: str = ""
    at: dt.datetime | None = None
    why: str = ""


class RefundState(msgspec.Struct, frozen=True):
    """How a refund stands; the provider's number of it, where it has one."""

    word: RefundWord
    reference: str = ""
    why: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a verified report says, in our words. ``kept`` is its body as it may be kept: nothing about a person.

    ``session``, ``payment`` and ``refund`` are the provider's numbers, ``ours`` is ours of the session or refund.
    """

    event: str
    kind: Kind
    kept: bytes
    at: dt.datetime
    session: str = ""
    payment: str = ""
    refund: str = ""
    ours: uuid.UUID | None = None
    amount: int = 0
    currency: str = ""


class Begun(msgspec.Struct, frozen=True):
    """A session to which the payer can go."""

    session: uuid.UUID
    url: str
    expires_at: dt.datetime


class PurposeState(msgspec.Struct, frozen=True, kw_only=True):
    """How a purpose stands: what it has to do with money, in minor units of ``currency``.

    ``kept`` is what was captured and wanted, less what went back of it and what a bank took back.
    """

    standing: Standing
    currency: str = ""
    captured: int = 0
    refunding: int = 0
    refunded: int = 0
    charged_back: int = 0
    kept: int = 0


class RefundAsked(msgspec.Struct, frozen=True):
    """A refund that was asked for: its number, amount, and how it stands (``queued asked done refused``)."""

    refund: uuid.UUID
    amount: int
    state: str


class Unresolved(msgspec.Struct, frozen=True, kw_only=True):
    """Something for which nobody can answer, or which a provider refuses: what, its number, since when and why.

    A ``session`` or ``refund`` has no answer, a ``refused`` refund has one; a refund went back ``twice`` where the
    provider has done it after all, and something else took its place; a ``report`` is about nothing that is here.
    ``reference`` is the provider's number of it, by which its own pages find it; ``amount`` in minor units, of one that
    went back twice what was given too much.
    """

    what: UnresolvedKind
    number: uuid.UUID
    since: dt.datetime
    why: str
    provider: str
    purpose: uuid.UUID | None = None
    reference: str = ""
    amount: int = 0
    currency: str = ""
