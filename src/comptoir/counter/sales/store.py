"""The sales' statements, on the caller's connection."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from comptoir.counter.sales.rules import Key, Led, Line, Return, Returned, Sale
from comptoir.foundation.events.store import find_contents, find_speakers
from comptoir.foundation.kernel import codec
from comptoir.foundation.kernel.connection import Connection, Told
from comptoir.foundation.kernel.database import Appending, load_statements, text_array, value_array
from comptoir.foundation.kernel.ids import Id

_SQL = load_statements(__package__)
_sales = Appending(
    "sales_sale", source="text", receipt="text", position="uuid", customer="uuid", occurred_at="timestamptz",
    store="word", currency="word", total_minor="bigint",
)  # fmt: skip
_returns = Appending(
    "sales_return", source="text", receipt="text", position="uuid", sale_source="text", sale_receipt="text",
    occurred_at="timestamptz", store="word", currency="word", total_minor="bigint", lines="jsonb", status="word",
    goods="word", refund="word",
)  # fmt: skip
_led = Appending("sales_salebylink", source="text", receipt="text", short_link="text")


class _Logged(msgspec.Struct):
    """What the log keeps of a sale, as far as its table does not."""

    lines: tuple[Line, ...]


_logged = msgspec.json.Decoder(_Logged)
_return_lines = msgspec.json.Decoder(tuple[Returned, ...])


def lock_parking(connection: Connection, *, exclusive: bool) -> None:
    """Book sales beside others (shared), or wait until nobody else is booking any (exclusive)."""
    connection.tell(_SQL["lock_parking" if exclusive else "lock_parking_shared"])


def lock_sales(connection: Connection, keys: Collection[Key]) -> dict[Key, Id | None]:
    """Lock booked sales in one order; return the customer of each that exists."""
    rows = connection.ask(_SQL["lock_sales"], *_arrays(sorted(keys)))
    return {(source, receipt): customer for source, receipt, customer in rows}  # type: ignore[misc]


def find_receipts(connection: Connection, keys: Collection[Key]) -> set[Key]:
    """Return those of these receipt numbers that are booked as sales."""
    return set(connection.ask(_SQL["find_receipts"], *_arrays(keys)))  # type: ignore[arg-type]


def find_touchpoints(connection: Connection, keys: Collection[Key]) -> dict[Key, str]:
    """Return which touchpoint has booked each of these sales that is booked."""
    places = {(row[0], row[1]): row[2] for row in connection.execute(_SQL["find_sales"], _arrays(keys))}
    found = find_speakers(connection, places.values()) if places else {}
    return {key: found[position] for key, position in places.items()}


def find_returned_receipts(connection: Connection, keys: Collection[Key]) -> set[Key]:
    """Return those of these receipt numbers that are booked as returns."""
    return set(connection.ask(_SQL["find_returned_receipts"], *_arrays(keys)))  # type: ignore[arg-type]


def find_sales(connection: Connection, keys: Collection[Key]) -> dict[Key, Sale]:
    """Return whole sales, their lines from the log."""
    rows = connection.execute(_SQL["find_sales"], _arrays(keys)).fetchall()
    contents = find_contents(connection, [row[2] for row in rows]) if rows else {}
    return {(row[0], row[1]): Sale(*(*row, _logged.decode(contents[row[2]]).lines)) for row in rows}


def find_by_receipts(connection: Connection, receipts: Collection[str], *, limit: int) -> list[Sale]:
    """Return the sales under these receipt numbers, at whichever source, the latest first."""
    rows = connection.execute(_SQL["find_by_receipts"], (text_array(sorted(receipts)), limit)).fetchall()
    contents = find_contents(connection, [row[2] for row in rows]) if rows else {}
    return [Sale(*(*row, _logged.decode(contents[row[2]]).lines)) for row in rows]


def ask_waiting(connection: Connection) -> Told:
    """Ask whether any return waits for its sale; :func:`is_waiting` reads the answer."""
    return connection.tell(_SQL["is_any_waiting"])


def is_waiting(asked: Told) -> bool:
    """Tell whether any return waited for its sale."""
    return asked.rows() == [("t",)]


def find_returns_of(connection: Connection, sales: Collection[Key]) -> list[Return]:
    """Return all returns of these sales, the waiting ones too."""
    rows = connection.execute(_SQL["find_returns_of"], _arrays(sales))
    return [Return(*(*row[:9], _return_lines.decode(row[9]), *row[10:])) for row in rows]


def insert_sales(connection: Connection, sales: Sequence[Sale]) -> None:
    """Book sales; a receipt number that is taken fails the whole batch."""
    sales = sorted(sales, key=lambda sale: sale.key)  # neighbours in the index share a page
    _sales.rows(
        connection,
        [s.source for s in sales],
        [s.receipt for s in sales],
        [s.position for s in sales],
        [s.customer for s in sales],
        [s.occurred_at for s in sales],
        [s.store for s in sales],
        [s.currency for s in sales],
        [s.total for s in sales],
    )


def insert_led(connection: Connection, led: Sequence[Led]) -> None:
    """Note which short links booked sales have named."""
    _led.rows(connection, *([each[column] for each in led] for column in range(3)))


def insert_returns(connection: Connection, returns: Sequence[Return]) -> None:
    """Book returns; a receipt number that is taken fails the whole batch."""
    _returns.rows(
        connection,
        [r.source for r in returns],
        [r.receipt for r in returns],
        [r.position for r in returns],
        [r.sale_source for r in returns],
        [r.sale_receipt for r in returns],
        [r.occurred_at for r in returns],
        [r.store for r in returns],
        [r.currency for r in returns],
        [r.total for r in returns],
        [codec.encode(r.lines) for r in returns],
        [r.status for r in returns],
        [r.goods for r in returns],
        [r.refund for r in returns],
    )


def settle_returns(connection: Connection, returns: Sequence[Return]) -> None:
    """Write the status of returns whose sale has come."""
    connection.tell(
        _SQL["settle_returns"],
        *_arrays([one.key for one in returns]),
        text_array([one.status for one in returns]),
    )


def sever_sales(connection: Connection, keys: Collection[Key], fresh: Mapping[Id, Id]) -> None:
    """Give those of these sales whose customer is in ``fresh`` the customer that stands there instead."""
    connection.tell(
        _SQL["sever_sales"], *_arrays(keys), value_array(list(fresh.keys())), value_array(list(fresh.values()))
    )


def let_go(connection: Connection, key: Key) -> None:
    """Make a sale nobody's."""
    connection.tell(_SQL["let_go_sale"], *key)


def count_waiting_returns(connection: Connection, *, before: Id) -> int:
    """Return how many returns, received before a position, still wait for their sale."""
    row = connection.execute(_SQL["count_waiting_returns"], (before,)).fetchone()
    assert row is not None
    return int(row[0])


def _arrays(keys: Collection[Key]) -> tuple[str, str]:
    return text_array([source for source, _ in keys]), text_array([receipt for _, receipt in keys])
