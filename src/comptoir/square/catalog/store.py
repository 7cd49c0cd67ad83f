"""The catalog's statements, on the caller's connection."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
import psycopg

from comptoir.foundation.events.contracts import Accepted
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.database import load_statements, text_array
from comptoir.foundation.kernel.ids import Id
from comptoir.square.catalog.contracts import LANGUAGES, Price, ProductListed, Tax
from comptoir.square.community import words
from comptoir.square.community.pictures import Developed

_SQL = load_statements(__package__)
#: What parts the words of a number: PostgreSQL would take ``tea-250/b`` for a path.
_PARTS: Final = str.maketrans("-_/.:+#", "       ")


_prices: Final = msgspec.json.Decoder(tuple[Price, ...])
_texts: Final = msgspec.json.Decoder(dict[str, str])
#: How many digits a GTIN may have (GS1).
GTIN_SIZES: Final = (8, 12, 13, 14)


class Kept(msgspec.Struct, frozen=True):
    """When something was listed last, and delisted, each with its place in the log."""

    listed: tuple[dt.datetime, Id]
    ended: tuple[dt.datetime, Id] | None


def lock_catalog(connection: Connection) -> Id | None:
    """Wait for other batches; return the last position."""
    row = connection.execute(_SQL["lock_catalog"]).fetchone()
    assert row is not None
    return None if row[1] is None else str(row[1])


def find_categories(connection: Connection) -> dict[str, tuple[str | None, Kept]]:
    """Return every category: what it stands within, and when it was listed."""
    rows = connection.execute(_SQL["find_categories"])
    return {row[0]: (row[1], Kept((row[2], row[3]), None)) for row in rows}


def find_products(connection: Connection, products: Collection[str]) -> dict[str, Kept]:
    """Return which of these products there are."""
    return _kept(connection, "find_products", products)


def find_stores(connection: Connection, stores: Collection[str]) -> dict[str, Kept]:
    """Return which of these stores there are."""
    return _kept(connection, "find_stores", stores)


def _kept(connection: Connection, statement: str, keys: Collection[str]) -> dict[str, Kept]:
    rows = connection.execute(_SQL[statement], (text_array(sorted(keys)),))
    return {row[0]: Kept((row[1], row[2]), None if row[3] is None else (row[3], row[4])) for row in rows}


def find_skus(connection: Connection, skus: Collection[str], products: Collection[str]) -> dict[str, str]:
    """Return whose these SKUs are, and all of these products, as a product by SKU."""
    values = (text_array(sorted(skus)), text_array(sorted(products)))
    return dict(connection.execute(_SQL["find_skus"], values).fetchall())


class Goods(msgspec.Struct, frozen=True):
    """A variant as it can be bought: what it is, of which product, what it costs and how it is taxed."""

    sku: str
    product: str
    gtin: str | None
    options: Mapping[str, str]
    prices: tuple[Price, ...]
    name: Mapping[str, str]
    category: str | None
    tax: Tax
    asks_over: int | None
    is_listed: bool
    maker: str | None = None


def find_goods(connection: Connection, skus: Collection[str]) -> dict[str, Goods]:
    """Return those of these SKUs that the shop has ever listed."""
    rows = connection.execute(_SQL["find_goods"], (text_array(sorted(skus)),)) if skus else ()
    return {
        sku: Goods(
            sku, product, gtin, _texts.decode(options), _prices.decode(prices), _texts.decode(name), category, tax,
            age, is_listed, maker,
        )
        for sku, product, gtin, options, prices, name, category, tax, age, is_listed, maker in rows
    }  # fmt: skip


def names_of_categories(connection: Any, categories: Collection[str]) -> dict[str, Mapping[str, str]]:
    """Return what these categories are called, by language."""
    rows = connection.execute(_SQL["names_of_categories"], (text_array(sorted(categories)),))
    return {category: _texts.decode(said) for category, said in rows}


def names_of_products(connection: Any, products: Collection[str]) -> dict[str, Mapping[str, str]]:
    """Return what these products are called, by language."""
    rows = connection.execute(_SQL["names_of_products"], (text_array(sorted(products)),))
    return {product: _texts.decode(said) for product, said in rows}


def find_scanned(connection: Connection, number: str) -> str | None:
    """Return the SKU that a SKU or a barcode means."""
    gtins = [number.lstrip("0").zfill(size) for size in GTIN_SIZES] if number.isascii() and number.isdecimal() else []
    row = connection.execute(_SQL["find_scanned"], (number, text_array(gtins), number)).fetchone()
    return None if row is None else str(row[0])


def write_categories(connection: Connection, listed: Sequence[Accepted]) -> None:
    """Write categories."""
    rows = [
        {
            "category": each.data.category, "within": each.data.within, "place": each.data.place,
            "said": _said(each.data.name), "at": each.at, "position": each.position,
        }
        for each in listed
    ]  # fmt: skip
    _write(connection, "write_categories", rows)


def write_products(connection: Connection, listed: Sequence[Accepted]) -> None:
    """Write products with their variants and prices, in place of what was written of them before."""
    keys = text_array([each.data.product for each in listed])
    _write(connection, "write_products", [_product(each) for each in listed])
    connection.tell(_SQL["drop_prices"], keys)
    connection.tell(_SQL["drop_variants"], keys)
    variants, spans = [], []
    for each in listed:
        data: ProductListed = each.data
        amounts: dict[str, list[int]] = {}
        for place, variant in enumerate(data.variants):
            variants.append(
                {
                    "sku": variant.sku, "product": data.product, "place": place, "gtin": variant.gtin,
                    "options": variant.options or {}, "prices": [_said(price) for price in variant.prices or ()],
                }
            )  # fmt: skip
            for price in variant.prices or ():
                amounts.setdefault(price.currency, []).append(price.amount)
        spans += [
            {"product": data.product, "currency": currency, "lowest": min(each), "highest": max(each)}
            for currency, each in amounts.items()
        ]
    _write(connection, "write_variants", variants)
    _write(connection, "write_prices", spans)
    addresses = {picture.url for each in listed for picture in each.data.pictures or ()}
    if addresses:
        connection.tell(_SQL["write_addresses"], text_array(sorted(addresses)))


def end_products(connection: Connection, ended: Sequence[Accepted]) -> None:
    """Write that products are sold no more."""
    rows = [{"product": each.data.product, "at": each.at, "position": each.position} for each in ended]
    _write(connection, "end_products", rows)


def write_stores(connection: Connection, listed: Sequence[Accepted]) -> None:
    """Write stores."""
    rows = [
        {
            "store": each.data.store, "name": each.data.name, "locality": each.data.locality, "said": _said(each.data),
            "at": each.at, "position": each.position,
        }
        for each in listed
    ]  # fmt: skip
    _write(connection, "write_stores", rows)


def end_stores(connection: Connection, ended: Sequence[Accepted]) -> None:
    """Write that stores are no more."""
    rows = [{"store": each.data.store, "at": each.at, "position": each.position} for each in ended]
    _write(connection, "end_stores", rows)


def find_showings(connection: Connection, products: Collection[str]) -> dict[str, Kept]:
    """Return of which of these products staff have said which pictures they have, and when."""
    return {
        row[0]: Kept((row[1], row[2]), None)
        for row in connection.execute(_SQL["find_showings"], (text_array(sorted(products)),))
    }


def write_showings(connection: Connection, said: Sequence[Accepted]) -> None:
    """Write which pictures products have."""
    rows = [
        {
            "product": each.data.product, "pictures": [_pictured(picture) for picture in each.data.pictures],
            "at": each.at, "position": each.position,
        }
        for each in said
    ]  # fmt: skip
    _write(connection, "write_showings", rows)


# -- what is kept of pictures; not from the log, which has addresses and digests only ---------------------------------


class Wanted(msgspec.Struct, frozen=True):
    """A picture to fetch: where it lies, and how often that was tried in vain."""

    url: str
    failures: int


class Fetched(msgspec.Struct, frozen=True):
    """What came of fetching a picture: its digest and size, or in a word why there is none; and when to ask again."""

    url: str
    digest: str | None
    width: int | None
    height: int | None
    why: str
    failures: int
    again_at: dt.datetime


def insert_picture(connection: psycopg.Connection, developed: Developed) -> None:
    """Keep a picture for a product that is about to show it; the same one twice is one."""
    connection.execute(
        _SQL["insert_picture"],
        (developed.digest, developed.width, developed.height, developed.large, developed.small),
    )


def hold_pictures(connection: Connection, digests: Collection[str]) -> dict[str, tuple[int, int]]:
    """Return the sizes of those of these pictures that are kept, and keep them until the end of the transaction."""
    rows = connection.execute(_SQL["hold_pictures"], (text_array(sorted(digests)),))
    return {digest: (width, height) for digest, width, height in rows}


def find_wanted(connection: Connection, *, now: dt.datetime, limit: int) -> list[Wanted]:
    """Return pictures to fetch, whoever waits longest first."""
    return [Wanted(*row) for row in connection.execute(_SQL["find_wanted"], {"now": now, "limit": limit})]


def write_fetched(connection: Connection, fetched: Fetched) -> None:
    """Write what came of fetching a picture."""
    connection.execute(_SQL["write_fetched"], msgspec.structs.asdict(fetched))


def drop_unnamed(connection: Connection, *, limit: int) -> int:
    """Drop what is known of addresses that no product names any more; returns how many."""
    return len(connection.execute(_SQL["drop_unnamed"], (limit,)).fetchall())


def drop_unused_pictures(connection: Connection, *, before: dt.datetime, limit: int) -> int:
    """Drop pictures that came before a moment and that no product shows; returns how many."""
    return len(connection.execute(_SQL["drop_unused_pictures"], (before, limit)).fetchall())


def _pictured(picture: msgspec.Struct) -> dict[str, Any]:
    said = _said(picture)
    return said | ({"alt": _said(said["alt"])} if "alt" in said else {})


def _product(listed: Accepted) -> dict[str, Any]:
    """Return the row of a product; numbers, maker and Japanese are found as they are, the rest by its stems."""
    data: ProductListed = listed.data
    names: dict[str, str | None] = {language: getattr(data.name, language) for language in LANGUAGES}
    texts: dict[str, str | None] = {language: getattr(data.text, language, None) for language in LANGUAGES}
    indexed = {language: words.index(names[language] or "", language=language) for language in LANGUAGES}
    told = {language: words.index(texts[language] or "", language=language) for language in LANGUAGES}
    numbers = [data.product, *(each for v in data.variants for each in (v.sku, v.gtin) if each)]
    options = [value for variant in data.variants for value in (variant.options or {}).values()]
    plain = " ".join(
        word for each in (*numbers, data.maker or "", *options) for word in (each, each.translate(_PARTS)) if word
    )
    named = [_pictured(each) for each in data.pictures or ()]
    runs = " ".join(filter(None, [names["ja"], names["en"], names["fr"], texts["ja"], data.maker, *options]))
    return {
        "product": data.product, "category": data.category, "maker": data.maker,
        "said": {"name": _said(data.name), "text": _said(data.text)} | ({"pictures": named} if named else {}),
        "asks_over": data.asks_over, "tax": data.tax,
        "en_name": " ".join(filter(None, [indexed["en"].rest, indexed["ja"].rest])), "fr_name": indexed["fr"].rest,
        "plain": words.folded(plain), "pairs": words.index(runs, language="ja").pairs,
        "en_text": " ".join(filter(None, [told["en"].rest, told["ja"].rest])), "fr_text": told["fr"].rest,
        "at": listed.at, "position": listed.position,
    }  # fmt: skip


def _said(data: msgspec.Struct | None) -> dict[str, Any]:
    """Return what was said, and nothing of what was left out, the same live and from the log."""
    if data is None:
        return {}
    fields = {name: getattr(data, name) for name in data.__struct_fields__}
    return {
        name: [_said(each) if isinstance(each, msgspec.Struct) else each for each in value]
        if isinstance(value, list)
        else value
        for name, value in fields.items()
        if value is not None and value != []
    }


def _write(connection: Connection, statement: str, rows: Sequence[Any]) -> None:
    if rows:
        connection.tell(_SQL[statement], msgspec.json.encode(rows).decode())
