"""What customers choose for themselves, when a batch arrives. A batch without choices and links costs nothing here.

Every choice is a last word: whichever order they are heard in, the latest holds. What follows from all of a person's
choices together (``permissions.py``) is written for each of its customers, and anew when links change who that is.
Not here: which matters there are (``matters.py``), links (``handlers.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from comptoir.counter.customers import matters, permissions, records, store
from comptoir.counter.customers.contracts import CHOICES, IDENTIFIER_FORGET, LINKS, TERMS_AGREED, TERMS_SIGNED
from comptoir.counter.customers.errors import RecordChanged, SignatureWrong
from comptoir.counter.customers.handlers import CustomersHandler
from comptoir.counter.customers.rules import Choice, Statement
from comptoir.counter.customers.rules import persons as persons_of
from comptoir.foundation.events.contracts import Arrival, Batch
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem

#: What makes who is one person another question.
_REGROUPING = LINKS | {IDENTIFIER_FORGET}
_CONCERNING = CHOICES | _REGROUPING


class ChoicesHandler:
    """One batch's choices, of the customers that ``customers`` says are one person."""

    def __init__(self, customers: CustomersHandler) -> None:
        """Start empty."""
        self._customers = customers
        self._is_needed = False
        self._concerned: set[Id] = set()
        self._choices: dict[tuple[Id, str], Choice] = {}
        self._changed: dict[tuple[Id, str], Choice] = {}
        self._is_biting = False

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Wait for other batches that choose, if this one does."""
        self._is_needed = any(arrival.type in _CONCERNING for arrival in batch.arrivals)
        if self._is_needed:
            store.lock_choices(connection)

    def load(self, connection: Connection, batch: Batch) -> None:
        """Read what everybody concerned has chosen so far."""
        if not self._is_needed:
            return
        named = {a.customer for a in batch.fresh if a.type in CHOICES and a.customer is not None}
        self._concerned = named.union(*(self._customers.members(customer) for customer in named))
        # A link changes who is one person, and so may an undone one: both sides' choices count anew.
        self._concerned |= self._customers.linkable
        self._choices = {choice.key: choice for choice in store.find_choices(connection, self._concerned)}

    def decide(self, batch: Batch) -> None:
        """Let the later of two choices on one matter hold."""
        if not self._is_needed:
            return
        for arrival in batch.accepted():
            if arrival.type in CHOICES:
                arrival.refusal = _check_record(arrival)
                if arrival.refusal is None:
                    self._choose(arrival)
            elif arrival.type in _REGROUPING and self._choices:
                self._is_biting = True

    def write(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002 - the handlers' shape
        """Write the choices that changed, and what is allowed from now on."""
        if self._changed:
            store.write_choices(connection, [self._changed[key] for key in sorted(self._changed)])
        if self._is_biting:
            members = {customer: self._customers.members(customer) for customer in self._concerned}
            store.write_permissions(connection, sorted(self._concerned), allowed(members, self._choices.values()))

    def _choose(self, arrival: Arrival) -> None:
        assert arrival.customer is not None
        for word in matters.said(arrival.type, arrival.data, at=arrival.occurred_at):
            said = Statement(word.at, arrival.source, arrival.id, word.record)
            choice = Choice(arrival.customer, word.matter, word.value, said, word.ends_at, word.quiet_days)
            before = self._choices.get(choice.key)
            if choice.after(before) is choice:
                self._choices[choice.key] = self._changed[choice.key] = choice
                self._is_biting |= matters.is_biting(word.matter)


def allowed(members: Mapping[Id, tuple[Id, ...]], choices: Iterable[Choice]) -> dict[tuple[Id, str], tuple[str, ...]]:
    """Return for each customer, given who is one person with it, what is allowed where it differs from everybody's."""
    by_customer: dict[Id, list[Choice]] = {}
    for choice in choices:
        by_customer.setdefault(choice.customer, []).append(choice)
    found = {}
    for customer, person in members.items():
        words = permissions.latest(choice for member in person for choice in by_customer.get(member, ()))
        for purpose, channels in permissions.exceptions(words).items():
            found[customer, purpose] = channels
    return found


def regroup(connection: Connection, members: Collection[Id]) -> None:
    """Make anew who is one person among these customers, of whose person one has gone, and what is allowed for them."""
    links = [each for each in store.find_links(connection, members) if each.low in members and each.high in members]
    persons = persons_of(links)
    store.write_links(connection, [], persons, members)
    groups: dict[Id, list[Id]] = {}
    for customer in sorted(members):
        groups.setdefault(persons.get(customer, customer), []).append(customer)
    people = {member: tuple(group) for group in groups.values() for member in group}
    store.write_permissions(connection, sorted(members), allowed(people, store.find_choices(connection, members)))


def _check_record(arrival: Arrival) -> Problem | None:
    """Return why an agreement's record is none, or ``None``: the shop signed it, and it says the same as the event."""
    if arrival.type not in {TERMS_AGREED, TERMS_SIGNED}:
        return None
    try:
        said = records.verify(arrival.data.record)
    except (RecordChanged, SignatureWrong) as problem:
        return type(problem)(problem.detail, field="data.record")
    agreed = records.agreement_in(said)
    is_by_both = isinstance(said, records.SignedAgreement)
    is_told = agreed is not None and agreed.agreement == arrival.data.proffer
    if is_told and arrival.type == TERMS_AGREED:
        is_told = agreed is not None and agreed.term == arrival.data.term
    if not is_told or is_by_both != (arrival.type == TERMS_SIGNED):
        return RecordChanged("The record says something else than the event.", field="data.record")
    return None
