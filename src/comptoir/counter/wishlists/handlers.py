"""What wish lists do when a batch arrives: owners change them, friends claim and let go, orders buy what was claimed.

A list and its claims are changed by one batch at a time, so of two friends who claim the same wish one has it.
"""

from __future__ import annotations

from collections.abc import Callable

from comptoir.counter.customers.handlers import CustomersHandler
from comptoir.counter.orders.contracts import CANCEL, PAID, PLACED
from comptoir.counter.wishlists import following, rules, store
from comptoir.counter.wishlists.contracts import CHANGED, CLAIM, RELEASE
from comptoir.counter.wishlists.following import Claims
from comptoir.counter.wishlists.rules import WishList
from comptoir.foundation.events.contracts import Arrival, Batch
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem


class WishListsHandler:
    """One batch's wish lists. A batch that names none costs no more than a look at its orders."""

    def __init__(self, *, customers: CustomersHandler, digest_of: Callable[[Id], Id]) -> None:
        """Decide for the customers of the same batch; ``digest_of`` gives by what a share is found."""
        self._customers = customers
        self._digest_of = digest_of
        self._lists: dict[Id, WishList] = {}
        self._counts: dict[Id, int] = {}
        self._claims = Claims()
        self._changed: set[Id] = set()
        self._is_needed = False

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Lock the lists that are named, by themselves, by claims or by the orders that buy these."""
        lists = {each.data.wish_list for each in batch.arrivals if each.type in {CHANGED, CLAIM}}
        claims = {each.data.claim for each in batch.arrivals if each.type == RELEASE}
        claims |= {each.data.basket for each in batch.arrivals if each.type == PLACED and each.data.basket is not None}
        orders = {each.data.order for each in batch.arrivals if each.type in {PAID, CANCEL}}
        if claims or orders:
            lists |= store.find_lists_of_claims(connection, claims, orders)
        self._is_needed = bool(lists) or any(each.type == RELEASE for each in batch.arrivals)
        if not lists:
            return
        store.lock_lists(connection, lists)
        self._lists = {each.id: each for each in store.find_lists(connection, lists)}
        self._claims = Claims(store.find_claims(connection, lists))
        for position in (*(each.position for each in self._lists.values()), *self._claims.positions()):
            batch.saw(position)
        begun = {each.customer for each in batch.arrivals if each.type == CHANGED and each.customer is not None}
        if begun:
            self._counts = store.count_of_customers(connection, begun)
        owners = {each.customer for each in self._lists.values()}
        owners |= {each.customer for each in self._claims.all() if each.customer is not None}
        self._customers.include(connection, owners)

    def load(self, connection: Connection, batch: Batch) -> None:
        """Everything is at hand."""

    def decide(self, batch: Batch) -> None:
        """Decide each event in the order of arrival, on what the ones before it have left."""
        if not self._is_needed:
            return
        for arrival in batch.accepted():
            if arrival.type == CHANGED:
                arrival.refusal = self._change(arrival)
            elif arrival.type == CLAIM:
                arrival.refusal = self._claim(arrival)
            elif arrival.type == RELEASE:
                arrival.refusal = self._release(arrival)
            elif arrival.type in following.ORDERS:
                assert arrival.position is not None
                self._claims.follow(arrival.type, arrival.data, position=arrival.position)

    def write(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002 - the handlers' shape
        """Write what became of the lists and of the claims."""
        store.write_lists(connection, [self._lists[each] for each in sorted(self._changed)])
        store.drop_claims(connection, self._claims.gone)
        store.write_claims(connection, self._claims.changed())

    def _change(self, arrival: Arrival) -> Problem | None:
        assert arrival.position is not None
        assert arrival.customer is not None, "the type has a customer"
        data, before = arrival.data, self._lists.get(arrival.data.wish_list)
        count = self._counts.get(arrival.customer, 0)
        problem = rules.judge_change(before, data, customer=arrival.customer, at=arrival.occurred_at, lists=count)
        if problem is not None:
            return problem
        if before is None:
            self._counts[arrival.customer] = count + 1
        link = None if data.share is None else self._digest_of(data.share)
        self._lists[data.wish_list] = rules.changed(
            before, data, customer=arrival.customer, position=arrival.position, at=arrival.occurred_at, link=link
        )
        self._changed.add(data.wish_list)
        return None

    def _claim(self, arrival: Arrival) -> Problem | None:
        assert arrival.position is not None
        data, wish_list = arrival.data, self._lists.get(arrival.data.wish_list)
        owners = () if wish_list is None else self._customers.members(wish_list.customer)
        held = self._claims.of(data.wish_list)
        problem = rules.judge_claim(wish_list, data, claims=held, owners=owners, customer=arrival.customer)
        if problem is not None:
            return problem
        assert wish_list is not None, "it was judged"
        wish = wish_list.wish(data.wish)
        assert wish is not None, "it was judged"
        self._claims.put(
            rules.claimed(wish, data, customer=arrival.customer, position=arrival.position, at=arrival.occurred_at)
        )
        return None

    def _release(self, arrival: Arrival) -> Problem | None:
        claim = self._claims.get(arrival.data.claim)
        members = () if arrival.customer is None else self._customers.members(arrival.customer)
        problem = rules.judge_release(claim, arrival.data, members=members)
        if problem is None:
            self._claims.drop(arrival.data.claim)
        return problem
