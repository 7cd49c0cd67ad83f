"""What customers do when a batch arrives: note whom it is about, make and undo links, say who is one person."""

from __future__ import annotations

import datetime as dt
import weakref
from collections.abc import Callable
from typing import NamedTuple

from comptoir.counter.customers import rules, store
from comptoir.counter.customers.contracts import (
    CONFIRMATIONS,
    CUSTOMER_KIND,
    FORGETTING,
    FORGOTTEN,
    HOLDINGS,
    IDENTIFIER_FORGET,
    LINK_UNDO,
    LINKED,
    LINKS,
    PIECES,
    Identifier,
    PieceForgotten,
)
from comptoir.counter.customers.errors import (
    CustomerUnknown,
    IsForgotten,
    LinkToItself,
    LinkTooOld,
    LinkUnknown,
    LinkWithoutProof,
    PersonTooLarge,
    PieceUnknown,
)
from comptoir.counter.customers.forgetting import find_forgotten, sever_arrival
from comptoir.foundation.events.contracts import Arrival, Batch
from comptoir.foundation.events.errors import Apart
from comptoir.foundation.events.rules import is_severed
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.touchpoints.contracts import CUSTOMERS_OWN, HOUSE_SOURCE


class Parting(NamedTuple):
    """Two sides that were one person since a moment, by a link that was a mistake."""

    one: tuple[Id, ...]
    other: tuple[Id, ...]
    since: dt.datetime


Objections = Callable[[tuple[Id, ...], tuple[Id, ...]], Problem | None]
#: What is said against letting one customer of a person go: the customer, and the person's.
Reservations = Callable[[Id, tuple[Id, ...]], Problem | None]


