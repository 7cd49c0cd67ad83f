"""The customers' statements, on the caller's connection."""

from __future__ import annotations

import collections
from collections.abc import Collection, Mapping

from comptoir.counter.customers.rules import Link, Statement
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements, text_array, value_array
from comptoir.foundation.kernel.ids import Id

_SQL = load_statements(__package__)


def lock_links(connection: Connection, *, exclusive: bool) -> None:
    """Rely on links beside others (shared), or wait until nobody relies on them, to change some (exclusive)."""
    connection.tell(_SQL["lock_links" if exclusive else "lock_links_shared"])


def find_members(connection: Connection, customers: Collection[Id]) -> dict[Id, tuple[Id, ...]]:
    """Return for each linked customer all members of its person in order, itself among them."""
    rows = connection.ask(_SQL["find_members"], _ids(customers))
    if not rows:
        return {}
    members: dict[Id, list[Id]] = collections.defaultdict(list)
    for customer, person in rows:
        members[person].append(customer)  # type: ignore[index, arg-type]
    return {customer: tuple(sorted(members[person])) for customer, person in rows}  # type: ignore[index, misc]


def find_known(connection: Connection, customers: Collection[Id]) -> set[Id]:
    """Return those of these customers that exist."""
    return {row[0] for row in connection.ask(_SQL["find_known"], _ids(customers)) if row[0]}


def find_links(connection: Connection, customers: Collection[Id]) -> list[Link]:
    """Return every link that touches one of these customers."""
    ids = _ids(customers)
    return [
        Link(row[0], row[1], _statement(*row[2:6]), _statement(*row[6:10]))
        for row in connection.execute(_SQL["find_links"], (ids, ids))
    ]


def insert_customers(connection: Connection, kinds: Mapping[Id, str]) -> None:
    """Add customers, each with the kind of its identifier, unless they are there."""
    ordered = sorted(kinds.items())  # in one order, so that two gateways cannot wait for each other
    connection.tell(_SQL["insert_customers"], _ids([c for c, _ in ordered]), text_array([k for _, k in ordered]))


def write_links(
    connection: Connection, links: Collection[Link], persons: Mapping[Id, Id],
    touched: Collection[Id],
) -> None:  # fmt: skip
    """Write links, and for all ``touched`` customers the person that they now belong to (none: a person alone)."""
    for link in links:
        connection.tell(_SQL["upsert_link"], link.low, link.high, *_columns(link.linked), *_columns(link.unlinked))
    connection.tell(_SQL["delete_memberships"], _ids(touched))
    if persons:
        customers = list(persons)
        connection.tell(_SQL["insert_memberships"], _ids(customers), _ids([persons[c] for c in customers]))


def _ids(customers: Collection[Id]) -> str:
    return value_array(list(customers))


def _statement(occurred_at: object, source: object, event_id: object, evidence: object) -> Statement | None:
    return None if occurred_at is None else Statement(occurred_at, source, event_id, evidence)  # type: ignore[arg-type]


def _columns(statement: Statement | None) -> tuple[str | None, str | None, str | None, str | None]:
    if statement is None:
        return (None, None, None, None)
    return (statement.occurred_at.isoformat(), statement.source, statement.id, statement.evidence)
