"""The statements of ``store.sql``, on the caller's connection."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import msgspec

from comptoir.counter.wishlists.rules import Claim, WishList
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements, value_array
from comptoir.foundation.kernel.ids import Id

_SQL = load_statements(__package__ or "")
_list: Final = msgspec.json.Decoder(WishList)
_claim: Final = msgspec.json.Decoder(Claim)


def lock_lists(connection: Connection, lists: Collection[Id]) -> None:
    """Wait for everybody else who changes one of these lists, or claims on it."""
    keys = sorted({zlib.crc32(each.encode()) - (1 << 31) for each in lists})
    connection.tell(_SQL["lock_lists"], value_array([str(key) for key in keys]))


def find_lists(connection: Any, lists: Collection[Id]) -> list[WishList]:
    """Return those of these lists that there are."""
    return [_list.decode(row[0]) for row in connection.execute(_SQL["find_lists"], (value_array(sorted(lists)),))]


def find_shared(connection: Any, link: Id) -> WishList | None:
    """Return the list that opens by the link whose secret has this digest."""
    row = connection.execute(_SQL["find_shared"], (link,)).fetchone()
    return None if row is None else _list.decode(row[0])


def find_of_customers(connection: Any, customers: Collection[Id], *, limit: int) -> list[WishList]:
    """Return the lists of these customers, the latest first."""
    rows = connection.execute(_SQL["find_of_customers"], (value_array(sorted(customers)), limit))
    return [_list.decode(row[0]) for row in rows]


def count_of_customers(connection: Connection, customers: Collection[Id]) -> dict[Id, int]:
    """Return how many lists each of these customers has, where there are any."""
    return dict(connection.execute(_SQL["count_of_customers"], (value_array(sorted(customers)),)).fetchall())


def find_claims(connection: Any, lists: Collection[Id]) -> list[Claim]:
    """Return everything that is claimed on these lists."""
    return [_claim.decode(row[0]) for row in connection.execute(_SQL["find_claims"], (value_array(sorted(lists)),))]


def find_claims_of(connection: Any, customers: Collection[Id], *, limit: int) -> list[Claim]:
    """Return what these customers have claimed, the latest first."""
    rows = connection.execute(_SQL["find_claims_of"], (value_array(sorted(customers)), limit))
    return [_claim.decode(row[0]) for row in rows]


def find_lists_of_claims(connection: Connection, claims: Collection[Id], orders: Collection[Id]) -> set[Id]:
    """Return on which lists these claims are, and those that these orders buy."""
    given = (value_array(sorted(claims)), value_array(sorted(orders)))
    return {row[0] for row in connection.execute(_SQL["find_lists_of_claims"], given)}


def find_claim(connection: Any, claim: Id) -> Claim | None:
    """Return one claim."""
    row = connection.execute(_SQL["find_claim"], (claim,)).fetchone()
    return None if row is None else _claim.decode(row[0])


def write_lists(connection: Connection, lists: Iterable[WishList]) -> None:
    """Write lists as they stand."""
    rows = list(lists)
    if rows:
        connection.tell(_SQL["write_lists"], msgspec.json.encode(rows).decode())


def write_claims(connection: Connection, claims: Iterable[Claim]) -> None:
    """Write claims as they stand."""
    rows = list(claims)
    if rows:
        connection.tell(_SQL["write_claims"], msgspec.json.encode(rows).decode())


def drop_claims(connection: Connection, claims: Collection[Id]) -> None:
    """Drop claims that were let go."""
    if claims:
        connection.tell(_SQL["drop_claims"], value_array(sorted(claims)))


def sever(connection: Connection, fresh: Mapping[Id, Id]) -> None:
    """Put the fresh ids of these customers in place; owners' words and links go."""
    old, new = value_array(list(fresh)), value_array(list(fresh.values()))
    connection.tell(_SQL["sever_lists"], old, new)
    connection.tell(_SQL["sever_claims"], old, new)
