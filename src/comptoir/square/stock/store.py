"""Stock's statements, on the caller's connection."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements, text_array, value_array
from comptoir.foundation.kernel.ids import Id
from comptoir.square.stock.contracts import Article, Available, Moved
from comptoir.square.stock.rules import Held, HeldHere, Kept

_SQL = load_statements(__package__)
_PORTION = 2_000


class Spot(NamedTuple):
    """Where an article lies, by whom that was said last."""

    article: Article
    aisle: str | None
    shelf: str | None
    at: dt.datetime
    position: Id


def lock_holds(connection: Connection, holds: Collection[Id]) -> dict[Id, Held]:
    """Lock holds in one order, before any article, and return them with what they have."""
    asked = value_array(sorted(holds))
    found = {
        row[0]: Held(row[0], row[1], row[2], row[3], {}, row[4])
        for row in connection.execute(_SQL["lock_holds"], (asked,))
    }
    if found:
        for hold, store, sku, quantity in connection.execute(_SQL["find_lines"], (asked,)):
            if hold in found:
                found[hold].lines[Article(store, sku)] = quantity
    return found


def lock_articles(connection: Connection, articles: Collection[Article]) -> dict[Article, Kept]:
    """Lock articles in one order and return those that were ever counted."""
    rows = connection.execute(_SQL["lock_articles"], _keys(sorted(articles)))
    return {Article(row[0], row[1]): Kept(*row[2:]) for row in rows}


def sum_movements(
    connection: Connection, since: Collection[tuple[Article, dt.datetime]]
) -> dict[tuple[Article, dt.datetime], int]:
    """Return what moved of each article after a moment."""
    rows = connection.execute(_SQL["sum_movements"], _keys_since(list(since)))
    return {(Article(row[0], row[1]), row[2]): row[3] for row in rows}


def insert_articles(connection: Connection, kept: Mapping[Article, Kept], *, is_followed: bool) -> None:
    """Write articles that are counted for the first time."""
    for some in _portions(list(kept.items())):
        _write(connection, "insert_articles", [_article(*each) | {"is_followed": is_followed} for each in some])


def update_articles(connection: Connection, kept: Mapping[Article, Kept]) -> None:
    """Write articles that are locked, as they are now."""
    for some in _portions(list(kept.items())):
        _write(connection, "update_articles", [_article(*each) for each in some])


def drop_movements(connection: Connection, counted: Collection[tuple[Article, dt.datetime]]) -> None:
    """Drop movements that counts have seen."""
    connection.tell(_SQL["drop_movements"], *_keys_since(list(counted)))


def write_places(connection: Connection, spots: Sequence[Spot]) -> None:
    """Write where articles lie, where that is the last word."""
    for some in _portions(spots):
        rows = [
            {
                "store": each.article.store, "sku": each.article.sku, "aisle": each.aisle, "shelf": each.shelf,
                "at": each.at, "position": each.position,
            }
            for each in some
        ]  # fmt: skip
        _write(connection, "write_places", rows)


def insert_holds(connection: Connection, holds: Sequence[Held], *, short: Mapping[Id, set[Article]]) -> None:
    """Write new holds with what they have; ``short`` are articles of which was told that they do not cover a hold."""
    rows = [
        {
            "hold": each.hold, "position": each.position, "touchpoint": each.touchpoint, "until": each.until,
            "ended": each.end,
        }
        for each in holds
    ]  # fmt: skip
    lines = [
        {
            "hold": each.hold, "store": article.store, "sku": article.sku, "quantity": quantity,
            "is_short": article in short.get(each.hold, ()),
        }
        for each in holds
        for article, quantity in each.lines.items()
    ]  # fmt: skip
    for some in _portions(rows):
        _write(connection, "insert_holds", some)
    for some in _portions(lines):
        _write(connection, "insert_lines", some)


def update_holds(connection: Connection, holds: Sequence[Held], *, emptied: Collection[Id]) -> None:
    """Write holds that are locked, as they are now; ``emptied`` have nothing any more."""
    rows = [{"hold": each.hold, "until": each.until, "ended": each.end} for each in holds]
    _write(connection, "update_holds", rows)
    if emptied:
        connection.tell(_SQL["delete_lines"], value_array(sorted(emptied)))


def mark_short(connection: Connection, article: Article, holds: Collection[Id]) -> None:
    """Note of which holds was told that an article does not cover them."""
    connection.tell(_SQL["mark_short"], *article, value_array(sorted(holds)))


def find_overdue(connection: Connection, now: dt.datetime, *, limit: int) -> list[tuple[Id, str, dt.datetime]]:
    """Return holds whose time is over: id, touchpoint, and when it was."""
    return connection.execute(_SQL["find_overdue"], (now, limit)).fetchall()


def has_articles(connection: Connection) -> bool:
    """Tell whether anything was ever counted."""
    row = connection.execute(_SQL["has_articles"]).fetchone()
    return row is not None and bool(row[0])


def find_unfollowed(connection: Connection, articles: Collection[Article]) -> dict[Article, dt.datetime]:
    """Return those of these articles whose former sales are not known yet, each with when it was counted."""
    rows = connection.execute(_SQL["find_unfollowed"], _keys(sorted(articles)))
    return {Article(row[0], row[1]): row[2] for row in rows}


def find_sold(connection: Connection, holds: Collection[Id]) -> set[Id]:
    """Return those of these holds that a sale has ended and that still have what was sold."""
    return {row[0] for row in connection.execute(_SQL["find_sold"], (value_array(sorted(holds)),))}


def insert_movements(connection: Connection, moved: Sequence[Moved]) -> None:
    """Write movements of counted articles since their counts, each once. The articles are locked."""
    for some in _portions(moved):
        connection.execute(_SQL["insert_movements"], (msgspec.json.encode(some).decode(),))


def settle_lines(connection: Connection, holds: Collection[Id]) -> None:
    """Let what these holds had be gone with their sales. The holds and articles are locked."""
    connection.execute(_SQL["settle_lines"], (value_array(sorted(holds)),))


def mark_followed(connection: Connection, articles: Collection[Article]) -> None:
    """Note that everything is known of these articles."""
    connection.execute(_SQL["mark_followed"], _keys(sorted(articles)))


def find_overheld(connection: Connection, articles: Collection[Article]) -> dict[Article, tuple[int, list[HeldHere]]]:
    """Return those of these articles of which more is held than there is: how much there is, and who holds it."""
    found: dict[Article, tuple[int, list[HeldHere]]] = {}
    for store, sku, on_hand, *held in connection.execute(_SQL["find_overheld"], _keys(sorted(articles))):
        found.setdefault(Article(store, sku), (on_hand, []))[1].append(HeldHere(*held))
    return found


def sum_held(connection: Connection) -> None:
    """Count anew how much of each article is held."""
    connection.execute(_SQL["sum_held"])


def first_count(connection: Connection) -> dt.datetime | None:
    """Return when the oldest count was taken that holds; nothing where nothing was counted."""
    row = connection.execute(_SQL["first_count"]).fetchone()
    assert row is not None
    taken: dt.datetime | None = row[0]
    return taken


def find_available(connection: Any, skus: Collection[str], store: str | None = None) -> list[Available]:
    """Return how much there is of these SKUs, at one store or at all; what was never counted is left out."""
    rows = connection.execute(_SQL["available"], (text_array(sorted(skus)), store, store))
    return [Available(*row) for row in rows]


def find_short(connection: Any, holds: Collection[Id]) -> set[Id]:
    """Return those of these holds of which was told that they are not covered any more."""
    return {row[0] for row in connection.execute(_SQL["short_holds"], (value_array(sorted(holds)),))}


def _article(article: Article, kept: Kept) -> dict[str, Any]:
    return {
        "store": article.store, "sku": article.sku, "counted": kept.counted, "counted_at": kept.counted_at,
        "position": kept.position, "moved": kept.moved, "held": kept.held,
    }  # fmt: skip


def _keys(articles: Sequence[Article]) -> tuple[str, str]:
    return text_array([each.store for each in articles]), text_array([each.sku for each in articles])


def _keys_since(since: Sequence[tuple[Article, dt.datetime]]) -> tuple[str, str, str]:
    return *_keys([each for each, _ in since]), text_array([at.isoformat() for _, at in since])


def _portions(rows: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (rows[start : start + _PORTION] for start in range(0, len(rows), _PORTION))


def _write(connection: Connection, statement: str, rows: Sequence[Any]) -> None:
    if rows:
        connection.tell(_SQL[statement], msgspec.json.encode(rows).decode())
