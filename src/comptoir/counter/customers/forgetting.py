"""Forgetting somebody at the counter: the person's ids give way to random ones, everywhere, in one transaction.

Each customer of the person gets a random id of its own, so that every balance, lot and total stays what it was and a
rebuild derives the same; links between them go, with what they rested on, since they alone would keep the customers
one person. What is left is a keyed mark of each, by which an event that comes later is refused. Why so: ADR 0016. Not
here: how the log is rewritten (``foundation/events``), what else is kept of a person (each package's ``Severer``).
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from comptoir.counter.customers import store
from comptoir.counter.customers.contracts import CLOCK_TYPES, CUSTOMER_KIND, FORGOTTEN, Identifier
from comptoir.counter.customers.rules import forgotten_mark, sale_mark
from comptoir.foundation.events.contracts import Arrival, Batch
from comptoir.foundation.events.store import Named, is_named, sever
from comptoir.foundation.kernel import shop
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.touchpoints.contracts import EventType
from comptoir.square.community import store as community

if TYPE_CHECKING:
    from comptoir.counter.customers.handlers import CustomersHandler

#: Classes of data that are words about or of somebody, or what only they could have said: their texts go as well.
EMPTIED_CLASSES: Final = frozenset({"persona", "words", "reason", "consent", "contact", "identity", "birth"})
#: How many ids the log severs at once.
_SEVERED_MAX: Final = 100
#: What the log keeps of what was said about somebody who is nobody.
_NOTHING: Final = b"{}"


class Severer(Protocol):
    """What a package does when somebody is forgotten: one for each package that keeps something by customer."""

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables in which customers stand, all of which it severs."""
        ...

    def positions(self, connection: Connection, customers: Collection[Id]) -> Collection[Id]:
        """Return the places in the log where these customers are named and its own indexes do not lead."""
        ...

    def sever(self, connection: Connection, fresh: Mapping[Id, Id], named: Sequence[Named]) -> None:
        """Put the fresh id of each customer in the place of the old one; drop what only joins them or says who it was.

        ``named`` are the events that named them, as they stand in the log now. What is derived must come out as a
        rebuild from these events would make it.
        """
        ...


class LateSeverer(Protocol):
    """Knows the rows of those who do not wait for forgetting, since they wait for other connections themselves."""

    def strays(self, connection: Connection) -> Collection[Id]:
        """Return the ids in these rows that are no customers, and were not put in the place of one either."""
        ...


class _Names(msgspec.Struct):
    customer: Identifier | None = None
    identifier: Identifier | None = None


_names = msgspec.json.Decoder(_Names)


class CustomersSeverer:
    """Customers whom the log still names have the fresh ids; links, persons, choices and public names are gone."""

    tables = (
        "customers_customer", "customers_link", "customers_membership", "customers_choice", "customers_permission",
        "customers_personaholder",
    )  # fmt: skip

    def positions(self, connection: Connection, customers: Collection[Id]) -> Collection[Id]:  # noqa: ARG002 - the shape
        """Nothing is named here that the log does not find by itself."""
        return ()

    def sever(self, connection: Connection, fresh: Mapping[Id, Id], named: Sequence[Named]) -> None:
        """Drop the old ids with their links, and keep the fresh ones as the log has them."""
        holders = store.find_holders(connection, personas=(), skeletons=(), customers=fresh.keys())
        if holders:
            community.delete_personas(connection, [holder.persona for holder in holders])
            store.delete_holders(connection, fresh.keys())
        store.write_permissions(connection, fresh.keys(), {})
        store.delete_customers(connection, fresh.keys())
        ids = set(fresh.values())
        kinds: dict[Id, str] = {}
        for event in named:
            names = _names.decode(event.data)
            for each in (names.customer, names.identifier):
                if each is not None and each.kind != CUSTOMER_KIND and each.value in ids:
                    kinds[each.value] = each.kind
        if kinds:
            store.insert_customers(connection, kinds)


class TablesSeverer:
    """Severs tables that need no more than another id in their column ``customer``, by which they have an index."""

    def __init__(self, *tables: str) -> None:
        """Name the tables."""
        self.tables = tables

    def positions(self, connection: Connection, customers: Collection[Id]) -> Collection[Id]:  # noqa: ARG002 - the shape
        """Nothing is named here that the log does not find by itself."""
        return ()

    def sever(self, connection: Connection, fresh: Mapping[Id, Id], named: Sequence[Named]) -> None:  # noqa: ARG002
        """Put the fresh ids in place."""
        store.sever_tables(connection, self.tables, fresh)


