"""Deriving customers, links and persons from the log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec

from comptoir.counter.customers import choices, matters, rules, store
from comptoir.counter.customers.contracts import (
    CHOICES,
    CUSTOMER_KIND,
    IDENTIFIER_FORGET,
    LINKED,
    LINKS,
    PERSONA_CHOOSE,
    PERSONAS,
    Identifier,
)
from comptoir.foundation.events.rebuilding import Logged
from comptoir.foundation.events.rules import NOBODY, is_severed
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.square.community import store as community
from comptoir.square.community.rules import skeleton


class _Who(msgspec.Struct):
    """Whom an event's data names. A type of the shop's own may call its other fields as it likes."""

    customer: Identifier | None = None
    identifier: Identifier | None = None


class _Named(_Who):
    """What an event's data says of customers, if it is of a type that is looked at."""

    evidence: str = ""
    closeness: str = ""
    term: str = ""
    proffer: str = ""
    alternative: str | None = None
    record: str = ""
    purpose: str = ""
    channel: str = ""
    receipt: str = ""
    days: int | None = None
    quiet_days: int | None = None
    given_at: dt.datetime = dt.datetime.min.replace(tzinfo=dt.UTC)
    because: str = ""
    means: str = ""
    rhythm: str = ""
    language: str = "en"
    subscription: str = ""
    device: str = "computer"
    persona: str = ""
    name: str = ""
    joined: tuple[Identifier, ...] = ()
    named: tuple[Identifier, ...] = ()


#: Types of which every event counts; of others, the first that names somebody.
_LOOKED_AT = LINKS | CHOICES | PERSONAS | {IDENTIFIER_FORGET}
_who = msgspec.json.Decoder(_Who)
_named = msgspec.json.Decoder(_Named)


class CustomersDeriver:
    """Every identifier that an event names has its customer; links, persons and choices follow from their events."""

    tables = ("customers_customer", "customers_link", "customers_membership", "customers_choice",
              "customers_permission", "customers_personaholder", "community_persona")  # fmt: skip

    def __init__(self) -> None:
        """Start with nobody."""
        self._links: dict[tuple[Id, Id], rules.Link] = {}
        self._choices: dict[tuple[Id, str], rules.Choice] = {}
        self._holders: dict[Id, rules.Holder] = {}
        self._names: dict[Id, str] = {}
        self._known: set[Id] = set()

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:
        """Note who is named, and who is linked with whom."""
        new: dict[Id, str] = {}
        for event in events:
            if event.customer in self._known and event.type not in _LOOKED_AT:
                continue
            who = _who.decode(event.data)
            for each in (who.customer, who.identifier):
                if each is None or each.kind == CUSTOMER_KIND or each.value == NOBODY:
                    continue
                if each.value not in self._known:
                    new[each.value] = each.kind
                    self._known.add(each.value)
            if not event.is_accepted or event.type not in _LOOKED_AT:
                continue
            named = _named.decode(event.data)
            if event.type in LINKS:
                self._link(event, named)
            elif event.type == IDENTIFIER_FORGET:
                self._rejoin(event, named, new)
            elif event.type in CHOICES:
                self._choose(event, named)
            else:
                self._name(event, named)
        if new:
            store.insert_customers(connection, new)

    def finish(self, connection: Connection) -> None:
        """Write the links, and the persons that they make."""
        persons = rules.persons(self._links.values())
        store.write_links(connection, list(self._links.values()), persons, persons.keys())
        store.write_choices(connection, self._choices.values())
        members: dict[Id, tuple[Id, ...]] = {customer: (customer,) for customer, _ in self._choices}
        groups: dict[Id, list[Id]] = {}
        for customer, person in persons.items():
            groups.setdefault(person, []).append(customer)
        for group in groups.values():
            members.update(dict.fromkeys(group, tuple(group)))
        store.write_permissions(connection, list(members), choices.allowed(members, self._choices.values()))

        if self._holders:
            store.insert_holders(connection, self._holders.values())
        if self._names:
            community.insert_personas(connection, self._names)

    def _name(self, event: Logged, named: _Named) -> None:
        assert event.customer is not None
        if is_severed(event.customer):
            return  # whose name it was is forgotten, and the name with them
        if event.type == PERSONA_CHOOSE:
            self._names[named.persona] = named.name
            self._holders[named.persona] = rules.Holder(named.persona, event.customer, skeleton(named.name))
        else:
            del self._names[named.persona]
            held = self._holders[named.persona]
            self._holders[held.persona] = msgspec.structs.replace(held, is_given_up=True)

    def _choose(self, event: Logged, named: _Named) -> None:
        assert event.customer is not None
        if is_severed(event.customer):
            return  # nobody has chosen it any more
        for word in matters.said(event.type, named, at=event.occurred_at):
            said = rules.Statement(word.at, event.source, event.id, word.record)
            choice = rules.Choice(event.customer, word.matter, word.value, said, word.ends_at, word.quiet_days)
            self._choices[choice.key] = choice.after(self._choices.get(choice.key))

    def _rejoin(self, event: Logged, named: _Named, new: dict[Id, str]) -> None:
        """Follow how a person stayed together when one of its customers went."""
        for each in (*named.joined, *named.named):
            if each.value != NOBODY and each.value not in self._known:
                new[each.value] = each.kind
                self._known.add(each.value)
        assert named.customer is not None
        around = named.customer.value
        said = rules.Statement(event.occurred_at, event.source, event.id, "")
        for each in named.joined:
            if each.value != NOBODY and not is_severed(around):
                key = (min(around, each.value), max(around, each.value))
                self._links[key] = self._links.get(key, rules.Link(*key)).after(linked=said)

    def _link(self, event: Logged, named: _Named) -> None:
        assert named.customer is not None
        assert named.identifier is not None
        if named.identifier.value == NOBODY:
            return  # one of the two was forgotten, and the link with them
        low, high = sorted((named.customer.value, named.identifier.value))
        statement = rules.Statement(event.occurred_at, event.source, event.id, named.evidence)
        before = self._links.get((low, high), rules.Link(low, high))
        is_linking = event.type == LINKED
        self._links[low, high] = before.after(linked=statement) if is_linking else before.after(unlinked=statement)
