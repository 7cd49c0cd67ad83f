"""A channel's sender: takes up what is due, has it prepared, and hands it over by several connections at once.

What is about to leave is marked in the database a few messages at a time, and the same statement asks once more whether
it may. What was asked longer ago than :data:`FRESH_SECONDS` is asked again before it leaves: so a stop and a withdrawal
act within that time, whatever the network does. A sender's number is locked in the database as long as it lives; of one
that died, what it had marked is answered with ``unknown`` and what it had not goes back. Not here: what is sent
(``preparing.py``), how (``ports.py``).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import queue
import secrets
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import psycopg
from django.db import Error, connections, transaction

from comptoir.counter.messages.contracts import OutcomeKind
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK, Clock
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.messages import ports, store
from comptoir.vault.messages.contracts import Back, Done, Ready, Result
from comptoir.vault.messages.ports import LooksAhead, Port, PortAway, port_of
from comptoir.vault.messages.preparing import Preparer

_log = logging.getLogger("comptoir.messages")

#: So long an answer on whether a message may leave counts.
FRESH_SECONDS: Final = 0.25
#: How many messages are taken up at once, and how many of them one connection marks at once.
PORTION: Final = 500
MARKED: Final = 50
CONNECTIONS: Final[dict[str, int]] = {"mail": 4, "message": 2, "app": 4, "web": 1}
TRIES_MAX: Final = 8
#: A receipt of which nobody knows whether it arrived is sent again so often.
SERVICE_TRIES_MAX: Final = 3
_LATER: Final = dt.timedelta(minutes=1)
#: So soon whoever waits for the interpreter gets it: a connection that has an answer waits for no portion's preparing.
_TURN_SECONDS: Final = 0.0002
_AWAY_SECONDS: Final = (1.0, 2.0, 5.0, 15.0, 30.0)
_IDLE_SECONDS: Final = 1.0
#: So often it is asked whether anything more is due.
_LOOK_SECONDS: Final = 0.25
_UNTIL_IDLE_SECONDS: Final = 0.05
_RECOVER_SECONDS: Final = 10.0
_WRITING_SECONDS_MAX: Final = 60.0
_NUMBERS: Final = 2**31 - 1
#: The answer about what may leave: neither stopped nor without consent.
_MAY: Final = (False, True)


class _Lost(Exception):  # noqa: N818 - a state of the world
    """The database was away for too long; whoever comes next finds out what became of things."""


class Sender:
    """Serves one channel until it is told to stop; several may, in one process or in many."""

    def __init__(
        self,
        channel: str,
        *,
        clock: Clock = SYSTEM_CLOCK,
        make_port: Callable[[], Port] | None = None,
        count: int | None = None,
        fresh_seconds: float = FRESH_SECONDS,
    ) -> None:
        """Serve a channel by ``count`` connections, each made by ``make_port``."""
        self.channel = channel
        self._clock = clock
        self._make_port = make_port or (lambda: port_of(channel))
        self._is_shops = make_port is None
        self._said = float("-inf")
        self._count = count or CONNECTIONS[channel]
        self._fresh_seconds = fresh_seconds
        self._me = secrets.randbelow(_NUMBERS) + 1
        self._preparer = Preparer(channel)
        # What is prepared waits here and is asked about once more; a stop finds the rest in the database.
        self._ready: queue.Queue[list[Ready]] = queue.Queue(maxsize=PORTION // MARKED)
        # Nothing comes any more; nothing leaves any more.
        self._closing = threading.Event()
        self._ending = threading.Event()
        self._lost = threading.Event()
        self.finished = 0

    # -- what is taken up ---------------------------------------------------------------------------------------------

    def run(self, *, should_stop: Callable[[], bool] = lambda: False, until_idle: bool = False) -> int:
        """Send what is due until told to stop, or until nothing is due; returns how many were answered for.

        Raises :class:`psycopg.Error` or Django's when the database goes away: begin anew with another sender.
        """
        sys.setswitchinterval(min(_TURN_SECONDS, sys.getswitchinterval()))
        with self._holding() as holder:
            workers = [threading.Thread(target=self._serve, name=f"{self.channel} {n}") for n in range(self._count)]
            for worker in workers:
                worker.start()
            try:
                self._take_up(holder, should_stop=should_stop, until_idle=until_idle)
            finally:
                if should_stop():
                    self._ending.set()
                self._closing.set()
                for worker in workers:
                    worker.join()
                if not self._lost.is_set():
                    self._put_back_rest()
        if self._lost.is_set():
            raise psycopg.OperationalError("the database was away for too long")
        return self.finished

    def _take_up(self, holder: Any, *, should_stop: Callable[[], bool], until_idle: bool) -> None:
        recovered = float("-inf")
        while not should_stop() and not self._lost.is_set():
            now = self._clock.now()
            if time.monotonic() - recovered > _RECOVER_SECONDS:
                recover(holder, me=self._me, now=now)
                recovered = time.monotonic()
            if self._waits_for_somebody(holder, now=now):
                if until_idle:
                    return
                self._wait(_IDLE_SECONDS, should_stop)
                continue
            if store.is_due(holder, self.channel, now=now) and self._take_up_portion(now=now):
                continue
            if until_idle and self._ready.unfinished_tasks == 0:
                return
            # What goes back is due at some time; nobody else's work comes in the next moment.
            self._wait(_UNTIL_IDLE_SECONDS if until_idle else _LOOK_SECONDS, should_stop)

    def _waits_for_somebody(self, holder: Any, *, now: dt.datetime) -> bool:
        """Tell whether nobody takes this channel's messages in this shop; what is due waits, and says why.

        Nothing is taken up then: no address is opened for what cannot leave.
        """
        lack = ports.lacks(self.channel) if self._is_shops else ""
        if lack and time.monotonic() - self._said > _RECOVER_SECONDS:
            self._said = time.monotonic()
            if store.say_why(holder, self.channel, why=lack, now=now):
                _log.warning("no message can be sent by %s: %s", self.channel, lack)
        return bool(lack)

    def _take_up_portion(self, *, now: dt.datetime) -> bool:
        """Take up the next portion; returns whether there was one."""
        try:
            with entered(VAULT), transaction.atomic(using=VAULT.name):
                with connections[VAULT.name].cursor() as cursor:
                    store.use_indexes(cursor)
                    claims = store.claim(cursor, self.channel, me=self._me, limit=PORTION, now=now)
                if not claims:
                    return False
                found = self._preparer.find(claims, now=now)
                self._note(found.done, found.back)
        except Problem as problem:
            # Nothing was taken up: the vault is closed, say, and everything waits.
            _log.warning("no message can be sent by %s: %s", self.channel, problem.detail or problem.title())
            return False
        for start in range(0, len(found.readers), MARKED):
            with entered(VAULT):
                ready, done = self._preparer.fill(found.readers[start : start + MARKED], now=now)
                self._note(done, ())
            if ready:
                self._offer(ready)
        return True

    def _note(self, done: Sequence[Done], back: Sequence[Back]) -> None:
        """Write down what became of messages before they could leave."""
        with connections[VAULT.name].cursor() as cursor:
            store.finish(cursor, done, me=self._me)
            store.give_back(cursor, back, me=self._me)
        self.finished += len(done)

    def _offer(self, batch: list[Ready]) -> None:
        """Wait for a place, as long as there is anybody who makes one."""
        while not self._lost.is_set():
            with contextlib.suppress(queue.Full):
                self._ready.put(batch, timeout=0.5)
                return

    def _wait(self, seconds: float, should_stop: Callable[[], bool]) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not should_stop() and not self._lost.is_set():
            time.sleep(min(0.1, seconds))

    @contextlib.contextmanager
    def _holding(self) -> Iterator[Any]:
        with database.connect(VAULT.role) as holder:
            if not store.hold_number(holder, self._me):
                raise psycopg.OperationalError("another sender has this number")
            yield holder

    def _put_back_rest(self) -> None:
        """Put back what nobody has marked: it waits as if it had never been taken up."""
        rest: list[Back] = []
        with contextlib.suppress(queue.Empty):
            while True:
                rest.extend(Back(each.decision, self._clock.now()) for each in self._ready.get_nowait())
        if rest:
            with database.connect(VAULT.role) as connection:
                store.give_back(connection.cursor(), rest, me=self._me)

    # -- what leaves --------------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        """One connection: a few messages at a time, until there are no more."""
        port, line, pace = self._make_port(), _Line(self._me), _Pace(self._fresh_seconds)
        try:
            while (batch := self._next()) is not None:
                try:
                    self._hand_over(batch, port, line, pace)
                finally:
                    self._ready.task_done()
        except _Lost:
            self._lost.set()
            self._drain()
        except Exception:  # noqa: BLE001 - the others of this sender have to end, too
            _log.exception("a sender of %s", self.channel)
            self._lost.set()
            self._drain()
        finally:
            port.close()
            line.close()

    def _drain(self) -> None:
        """Let nobody wait for a place in a queue that nobody empties."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._ready.get_nowait()
                self._ready.task_done()

    def _next(self) -> list[Ready] | None:
        """Return the next few messages, or ``None`` when there will be none or none may leave any more."""
        while not self._ending.is_set() and not self._lost.is_set():
            try:
                return self._ready.get(timeout=0.05)
            except queue.Empty:
                if self._closing.is_set():
                    return None
        return None

    def _hand_over(self, batch: list[Ready], port: Port, line: _Line, pace: _Pace) -> None:
        """Hand a portion over, a few at a time: no more are marked than leave while what was asked is fresh.

        What became of the last few is written down with the mark of the next: one journey, and one commit.
        """
        done: list[Done] = []
        back: list[Back] = []
        while batch and not self._ending.is_set():
            if not self._open(port):
                break
            few, batch = batch[: pace.count], batch[pace.count :]
            began = time.monotonic()
            done, back = self._hand_over_few(few, port, line, done, back)
            pace.note(len(few), time.monotonic() - began)
        line.write(done, back + [Back(each.decision, self._clock.now() + _LATER) for each in batch])

    def _hand_over_few(
        self, batch: list[Ready], port: Port, line: _Line, done: list[Done], back: list[Back]
    ) -> tuple[list[Done], list[Back]]:
        """Write down what became of the last few, mark these and hand them over; returns what became of them."""
        now = self._clock.now()
        answers, asked = line.mark(batch, done, back, now=now), time.monotonic()
        done, back = [], []
        stopped: dict[uuid.UUID, bool] = {}
        ahead = port if isinstance(port, LooksAhead) else None
        for place, each in enumerate(batch):
            if each.decision not in answers:
                continue  # somebody else answers for it
            is_stopped, is_permitted = answers[each.decision]
            if is_stopped or not is_permitted:
                done.append(_held(each, now, is_stopped=is_stopped))
                continue
            if time.monotonic() - asked > self._fresh_seconds:
                stopped, asked = line.ask_again(batch[place:]), time.monotonic()
            if each.decision in stopped:
                done.append(_held(each, self._clock.now(), is_stopped=stopped[each.decision]))
                continue
            if ahead is not None:
                # Begun is not given: what comes next is asked about in its turn, and given up if it may not leave.
                ahead.expect(next((one for one in batch[place + 1 :] if answers.get(one.decision) == _MAY), None))
            result = self._send(each, port)
            _judge(each, result, done, back, at=self._clock.now())
        if ahead is not None:
            ahead.expect(None)
        self.finished += len(done)
        return done, back

    def _send(self, each: Ready, port: Port) -> Result:
        try:
            return port.send(each)
        except PortAway as away:
            return Result("again", str(away).lower())
        except Exception as error:  # noqa: BLE001 - one message costs no other anything
            # A port that breaks has perhaps sent: that is what the word is for.
            _log.exception("a port of %s", self.channel)
            return Result("unknown", type(error).__name__.lower())

    def _open(self, port: Port) -> bool:
        """Have a connection, and wait for it a while; ``False`` if there is none and the messages go back."""
        for seconds in _AWAY_SECONDS:
            try:
                port.open()
            except PortAway as away:
                _log.warning("%s: nobody takes messages (%s)", self.channel, away)
                if self._ending.wait(seconds) or self._lost.is_set():
                    return False
            else:
                return True
        return False


