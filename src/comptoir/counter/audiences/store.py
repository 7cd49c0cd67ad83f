"""The statements of figures and audiences, on the caller's connection. Nothing here opens a transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements, text_array, value_array
from comptoir.foundation.kernel.ids import Id

_SQL = load_statements(__package__)
#: Types that say under which public name something was done.
_PERSONAS: Final = text_array(
    ["post.published", "post.edited", "post.withdrawn", "vote.cast", "answer.accepted", "persona.choose",
     "persona.give_up"]
)  # fmt: skip
_NOBODY: Final = "00000000-0000-0000-0000-000000000000"


class Heard(NamedTuple):
    """An event as far as it says whose figures it concerns: a customer, a public name, a post, or a sale."""

    position: Id
    type: str
    customer: Id | None
    occurred_at: dt.datetime
    persona: Id | None
    post: Id | None
    source: str | None
    receipt: str | None
    is_accepted: bool


def lock_following(connection: Connection) -> None:
    """Keep everybody from being forgotten until the transaction ends."""
    connection.tell(_SQL["lock_following"])


def lock_forgetting(connection: Connection) -> None:
    """Wait until nobody writes rows any more."""
    connection.tell(_SQL["lock_forgetting"])


def read_heard(connection: Connection, positions: Collection[Id]) -> list[Heard]:
    """Return the events at these positions."""
    asked = {"positions": value_array(list(positions)), "personas": _PERSONAS}
    return [Heard(*row) for row in connection.execute(_SQL["read_heard"], asked)]


def find_returned_sales(connection: Connection, sales: Collection[tuple[str, str]]) -> dict[Id, Id]:
    """Return the places of booked sales, given as source and receipt, each with its customer."""
    if not sales:
        return {}
    sources, receipts = zip(*sales, strict=True)
    return dict(connection.execute(_SQL["find_returned_sales"], (text_array(sources), text_array(receipts))))


def find_behind(connection: Connection, *, personas: Collection[Id], posts: Collection[Id]) -> set[Id]:
    """Return the customers behind these names and behind the authors of these posts."""
    found: set[Id] = set()
    for name, asked in (("find_behind", personas), ("find_behind_posts", posts)):
        if asked:
            found |= {row[0] for row in connection.execute(_SQL[name], (value_array(sorted(asked)),))}
    return found


def find_holders(connection: Connection, positions: Collection[Id]) -> set[Id]:
    """Return the customers whose coupons or redemptions these events have changed."""
    return {row[0] for row in connection.execute(_SQL["find_holders"], {"positions": value_array(list(positions))})}


def find_linked(connection: Connection, customers: Collection[Id]) -> set[Id]:
    """Return everybody who is or was linked with one of these customers."""
    asked = value_array(sorted(customers))
    return {row[0] for row in connection.execute(_SQL["find_linked"], (asked, asked, asked))}


def find_personas(connection: Connection, customers: Collection[Id]) -> dict[Id, list[Id]]:
    """Return the public names of these customers."""
    found: dict[Id, list[Id]] = {}
    for customer, persona in connection.execute(_SQL["find_personas"], (value_array(sorted(customers)),)):
        found.setdefault(customer, []).append(persona)
    return found


def write_lines(connection: Connection, sales: Mapping[Id, Id], *, time_zone: str) -> None:
    """Write the lines of sales anew; ``sales`` maps their places in the log to their customers."""
    if sales:
        positions = sorted(sales)
        connection.execute(
            _SQL["delete_lines"], (value_array([sales[each] for each in positions]), value_array(positions))
        )
        insert_lines(connection, positions, time_zone=time_zone)


def insert_lines(connection: Connection, positions: Sequence[Id], *, time_zone: str) -> None:
    """Write the lines of sales that have none."""
    connection.execute(_SQL["insert_lines"], {"positions": value_array(positions), "time_zone": time_zone})


def drop_foreign(connection: Connection, customers: Collection[Id]) -> None:
    """Drop lines of sales, and acts, that are nobody's any more."""
    for each in ("drop_foreign_lines", "drop_foreign_acts"):
        connection.execute(_SQL[each], (value_array(sorted(customers)),))


def insert_acts(connection: Connection, positions: Sequence[Id], *, time_zone: str) -> None:
    """Write what was done at these positions."""
    if positions:
        connection.execute(_SQL["insert_acts"], {"positions": value_array(positions), "time_zone": time_zone})


def refresh_figures(
    connection: Connection, since: Mapping[Id, dt.date | None], *, trust: Mapping[Id, int] | None = None
) -> None:
    """Write the figures of these customers; ``since`` is the first day that is known of each here."""
    customers = sorted(since)
    days = [day.isoformat() if (day := since[each]) is not None else None for each in customers]
    levels = trust or {}
    asked = {
        "customers": value_array(customers), "since": value_array(days), "trusting": value_array(list(levels)),
        "trust": value_array([str(level) for level in levels.values()]),
    }  # fmt: skip
    connection.execute(_SQL["refresh_figures"], asked)


def forget(connection: Connection, customers: Collection[Id]) -> None:
    """Drop everything that is known of these customers."""
    asked = value_array(sorted(customers))
    for name in ("drop_lines", "drop_acts", "drop_figures", "drop_members"):
        connection.tell(_SQL[name], asked)


def read_customers(
    connection: Connection, *, portion: int, statement: Literal["find_customers", "find_holding"] = "find_customers"
) -> Iterator[list[Id]]:
    """Give everybody who was not forgotten, or of these whoever has a public name, in portions."""
    after = _NOBODY
    while rows := connection.execute(_SQL[statement], (after, portion)).fetchall():
        after = rows[-1][0]
        yield [row[0] for row in rows]


def is_unmade(connection: Connection) -> bool:
    """Tell whether there are customers, and figures of nobody."""
    row = connection.execute(_SQL["is_unmade"]).fetchone()
    return bool(row and row[0])


def find_segments_of(connection: Connection, customers: Collection[Id], *, limit: int) -> list[tuple[str, str]]:
    """Return the segments that these customers are in: names and expressions, by name."""
    return connection.execute(_SQL["find_segments_of"], (value_array(sorted(customers)), limit)).fetchall()


def find_strays(connection: Connection) -> set[Id]:
    """Return the ids in decisions, trips and members that are no customers, and were not put in the place of one."""
    return {row[0] for row in connection.execute(_SQL["find_strays"])}
