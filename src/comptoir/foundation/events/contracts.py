"""What arrives, what is answered, and what a package has to offer to take part in a batch."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, Literal, Protocol

import msgspec

from comptoir.foundation.events.rules import content_fingerprint
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem

#: Limits of an event's identity; longer ones are refused at the door.
SOURCE_CHARACTERS_MAX: Final = 200
ID_CHARACTERS_MAX: Final = 128


class Balance(msgspec.Struct, frozen=True):
    """What a person has: points to spend, points held for an open reservation, points owed after a return."""

    available: int
    held: int = 0
    owed: int = 0


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the sender of an event is answered. ``event`` is its position in the log.

    ``points`` is what the event moved for the customer, net; ``points_by_line`` how many of them each line of a sale
    has earned, where it has several; ``balance`` is the person's balance right after it.
    ``basket`` is what a basket costs after its promotions, and why; ``gift_card`` is what was moved on one, and what
    is left. ``waiting`` says that a return waits for its sale.
    ``problem`` has the members of RFC 9457.
    """

    id: str
    source: str
    status: Literal["accepted", "refused"]
    event: Id | None = None
    customer: Id | None = None
    points: int | None = None
    points_by_line: Sequence[int] | None = None
    balance: Balance | None = None
    waiting: bool = False
    basket: Any = None
    gift_card: Any = None
    problem: dict[str, Any] | None = None


class Arrival(msgspec.Struct, gc=False):
    """An event on its way through one batch: what was sent, then what was decided.

    ``data`` is the typed content, identifiers already replaced by opaque customer ids; ``written`` is the same as
    the JSON that the log keeps. ``fingerprint`` (16 bytes) tells two contents apart. ``customer`` is the customer
    whom the event is about, if any. ``proof`` is what the door has seen and nobody may keep. The rest is filled by
    :func:`~comptoir.foundation.events.commands.record` and by the handlers: a ``refusal``, the net ``points``, the
    ``balance`` after it, the ``decision`` rows.
    """

    source: str
    id: str
    type: str
    touchpoint: str
    occurred_at: dt.datetime
    received_at: dt.datetime
    data: Any
    written: bytes
    fingerprint: bytes
    customer: Id | None = None
    proof: Any = None
    position: Id | None = None
    is_repeated: bool = False
    is_waiting: bool = False
    refusal: Problem | None = None
    points: int | None = None
    points_by_line: Sequence[int] | None = None
    balance: Balance | None = None
    decision: list[Any] | None = None
    basket: Any = None
    gift_card: Any = None
    outcome: bytes = b""
    #: What was sent, if something else is kept in its place: customer, id, written, fingerprint.
    sent: tuple[Id | None, str, bytes, bytes] | None = None

    def sever(self, *, id: str, written: bytes) -> None:  # noqa: A002 - CloudEvents calls it so
        """Keep nothing that leads to the customer: ``id`` and ``written`` take the place of what came."""
        assert self.sent is None, "an arrival is severed once"
        self.sent = (self.customer, self.id, self.written, self.fingerprint)
        occurred = self.occurred_at.astimezone(dt.UTC).isoformat()
        self.customer, self.id, self.written = None, id, written
        self.fingerprint = content_fingerprint(self.type, occurred, written)

    def reword(self, written: bytes) -> None:
        """Keep other words than those that came, about the same customer: what a request was about is kept nowhere."""
        customer = self.customer
        if self.sent is None:
            self.sever(id=self.id, written=written)
        else:
            occurred = self.occurred_at.astimezone(dt.UTC).isoformat()
            self.written, self.fingerprint = written, content_fingerprint(self.type, occurred, written)
        self.customer = customer

    def reset(self) -> None:
        """Forget what an attempt that was rolled back had decided."""
        if self.sent is not None:
            self.customer, self.id, self.written, self.fingerprint = self.sent
            self.sent = None
        self.position = self.refusal = self.points = self.points_by_line = self.balance = self.decision = None
        self.basket = self.gift_card = None
        self.is_repeated = self.is_waiting = False
        self.outcome = b""

    @property
    def order(self) -> tuple[dt.datetime, str, str]:
        """The canonical order of facts: when it happened, then who says so. Never when it arrived."""
        return (self.occurred_at, self.source, self.id)


class Accepted(msgspec.Struct, frozen=True):
    """An accepted event, live or from the log: its place, when it happened, its type and typed content."""

    position: Id
    at: dt.datetime
    type: str
    data: Any


class Change(msgspec.Struct, frozen=True, array_like=True):
    """A person's new balance, as live pages hear of it. ``position`` tells which of two changes is the later one."""

    customers: tuple[Id, ...]
    position: Id
    available: int
    held: int
    owed: int


class Batch:
    """What is handled in one transaction.

    ``arrivals`` are all events in the order of their arrival, ``fresh`` those that were not seen before.
    ``reused`` are those whose identity was recorded with other content, each with the outcome that it had then: a
    handler that loads may take their refusal away, and then they are repeats. ``known`` are customers that some
    handler has found in its tables. ``last_position`` is the greatest position that the rows locked by this batch
    have seen; what the batch appends sorts behind it. ``changes`` is what live pages will hear, ``looks`` who has to
    look again although no balance of theirs is another one, ``gone`` whose
    streams will end. ``is_trusting``: a trusting batch need not look for what a unique key would refuse anyway; if
    it does refuse, the batch is decided again, without trust.
    """

    def __init__(self, arrivals: Sequence[Arrival], *, is_trusting: bool = False) -> None:
        """Take the arrivals of one transaction."""
        self.arrivals = arrivals
        self.is_trusting = is_trusting
        self.fresh: list[Arrival] = []
        self.reused: list[tuple[Arrival, bytes]] = []
        self.gone: list[Id] = []
        self.known: set[Id] = set()
        self.last_position: Id | None = None
        self.changes: list[Change] = []
        self.looks: set[Id] = set()

    def accepted(self) -> Iterable[Arrival]:
        """Return the fresh events that nobody has refused."""
        return (arrival for arrival in self.fresh if arrival.refusal is None)

    def saw(self, position: Id | None) -> None:
        """Note a position that what follows has to sort behind."""
        if position is not None and (self.last_position is None or position > self.last_position):
            self.last_position = position


class Handler(Protocol):
    """A package's part in one batch. A new handler is made for each attempt, so it may keep what it reads.

    The four steps are called for all handlers in the order of their list, one step after the other:
    ``prepare`` (take locks, in one order; look at every arrival), ``load`` (read what the decision needs; from here
    on only ``batch.fresh`` matters), ``decide`` (pure: set refusals, points, balances, decisions on the arrivals),
    ``write`` (queue statements; nothing is awaited).
    """

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Take the locks."""
        ...

    def load(self, connection: Connection, batch: Batch) -> None:
        """Read what the decision needs."""
        ...

    def decide(self, batch: Batch) -> None:
        """Decide, without the database."""
        ...

    def write(self, connection: Connection, batch: Batch) -> None:
        """Write what was decided, as sets."""
        ...


class HandlerMaker(Protocol):
    """Makes the handlers of one batch, in the order in which they decide."""

    def __call__(self, types: Collection[str], /) -> Sequence[Handler]:
        """Return fresh handlers for a batch that holds events of these types; who has nothing to do may be left out."""
        ...
