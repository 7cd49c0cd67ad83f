"""What orders do when a batch arrives: they are placed, take steps, each once, and are returned once all came back.

A purchase that is forgotten takes its order along, which goes on as nobody's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from comptoir.counter.customers.contracts import SALE_FORGET
from comptoir.counter.customers.handlers import CustomersHandler
from comptoir.counter.offers.codes import DIGEST, CouponCodes
from comptoir.counter.orders import rules, store
from comptoir.counter.orders.contracts import BOOKED_BY, HAND_OVER, NUMBER_PATTERN, PLACED, TYPES
from comptoir.counter.orders.errors import OrderTaken, OrderUnknown
from comptoir.counter.orders.rules import Order
from comptoir.counter.sales.contracts import SALE_CLOSED, SALE_RETURNED
from comptoir.counter.sales.errors import CurrencyNotAccepted
from comptoir.counter.sales.handlers import SalesHandler
from comptoir.counter.sales.rules import Key
from comptoir.counter.sales.store import find_touchpoints
from comptoir.foundation.events.contracts import Arrival, Batch
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem

_number: Final = re.compile(NUMBER_PATTERN)


class OrdersHandler:
    """One batch's orders. A batch that names none, and no sale under the number of one, costs nothing here."""

    def __init__(
        self, *, customers: CustomersHandler, sales: SalesHandler, codes: Callable[[], CouponCodes], currency: str
    ) -> None:
        """Decide for the customers and sales of the same batch, in the shop's currency.

        ``codes`` gives what makes pick-up codes, once it is needed.
        """
        self._customers = customers
        self._sales = sales
        self._codes = codes
        self._currency = currency
        self._is_needed = False
        self._orders: dict[Id, Order] = {}
        self._by_code: dict[Id, Id] = {}
        self._by_number: dict[str, Id] = {}
        #: Sales of orders, with what came back of them or may have waited for them.
        self._sold: set[Key] = set()
        self._new: set[Id] = set()
        self._changed: set[Id] = set()
        self._let_go: set[Id] = set()

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Lock the orders that are named, by their ids or by their codes, and those whose goods come back."""
        concerned = [arrival for arrival in batch.arrivals if arrival.type in TYPES]
        numbers = {key[1] for each in batch.arrivals if (key := _sale_of(each)) is not None}
        if not concerned and not numbers:
            return
        self._is_needed = True
        named = {number for each in concerned if (number := each.data.order) is not None}
        # The door has put digests in the codes' places; what is none is no code of ours.
        shown = {
            each.data.code for each in concerned if each.type == HAND_OVER and DIGEST.fullmatch(each.data.code or "")
        }
        for order in store.lock_orders(connection, named, shown, numbers):
            self._orders[order.id] = order
            self._by_code[order.pickup] = self._by_number[order.number] = order.id
            batch.saw(order.position)
        owners = {each.customer for each in self._orders.values() if each.customer is not None}
        if owners:
            self._customers.include(connection, owners)

    def load(self, connection: Connection, batch: Batch) -> None:
        """Find out which of the sales that come back or are forgotten are orders'; else everything is at hand."""
        if not self._is_needed:
            return
        asked = {
            key for each in batch.fresh if each.type in {SALE_RETURNED, SALE_FORGET}
            and (key := _sale_of(each)) is not None and key[1] in self._by_number
        }  # fmt: skip
        if asked:
            found = find_touchpoints(connection, asked)
            self._sold = {key for key, touchpoint in found.items() if touchpoint == BOOKED_BY}

    def decide(self, batch: Batch) -> None:
        """Decide each event in the order of arrival, on what the ones before it have left."""
        if not self._is_needed:
            return
        for arrival in batch.accepted():
            if arrival.type in {SALE_CLOSED, SALE_RETURNED}:
                if not self._bring_back(arrival):
                    continue
            elif arrival.type == SALE_FORGET:
                self._forget()
            elif arrival.type == PLACED:
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
        store.let_go(connection, self._let_go)

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
        self._orders[order.id], self._by_code[pickup], self._by_number[order.number] = order, order.id, order.id
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

    def _bring_back(self, arrival: Arrival) -> bool:
        """Have an order returned of which the last piece came back; tells whether that was so."""
        key, fold = _sale_of(arrival), self._sales.folds.get(arrival.position)
        if key is None or fold is None:
            return False
        if arrival.type == SALE_CLOSED:
            self._sold.add(key)
        order = self._orders.get(self._by_number.get(key[1], ""))
        if order is None or key not in self._sold or (at := rules.all_back(order.lines, fold.after)) is None:
            return False
        assert arrival.position is not None
        after = rules.brought_back(order, position=arrival.position, at=at)
        if after is order:
            return False
        self._orders[order.id] = after
        self._changed.add(order.id)
        return True

    def _forget(self) -> None:
        """Have the order be nobody's of which the sale is forgotten; whoever makes the log nobody's is told of it."""
        gone = self._sales.let_go
        assert gone is not None, "what is forgotten was there"
        order = self._orders.get(self._by_number.get(gone.sale.receipt, ""))
        if order is not None and gone.sale.key in self._sold:
            self._sales.let_go = gone._replace(traces=(order.id, order.pickup))
            self._let_go.add(order.id)


def _sale_of(arrival: Arrival) -> Key | None:
    """Return which sale an event books, gives goods back from or forgets, if that may be an order's."""
    if arrival.type in {SALE_RETURNED, SALE_FORGET}:
        key = (arrival.data.sale.source or arrival.source, arrival.data.sale.receipt)
    elif arrival.type == SALE_CLOSED and arrival.touchpoint == BOOKED_BY:
        key = (arrival.source, arrival.data.receipt)
    else:
        return None
    return key if _number.fullmatch(key[1]) else None
