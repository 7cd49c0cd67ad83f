"""What orders do when a batch arrives: they are placed, and take steps, each once."""

from __future__ import annotations

from collections.abc import Callable

from comptoir.counter.customers.handlers import CustomersHandler
from comptoir.counter.offers.codes import DIGEST, CouponCodes
from comptoir.counter.orders import rules, store
from comptoir.counter.orders.contracts import HAND_OVER, PLACED, TYPES
from comptoir.counter.orders.errors import OrderTaken, OrderUnknown
from comptoir.counter.orders.rules import Order
from comptoir.counter.sales.errors import CurrencyNotAccepted
from comptoir.foundation.events.contracts import Arrival, Batch
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem


class OrdersHandler:
    """One batch's orders. A batch that names none costs nothing here."""

    def __init__(self, *, customers: CustomersHandler, codes: Callable[[], CouponCodes], currency: str) -> None:
        """Decide for the customers of the same batch, in the shop's currency.

        ``codes`` gives what makes pick-up codes, once it is needed.
        """
        self._customers = customers
        self._codes = codes
        self._currency = currency
        self._is_needed = False
        self._orders: dict[Id, Order] = {}
        self._by_code: dict[Id, Id] = {}
        self._new: set[Id] = set()
        self._changed: set[Id] = set()

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Lock the orders that are named, by their ids or by their codes."""
        concerned = [arrival for arrival in batch.arrivals if arrival.type in TYPES]
        if not concerned:
            return
        self._is_needed = True
        named = {number for each in concerned if (number := each.data.order) is not None}
        # The door has put digests in the codes' places; what is none is no code of ours.
        shown = {
            each.data.code for each in concerned if each.type == HAND_OVER and DIGEST.fullmatch(each.data.code or "")
        }
        for order in store.lock_orders(connection, named, shown):
            self._orders[order.id] = order
            self._by_code[order.pickup] = order.id
            batch.saw(order.position)
        owners = {each.customer for each in self._orders.values() if each.customer is not None}
        if owners:
            self._customers.include(connection, owners)

    def load(self, connection: Connection, batch: Batch) -> None:
        """Everything is at hand."""

    def decide(self, batch: Batch) -> None:
        """Decide each event in the order of arrival, on what the ones before it have left."""
        if not self._is_needed:
            return
        for arrival in batch.accepted():
            if arrival.type == PLACED:
                arrival.refusal = self._place(arrival)
            elif arrival.type in TYPES:
                arrival.refusal = self._step(arrival)
            else:
                continue
            if arrival.refusal is None and arrival.customer is not None:
                batch.looks.update(self._customers.members(arrival.customer))

    def write(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002 - the handlers' shape
        """Write what became of the orders."""
        store.insert_orders(connection, [self._orders[each] for each in sorted(self._new)])
        store.update_orders(connection, [self._orders[each] for each in sorted(self._changed - self._new)])

    def _place(self, arrival: Arrival) -> Problem | None:
        assert arrival.position is not None
        data = arrival.data
        if data.order in self._orders or any(data.number == each.number for each in self._orders.values()):
            return OrderTaken(field="data.order")
        if data.currency != self._currency:
            return CurrencyNotAccepted(f"This shop sells in {self._currency}.", field="data.currency")
        if (problem := rules.judge_placing(data)) is not None:
            return problem
        codes = self._codes()
        pickup = codes.digest(codes.code(data.order))
        order = rules.placed(
            data, customer=arrival.customer, position=arrival.position, at=arrival.occurred_at, pickup=pickup
        )
        self._orders[order.id], self._by_code[pickup] = order, order.id
        self._new.add(order.id)
        return None

    def _step(self, arrival: Arrival) -> Problem | None:
        assert arrival.position is not None
        data = arrival.data
        number, field = data.order, "data.order"
        if arrival.type == HAND_OVER and data.code is not None:
            number, field = self._by_code.get(data.code), "data.code"
            if data.order is not None and data.order != number:
                number = None
        order = self._orders.get(number) if number is not None else None
        if order is None:
            return OrderUnknown(field=field)
        arrival.customer = order.customer
        if (problem := rules.judge(order, arrival.type, data)) is not None:
            return problem
        self._orders[order.id] = rules.stepped(
            order, arrival.type, data, position=arrival.position, at=arrival.occurred_at, source=arrival.source
        )
        self._changed.add(order.id)
        return None
