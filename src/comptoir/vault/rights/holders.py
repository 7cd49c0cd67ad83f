"""Who is meant: a user of the vault, and the opaque customers at the counter that are theirs. In the current room."""

from __future__ import annotations

import uuid

from comptoir.counter.customers.queries import customer_of_user, person_of


def customers_of(user: uuid.UUID) -> tuple[uuid.UUID, ...]:
    """Return the opaque ids at the counter that are this user's: its own, and those that are linked with it."""
    person = person_of(customer_of_user(user))
    return () if person is None else person.customers