class CustomersHandler:
    """One batch's customers. Other handlers ask it for :meth:`members`."""

    def __init__(self, *, finds_known: bool = False) -> None:
        """Start empty; ``finds_known`` where nobody else in the batch finds out who is a customer already."""
        self._finds_known = finds_known
        self._members: dict[Id, tuple[Id, ...]] = {}
        self._links: dict[tuple[Id, Id], rules.Link] = {}
        self._changed: set[tuple[Id, Id]] = set()
        self._new: dict[Id, str] = {}
        #: What was parted by an undoing, by the event that asked for it: the two sides, and since when they were one.
        self.partings: dict[Id, Parting] = {}
        # Weak, since whoever is asked knows this handler: a batch goes when it is done, and waits for no collector.
        self._objections: weakref.WeakMethod[Objections] | None = None
        self._reservations: weakref.WeakMethod[Reservations] | None = None
        #: Whom the batch lets go out of a person, and what is kept of the request.
        self.let_go: Id | None = None
        self._kinds: dict[Id, str] = {}
        #: Whose links are all at hand, if the batch links: of these the persons may be made anew, of nobody else.
        self._linkable: frozenset[Id] = frozenset()
        #: Everybody whom the batch may touch: the customers it names and all who are one person with them.
        self.concerned: set[Id] = set()

    @property
    def linkable(self) -> frozenset[Id]:
        """Return whose persons may be other ones after this batch, because it links or parts somebody."""
        return self._linkable

    def ask_before_parting(self, objections: Objections) -> None:
        """Let another handler refuse the undoing of a link that it relies on; ``objections`` is a method of its."""
        self._objections = weakref.WeakMethod(objections)

    def ask_before_letting_go(self, reservations: Reservations) -> None:
        """Let another handler refuse that one customer of a person goes; ``reservations`` is a method of its."""
        self._reservations = weakref.WeakMethod(reservations)

    def identifier(self, customer: Id) -> Identifier:
        """Return how the log names a customer of whoever wants a piece forgotten."""
        return Identifier(self._kinds[customer], customer)

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
        linking = [arrival for arrival in batch.arrivals if arrival.type in LINKS or arrival.type == IDENTIFIER_FORGET]
        forgetting = [index for index, arrival in enumerate(batch.arrivals) if arrival.type in FORGETTING]
        if forgetting and len(batch.arrivals) > 1:
            raise Apart(forgetting[0])
        if customers:
            store.lock_links(connection, exclusive=bool(linking or forgetting))
        if linking:
            customers.update(arrival.data.identifier.value for arrival in linking)
        if customers:
            self._members = store.find_members(connection, customers)
        if linking or (customers and self._finds_known):
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
        """Note who is named for the first time; refuse whom nobody has, or who was forgotten, before others decide."""
        self._look_at_pieces(connection, batch)
        # The hot path is somebody who is known, and nobody else: of them there is nothing to be found out.
        strangers = [
            arrival
            for arrival in batch.fresh
            if arrival.type in LINKS
            or (arrival.customer is not None and (arrival.customer not in batch.known or is_severed(arrival.customer)))
        ]
        if not strangers and not batch.reused:
            return
        named = {
            customer
            for arrival in strangers
            for identifier, customer in _identifiers(arrival)
            if identifier.kind == CUSTOMER_KIND
        } - batch.known
        if named:
            batch.known |= store.find_known(connection, named)
        reused = [arrival for arrival, _ in batch.reused]
        asked = {customer for arrival in (*strangers, *reused) for _, customer in _identifiers(arrival)}
        # Goods that come back in the batch of their sale are about its customer, and do not say so themselves.
        asked |= {arrival.customer for arrival in strangers if arrival.customer is not None}
        forgotten = find_forgotten(connection, asked - batch.known)
        for arrival in strangers:
            arrival.refusal = self._look_at(arrival, batch.known, forgotten)
        for arrival, outcome in batch.reused:
            if any(customer in forgotten for _, customer in _identifiers(arrival)):
                # What was said of them before they were forgotten is not confirmed; what came later is a repeat.
                is_repeat = arrival.type == FORGOTTEN or IsForgotten.name.encode() in outcome
                arrival.refusal = None if is_repeat else _is_forgotten()
                sever_arrival(arrival)

    def _look_at_pieces(self, connection: Connection, batch: Batch) -> None:
        """Read of what kind everybody is whom the log may have to name; what was asked twice happens once."""
        if not any(arrival.type in PIECES for arrival in batch.arrivals):
            return
        self._kinds = store.find_kinds(connection, self.concerned)
        for arrival, _ in batch.reused:
            if arrival.type in PIECES:
                # The log has not kept what was asked, so it cannot be compared: whoever asked has the number.
                arrival.refusal = None

    def _look_at(self, arrival: Arrival, known: set[Id], forgotten: set[Id]) -> Problem | None:
        """Note the customers that an event names for the first time, or return why it cannot be about them."""
        identifiers = _identifiers(arrival)
        if any(customer in forgotten for _, customer in identifiers):
            sever_arrival(arrival)
            return _is_forgotten()
        if arrival.customer in forgotten:
            arrival.sever(id=arrival.id, written=arrival.written)
        refusal = None
        for identifier, customer in identifiers:
            if identifier.kind == CUSTOMER_KIND:
                # Only the house itself speaks of somebody who is nobody any more: their points still expire.
                is_ours = arrival.source.startswith(HOUSE_SOURCE)
                if (customer not in known and customer not in self._new) or (is_severed(customer) and not is_ours):
                    refusal = CustomerUnknown(field="data.customer")
            elif customer not in known and arrival.type != FORGOTTEN:
                self._new[customer] = identifier.kind
        return refusal

    def decide(self, batch: Batch) -> None:
        """Apply links and their undoing, in any order."""
        for arrival in batch.fresh:
            if arrival.refusal is None and arrival.type in LINKS:
                self._link(arrival)
            elif arrival.type == IDENTIFIER_FORGET:
                self._let_go(arrival)

    def write(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002 - the handlers' shape
        """Write new customers, changed links, and the persons that follow from them."""
        if self._new:
            store.insert_customers(connection, self._new)
        if self._changed or self.let_go is not None:
            persons = rules.persons(self._links.values())
            store.write_links(connection, [self._links[key] for key in self._changed], persons, self._linkable)

    def _link(self, arrival: Arrival) -> None:
        one, other = arrival.data.identifier.value, arrival.customer
        assert other is not None
        if one == other:
            arrival.refusal = LinkToItself(field="data.identifier")
            return
        if arrival.type == LINKED and arrival.touchpoint in CUSTOMERS_OWN and not _is_proof(arrival.data.evidence):
            arrival.refusal = LinkWithoutProof("Evidence is HOLDING+CONFIRMATION.", field="data.evidence")
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
        if arrival.type == LINK_UNDO:
            arrival.refusal = self._undo(arrival, before, link)
            if arrival.refusal is not None:
                return
        self._links[key] = link
        self._changed.add(key)
        if link.is_active != before.is_active:
            self._regroup()

    def _let_go(self, arrival: Arrival) -> None:
        """Take one customer out of its person, who stays together; the log keeps nothing of who it was."""
        around, gone = arrival.customer, arrival.data.identifier.value
        if around is None:
            return  # whoever asks was forgotten
        members = self.members(around)
        kept = PieceForgotten(arrival.data.customer)
        if arrival.refusal is None:
            if gone not in members or gone == around:
                arrival.refusal = PieceUnknown(field="data.identifier")
            else:
                reservations = self._reservations and self._reservations()
                arrival.refusal = reservations(gone, members) if reservations else None
        if arrival.refusal is None:
            joined = rules.rejoined(self._links.values(), members, gone=gone, around=around)
            named = [each for each in members if each not in {around, gone, *joined}]
            kept = PieceForgotten(
                self.identifier(around), [self.identifier(each) for each in joined], [self.identifier(e) for e in named]
            )
            self._links = {key: link for key, link in self._links.items() if gone not in key}
            said = rules.Statement(arrival.occurred_at, arrival.source, arrival.id, "")
            for other in joined:
                key = (min(around, other), max(around, other))
                self._links[key] = self._links.get(key, rules.Link(*key)).after(linked=said)
                self._changed.add(key)
            self.let_go = gone
            self._regroup()
        arrival.reword(codec.encode(kept))

    def _undo(self, arrival: Arrival, before: rules.Link, link: rules.Link) -> Problem | None:
        """Note who is parted from whom, or return why the link cannot be undone."""
        if before.linked is None or not before.is_active:
            return LinkUnknown(field="data.identifier")
        if link.is_active:
            return LinkUnknown("The link is newer than this.", field="time")
        age = arrival.received_at - before.linked.occurred_at
        if arrival.touchpoint in CUSTOMERS_OWN and age > dt.timedelta(days=rules.UNDO_DAYS):
            return LinkTooOld(f"The shop can still undo it; after {rules.UNDO_DAYS} days you cannot.", field="time")
        persons = rules.persons([each for each in self._links.values() if each is not before] + [link])
        sides = [
            tuple(member for member in self.members(end) if persons.get(member, member) == persons.get(end, end))
            for end in (link.low, link.high)
        ]
        if sides[0] == sides[1]:
            return None  # further links still make them one person
        objections = self._objections and self._objections()
        problem = objections(*sides) if objections else None
        if problem is None:
            assert arrival.position is not None
            self.partings[arrival.position] = Parting(sides[0], sides[1], before.linked.occurred_at)
        return problem

    def _regroup(self) -> None:
        """Make the persons anew from the links at hand; later events of the batch see them."""
        groups: dict[Id, list[Id]] = {}
        for customer, person in rules.persons(self._links.values()).items():
            groups.setdefault(person, []).append(customer)
        for customer in self._linkable:
            self._members.pop(customer, None)
        for group in groups.values():
            self._members.update(dict.fromkeys(group, tuple(sorted(group))))


def _is_forgotten() -> IsForgotten:
    return IsForgotten("Send what has to be kept without a customer, under an id of its own.", field="data.customer")


def _is_proof(evidence: str) -> bool:
    """Tell whether evidence says what was at hand and what confirmed it freshly; a colon and words may follow."""
    holding, _, confirmation = evidence.partition(": ")[0].partition("+")
    return holding in HOLDINGS and confirmation in CONFIRMATIONS


def _identifiers(arrival: Arrival) -> list[tuple[Identifier, Id]]:
    found: list[tuple[Identifier, Id]] = []
    if arrival.customer is not None and (identifier := getattr(arrival.data, "customer", None)) is not None:
        found.append((identifier, arrival.customer))
    if arrival.type in LINKS:
        found.append((arrival.data.identifier, arrival.data.identifier.value))
    return found
