"""Deriving the ledger from the log: the decisions are part of it, so nothing is decided again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec

from comptoir.counter.loyalty import store
from comptoir.counter.loyalty.contracts import CLOCK_SOURCE, POST, RESERVE, VOID, Account
from comptoir.counter.loyalty.rules import Draw, Reservation, Transfer
from comptoir.foundation.events.rebuilding import Logged
from comptoir.foundation.kernel.connection import Connection


class _Asked(msgspec.Struct):
    """What a request to the ledger says of a reservation."""

    reservation: str
    points: int | None = None
    expires_in: int = 0


_asked = msgspec.json.Decoder(_Asked)
_transfers = msgspec.json.Decoder(list[Transfer])


class LoyaltyDeriver:
    """Transfers are the decisions of the log; accounts and the programme's balances are their sums."""

    tables = ("loyalty_transfer", "loyalty_account", "loyalty_reservation", "loyalty_programmebalance")

    def __init__(self) -> None:
        """Start with an empty ledger."""
        self._reservations: dict[tuple[str, str], Reservation] = {}

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:
        """Append the transfers of the next events; follow the reservations."""
        decided = []
        for event in events:
            transfers = _transfers.decode(event.decision) if event.decision else []
            if transfers:
                decided.append((event.position, event.occurred_at, transfers))
            if event.is_accepted and event.type in {RESERVE, POST, VOID}:
                self._follow(event, transfers)
        if decided:
            store.insert_transfers(connection, decided)

    def finish(self, connection: Connection) -> None:
        """Sum up."""
        store.sum_up(connection)
        if self._reservations:
            store.insert_reservations(connection, list(self._reservations.values()))

    def _follow(self, event: Logged, transfers: Sequence[Transfer]) -> None:
        asked = _asked.decode(event.data)
        key = (event.touchpoint, asked.reservation)
        if event.type == RESERVE:
            assert event.customer is not None
            assert asked.points is not None
            draws = tuple(
                Draw(each.customer, each.day, each.points)
                for each in transfers
                if each.debit == Account.AVAILABLE and each.credit == Account.HELD and each.day is not None
            )
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
