"""The customers' statements, on the caller's connection."""

from __future__ import annotations

import collections
import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from comptoir.counter.customers.rules import Choice, Holder, Link, Statement
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


def count_forgotten(connection: Connection) -> int:
    """Return how many customers and purchases were ever forgotten."""
    row = connection.execute(_SQL["count_marks"]).fetchone()
    return 0 if row is None else int(row[0])


def find_known(connection: Connection, customers: Collection[Id]) -> set[Id]:
    """Return those of these customers that exist."""
    return {row[0] for row in connection.ask(_SQL["find_known"], _ids(customers)) if row[0]}


def find_kinds(connection: Connection, customers: Collection[Id]) -> dict[Id, str]:
    """Return the kind of identifier of each of these customers that exists."""
    return dict(connection.execute(_SQL["find_kinds"], (_ids(customers),)).fetchall())


def find_marks(connection: Connection, marks: Collection[bytes]) -> set[bytes]:
    """Return those of these marks that some forgotten customer left."""
    rows = connection.ask(_SQL["find_marks"], _marks(marks))
    return {bytes.fromhex(row[0].removeprefix("\\x")) for row in rows if row[0]}


def insert_marks(connection: Connection, marks: Collection[bytes]) -> None:
    """Remember that these customers were forgotten, and nothing else about them."""
    connection.tell(_SQL["insert_marks"], _marks(sorted(marks)))


def delete_customers(connection: Connection, customers: Collection[Id]) -> None:
    """Drop these customers with everything that is said of them here."""
    ids = _ids(customers)
    for statement in ("delete_links", "delete_links_up", "delete_memberships", "delete_choices", "delete_customers"):
        connection.tell(_SQL[statement], ids)


def sever_tables(connection: Connection, tables: Collection[str], fresh: Mapping[Id, Id]) -> None:
    """Put other customers in the place of some in the column ``customer`` of these tables."""
    for table in tables:
        connection.tell(
            _SQL["sever_table"].replace("a_table", table), _ids(list(fresh.keys())), _ids(list(fresh.values()))
        )


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


def lock_choices(connection: Connection) -> None:
    """Wait until nobody else is making choices, so that what follows from all of a person's is decided once."""
    connection.tell(_SQL["lock_choices"])


def find_choices(connection: Connection, customers: Collection[Id]) -> list[Choice]:
    """Return what these customers have chosen."""
    return [_choice(row) for row in connection.execute(_SQL["find_choices"], (_ids(customers),))]


def write_choices(connection: Connection, choices: Collection[Choice]) -> None:
    """Write what holds of these choices from now on."""
    for each in choices:
        ends_at = None if each.ends_at is None else each.ends_at.isoformat()
        quiet_days = None if each.quiet_days is None else str(each.quiet_days)
        said = _columns(each.said)
        connection.tell(_SQL["upsert_choice"], each.customer, each.matter, each.value, *said, ends_at, quiet_days)


def find_over(connection: Connection, *, now: dt.datetime, limit: int) -> list[Choice]:
    """Return consents whose days are over, those first that have been over for longest."""
    return [_choice(row) for row in connection.execute(_SQL["find_over"], (now, limit))]


def find_given(connection: Connection, *, after: tuple[Id, str], limit: int) -> list[Choice]:
    """Return consents that hold, in the order of their customers and matters, behind a place in it."""
    return [_choice(row) for row in connection.execute(_SQL["find_given"], (*after, limit))]


def _choice(row: Sequence[Any]) -> Choice:
    return Choice(row[0], row[1], row[2], Statement(*row[3:7]), row[7], row[8])


def _marks(marks: Collection[bytes]) -> str:
    return text_array([f"\\x{mark.hex()}" for mark in marks])


def write_permissions(
    connection: Connection, customers: Collection[Id], allowed: Mapping[tuple[Id, str], Sequence[str]]
) -> None:
    """Write anew what is allowed for these customers: by customer and purpose, the channels."""
    connection.tell(_SQL["delete_permissions"], _ids(customers))
    if allowed:
        keys = sorted(allowed)
        channels = ["{" + ",".join(allowed[key]) + "}" for key in keys]
        connection.tell(
            _SQL["insert_permissions"],
            _ids([customer for customer, _ in keys]),
            text_array([purpose for _, purpose in keys]),
            text_array(channels),
        )


def find_holders(
    connection: Connection, *, personas: Collection[Id], skeletons: Collection[str], customers: Collection[Id]
) -> list[Holder]:
    """Return who is behind these personas, behind names that look so, and all personas of these customers."""
    asked = (_ids(personas), text_array(list(skeletons)), _ids(customers))
    return [Holder(*row) for row in connection.execute(_SQL["find_holders"], asked)]


def find_mates(connection: Connection, personas: Collection[Id]) -> dict[Id, set[Id]]:
    """Return for each of these personas all that the person behind it has or had; an unknown one is not in it."""
    found: dict[Id, set[Id]] = {}
    for persona, other in connection.execute(_SQL["find_mates"], (_ids(personas),)):
        found.setdefault(persona, set()).add(other)
    return found


def insert_holders(connection: Connection, holders: Collection[Holder]) -> None:
    """Add personas with who is behind them."""
    ordered = sorted(holders)
    flags = value_array(["true" if each.is_given_up else "false" for each in ordered])
    connection.tell(
        _SQL["insert_holders"],
        _ids([each.persona for each in ordered]),
        _ids([each.customer for each in ordered]),
        text_array([each.skeleton for each in ordered]),
        flags,
    )


def delete_holders(connection: Connection, customers: Collection[Id]) -> None:
    """Forget which public names these customers have, or had."""
    connection.tell(_SQL["delete_holders"], _ids(customers))


def give_up_holders(connection: Connection, personas: Collection[Id]) -> None:
    """Note that personas were given up."""
    connection.tell(_SQL["give_up_holders"], _ids(sorted(personas)))


def _ids(customers: Collection[Id]) -> str:
    return value_array(list(customers))


def _statement(occurred_at: object, source: object, event_id: object, evidence: object) -> Statement | None:
    return None if occurred_at is None else Statement(occurred_at, source, event_id, evidence)  # type: ignore[arg-type]


def _columns(statement: Statement | None) -> tuple[str | None, str | None, str | None, str | None]:
    if statement is None:
        return (None, None, None, None)
    return (statement.occurred_at.isoformat(), statement.source, statement.id, statement.evidence)
