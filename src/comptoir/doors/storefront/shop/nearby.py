"""Where a product is at this moment: in which stores, how much of it, on which shelf; those that are near first.

Near is what somebody types: a store, a place or the beginning of a postcode, which is asked in the address of the page
and kept nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from django.http import HttpRequest

from comptoir.doors.storefront.community import keeping
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.square.catalog import queries as catalog
from comptoir.square.catalog.hours import Standing
from comptoir.square.catalog.queries import ProductShown, StoreShown
from comptoir.square.stock import queries as stock
from comptoir.square.stock.queries import Shelf

#: So many stores stand on a product's page; who asks for a place sees those that are near it.
SHOWN_MAX: Final = 8
NEAR_CHARACTERS_MAX: Final = 60
_EARTH_KILOMETRES: Final = 6_371.0
#: A position that is known is nearer than any that is not.
_UNKNOWN: Final = 1e9


class Kind(msgspec.Struct, frozen=True):
    """A variant at a store; ``options`` tell it from the others, empty where there is one only."""

    options: str
    shelf: Shelf


class There(msgspec.Struct, frozen=True):
    """A store where it is, or where it lies when there is some."""

    store: StoreShown
    standing: Standing
    kinds: tuple[Kind, ...]

    @property
    def available(self) -> int:
        """How many of all kinds there are."""
        return sum(each.shelf.available or 0 for each in self.kinds)

    @property
    def is_known(self) -> bool:
        """Tell whether anybody has counted."""
        return any(each.shelf.available is not None for each in self.kinds)


class Places(msgspec.Struct, frozen=True):
    """What a product's page tells of where it is. ``further`` are stores that have it and do not stand in the list."""

    near: str
    places: tuple[There, ...]
    further: int
    has_stores: bool
    in_stock: Mapping[str, bool]


def places(request: HttpRequest, product: ProductShown) -> Places:
    """Return where a product is, those that are near what is asked first."""
    near = request.GET.get("near", "")[:NEAR_CHARACTERS_MAX].replace("\x00", "").strip()
    stores = keeping.fact("stores", lambda: {each.store: each for each in catalog.stores()})
    if not stores or not product.is_listed:
        return Places(near, (), 0, bool(stores), {})
    skus = [each.sku for each in product.variants]
    shelves = keeping.part(request, ("shelves", product.product), lambda: stock.shelves(skus))
    has_kinds = len(product.variants) > 1
    options = {each.sku: " ".join(each.options.values()) if has_kinds else "" for each in product.variants}
    now = SYSTEM_CLOCK.now()
    found = [
        There(
            stores[number], stores[number].standing(now),
            tuple(Kind(options[sku], shelf) for sku in skus for shelf in some if shelf.sku == sku),
        )
        for number, some in shelves.items()
        if number in stores
    ]  # fmt: skip
    far = distances(near, list(stores.values()))
    found.sort(key=lambda each: (*_order(each), far[each.store.store], each.store.name))
    in_stock: dict[str, bool] = {}
    for some in shelves.values():
        for shelf in some:
            if shelf.available is not None:
                in_stock[shelf.sku] = in_stock.get(shelf.sku, False) or shelf.available > 0
    return Places(near, tuple(found[:SHOWN_MAX]), max(0, len(found) - SHOWN_MAX), bool(stores), in_stock)


def _order(there: There) -> tuple[bool, bool, bool]:
    """First whoever has some and is open, then whoever has some, then where it has to be asked, last where none is."""
    return (there.is_known and not there.available, not there.available, not there.standing.is_open)


def distances(near: str, stores: Sequence[StoreShown]) -> dict[str, float]:
    """Return how far each store is from a place that somebody typed, in kilometres where both positions are known.

    The place is that of the stores whose number, name, locality or postcode it is, or the beginning of it.
    """
    wanted = near.casefold()
    here = [each for each in stores if wanted and _is_meant(each, wanted)]
    chosen = {each.store for each in here}
    points = [point for each in here if (point := _point(each)) is not None]
    far = {}
    for each in stores:
        if each.store in chosen:
            far[each.store] = 0.0
        elif points and (point := _point(each)) is not None:
            far[each.store] = min(_kilometres(point, other) for other in points)
        else:
            far[each.store] = _UNKNOWN - _common(wanted, (each.said.postcode or "").casefold())
    return far


def _is_meant(store: StoreShown, wanted: str) -> bool:
    names = (store.name, store.locality or "", store.said.postcode or "")
    return store.store.casefold() == wanted or any(each.casefold().startswith(wanted) for each in names)


def _point(store: StoreShown) -> tuple[float, float] | None:
    said = store.said
    return None if said.latitude is None or said.longitude is None else (said.latitude, said.longitude)


def _kilometres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the distance on a sphere, by the haversine formula."""
    (north, east), (north_, east_) = (tuple(map(math.radians, point)) for point in (one, other))
    half = math.sin((north_ - north) / 2) ** 2
    half += math.cos(north) * math.cos(north_) * math.sin((east_ - east) / 2) ** 2
    return 2 * _EARTH_KILOMETRES * math.asin(math.sqrt(half))


def _common(one: str, other: str) -> int:
    """Return how many characters two postcodes begin with in common."""
    count = 0
    for here, there in zip(one, other, strict=False):
        if here != there:
            break
        count += 1
    return count