def recover(connection: Any, *, me: int, now: dt.datetime) -> tuple[int, int]:
    """Answer for what senders had in hand that are dead, and for what waits of stopped campaigns.

    Returns how many go back into the queue, and of how many nobody knows whether they arrived.
    """
    back = unknown = 0
    store.sweep_stopped(connection, now=now)
    for who in store.find_holders(connection):
        if who != me and store.hold_number(connection, who):
            try:
                again, lost = store.recover(connection, who, tries_max=SERVICE_TRIES_MAX, now=now)
            finally:
                store.release_number(connection, who)
            back, unknown = back + again, unknown + lost
    if back or unknown:
        _log.info("a sender died: %d messages go back, of %d nobody knows", back, unknown)
    return back, unknown


def _held(each: Ready, at: dt.datetime, *, is_stopped: bool) -> Done:
    return Done(each.decision, "stopped", at) if is_stopped else Done(each.decision, "suppressed", at, "consent")


def _judge(each: Ready, result: Result, done: list[Done], back: list[Back], *, at: dt.datetime) -> None:
    """Say what follows from what became of a message."""
    kind: OutcomeKind
    is_again = result.fate == "again" and each.tries < TRIES_MAX
    if result.fate == "unknown" and each.is_service and each.tries < SERVICE_TRIES_MAX:
        is_again = True
    if is_again:
        due = at + _LATER * 2**each.tries
        if each.not_after is None or due <= each.not_after:
            back.append(Back(each.decision, due, tried=True))
            return
    kind = "refused" if result.fate == "again" else result.fate
    done.append(Done(each.decision, kind, at, result.reason))