class ForgettingHandler:
    """The last of a batch's handlers: what the others have written by then is severed with everything before it."""

    def __init__(
        self, *, customers: CustomersHandler, severers: Sequence[Severer], emptied: Mapping[str, Sequence[str]]
    ) -> None:
        """Forget whom the batch's customers say; ``emptied`` are the fields of each type whose text goes."""
        self._customers = customers
        self._severers = severers
        self._emptied = emptied
        self._members: tuple[Id, ...] = ()

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Everything of the person is locked by the others."""

    def load(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002 - the handlers' shape
        """Note who goes as a whole; the request itself is kept without saying who it was."""
        for arrival in batch.fresh:
            if arrival.type == FORGOTTEN and arrival.refusal is None:
                assert arrival.customer is not None
                assert len(batch.fresh) == 1, "forgetting has a transaction of its own"
                self._members = self._customers.members(arrival.customer)
                sever_arrival(arrival)
                batch.gone.extend(self._members)

    def decide(self, batch: Batch) -> None:
        """Whoever asks is forgotten; of a person that stays, the one customer that others have let go."""
        if self._customers.let_go is not None:
            self._members = (self._customers.let_go,)
            batch.gone.extend(self._members)

    def write(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002 - the handlers' shape
        """Sever the log and every table, and leave a mark of each customer."""
        if not self._members:
            return
        forget(connection, self._members, severers=self._severers, emptied=self._emptied)


def forget(
    connection: Connection, members: Sequence[Id], *, severers: Sequence[Severer], emptied: Mapping[str, Sequence[str]]
) -> None:
    """Sever these customers everywhere; the transaction is the caller's, who has locked them."""
    holders = store.find_holders(connection, personas=(), skeletons=(), customers=members)
    names = [holder.persona for holder in holders]
    elsewhere = {position for each in severers for position in each.positions(connection, [*members, *names])}
    beside = {end for link in store.find_links(connection, members) for end in (link.low, link.high)} - {*members}
    fresh: dict[Id, Id] = {}
    named: list[Named] = []
    for part in [members, *(names[at : at + _SEVERED_MAX] for at in range(0, len(names), _SEVERED_MAX))]:
        # The names behind which they stood go the same way, with what was said under them.
        made, found = sever(connection, part, elsewhere=elsewhere, emptied=emptied)
        fresh.update(made)
        named.extend(found)
    for each in severers:
        each.sever(connection, fresh, named)
    # Whom only a link with one of them has ever named is named no more.
    unnamed = [each for each in sorted(beside) if not _is_named(connection, each, severers)]
    if unnamed:
        store.delete_customers(connection, unnamed)
    key = shop.secret("forgotten")
    leave_marks(connection, [forgotten_mark(key, member) for member in members])


def sweep(
    connection: Connection,
    *,
    late: LateSeverer,
    severers: Sequence[Severer],
    emptied: Mapping[str, Sequence[str]],
) -> int:
    """Sever once more whoever was forgotten and written down in the same moment; returns how many customers.

    For lists, trips and the like: their transactions may have begun before somebody was forgotten, and end later.
    """
    if not _strays(connection, late):
        return 0
    with connection.transaction():
        store.lock_links(connection, exclusive=True)
        gone = sorted(_strays(connection, late))[:_SEVERED_MAX]
        if gone:
            forget(connection, gone, severers=severers, emptied=emptied)
    return len(gone)


def _strays(connection: Connection, late: LateSeverer) -> set[Id]:
    """Return those whom rows still name and who were forgotten; nobody else is taken for one."""
    return find_forgotten(connection, set(late.strays(connection)))


def _is_named(connection: Connection, customer: Id, severers: Sequence[Severer]) -> bool:
    return is_named(connection, customer) or any(each.positions(connection, [customer]) for each in severers)


def leave_marks(connection: Connection, marks: Sequence[bytes]) -> None:
    """Leave marks of what is forgotten, in the transaction and on the list outside."""
    store.insert_marks(connection, marks)
    connection.send()
    # Before the commit: a mark too many is a request that will come again, a mark too few would be forgotten itself.
    note_forgotten(marks)


def emptied_fields(types: Iterable[EventType]) -> Mapping[str, Sequence[str]]:
    """Return for each type the fields whose text goes with the person, by the class of data that it declares."""
    found = {
        each.name: sorted({path.rpartition(".")[2] for path, kind in each.classes.items() if kind in EMPTIED_CLASSES})
        for each in (*types, *CLOCK_TYPES)
    }
    return {name: fields for name, fields in found.items() if fields}


def find_forgotten(connection: Connection, customers: Collection[Id]) -> set[Id]:
    """Return those of these customers who were forgotten."""
    if not customers:
        return set()
    key = shop.secret("forgotten")
    marks = {forgotten_mark(key, customer): customer for customer in customers}
    return {marks[mark] for mark in store.find_marks(connection, marks.keys())}


def find_forgotten_sales(connection: Connection, sales: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return those of these sales, by source and receipt, that were forgotten."""
    if not sales:
        return set()
    key = shop.secret("forgotten")
    marks = {sale_mark(key, *sale): sale for sale in sales}
    return {marks[mark] for mark in store.find_marks(connection, marks.keys())}


def sever_arrival(arrival: Arrival) -> None:
    """Keep of an event no more than that there was one."""
    event_id = arrival.id
    for member in ("customer", "identifier"):
        reference = getattr(arrival.data, member, None)
        if reference is not None:
            event_id = event_id.replace(reference.value, str(uuid.uuid4()))
    arrival.sever(id=event_id, written=_NOTHING)


# -- the list outside the database --------------------------------------------------------------------------------


def list_path() -> Path:
    """Return where the marks of everybody who was forgotten stand, for the day on which a backup is restored."""
    return shop.folder() / "forgotten.list"


def note_forgotten(marks: Iterable[bytes]) -> None:
    """Append marks to the list, and have them on the disk when this returns."""
    descriptor = os.open(list_path(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        # A line of its own, whatever a crash has left of the one before.
        os.write(descriptor, "".join(f"\n{mark.hex()}\n" for mark in sorted(marks)).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_list() -> set[bytes]:
    """Return all marks of the list; a line that was cut off by a crash is none."""
    found: set[bytes] = set()
    if not list_path().exists():
        return found
    for line in list_path().read_text(encoding="ascii", errors="replace").splitlines():
        with contextlib.suppress(ValueError):
            mark = bytes.fromhex(line)
            if len(mark) == 32:  # the digest
                found.add(mark)
    return found
