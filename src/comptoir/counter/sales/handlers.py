"""What sales do when a batch arrives: book sales, take goods back, let early returns wait for their sale."""

from __future__ import annotations

import collections
from typing import NamedTuple

from comptoir.counter.customers.contracts import FORGOTTEN, PIECES, SALE_FORGET
from comptoir.counter.customers.forgetting import find_forgotten_sales, sever_arrival
from comptoir.counter.sales import rules, store
from comptoir.counter.sales.contracts import SALE_CLOSED, SALE_RETURNED
from comptoir.counter.sales.errors import (
    CurrencyNotAccepted,
    ReceiptTaken,
    SaleForgotten,
    SaleUnknown,
    TotalMismatch,
)
from comptoir.counter.sales.rules import Key, Led, Return, Returned, Sale
from comptoir.foundation.events.contracts import Arrival, Batch
from comptoir.foundation.kernel.connection import Connection, Told
from comptoir.foundation.kernel.problem import Problem


class Fold(NamedTuple):
    """What an event did to a sale: the returns that counted before (``None``: it was not booked yet) and after."""

    sale: Sale
    before: list[Return] | None
    after: list[Return]


class LetGo(NamedTuple):
    """A sale that is to be nobody's, and all its returns; by its ``traces`` the log finds the order that it was."""

    sale: Sale
    returns: tuple[Return, ...]
    traces: tuple[str, ...] = ()


