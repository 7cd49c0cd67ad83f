"""The sender: takes recorded events to the gateway over HTTP, as the stores' tills would have.

Events go in the order of time, in windows. Within a window the facts (what happened) are sent first, several
batches at once, and then, one touchpoint after the other, the requests on which the counter has to decide
(``points.redeem`` and its like). Facts give the same result in any order; decisions depend on what was known before
them, so that the same recording always meets the same answers.

Nothing is given up silently. A gateway that is busy (503), restarting or out of reach is asked again, later and
later with some chance in it, and the wait is shown; a batch that is refused as a whole is halved until the event at
fault stands alone; every event ends as accepted, refused by name, or known already.

Not here: what a terminal shows of it (``commands/replay.py``), where the events come from (``recordings.py``).
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import datetime as dt
import itertools
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Protocol

import httpx
import msgspec

from comptoir.config.replaying.bookmarks import Bookmark
from comptoir.config.replaying.keyring import Keyring
from comptoir.config.replaying.phone import Phone
from comptoir.config.replaying.recordings import Entry
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.kernel.outbound import trusted
from comptoir.foundation.kernel.problem import TYPE_PREFIX

BATCH_MAX: Final = 1000
IN_FLIGHT: Final = 4
#: A body of this size is split before it is sent: half of what a gateway is sure to take.
BODY_BYTES_MAX: Final = 512 << 10
EXAMPLES_MAX: Final = 5

_FIRST_WAIT_SECONDS = 0.2
_WAIT_SECONDS_MAX = 15.0
_RETRY_AFTER_SECONDS_MAX = 120.0
_REQUEST_SECONDS_MAX = 60.0
_TICK_SECONDS = 0.25
_FIRST_CATCH_UP = 20  # events; so many at most go faster than the pace when all are new
_CONTENT_TYPE = "application/cloudevents-batch+json"
_PUT_OFF_MAX = 5  # an event that the gateway cannot record after so many times is refused by that name
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_FORBIDDEN = frozenset({401, 403, 404, 405})


class SendingError(Exception):
    """The sender cannot go on; the message says why, and that nothing acknowledged is lost."""


class _Problem(msgspec.Struct, frozen=True):
    type: str = "about:blank"
    title: str = ""
    status: int = 0
    detail: str = ""
    field: str | None = None


class _Outcome(msgspec.Struct, frozen=True):
    id: str | None = None
    source: str | None = None
    status: str = ""
    points: int | None = None
    customer: str | None = None
    problem: _Problem | None = None


class _Answer(msgspec.Struct, frozen=True):
    outcomes: list[_Outcome]
    repeated: list[int] = []


_answers = msgspec.json.Decoder(_Answer)
_problems = msgspec.json.Decoder(_Problem)


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """One refused event: which it was, the problem's name, its sentence, and the field at fault where it has one."""

    id: str
    source: str
    type: str
    reason: str
    detail: str
    field: str | None = None


class Progress(Protocol):
    """What wants to know how far a sender is."""

    def sent(self, tally: Tally, at: dt.datetime) -> None:
        """Events up to the time ``at`` have been answered."""
        ...

    def waiting(self, reason: str, seconds: float) -> None:
        """The gateway does not answer; the sender asks again in ``seconds``."""
        ...


class Tally:
    """What became of the events: ``events`` is always the sum of accepted, refused and known ones."""

    def __init__(self) -> None:
        """Start with nothing sent."""
        self.events = 0
        self.accepted = 0
        self.duplicates = 0
        self.skipped = 0
        self.retries = 0
        self.refused: collections.Counter[str] = collections.Counter()
        self.points = 0
        self.seconds = 0.0
        self.examples: dict[str, list[Refusal]] = {}

    @property
    def refused_total(self) -> int:
        """How many events were refused, whatever the reason."""
        return self.refused.total()

    @property
    def events_per_second(self) -> float:
        """How many events were answered in a second, on average."""
        return self.events / self.seconds if self.seconds else 0.0

    def as_members(self) -> dict[str, Any]:
        """Return the tally as the members of a JSON object."""
        return {
            "events": self.events,
            "accepted": self.accepted,
            "refused": self.refused_total,
            "refused_by_reason": dict(sorted(self.refused.items())),
            "duplicates": self.duplicates,
            "skipped": self.skipped,
            "points": self.points,
            "retries": self.retries,
            "seconds": round(self.seconds, 3),
            "events_per_second": round(self.events_per_second, 1),
        }

    def add(self, entry: Entry, outcome: _Outcome, *, is_repeated: bool) -> Refusal | None:
        """Count one answered event; returns the refusal where it is a new one."""
        self.events += 1
        if is_repeated:
            self.duplicates += 1
            return None
        if outcome.status == "accepted":
            self.accepted += 1
            self.points += outcome.points or 0
            return None
        problem = outcome.problem or _Problem()
        reason = problem.type.removeprefix(TYPE_PREFIX)
        refusal = Refusal(
            id=entry.id,
            source=entry.source,
            type=entry.type,
            reason=reason,
            detail=problem.detail or problem.title,
            field=problem.field,
        )
        self.refused[reason] += 1
        examples = self.examples.setdefault(reason, [])
        if len(examples) < EXAMPLES_MAX:
            examples.append(refusal)
        return refusal


