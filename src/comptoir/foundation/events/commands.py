"""The one way into the log: a batch of events, decided and written in one transaction."""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
from typing import Final

from psycopg import errors

from comptoir.foundation.events import store
from comptoir.foundation.events.contracts import Arrival, Batch, HandlerMaker, Outcome
from comptoir.foundation.events.errors import Apart, IdReused, Outdated
from comptoir.foundation.events.rules import is_severed
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import IDS, IdMaker

_ATTEMPTS_MAX: Final = 8
#: What another transaction can do to ours; deciding again on what it left behind resolves each of them.
_TRY_AGAIN: Final = (
    errors.UniqueViolation,
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.InvalidSqlStatementName,
    Outdated,
)


def record(
    connection: Connection,
    arrivals: Sequence[Arrival],
    *,
    handlers: HandlerMaker,
    ids: IdMaker = IDS,
    committed: Callable[[Batch, dict[str, int]], None] | None = None,
    is_trusting: bool = False,
) -> bool:
    """Record a batch in one transaction and fill each arrival's ``outcome``.

    When this returns, everything is committed. Repeats of recorded events, and twins inside the batch, get the
    first outcome; an identity that comes back with other content is refused and leaves no trace. A refused event
    that was decided (too few points, say) is recorded with its refusal. On an error of the database nothing was
    written and the exception is raised; the same events may be sent again. ``committed`` is called once after the
    commit with the batch and the number of events of each link. Where an event has to be alone
    (:class:`~comptoir.foundation.events.errors.Apart`), those before and after it have transactions of their own.

    ``is_trusting`` first tries the batch as if nothing in it were a repeat, and looks closer only when the database
    objects: cheaper where repeats are rare. Returns whether there was any repeat or conflict, so that the caller can
    choose for its next batch.
    """
    if not arrivals:
        return False
    for attempt in range(1, _ATTEMPTS_MAX + 1):
        try:
            with connection.unit():
                batch, counts = _record_once(connection, arrivals, handlers, ids, is_trusting=is_trusting)
        except Apart as apart:
            parts = (arrivals[: apart.index], [arrivals[apart.index]], arrivals[apart.index + 1 :])
            for arrival in arrivals:
                arrival.reset()
            had_repeats = [
                record(connection, part, handlers=handlers, ids=ids, committed=committed, is_trusting=is_trusting)
                for part in parts
            ]
            return any(had_repeats)
        except _TRY_AGAIN:
            if attempt == _ATTEMPTS_MAX:
                raise
            is_trusting = False
            for arrival in arrivals:
                arrival.reset()
        else:
            if committed is not None and batch.fresh:
                committed(batch, counts)
            return attempt > 1 or len(batch.fresh) < len(arrivals)
    raise AssertionError("unreachable")


def _record_once(
    connection: Connection,
    arrivals: Sequence[Arrival],
    handlers: HandlerMaker,
    ids: IdMaker,
    *,
    is_trusting: bool,
) -> tuple[Batch, dict[str, int]]:
    batch = Batch(arrivals, is_trusting=is_trusting)
    made = handlers({arrival.type for arrival in arrivals})
    for handler in made:
        handler.prepare(connection, batch)
    # Only now, with the locks held, can it be said which events another transaction has recorded meanwhile.
    twins = _separate_repeats(connection, batch)
    for arrival, position in zip(batch.fresh, ids.reserve(len(batch.fresh), after=batch.last_position), strict=True):
        arrival.position = position
    counts = dict(collections.Counter(f"{a.touchpoint} {a.type}" for a in batch.fresh))
    if batch.fresh or batch.reused:
        for handler in made:
            handler.load(connection, batch)
    if batch.fresh:
        for handler in made:
            handler.decide(batch)
        for arrival in batch.fresh:
            arrival.outcome = codec.encode(_outcome(arrival))
        store.insert_events(connection, batch.fresh)
        for handler in made:
            handler.write(connection, batch)
        store.notify_live(connection, batch.changes, counts, batch.gone, batch.looks)
    for twin, first in twins:
        fingerprint = first.fingerprint if first.sent is None else first.sent[3]
        if not _answer_repeat(twin, fingerprint, first.outcome):
            twin.outcome = codec.encode(_outcome(twin))
    for arrival, outcome in batch.reused:
        arrival.is_repeated = arrival.refusal is None
        arrival.outcome = outcome if arrival.is_repeated else codec.encode(_outcome(arrival))
    return batch, counts


def _separate_repeats(connection: Connection, batch: Batch) -> list[tuple[Arrival, Arrival]]:
    """Fill ``batch.fresh``; answer what was recorded before; return the twins inside the batch with their firsts."""
    first_of: dict[tuple[str, str], Arrival] = {}
    twins: list[tuple[Arrival, Arrival]] = []
    for arrival in batch.arrivals:
        first = first_of.setdefault((arrival.source, arrival.id), arrival)
        if first is not arrival:
            twins.append((arrival, first))
    recorded = {} if batch.is_trusting else store.find_identities(connection, list(first_of))
    if not recorded:
        batch.fresh = list(first_of.values())
        return twins
    outcomes = store.find_outcomes(connection, (position for position, _ in recorded.values()))
    for identity, arrival in first_of.items():
        known = recorded.get(identity)
        if known is None:
            batch.fresh.append(arrival)
        else:
            position, fingerprint = known
            if not _answer_repeat(arrival, fingerprint, outcomes[position]):
                batch.reused.append((arrival, outcomes[position]))
    fresh = {id(arrival) for arrival in batch.fresh}
    still_twins = []
    for twin, first in twins:
        if id(first) in fresh:
            still_twins.append((twin, first))
        else:
            position, fingerprint = recorded[(first.source, first.id)]
            if not _answer_repeat(twin, fingerprint, outcomes[position]):
                batch.reused.append((twin, outcomes[position]))
    return still_twins


def _answer_repeat(arrival: Arrival, fingerprint: bytes, outcome: bytes) -> bool:
    """Answer a repeat; an event with other content than the first is refused, and not answered yet."""
    if arrival.fingerprint == fingerprint:
        arrival.is_repeated = True
        arrival.outcome = outcome
        return True
    arrival.refusal = IdReused("Give every event an id of its own, and keep it for its repeats.", field="id")
    return False


def _outcome(arrival: Arrival) -> Outcome:
    if arrival.customer is not None and is_severed(arrival.customer):
        # Goods may come back that somebody had bought who was forgotten since: nobody is told under which id.
        return Outcome(
            id=arrival.id,
            source=arrival.source,
            status="accepted" if arrival.refusal is None else "refused",
            event=arrival.position,
            waiting=arrival.is_waiting,
            basket=arrival.basket,
            problem=None if arrival.refusal is None else arrival.refusal.as_members(),
        )
    return Outcome(
        id=arrival.id,
        source=arrival.source,
        status="accepted" if arrival.refusal is None else "refused",
        event=arrival.position,
        customer=arrival.customer,
        points=arrival.points,
        points_by_line=arrival.points_by_line,
        balance=arrival.balance,
        waiting=arrival.is_waiting,
        basket=arrival.basket,
        gift_card=arrival.gift_card,
        problem=None if arrival.refusal is None else arrival.refusal.as_members(),
    )
