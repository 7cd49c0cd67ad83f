"""Public names, when a batch asks for any: decided once, written to the square; who is behind them stays here.

Not here: which texts can be names, and how they are compared (``square/community/rules.py``).
"""

from __future__ import annotations

from collections.abc import Collection

from comptoir.counter.customers import store
from comptoir.counter.customers.contracts import PERSONA_CHOOSE, PERSONAS
from comptoir.counter.customers.errors import PersonasTooMany, PersonaUnknown
from comptoir.counter.customers.handlers import CustomersHandler
from comptoir.counter.customers.rules import PERSONAS_MAX, Holder
from comptoir.foundation.events.contracts import Arrival, Batch
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem
from comptoir.square.community import rules as names
from comptoir.square.community import store as community
from comptoir.square.community.errors import PersonaNameReserved, PersonaNameTaken


def mates(connection: Connection, personas: Collection[Id]) -> dict[Id, tuple[Id, ...]]:
    """Return for each of these names all names of the person behind it; what was given up counts as well."""
    found = store.find_mates(connection, personas)
    return {persona: tuple(sorted(names)) for persona, names in found.items()}


class PersonasHandler:
    """One batch's requests for public names, of the customers that ``customers`` says are one person."""

    def __init__(self, customers: CustomersHandler) -> None:
        """Start empty."""
        self._customers = customers
        self._is_needed = False
        self._holders: dict[Id, Holder] = {}
        self._reserved: set[str] = set()
        self._chosen: dict[Id, str] = {}
        self._given_up: set[Id] = set()

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Wait for other batches that choose names, if this one does."""
        self._is_needed = any(arrival.type in PERSONAS for arrival in batch.arrivals)
        if self._is_needed:
            store.lock_choices(connection)

    def load(self, connection: Connection, batch: Batch) -> None:
        """Read who has which of the names, and which are reserved."""
        if not self._is_needed:
            return
        asked = [a for a in batch.fresh if a.type in PERSONAS and a.customer is not None]
        skeletons = {names.skeleton(a.data.name) for a in asked if a.type == PERSONA_CHOOSE}
        people = {member for a in asked if a.customer is not None for member in self._customers.members(a.customer)}
        found = store.find_holders(
            connection, personas={a.data.persona for a in asked}, skeletons=skeletons, customers=people
        )
        self._holders = {holder.persona: holder for holder in found}
        self._reserved = community.find_reserved(connection, skeletons) if skeletons else set()

    def decide(self, batch: Batch) -> None:
        """Give names and take them back, in the order of arrival."""
        if self._is_needed:
            for arrival in batch.accepted():
                if arrival.type in PERSONAS:
                    arrival.refusal = (
                        self._choose(arrival) if arrival.type == PERSONA_CHOOSE else self._give_up(arrival)
                    )

    def write(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002 - the handlers' shape
        """Write the names to the square, and who is behind them to the counter."""
        chosen = {persona: name for persona, name in self._chosen.items() if persona not in self._given_up}
        if self._chosen:
            store.insert_holders(connection, [self._holders[persona] for persona in self._chosen])
        if chosen:
            community.insert_personas(connection, chosen)
        if former := self._given_up - self._chosen.keys():
            store.give_up_holders(connection, former)
            community.delete_personas(connection, former)

    def _choose(self, arrival: Arrival) -> Problem | None:
        assert arrival.customer is not None
        problem = names.judge(arrival.data.name)
        if problem is not None:
            return problem
        looks = names.skeleton(arrival.data.name)
        if looks in self._reserved:
            return PersonaNameReserved(field="data.name")
        if arrival.data.persona in self._holders:
            return PersonaNameTaken("Make a new random id for every name.", field="data.persona")
        if any(holder.skeleton == looks for holder in self._holders.values()):
            return PersonaNameTaken(field="data.name")
        if len(self._of(arrival.customer)) >= PERSONAS_MAX:
            return PersonasTooMany(f"At most {PERSONAS_MAX} at a time; give one up first.", field="data.persona")
        self._holders[arrival.data.persona] = Holder(arrival.data.persona, arrival.customer, looks)
        self._chosen[arrival.data.persona] = arrival.data.name
        return None

    def _give_up(self, arrival: Arrival) -> Problem | None:
        assert arrival.customer is not None
        holder = self._of(arrival.customer).get(arrival.data.persona)
        if holder is None:
            return PersonaUnknown(field="data.persona")
        self._holders[holder.persona] = Holder(holder.persona, holder.customer, holder.skeleton, is_given_up=True)
        self._given_up.add(holder.persona)
        return None

    def _of(self, customer: Id) -> dict[Id, Holder]:
        """Return the personas that a customer's person has at present."""
        members = self._customers.members(customer)
        return {
            persona: holder
            for persona, holder in self._holders.items()
            if holder.customer in members and not holder.is_given_up
        }
