"""What baskets do when a batch arrives: take operations, let sales take out what was sold, end by the clock.

A basket is changed by one batch at a time, whether it is there yet or not, so that its operations stand in the order of
the log. Whether what was sold is right is for sales to say; nothing here stops one.
"""

from __future__ import annotations

from typing import Final

import msgspec

from comptoir.counter.baskets import rules, store
from comptoir.counter.baskets.contracts import CHANGED, EXPIRED
from comptoir.counter.baskets.errors import BasketMoved
from comptoir.counter.baskets.rules import Basket
from comptoir.counter.customers.contracts import SALE_FORGET
from comptoir.counter.customers.handlers import CustomersHandler
from comptoir.counter.sales.contracts import SALE_CLOSED
from comptoir.counter.sales.handlers import SalesHandler
from comptoir.counter.sales.store import find_sales
from comptoir.foundation.events.contracts import Arrival, Batch
from comptoir.foundation.events.store import find_contents
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem


class _Named(msgspec.Struct):
    basket: Id | None = None


_named: Final = msgspec.json.Decoder(_Named)


class BasketsHandler:
    """One batch's baskets. A batch that names none costs nothing here."""

    def __init__(self, *, customers: CustomersHandler, sales: SalesHandler, currency: str) -> None:
        """Decide for the customers and sales of the same batch, in the shop's currency."""
        self._customers = customers
        self._sales = sales
        self._currency = currency
        self._baskets: dict[Id, Basket] = {}
        self._changed: set[Id] = set()
        self._ended: set[Id] = set()
        self._emptied: set[Id] = set()

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Lock the baskets that are named, and find out whose they are."""
        named = {number for arrival in batch.arrivals if (number := _basket_of(arrival)) is not None}
        forgetting = next((arrival for arrival in batch.arrivals if arrival.type == SALE_FORGET), None)
        if forgetting is not None:
            self._emptied = self._sold_from(connection, forgetting)
            named.update(self._emptied)
        if not named:
            return
        store.lock_baskets(connection, named)
        self._baskets = store.find_baskets(connection, named)
        for each in self._baskets.values():
            batch.saw(each.position)  # of two claims the one counts that comes first in the log
        owners = {each.customer for each in self._baskets.values() if each.customer is not None}
        if owners:
            self._customers.include(connection, owners)

    def _sold_from(self, connection: Connection, forgetting: Arrival) -> set[Id]:
        """Return out of which basket the goods were sold of a sale that is to be forgotten."""
        reference = forgetting.data.sale
        key = (reference.source or forgetting.source, reference.receipt)
        sale = find_sales(connection, {key}).get(key)
        if sale is None:
            return set()
        said = _named.decode(find_contents(connection, [sale.position])[sale.position])
        return set() if said.basket is None else {said.basket}

    def load(self, connection: Connection, batch: Batch) -> None:
        """Everything is at hand."""

    def decide(self, batch: Batch) -> None:
        """Decide each event in the order of arrival."""
        for arrival in batch.fresh:
            if arrival.refusal is not None:
                continue
            if arrival.type == CHANGED:
                arrival.refusal = self._change(arrival, batch)
            elif arrival.type == SALE_CLOSED and arrival.data.basket is not None:
                self._sell(arrival, batch)
            elif arrival.type == EXPIRED:
                arrival.refusal = self._end(arrival)
            elif arrival.type == SALE_FORGET:
                # The log is emptied of what was put in (``events_let_go``): who wanted it would be who bought it.
                for number in self._emptied & self._baskets.keys():
                    self._drop(number)

    def write(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002 - the handlers' shape
        """Write what became of the baskets."""
        if self._ended:
            store.drop_baskets(connection, self._ended)
        store.write_baskets(connection, [self._baskets[each] for each in sorted(self._changed)])

    def _change(self, arrival: Arrival, batch: Batch) -> Problem | None:
        assert arrival.position is not None
        data, customer = arrival.data, arrival.customer
        operations = rules.operations_of(data, at=arrival.occurred_at, source=arrival.source, event=arrival.id)
        before = self._baskets.get(data.basket)
        members = () if customer is None else self._customers.members(customer)
        problem = rules.refusal(
            before, data, count=len(operations), claims=customer, members=members, currency=self._currency
        )
        if problem is not None:
            return problem
        self._put(rules.joined(before, data.basket, operations, position=arrival.position, customer=customer), batch)
        return None

    def _sell(self, arrival: Arrival, batch: Batch) -> None:
        assert arrival.position is not None
        operations = rules.sold(
            arrival.data.lines,
            at=rules.sold_at(arrival.data.basket_at, arrival.occurred_at),
            source=arrival.source,
            position=arrival.position,
        )
        if operations:
            number = arrival.data.basket
            self._put(rules.joined(self._baskets.get(number), number, operations), batch)

    def _put(self, basket: Basket, batch: Batch) -> None:
        self._baskets[basket.id] = basket
        self._changed.add(basket.id)
        self._ended.discard(basket.id)
        if basket.customer is not None:
            batch.looks.update(self._customers.members(basket.customer))

    def _end(self, arrival: Arrival) -> Problem | None:
        number, since = arrival.data.basket, arrival.data.since
        basket = self._baskets.get(number)
        if basket is None or basket.position != since:
            return BasketMoved(field="data.since")
        self._drop(number)
        return None

    def _drop(self, number: Id) -> None:
        del self._baskets[number]
        self._changed.discard(number)
        self._ended.add(number)


def _basket_of(arrival: Arrival) -> Id | None:
    """Return which basket an event names."""
    if arrival.type in {CHANGED, EXPIRED, SALE_CLOSED}:
        number: Id | None = arrival.data.basket
        return number
    return None
