"""What customers do when a batch arrives: note whom it is about, make and undo links, say who is one person."""

from __future__ import annotations

from comptoir.counter.customers import rules, store
from comptoir.counter.customers.contracts import CUSTOMER_KIND, LINKED, LINKS, Identifier
from comptoir.counter.customers.errors import CustomerUnknown, LinkToItself, PersonTooLarge
from comptoir.foundation.events.contracts import Arrival, Batch
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id


class CustomersHandler:
    """One batch's customers. Other handlers ask it for :meth:`members`."""

    def __init__(self) -> None:
        """Start empty."""
        self._members: dict[Id, tuple[Id, ...]] = {}
        self._links: dict[tuple[Id, Id], rules.Link] = {}
        self._changed: set[tuple[Id, Id]] = set()
        self._new: dict[Id, str] = {}
        #: Whose links are all at hand, if the batch links: of these the persons may be made anew, of nobody else.
        self._linkable: frozenset[Id] = frozenset()
        #: Everybody whom the batch may touch: the customers it names and all who are one person with them.
        self.concerned: set[Id] = set()

    def members(self, customer: Id) -> tuple[Id, ...]:
        """Return all customers that are one person with this one, in order, itself among them."""
        return self._members.get(customer, (customer,))

    def include(self, connection: Connection, customers: set[Id]) -> None:
        """Concern further customers, whom another handler has found, and everybody who is one person with them."""
        unknown = customers - self._members.keys()
        if unknown:
            store.lock_links(connection, exclusive=False)
            self._members.update(store.find_members(connection, unknown))
        self.concerned |= customers.union(*(self.members(customer) for customer in customers))

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Read who is one person with whom; wait for other batches that link, if this one does."""
        customers = {arrival.customer for arrival in batch.arrivals if arrival.customer is not None}
        linking = [arrival for arrival in batch.arrivals if arrival.type in LINKS]
        if customers:
            store.lock_links(connection, exclusive=bool(linking))
        if linking:
            customers.update(arrival.data.identifier.value for arrival in linking)
        if customers:
            self._members = store.find_members(connection, customers)
        if linking:
            batch.known |= store.find_known(connection, customers)
        self.concerned = customers.union(*(members for members in self._members.values()))
        if linking:
            self._linkable = frozenset(self.concerned)
            # An inactive link may lead to somebody else, whose own links are not at hand: leave it out.
            self._links = {
                (link.low, link.high): link
                for link in store.find_links(connection, self._linkable)
                if link.low in self._linkable and link.high in self._linkable
            }

    def load(self, connection: Connection, batch: Batch) -> None:
        """Note who is named for the first time; refuse opaque ids that nobody has, before anybody decides on them."""
        named = {
            customer
            for arrival in batch.fresh
            if arrival.customer not in batch.known or arrival.type in LINKS
            for identifier, customer in _identifiers(arrival)
            if identifier.kind == CUSTOMER_KIND
        } - batch.known
        if named:
            batch.known |= store.find_known(connection, named)
        for arrival in batch.fresh:
            if arrival.customer in batch.known and arrival.type not in LINKS:
                continue  # the hot path: somebody who is known, and nobody else
            for identifier, customer in _identifiers(arrival):
                if customer in batch.known or customer in self._new:
                    continue
                if identifier.kind == CUSTOMER_KIND:
                    arrival.refusal = CustomerUnknown(field="data.customer")
                else:
                    self._new[customer] = identifier.kind

    def decide(self, batch: Batch) -> None:
        """Apply links and their undoing, in any order."""
        for arrival in batch.fresh:
            if arrival.refusal is None and arrival.type in LINKS:
                self._link(arrival)

    def write(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002 - the handlers' shape
        """Write new customers, changed links, and the persons that follow from them."""
        if self._new:
            store.insert_customers(connection, self._new)
        if self._changed:
            persons = rules.persons(self._links.values())
            store.write_links(connection, [self._links[key] for key in self._changed], persons, self._linkable)

    def _link(self, arrival: Arrival) -> None:
        one, other = arrival.data.identifier.value, arrival.customer
        assert other is not None
        if one == other:
            arrival.refusal = LinkToItself(field="data.identifier")
            return
        key = (min(one, other), max(one, other))
        statement = rules.Statement(arrival.occurred_at, arrival.source, arrival.id, arrival.data.evidence)
        before = self._links.get(key, rules.Link(*key))
        is_linking = arrival.type == LINKED
        link = before.after(linked=statement) if is_linking else before.after(unlinked=statement)
        if link.is_active and not before.is_active:
            size = len({*self.members(one), *self.members(other)})
            if size > rules.MEMBERS_MAX:
                arrival.refusal = PersonTooLarge(f"They would be {size}.", field="data.identifier")
                return
        self._links[key] = link
        self._changed.add(key)
        if link.is_active != before.is_active:
            self._regroup()

    def _regroup(self) -> None:
        """Make the persons anew from the links at hand; later events of the batch see them."""
        groups: dict[Id, list[Id]] = {}
        for customer, person in rules.persons(self._links.values()).items():
            groups.setdefault(person, []).append(customer)
        for customer in self._linkable:
            self._members.pop(customer, None)
        for group in groups.values():
            self._members.update(dict.fromkeys(group, tuple(sorted(group))))


def _identifiers(arrival: Arrival) -> list[tuple[Identifier, Id]]:
    found: list[tuple[Identifier, Id]] = []
    if arrival.customer is not None and (identifier := getattr(arrival.data, "customer", None)) is not None:
        found.append((identifier, arrival.customer))
    if arrival.type in LINKS:
        found.append((arrival.data.identifier, arrival.data.identifier.value))
    return found
