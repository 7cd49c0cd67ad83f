"""Which user a customer is: in the vault's memory alone, since nothing keeps the one beside the other.

An opaque id leads back to nobody. Whoever knows all users can make each one's opaque id again, though, and the vault
does: once for all when a sender starts, and again when somebody is asked for who was not there then.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection

import msgspec

from comptoir.counter.customers import queries as customers
from comptoir.counter.customers.contracts import USER_KIND
from comptoir.counter.customers.rules import customer_id
from comptoir.foundation.kernel import shop
from comptoir.vault.contacts import many
from comptoir.vault.contacts.contracts import Field
from comptoir.vault.lists.queries import entries_by_customer


class Directory:
    """The users of whom one piece of contact data is kept, by their opaque ids."""

    def __init__(self, field: Field, *, seconds_min: float = 5.0) -> None:
        """Know nobody yet; look again for somebody unknown at most every ``seconds_min`` seconds."""
        self._field = field
        self._seconds_min = seconds_min
        self._looked = float("-inf")
        self._users: dict[uuid.UUID, uuid.UUID] = {}

    def users_of(
        self, asked: Collection[uuid.UUID]
    ) -> dict[uuid.UUID, tuple[tuple[uuid.UUID, ...], tuple[uuid.UUID, ...]]]:
        """Return for each of these customers its person's customers, and those users of the person who can be reached.

        In the vault. A person with several sign-ins has several users, in the order of their opaque ids.
        """
        linked = customers.linked_with(asked)
        if any(not self._known(members) for members in linked.values()):
            self._look()
        return {customer: (members, self._known(members)) for customer, members in linked.items()}

    def _known(self, members: Collection[uuid.UUID]) -> tuple[uuid.UUID, ...]:
        return tuple(dict.fromkeys(self._users[each] for each in members if each in self._users))

    def _look(self) -> None:
        if time.monotonic() < self._looked + self._seconds_min:
            return
        self._looked = time.monotonic()
        key = shop.secret("identifiers")
        # Persons pending of the shop's lists have no sign-in: their entry is who they are.
        users = entries_by_customer()
        pending = set(users.values())
        signed_in = [user for user in many.with_pieces([self._field]) if user not in pending]
        written = msgspec.to_builtins(signed_in)
        ids = msgspec.convert([customer_id(key, USER_KIND, each) for each in written], list[uuid.UUID])
        users.update(zip(ids, signed_in, strict=True))
        self._users = users
