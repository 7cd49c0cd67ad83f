"""Deriving customers, links and persons from the log."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from comptoir.counter.customers import rules, store
from comptoir.counter.customers.contracts import CUSTOMER_KIND, LINKED, UNLINKED, Identifier
from comptoir.foundation.events.rebuilding import Logged
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id


class _Named(msgspec.Struct):
    """What an event's data says of customers."""

    customer: Identifier | None = None
    identifier: Identifier | None = None
    evidence: str = ""


_named = msgspec.json.Decoder(_Named)


class CustomersDeriver:
    """Every identifier that a recorded event names has its customer; links and persons follow from their events."""

    tables = ("customers_customer", "customers_link", "customers_membership")

    def __init__(self) -> None:
        """Start with nobody."""
        self._links: dict[tuple[Id, Id], rules.Link] = {}
        self._known: set[Id] = set()

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:
        """Note who is named, and who is linked with whom."""
        new: dict[Id, str] = {}
        for event in events:
            if event.customer in self._known and event.type not in {LINKED, UNLINKED}:
                continue
            named = _named.decode(event.data)
            for each in (named.customer, named.identifier):
                if each is not None and each.kind != CUSTOMER_KIND and each.value not in self._known:
                    new[each.value] = each.kind
                    self._known.add(each.value)
            if event.is_accepted and event.type in {LINKED, UNLINKED}:
                self._link(event, named)
        if new:
            store.insert_customers(connection, new)

    def finish(self, connection: Connection) -> None:
        """Write the links, and the persons that they make."""
        persons = rules.persons(self._links.values())
        store.write_links(connection, list(self._links.values()), persons, persons.keys())

    def _link(self, event: Logged, named: _Named) -> None:
        assert named.customer is not None
        assert named.identifier is not None
        low, high = sorted((named.customer.value, named.identifier.value))
        statement = rules.Statement(event.occurred_at, event.source, event.id, named.evidence)
        before = self._links.get((low, high), rules.Link(low, high))
        is_linking = event.type == LINKED
        self._links[low, high] = before.after(linked=statement) if is_linking else before.after(unlinked=statement)