class _Pace:
    """How many messages leave by one connection while what was asked of them is fresh."""

    def __init__(self, fresh_seconds: float) -> None:
        self._fresh_seconds = fresh_seconds
        self.count = 1

    def note(self, count: int, seconds: float) -> None:
        """Learn from the last few: slower at once, faster by no more than twice as many."""
        wanted = int(self._fresh_seconds * count / seconds) if seconds > 0 else MARKED
        self.count = max(1, min(wanted, 2 * self.count, MARKED))


class _Line:
    """A connection to the database that comes back when the database does."""

    def __init__(self, me: int) -> None:
        self._me = me
        self._connection: Connection | None = None

    def mark(
        self, batch: Sequence[Ready], done: Sequence[Done], back: Sequence[Back], *, now: dt.datetime
    ) -> dict[uuid.UUID, tuple[bool, bool]]:
        """Write down what became of messages, and mark what is about to leave, both or neither.

        To mark is asked once: what is uncertain is not sent. What was sent is written down when the database is back.
        """
        try:
            connection = self._open()
            with connection.unit():
                store.tell_finished(connection, done, me=self._me)
                store.tell_given_back(connection, back, me=self._me)
                answers = store.mark_attempted(connection, [each.decision for each in batch], me=self._me, now=now)
            return answers()
        except psycopg.Error:
            self.close()
            self.write(done, back)
            raise _Lost from None

    def ask_again(self, rest: Sequence[Ready]) -> dict[uuid.UUID, bool]:
        """Return what may not leave any more; without a database nothing may."""
        decisions = [each.decision for each in rest]
        try:
            return store.ask_again(self._open(), decisions)
        except psycopg.Error:
            self.close()
            raise _Lost from None

    def write(self, done: Sequence[Done], back: Sequence[Back]) -> None:
        """Write down what became of messages; what is known of them is not given up while the database comes back."""
        end = time.monotonic() + _WRITING_SECONDS_MAX
        while done or back:
            try:
                connection = self._open()
                with connection.unit():
                    # Without waiting for the disk: what a loss of power takes is answered with ``unknown``.
                    connection.tell("set local synchronous_commit to off")
                    store.tell_finished(connection, done, me=self._me)
                    store.tell_given_back(connection, back, me=self._me)
            except psycopg.Error as error:
                self.close()
                if time.monotonic() > end:
                    raise _Lost from None
                _log.warning("what was sent cannot be written down yet (%s)", type(error).__name__)
                time.sleep(0.5)
            else:
                return

    def close(self) -> None:
        """End the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.close()

    def _open(self) -> Connection:
        if self._connection is None:
            self._connection = database.connect_lane(VAULT.role)
        return self._connection


class Senders:
    """The senders of a process: one for each channel, begun anew when the database was away."""

    def __init__(self, *, clock: Clock = SYSTEM_CLOCK, shares: int = 1) -> None:
        """Start nothing yet; of each channel's connections it has one of so many ``shares``, and at least one."""
        self._clock = clock
        self._counts = {channel: max(1, count // shares) for channel, count in CONNECTIONS.items()}
        self._due = {channel: threading.Event() for channel in CONNECTIONS}
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Let each end after the few messages that it has marked."""
        self._stopping.set()

    def run(self) -> None:
        """Serve every channel until told to stop; a channel without work has no connections."""
        threads = [threading.Thread(target=self._serve, args=(channel,), name=channel) for channel in self._counts]
        for each in threads:
            each.start()
        while not self._stopping.is_set():
            try:
                self._watch()
            except (psycopg.Error, OSError) as error:
                _log.warning("messages: the database is away (%s)", type(error).__name__)
            self._stopping.wait(_IDLE_SECONDS)
        for due in self._due.values():
            due.set()
        for each in threads:
            each.join()

    def _watch(self) -> None:
        """See what is due on which channel, and answer for senders that died, until told to stop."""
        recovered = float("-inf")
        with database.connect(VAULT.role) as connection:
            while not self._stopping.is_set():
                if time.monotonic() - recovered > _RECOVER_SECONDS:
                    recover(connection, me=0, now=self._clock.now())
                    recovered = time.monotonic()
                for channel in store.find_due_channels(connection, self._due, now=self._clock.now()):
                    self._due[channel].set()
                self._stopping.wait(_LOOK_SECONDS)

    def _serve(self, channel: str) -> None:
        due = self._due[channel]
        while due.wait() and not self._stopping.is_set():
            due.clear()
            try:
                Sender(channel, clock=self._clock, count=self._counts[channel]).run(should_stop=self._stopping.is_set)
            except (psycopg.Error, Error, OSError) as error:
                _log.warning("messages by %s: the database is away (%s)", channel, type(error).__name__)
            except Exception:  # noqa: BLE001 - it is begun anew, and the other channels go on
                _log.exception("messages by %s", channel)
            finally:
                connections.close_all()
            self._stopping.wait(_IDLE_SECONDS)
