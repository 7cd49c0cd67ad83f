"""Reads of what goes with what, for pages. Run in the current room; every list has an end."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from comptoir.foundation.kernel.database import load_statements
from comptoir.foundation.rooms import reading
from comptoir.square.catalog import queries as catalog
from comptoir.square.catalog.queries import Asked, Narrowed, Ware
from comptoir.square.companions.contracts import Elsewhere, Made, Pair, Popular

_SQL: Final = load_statements(__package__, "queries.sql")
#: Of so many products at most the companions are read, and so many products are asked for at once.
ASKED_MAX: Final = 400
_SEPARATOR: Final = chr(31)
ELSEWHERE_MAX: Final = 3


def companions(products: Collection[str]) -> list[Pair]:
    """Return the companions of products, each one's in their order."""
    asked = list(products)[:ASKED_MAX]
    return [Pair(*row) for row in reading.rows(_SQL["companions"], {"products": asked})] if asked else []


def popular(store: str = "", *, limit: int) -> list[Popular]:
    """Return what many people bought lately at a store, or anywhere."""
    return [Popular(*row) for row in reading.rows(_SQL["popular"], {"store": store, "limit": limit})]


def made() -> Made | None:
    """Return when all of it was made, and out of how much; nothing where it never was."""
    found = reading.rows(_SQL["made"])
    return Made(*found[0]) if found else None


def there(products: Iterable[str], *, currency: str = "") -> dict[str, Ware]:
    """Return of these products what can be had: sold at this moment, and not counted as gone everywhere.

    What nobody has counted is taken to be there. What is sold from an age on only is in it, and says so.
    """
    asked = list(dict.fromkeys(products))[:ASKED_MAX]
    if not asked:
        return {}
    narrowed = Narrowed(_SQL["there"], _SEPARATOR.join(asked))
    wares, _more = catalog.wares(Asked(currency=currency or catalog.currency(), narrowed=narrowed), limit=len(asked))
    return {each.product: each for each in wares}


def called(products: Collection[str]) -> dict[str, Ware]:
    """Return these products as a list has them, whether they can be had or not; what is sold no more is left out."""
    asked = list(dict.fromkeys(products))[:ASKED_MAX]
    if not asked:
        return {}
    narrowed = Narrowed(_SQL["among"], _SEPARATOR.join(asked))
    wares, _more = catalog.wares(Asked(currency=catalog.currency(), narrowed=narrowed), limit=len(asked))
    return {each.product: each for each in wares}


def products_of(skus: Collection[str]) -> dict[str, str]:
    """Return which products these numbers of goods are, as far as the shop knows them."""
    return dict(reading.rows(_SQL["products"], {"skus": list(skus)[:ASKED_MAX]})) if skus else {}


def elsewhere(products: Collection[str], *, most: int = 1) -> dict[str, list[Elsewhere]]:
    """Return by product what members or staff say is better elsewhere, the best liked first; most have none."""
    found: dict[str, list[Elsewhere]] = {}
    asked = {"products": list(products)[:ASKED_MAX], "most": most}
    for row in reading.rows(_SQL["elsewhere"], asked) if products else ():
        found.setdefault(row[0], []).append(Elsewhere(*row))
    return found
