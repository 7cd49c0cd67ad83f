"""The ledger of somebody who is forgotten: every account, lot and transfer stays, under a random customer's id.

A reservation that is open goes on: whoever holds it may have the goods on the counter, and posts or voids it as ever.
So does a lease: its till may have let something be spent, and tells of it later.
Of a single purchase that is forgotten, the points stand at another position, and the sale is nobody's
(:func:`let_go`). Not here: the order of things (``counter/customers/forgetting.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from comptoir.counter.customers.forgetting import leave_marks
from comptoir.counter.customers.rules import sale_mark
from comptoir.counter.loyalty import store
from comptoir.counter.loyalty.contracts import LEASE, RESERVE
from comptoir.counter.sales import store as sales
from comptoir.counter.sales.handlers import LetGo
from comptoir.foundation.events.store import Named
from comptoir.foundation.events.store import let_go as sever_sale
from comptoir.foundation.kernel import shop
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id


class _Asked(msgspec.Struct):
    reservation: str = ""
    lease: str = ""


_asked = msgspec.json.Decoder(_Asked)


class LoyaltySeverer:
    """Severs accounts, transfers, reservations, leases, and what was said of spending."""

    tables = ("loyalty_account", "loyalty_transfer", "loyalty_reservation", "loyalty_lease", "loyalty_standing")

    def positions(self, connection: Connection, customers: Collection[Id]) -> Collection[Id]:
        """Return every event that moved points of these customers."""
        return store.find_positions(connection, customers)

    def sever(self, connection: Connection, fresh: Mapping[Id, Id], named: Sequence[Named]) -> None:
        """Put the fresh ids in place."""
        reservations = [
            (event.touchpoint, _asked.decode(event.data).reservation)
            for event in named
            if event.type == RESERVE and event.is_accepted
        ]
        leases = [
            (event.touchpoint, _asked.decode(event.data).lease)
            for event in named
            if event.type == LEASE and event.is_accepted
        ]
        store.sever(connection, fresh, reservations, leases)


def positions_of(let_go: LetGo) -> set[Id]:
    """Return where the log has a sale and its returns."""
    return {let_go.sale.position, *(each.position for each in let_go.returns)}


def let_go(connection: Connection, gone: LetGo, *, members: Collection[Id]) -> None:
    """Make a sale nobody's, with its returns, in the log and in every table, and leave a mark of it.

    The transaction is the caller's, who has locked the person (``members``) and booked the points elsewhere.
    """
    customer = gone.sale.customer
    assert customer is not None
    returns = [each.position for each in gone.returns]
    sever_sale(connection, gone.sale.position, returns, members=members, traces=gone.traces)
    sales.let_go(connection, gone.sale.key)
    store.let_go(connection, customer, positions_of(gone))
    leave_marks(connection, [sale_mark(shop.secret("forgotten"), *gone.sale.key)])
