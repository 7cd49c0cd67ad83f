"""Deriving the ledger from the log: the decisions are part of it, so nothing is decided again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec

from comptoir.counter.loyalty import store
from comptoir.counter.loyalty.contracts import (
    LEASE,
    LEASE_RECONCILE,
    LEASE_RENEW,
    LEASE_SPEND,
    LEASES,
    LIMITED,
    NOT_MOVING,
    POST,
    REDEEM,
    RESERVE,
    STANDING,
    VOID,
    Account,
    Proof,
)
from comptoir.counter.loyalty.leases import Lease
from comptoir.counter.loyalty.rules import Draw, Reservation, Transfer
from comptoir.counter.loyalty.spending import Standing
from comptoir.foundation.events.rebuilding import Logged
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.touchpoints.contracts import CLOCK_SOURCE


class _Asked(msgspec.Struct):
    """What a request to the ledger says of a reservation."""

    reservation: str
    points: int | None = None
    expires_in: int = 0


class _OfLease(msgspec.Struct):
    """What an event says of a lease."""

    lease: str
    touchpoint: str | None = None
    points: int = 0
    expires_in: int = 0
    sequence: int = 0
    spends: int | None = None


class _Said(msgspec.Struct):
    """What was said about somebody's spending, of whichever type."""

    locked: bool = False
    places: tuple[str, ...] | None = None
    points_per_day: int | None = None
    points_without_passkey: int | None = None
    until: dt.datetime | None = None


class _Spending(msgspec.Struct):
    """What a request to spend says of what was shown, as the log has it: the digest of a code."""

    proof: Proof | None = None


_asked = msgspec.json.Decoder(_Asked)
_of_lease = msgspec.json.Decoder(_OfLease)
_said = msgspec.json.Decoder(_Said)
_spending = msgspec.json.Decoder(_Spending)
_freed = msgspec.json.Decoder(tuple[dt.datetime])
_transfers = msgspec.json.Decoder(list[Transfer])


class LoyaltyDeriver:
    """Transfers are the decisions of the log; accounts and the programme's balances are their sums."""

    tables = (
        "loyalty_transfer", "loyalty_account", "loyalty_reservation", "loyalty_lease", "loyalty_programmebalance",
        "loyalty_usedcode", "loyalty_standing",
    )  # fmt: skip

    def __init__(self) -> None:
        """Start with an empty ledger."""
        self._reservations: dict[tuple[str, str], Reservation] = {}
        self._leases: dict[tuple[str, str], Lease] = {}
        self._standings: dict[Id, Standing] = {}

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:
        """Append the transfers of the next events; follow the reservations."""
        decided = []
        used = []
        for event in events:
            is_moving = event.decision and event.type not in NOT_MOVING
            transfers = _transfers.decode(event.decision) if is_moving else []  # type: ignore[arg-type]
            if transfers:
                decided.append((event.position, event.occurred_at, transfers))
            if event.is_accepted and event.type in {RESERVE, POST, VOID}:
                self._follow(event, transfers)
            if event.is_accepted and event.type in LEASES:
                self._follow_lease(event, transfers)
            if event.is_accepted and event.type in STANDING and event.customer is not None:
                self._hear(event.customer, event)
            if event.is_accepted and event.type in {REDEEM, RESERVE, LEASE}:
                proof = _spending.decode(event.data).proof
                if proof is not None:
                    used.append((proof.value, event.position, event.source))
        if decided:
            store.insert_transfers(connection, decided)
        if used:
            store.insert_used_codes(connection, used)

    def finish(self, connection: Connection) -> None:
        """Sum up."""
        store.sum_up(connection)
        if self._reservations:
            store.insert_reservations(connection, list(self._reservations.values()))
        store.insert_leases(connection, self._leases.values())
        if self._standings:
            store.insert_standings(connection, self._standings)

    def _hear(self, customer: Id, event: Logged) -> None:
        free_at = event.received_at  # what was confirmed, and what was said before anything waited
        if event.type == LIMITED and event.decision:
            (free_at,) = _freed.decode(event.decision)
        self._standings[customer] = self._standings.get(customer, Standing()).after(
            event.type, _said.decode(event.data), (event.occurred_at, event.source, event.id),
            heard_at=event.received_at, free_at=free_at,
        )  # fmt: skip

    def _follow(self, event: Logged, transfers: Sequence[Transfer]) -> None:
        asked = _asked.decode(event.data)
        key = (event.touchpoint, asked.reservation)
        if event.type == RESERVE:
            assert event.customer is not None
            assert asked.points is not None
            draws = _held_by(transfers)
            self._reservations[key] = Reservation(
                *key, event.customer, event.position, asked.points, draws,
                event.received_at + dt.timedelta(seconds=asked.expires_in),
            )  # fmt: skip
            return
        held = self._reservations[key]
        if event.type == POST:
            posted = held.points if asked.points is None else asked.points
            self._reservations[key] = msgspec.structs.replace(held, status="posted", posted=posted)
        else:
            status = "expired" if event.source == CLOCK_SOURCE else "voided"
            self._reservations[key] = msgspec.structs.replace(held, status=status)

    def _follow_lease(self, event: Logged, transfers: Sequence[Transfer]) -> None:
        asked = _of_lease.decode(event.data)
        key = (asked.touchpoint or event.touchpoint, asked.lease)
        until = event.received_at + dt.timedelta(seconds=asked.expires_in)
        if event.type == LEASE:
            assert event.customer is not None
            self._leases[key] = Lease(
                *key, event.source, event.customer, event.position, asked.points, _held_by(transfers), until
            )
            return
        lease = self._leases[key]
        if event.type == LEASE_RENEW:
            lease = lease.renewed(until)
        elif event.type == LEASE_SPEND:
            lease = lease.spent_once_more(asked.points, asked.sequence)
        elif event.type == LEASE_RECONCILE and asked.spends is None:
            lease = lease.given_up()
        else:
            assert asked.spends is not None
            lease = lease.returned(asked.spends)
        self._leases[key] = lease


def _held_by(transfers: Sequence[Transfer]) -> tuple[Draw, ...]:
    """Return what these transfers have put aside, by lot."""
    return tuple(
        Draw(each.customer, each.day, each.points)
        for each in transfers
        if each.debit == Account.AVAILABLE and each.credit == Account.HELD and each.day is not None
    )