class SalesHandler:
    """One batch's sales and returns. Loyalty reads :attr:`folds`, by position of the event."""

    def __init__(self, *, currency: str) -> None:
        """Book sales in the shop's currency."""
        self._currency = currency
        self.folds: dict[object, Fold] = {}
        self._sales: dict[Key, Sale] = {}
        self._taken: set[Key] = set()
        self._returned: set[Key] = set()
        self._returns_of: dict[Key, list[Return]] = collections.defaultdict(list)
        self._booked: list[Sale] = []
        self._led: list[Led] = []
        self._new_returns: dict[Key, Return] = {}
        self._settled: list[Return] = []
        self._waiting: Told | None = None
        #: What is to be forgotten, as it stands in the books; and sales that were, and are booked once more.
        self.let_go: LetGo | None = None
        self._forgotten: set[Key] = set()

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Lock the sales that goods come back from, and find out whose they are."""
        bought = {(a.source, a.data.receipt): a.customer for a in batch.arrivals if a.type == SALE_CLOSED}
        coming_back = [a for a in batch.arrivals if a.type == SALE_RETURNED]
        if coming_back:
            referred = {_sale_of(a) for a in coming_back}
            # Whether a sale is missing can only be said when no sale is in flight; that lock comes before all others.
            known = store.find_receipts(connection, referred)
            # A sale of this very batch does not count: it may be refused, while another batch has the right one.
            store.lock_parking(connection, exclusive=not referred <= known)
            customers = store.lock_sales(connection, referred)
            for arrival in coming_back:
                key = _sale_of(arrival)
                arrival.customer = customers[key] if key in customers else bought.get(key)
        elif bought:
            store.lock_parking(connection, exclusive=False)
        elif any(a.type == FORGOTTEN or a.type in PIECES for a in batch.arrivals):
            # Whoever takes goods back has read whose they were, and must not find the sale under another name.
            store.lock_parking(connection, exclusive=True)
            store.lock_sales(connection, {_sale_of(a) for a in batch.arrivals if a.type == SALE_FORGET})
        if bought:
            self._waiting = store.ask_waiting(connection)

    def load(self, connection: Connection, batch: Batch) -> None:
        """Read what is booked already under these receipt numbers, and the returns of these sales."""
        bought = [(a.source, a.data.receipt) for a in batch.fresh if a.type == SALE_CLOSED]
        coming_back = [a for a in batch.fresh if a.type == SALE_RETURNED]
        touched = list(bought)
        if bought and not batch.is_trusting:
            self._taken = store.find_receipts(connection, bought)
        self._look_for_forgotten(connection, batch)
        if coming_back:
            referred = {_sale_of(a) for a in coming_back}
            touched.extend(referred)
            self._sales = store.find_sales(connection, referred)
            self._returned = store.find_returned_receipts(connection, [(a.source, a.data.receipt) for a in coming_back])
        if coming_back or (self._waiting is not None and store.is_waiting(self._waiting)):
            for one in store.find_returns_of(connection, set(touched)):
                self._returns_of[one.sale].append(one)

    def _look_for_forgotten(self, connection: Connection, batch: Batch) -> None:
        """Read what is to be forgotten; keep nothing of a sale that was, and is told of once more."""
        for arrival in batch.fresh:
            if arrival.type == SALE_FORGET:
                key = _sale_of(arrival)
                sale = store.find_sales(connection, {key}).get(key)
                if sale is not None:
                    self.let_go = LetGo(sale, tuple(store.find_returns_of(connection, {key})))
        again = [a for a in batch.fresh if a.type == SALE_CLOSED and (a.source, a.data.receipt) in self._taken]
        again += [a for a, _ in batch.reused if a.type == SALE_CLOSED]
        if again:
            self._forgotten = find_forgotten_sales(connection, {(a.source, a.data.receipt) for a in again})
            for arrival in again:
                if (arrival.source, arrival.data.receipt) in self._forgotten:
                    sever_arrival(arrival)
                    arrival.refusal = _is_forgotten() if arrival.refusal is not None else None

    def decide(self, batch: Batch) -> None:
        """Check and book, in the order of arrival."""
        for arrival in batch.fresh:
            if arrival.refusal is None:
                if arrival.type == SALE_CLOSED:
                    arrival.refusal = self._close(arrival)
                elif arrival.type == SALE_RETURNED:
                    arrival.refusal = self._take_back(arrival)

    def write(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002 - the handlers' shape
        """Write sales, returns, and what became of returns that waited."""
        if self._booked:
            store.insert_sales(connection, self._booked)
        if self._led:
            store.insert_led(connection, self._led)
        if self._new_returns:
            store.insert_returns(connection, list(self._new_returns.values()))
        if self._settled:
            store.settle_returns(connection, self._settled)

    def _close(self, arrival: Arrival) -> Problem | None:
        data, key = arrival.data, (arrival.source, arrival.data.receipt)
        if key in self._forgotten:
            return _is_forgotten()
        if data.currency != self._currency:
            return CurrencyNotAccepted(f"This shop sells in {self._currency}.", field="data.currency")
        lines = tuple(data.lines)
        if sum([line.amount for line in lines]) != data.total:
            return TotalMismatch(f"The lines add up to {sum(line.amount for line in lines)}.", field="data.total")
        if (problem := rules.misstated(lines)) is not None:
            return problem
        if key in self._taken:
            return ReceiptTaken(field="data.receipt")
        assert arrival.position is not None
        sale = Sale(
            arrival.source, data.receipt, arrival.position, arrival.customer, arrival.occurred_at, data.store,
            data.currency, data.total, lines,
        )  # fmt: skip
        self._taken.add(key)
        self._sales[key] = sale
        self._booked.append(sale)
        if data.short_link is not None:
            self._led.append((*key, data.short_link))
        waiting = self._returns_of.get(key)
        self.folds[arrival.position] = Fold(sale, None, self._settle(sale, waiting) if waiting else [])
        return None

    def _settle(self, sale: Sale, waiting: list[Return]) -> list[Return]:
        """Let the returns that waited for this sale count; returns those that do."""
        settled = rules.settle(sale, waiting)
        for one in settled:
            if one.key in self._new_returns:
                self._new_returns[one.key] = one
            else:
                self._settled.append(one)
        self._returns_of[sale.key] = settled
        return rules.in_order(settled)

    def _take_back(self, arrival: Arrival) -> Problem | None:
        data, key = arrival.data, (arrival.source, arrival.data.receipt)
        lines = tuple([Returned(line.line, line.quantity, line.amount) for line in data.lines])
        if sum(line.amount for line in lines) != data.total:
            return TotalMismatch(f"The lines add up to {sum(line.amount for line in lines)}.", field="data.total")
        if key in self._returned:
            return ReceiptTaken(field="data.receipt")
        sale_key = _sale_of(arrival)
        sale = self._sales.get(sale_key)
        before = rules.in_order(self._returns_of.get(sale_key, ()))
        if sale is None and data.refund is not None:
            return SaleUnknown(field="data.sale")
        if data.currency != (self._currency if sale is None else sale.currency):
            return CurrencyNotAccepted("Money goes back in the currency it came in.", field="data.currency")
        if sale is not None and (problem := rules.excess(sale, before, lines)) is not None:
            return problem
        if sale is not None and data.refund is not None and (found := rules.mismatch(sale, before, lines)) is not None:
            return found
        assert arrival.position is not None
        one = Return(
            arrival.source, data.receipt, arrival.position, *sale_key, arrival.occurred_at, data.store,
            data.currency, data.total, lines, "waiting" if sale is None else "applied", data.goods, data.refund,
        )  # fmt: skip
        self._returned.add(key)
        self._new_returns[key] = one
        self._returns_of[sale_key].append(one)
        if sale is None:
            arrival.is_waiting = True
        else:
            self.folds[arrival.position] = Fold(sale, before, rules.in_order([*before, one]))
        return None


def _is_forgotten() -> SaleForgotten:
    return SaleForgotten("It stands in the books, and is nobody's.", field="data.receipt")


def _sale_of(arrival: Arrival) -> Key:
    reference = arrival.data.sale
    return (reference.source or arrival.source, reference.receipt)
