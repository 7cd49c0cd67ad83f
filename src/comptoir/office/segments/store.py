"""The statements of segments, on the caller's connection; a tree runs as the query that it compiles to.

Nothing here opens a transaction. Not here: what a tree compiles to (``compiling.py``).
"""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import uuid
from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple

from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements, value_array
from comptoir.foundation.kernel.ids import Id
from comptoir.office.segments import compiling, engines
from comptoir.office.segments.compiling import Terms
from comptoir.office.segments.contracts import Segment, Tree, leaves
from comptoir.office.segments.evaluating import Act, Coupon, Figures, Line, Redemption, Rows
from comptoir.office.segments.facts import FACTS
from comptoir.office.segments.language import TEXT_CHARACTERS_MAX

_SQL = load_statements(__package__)
_FEW: Final = {
    "figures": "few_figures", "lines": "few_lines", "acts": "few_acts", "coupons": "few_coupons",
    "redemptions": "few_redemptions",
}  # fmt: skip


def _head(name: str) -> str:
    """Return the sources that a statement names; the rest of the statement comes behind them."""
    return _SQL[name].rpartition(") select")[0] + ")\n"


_OF_FEW, _OF_ONE = _head("of_few"), _head("of_one")
#: How many names of each kind a form suggests.
_SUGGESTED: Final = 50
_numbers = itertools.count()


class Kept(NamedTuple):
    """A segment as it is kept; ``day`` is the shop's day for which everybody was counted last."""

    segment: Segment
    day: dt.date | None


class Changed(NamedTuple):
    """A person who has joined or left, and for the how-manieth time that is."""

    customer: Id
    changes: int


def _kept(row: Sequence[object]) -> Kept:
    identity, name, expression, digest, version, day = row
    return Kept(Segment(uuid.UUID(str(identity)), str(name), str(expression), str(digest), int(str(version))), day)  # type: ignore[arg-type]


def find_segments(connection: Connection) -> list[Kept]:
    """Return every segment."""
    return [_kept(row) for row in connection.execute(_SQL["find_segments"])]


def find_expressions(connection: Connection) -> dict[str, str]:
    """Return the expression of every segment, by its name: what an expression that rests on others is read with."""
    return {each.segment.name: each.segment.expression for each in find_segments(connection)}


def lock_definitions(connection: Connection) -> None:
    """Let nobody else define, change or end a segment until the transaction ends: they may rest on each other."""
    connection.execute(_SQL["lock_definitions"])


def find_segment(connection: Connection, asked: str) -> Kept | None:
    """Return the segment with this id or name."""
    row = connection.execute(_SQL["find_segment"], {"asked": asked}).fetchone()
    return None if row is None else _kept(row)


def insert_segment(connection: Connection, segment: Segment) -> bool:
    """Keep a new segment; ``False`` if its name is taken."""
    values = (segment.id, segment.name, segment.expression, segment.hash)
    return connection.execute(_SQL["insert_segment"], values).rowcount == 1


def update_segment(connection: Connection, segment: Segment) -> int | None:
    """Keep another expression or name of a segment; returns its new version, or ``None`` if there is no segment."""
    asked = {"id": segment.id, "name": segment.name, "expression": segment.expression, "hash": segment.hash}
    row = connection.execute(_SQL["update_segment"], asked).fetchone()
    return None if row is None else int(row[0])


def end_segment(connection: Connection, identity: uuid.UUID, *, at: dt.datetime) -> bool:
    """End a segment; ``False`` if there is none."""
    return connection.execute(_SQL["end_segment"], {"id": identity, "at": at}).rowcount == 1


def insert_version(connection: Connection, segment: Segment, *, by: str, at: dt.datetime) -> None:
    """Keep who said what."""
    values = (segment.id, segment.version, segment.name, segment.expression, segment.hash, by, at)
    connection.execute(_SQL["insert_version"], values)


def find_versions(connection: Connection, identity: uuid.UUID) -> list[tuple[int, str, str, str, dt.datetime]]:
    """Return every version: number, name, expression, by whom, when; the latest first."""
    return connection.execute(_SQL["find_versions"], (identity,)).fetchall()


def find_said(connection: Connection, identities: Collection[uuid.UUID]) -> list[tuple[uuid.UUID, str]]:
    """Return what these segments say and have ever said, each expression once."""
    return connection.execute(_SQL["find_said"], (list(identities),)).fetchall()


def find_definition(connection: Connection, identity: uuid.UUID, digest: str) -> str | None:
    """Return the expression that a segment had when its definition had this hash."""
    row = connection.execute(_SQL["find_definition"], (identity, digest)).fetchone()
    return None if row is None else str(row[0])


def lock_segment(connection: Connection, identity: uuid.UUID) -> None:
    """Refresh a segment alone, until the transaction ends."""
    connection.execute(_SQL["lock_segment"], (str(identity),))


def note_counted(connection: Connection, segment: Segment, *, day: dt.date, at: dt.datetime) -> None:
    """Note that everybody was counted."""
    asked = {"id": segment.id, "version": segment.version, "day": day, "at": at}
    connection.execute(_SQL["note_counted"], asked)


def find_in(connection: Connection, identity: uuid.UUID) -> set[Id]:
    """Return who was in a segment when it was counted last."""
    return {row[0] for row in connection.execute(_SQL["find_in"], (identity,))}


def find_in_of(connection: Connection, identity: uuid.UUID, persons: Collection[Id]) -> set[Id]:
    """Return which of these persons were in a segment."""
    return {row[0] for row in connection.execute(_SQL["find_in_of"], (identity, value_array(sorted(persons))))}