class Pace:
    """How fast recorded time goes by: ``speed`` recorded seconds in a second, once there is something new to send.

    While ``is_catching_up``, nothing waits: what the gateway knows already goes by in windows that grow as long as
    nothing in them is new. ``catch_up=False`` keeps the pace from the first event on.

    ``now`` tells a steadily growing number of seconds.
    """

    def __init__(self, speed: float, *, catch_up: bool = False, now: Callable[[], float] = time.monotonic) -> None:
        """Start the clock with the first event that asks when it is due."""
        if speed <= 0:
            raise ValueError("a speed is greater than 0")
        self.is_catching_up = catch_up
        self._speed = speed
        self._now = now
        self._began: tuple[float, dt.datetime] | None = None

    def seconds_until(self, moment: dt.datetime) -> float:
        """Return in how many seconds an event of that time is due; 0 if it is due already."""
        if self._began is None:
            self._began = (self._now(), moment)
        began, first = self._began
        return max(0.0, (moment - first).total_seconds() / self._speed - (self._now() - began))


class Sender:
    """Sends events to one gateway. One sender sends one recording at a time."""

    def __init__(
        self,
        gateway: str,
        keyring: Keyring,
        *,
        phone: Phone | None = None,
        batch: int = 500,
        in_flight: int = IN_FLIGHT,
        give_up_seconds: float = 600.0,
        progress: Progress | None = None,
        on_refusal: Callable[[Refusal], None] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.monotonic,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Prepare to send to ``gateway`` (its URL); nothing is opened yet.

        ``phone`` shows the codes with which points are spent; without one, requests that need a code are refused.

        ``batch`` events at most make one request, ``in_flight`` requests at most are open at once.
        ``give_up_seconds`` without a single answer end the sending with :class:`SendingError`. ``on_refusal`` gets
        every new refusal. ``sleep``, ``now`` and ``transport`` are for tests.
        """
        if not 1 <= batch <= BATCH_MAX:
            raise ValueError(f"a batch has 1 to {BATCH_MAX} events")
        self.tally = Tally()
        self._gateway = gateway.rstrip("/")
        self._keyring = keyring
        self._phone = phone
        self._batch = batch
        self._in_flight = in_flight
        self._give_up_seconds = give_up_seconds
        self._progress = progress
        self._on_refusal = on_refusal
        self._sleep = sleep
        self._now = now
        self._transport = transport
        self._answered_at = 0.0

    async def send(
        self,
        entries: Iterable[Entry],
        *,
        pace: Pace | None = None,
        acknowledged: Callable[[Sequence[Entry]], None] | None = None,
    ) -> Tally:
        """Send everything and return the tally. ``acknowledged`` is called with each window when it is answered.

        Raises :class:`SendingError` where going on makes no sense: a key that is not accepted, an address that is no
        gateway's, no answer for too long, an answer that does not fit the question.
        """
        began = self._now()
        before = self.tally.seconds
        self._answered_at = began
        try:
            async with self._client() as client, contextlib.aclosing(self._windows(iter(entries), pace)) as windows:
                async for window in windows:
                    # The wait for the next event's time is no silence of the gateway.
                    self._answered_at = self._now()
                    accepted = self.tally.accepted
                    await self._send_window(client, window)
                    if pace is not None and self.tally.accepted > accepted:
                        pace.is_catching_up = False
                    self.tally.seconds = before + self._now() - began
                    if acknowledged is not None:
                        acknowledged(window)
                    if self._progress is not None:
                        self._progress.sent(self.tally, window[-1].time)
        finally:
            self.tally.seconds = before + self._now() - began
        return self.tally

    async def probe(self, window: Sequence[Entry]) -> bool:
        """Send some events and tell whether nothing was new to the gateway. They are not counted."""
        counted, self.tally = self.tally, Tally()
        heard, self._on_refusal = self._on_refusal, None
        try:
            self._answered_at = self._now()
            async with self._client() as client:
                await self._send_window(client, window)
            # What the door itself refuses leaves no trace, and is refused again.
            return self.tally.accepted == 0
        finally:
            # What was new after all is sent once more with the rest, and is counted there as known: the sender
            # starts again from the beginning in that case.
            self.tally = counted
            self._on_refusal = heard

    async def resume(
        self,
        entries: Callable[[], Iterator[Entry]],
        bookmark: Bookmark,
        *,
        pace: Pace | None = None,
        reading: Callable[[int], None] | None = None,
    ) -> Tally:
        """Send what stands behind the bookmark, and move it along; the same errors as :meth:`send`.

        ``entries`` gives the recording from its beginning each time it is called. ``reading`` hears how many of the
        events before the bookmark have been passed over. The bookmark is checked first: the events just before it
        are sent again, and if any of them is new to the gateway, everything is sent from the beginning.
        """
        rest = entries()
        if bookmark.events:
            tail: collections.deque[Entry] = collections.deque(maxlen=self._batch)
            skipped = 0
            for entry in itertools.islice(rest, bookmark.events):
                tail.append(entry)
                skipped += 1
                if reading is not None and skipped % self._batch == 0:
                    reading(skipped)
            fits = skipped == bookmark.events and bookmark.fits(tail[-1])
            if fits and await self.probe(tail):
                self.tally.skipped += skipped
            else:
                bookmark.forget()
                rest = entries()
        try:
            return await self.send(rest, pace=pace, acknowledged=bookmark.move)
        finally:
            bookmark.save()

    @contextlib.asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx.AsyncClient]:
        limits = httpx.Limits(max_connections=self._in_flight, max_keepalive_connections=self._in_flight)
        timeout = httpx.Timeout(_REQUEST_SECONDS_MAX, connect=5.0)
        # A gateway of the shop's own is never reached through a proxy that the environment names for the web.
        async with httpx.AsyncClient(
            limits=limits, timeout=timeout, trust_env=False, transport=self._transport, verify=trusted()
        ) as client:
            yield client

    async def _windows(self, entries: Iterator[Entry], pace: Pace | None) -> AsyncGenerator[list[Entry], None]:
        size = self._batch * self._in_flight
        if pace is None:
            # The next window is read while this one is on its way.
            reading = asyncio.create_task(asyncio.to_thread(_take, entries, size))
            try:
                while window := await reading:
                    reading = asyncio.create_task(asyncio.to_thread(_take, entries, size))
                    yield window
            finally:
                # A thread cannot be interrupted; whoever owns the entries must not be reading them on our behalf.
                with contextlib.suppress(Exception):
                    await asyncio.shield(reading)
            return
        some = _FIRST_CATCH_UP
        while pace.is_catching_up and (window := await asyncio.to_thread(_take, entries, min(some, size))):
            yield window
            some *= 2
        window = []
        entry = next(entries, None)
        while entry is not None:
            wait = pace.seconds_until(entry.time)
            if wait > 0 or len(window) >= size:
                if window:
                    yield window
                    window = []
                if wait > 0:
                    await self._sleep(min(max(wait, _TICK_SECONDS), 60.0))
                continue
            window.append(entry)
            entry = next(entries, None)
        if window:
            yield window

    async def _send_window(self, client: httpx.AsyncClient, window: Sequence[Entry]) -> None:
        facts: dict[str, list[Entry]] = {}
        decisions: dict[str, list[Entry]] = {}
        for entry in window:
            key = self._keyring.key_for(entry.source)
            if key is None:
                raise SendingError(f"no key for the source {entry.source}; nothing of this window was lost")
            (decisions if is_decision(entry.type) else facts).setdefault(key, []).append(entry)
        gate = asyncio.Semaphore(self._in_flight)

        async def send(key: str, batch: list[Entry]) -> None:
            async with gate:
                await self._send_batch(client, key, batch)

        try:
            async with asyncio.TaskGroup() as group:
                for key, entries in facts.items():
                    for batch in _batches(entries, self._batch):
                        group.create_task(send(key, batch))
        except BaseExceptionGroup as errors:
            # The first one says it; the others are its echo.
            raise errors.exceptions[0] from None
        for key, entries in decisions.items():
            for batch in _batches(entries, self._batch):
                await self._send_batch(client, key, batch)

    async def _send_batch(self, client: httpx.AsyncClient, key: str, batch: list[Entry]) -> None:
        headers = {"authorization": f"Bearer {key}", "content-type": _CONTENT_TYPE}
        for attempt in itertools.count():
            body = self._body(batch)
            wait: float | None = None
            try:
                response = await client.post(f"{self._gateway}/v1/events", content=body, headers=headers)
            except httpx.TransportError as error:
                reason = f"no answer from {self._gateway} ({type(error).__name__})"
            else:
                if response.status_code == httpx.codes.OK:
                    left = self._settle(batch, response.content, may_retry=attempt < _PUT_OFF_MAX)
                    self._answered_at = self._now()
                    if not left:
                        return
                    batch = left
                    reason = "the gateway puts some events off"
                elif response.status_code in _RETRIED:
                    reason = f"{self._gateway} answers {response.status_code}"
                    wait = _retry_after(response)
                else:
                    await self._refused_whole(client, key, batch, response)
                    return
            silence = self._now() - self._answered_at
            if silence > self._give_up_seconds:
                raise SendingError(
                    f"{reason}, for {silence:.0f} seconds now. What was acknowledged stays; the same command goes on"
                )
            self.tally.retries += 1
            seconds = _wait_seconds(attempt, wait)
            if self._progress is not None:
                self._progress.waiting(reason, seconds)
            await self._sleep(seconds)

    def _body(self, batch: Sequence[Entry]) -> bytes:
        """Write a batch as it is sent now: a code is good for a minute, so each attempt shows another one."""
        if self._phone is None:
            return b"[" + b",".join(entry.raw for entry in batch) + b"]"
        at = SYSTEM_CLOCK.now()
        return b"[" + b",".join(self._phone.filled(entry.raw, at=at) for entry in batch) + b"]"

    def _settle(self, batch: list[Entry], content: bytes, *, may_retry: bool) -> list[Entry]:
        """Count a batch's outcomes; returns the events that are worth sending again, unless it is enough."""
        try:
            answer = _answers.decode(content)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise SendingError(f"{self._gateway} does not answer as a gateway does: {error}") from None
        if len(answer.outcomes) != len(batch):
            raise SendingError(f"{len(batch)} events were sent and {len(answer.outcomes)} outcomes came back")
        repeated = frozenset(answer.repeated)
        left = []
        for index, (entry, outcome) in enumerate(zip(batch, answer.outcomes, strict=True)):
            if outcome.id is not None and outcome.id != entry.id:
                raise SendingError(f"the outcome of event {outcome.id} came back for event {entry.id}")
            is_passing = outcome.problem is not None and outcome.problem.status in _RETRIED
            if is_passing and may_retry and index not in repeated:
                left.append(entry)
                continue
            self._count(entry, outcome, is_repeated=index in repeated)
        return left

    async def _refused_whole(
        self, client: httpx.AsyncClient, key: str, batch: list[Entry], response: httpx.Response
    ) -> None:
        """Find the event that spoils a batch by halving it; one that is refused alone is counted as refused."""
        try:
            problem = _problems.decode(response.content)
        except (msgspec.ValidationError, msgspec.DecodeError):
            problem = _Problem(title=f"status {response.status_code}")
        name = problem.type.removeprefix(TYPE_PREFIX)
        if response.status_code in _FORBIDDEN:
            said = problem.detail or problem.title
            raise SendingError(f"{self._gateway} refuses the sender of {batch[0].source}: {name}. {said}".rstrip())
        self._answered_at = self._now()
        if len(batch) == 1:
            self._count(batch[0], _Outcome(status="refused", problem=problem), is_repeated=False)
            return
        middle = len(batch) // 2
        await self._send_batch(client, key, batch[:middle])
        await self._send_batch(client, key, batch[middle:])

    def _count(self, entry: Entry, outcome: _Outcome, *, is_repeated: bool) -> None:
        refusal = self.tally.add(entry, outcome, is_repeated=is_repeated)
        if refusal is not None and self._on_refusal is not None:
            self._on_refusal(refusal)


def is_decision(type_: str) -> bool:
    """Tell whether an event asks the counter to decide something, so that it has to wait for the facts before it."""
    return type_.startswith("points.")


def _take(entries: Iterator[Entry], size: int) -> list[Entry]:
    return list(itertools.islice(entries, size))


def _batches(entries: list[Entry], size: int) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    length = 0
    for entry in entries:
        if batch and (len(batch) >= size or length + len(entry.raw) > BODY_BYTES_MAX):
            yield batch
            batch, length = [], 0
        batch.append(entry)
        length += len(entry.raw) + 1
    if batch:
        yield batch


def _wait_seconds(attempt: int, wished: float | None) -> float:
    """Return how long to wait: what the gateway wished, or ever longer, with chance so that not all come at once.

    Full jitter, as in "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015), above a floor of a tenth.
    """
    ceiling = min(_WAIT_SECONDS_MAX, _FIRST_WAIT_SECONDS * float(2 ** min(attempt, 10)))
    chance = random.uniform(0.1, 1.0)  # noqa: S311 - spreads load, guards nothing
    if wished is not None:
        return min(wished, _RETRY_AFTER_SECONDS_MAX) + _FIRST_WAIT_SECONDS * chance
    return ceiling * chance


def _retry_after(response: httpx.Response) -> float | None:
    try:
        return max(0.0, float(response.headers["retry-after"]))
    except (KeyError, ValueError):
        return None  # a date is allowed too, and no gateway of ours sends one