def count_in(connection: Connection) -> dict[str, int]:
    """Return how many are in each segment, as it was counted last."""
    return dict(connection.execute(_SQL["count_in"]).fetchall())


def move(
    connection: Connection, segment: Segment, *, joining: Collection[Id], leaving: Collection[Id], at: dt.datetime
) -> tuple[list[Changed], list[Changed]]:
    """Let persons join and leave; returns those who did."""
    asked = {"segment": segment.id, "version": segment.version, "at": at}
    moved = []
    for name, customers in (("join_members", joining), ("leave_members", leaving)):
        rows: list[Changed] = []
        if customers:
            values = {**asked, "customers": value_array(sorted(customers))}
            rows = [Changed(*row) for row in connection.execute(_SQL[name], values)]
        moved.append(rows)
    return moved[0], moved[1]


def find_persons(connection: Connection, customers: Collection[Id]) -> dict[Id, list[Id]]:
    """Return the persons that these customers are, each with all of its customers."""
    found: dict[Id, list[Id]] = {}
    for person, customer in connection.execute(_SQL["find_persons"], (value_array(sorted(customers)),)):
        found.setdefault(person, []).append(customer)
    return found


def find_products(connection: Connection) -> list[tuple[str, str]]:
    """Return what is sold most: whether it is a category, a product or a store, and its name."""
    return [(kind, name) for kind, name in connection.execute(_SQL["find_products"], (_SUGGESTED,))]


def find_titles(connection: Connection) -> list[str]:
    """Return the English titles of the latest promotions."""
    return [row[0] for row in connection.execute(_SQL["find_titles"], (TEXT_CHARACTERS_MAX, _SUGGESTED))]


def read_rows(connection: Connection, customer: Id, *, time_zone: str) -> Rows:
    """Return everything that is known of the person that a customer is; days are those of a time zone."""
    found = connection.execute(_SQL["read_figures"], (customer,)).fetchall()
    customers = value_array([row[-1] for row in found])
    coupons = _coupons(time_zone)
    return Rows(
        figures=[Figures(*row[:-1]) for row in found],
        lines=[Line(*row) for row in connection.execute(_SQL["read_lines"], (customers,))],
        acts=[Act(*row) for row in connection.execute(_SQL["read_acts"], (customers,))],
        coupons=[Coupon(*row) for row in connection.execute(coupons + _SQL["read_coupons"], (customers,))],
        redemptions=[Redemption(*row) for row in connection.execute(coupons + _SQL["read_redemptions"], (customers,))],
    )


# -- trees --------------------------------------------------------------------------------------------------------


def _coupons(time_zone: str) -> str:
    """Return the sources of facts about coupons, by the days of a time zone."""
    return _head("coupons").replace("'UTC'", "'" + time_zone.replace("'", "''") + "'")


def _asks_coupons(tree: Tree) -> bool:
    return any(FACTS[leaf.fact].source in {"coupon", "redemption"} for leaf in leaves(tree))


def _sources_of(some: str, tree: Tree, terms: Terms) -> str:
    """Return the sources of some persons, with their coupons where the tree asks for them: nobody plans the rest."""
    if not _asks_coupons(tree):
        return some
    theirs = _SQL["few_coupons"].partition("with ")[2].rpartition(") select")[0] + ")\n"
    return f"{_coupons(terms.time_zone)}, {some.partition('with ')[2]}, {theirs}"


@functools.lru_cache(256)
def _query(tree: Tree, terms: Terms) -> str:
    query = engines.sql_of_tree(tree, "postgres", terms).replace("%", "%%")
    if not _asks_coupons(tree):
        return query
    return f"{_coupons(terms.time_zone)} select person from ({query}) found"  # noqa: S608 - compiled from a tree


@functools.lru_cache(256)
def _query_of_few(tree: Tree, terms: Terms) -> str:
    few = compiling.sources(_FEW, ids="uuid")
    query = engines.sql_of(compiling.members(tree, few, terms), "postgres").replace("%", "%%")
    head = _sources_of(_OF_FEW, tree, terms)
    return f"{head} select person::text from ({query}) found"  # noqa: S608 - compiled from a tree


@functools.lru_cache(256)
def _query_of_one(tree: Tree, terms: Terms) -> str:
    few = compiling.sources(_FEW, ids="uuid")
    query = engines.sql_of(compiling.holds(tree, few, terms), "postgres").replace("%", "%%")
    return _sources_of(_OF_ONE, tree, terms) + query


def members(connection: Connection, tree: Tree, terms: Terms, *, portion: int) -> Iterator[list[uuid.UUID]]:
    """Give the persons for whom a tree is true now, in portions; the connection is in a transaction."""
    with connection.cursor(f"members{next(_numbers)}") as cursor:
        cursor.execute(_query(tree, terms), {})
        while rows := cursor.fetchmany(portion):
            yield [row[0] for row in rows]


def count(connection: Connection, tree: Tree, terms: Terms) -> int:
    """Return for how many persons a tree is true now."""
    counting = f"select count(*) from ({_query(tree, terms)}) found"  # noqa: S608 - compiled from a tree
    row = connection.execute(counting, {}).fetchone()
    assert row is not None
    return int(row[0])


def members_of(connection: Connection, tree: Tree, terms: Terms, customers: Collection[Id]) -> set[Id]:
    """Return for which of the persons that these customers are a tree is true now."""
    rows = connection.ask(_query_of_few(tree, terms), value_array(sorted(customers)))
    return {str(row[0]) for row in rows}


def is_member(connection: Connection, tree: Tree, terms: Terms, customer: Id) -> bool:
    """Tell whether a tree is true now for the person that a customer is: one prepared statement, one journey."""
    return bool(connection.ask(_query_of_one(tree, terms), customer))
