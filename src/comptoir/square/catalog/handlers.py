"""What the catalog does when a batch arrives: judge what is listed, and write what holds."""

from __future__ import annotations

from comptoir.foundation.events.contracts import Accepted, Arrival, Batch
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.problem import Problem
from comptoir.square.catalog import rules, store
from comptoir.square.catalog.contracts import (
    CATALOG,
    CATEGORY_LISTED,
    PRODUCT_DELISTED,
    PRODUCT_LISTED,
    PRODUCT_PICTURED,
    STORE_LISTED,
    CategoryListed,
    ProductListed,
)
from comptoir.square.catalog.effects import LastWords
from comptoir.square.catalog.errors import CategoryUnknown, CategoryWithinItself, ListingUnknown, SkuTaken


class CatalogHandler:
    """One batch's listings."""

    def __init__(self) -> None:
        """Start empty."""
        self._is_needed = False
        self._words = LastWords()
        self._parents: dict[str, str | None] = {}
        self._owners: dict[str, str] = {}
        self._sizes: dict[str, tuple[int, int]] = {}

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Wait for other batches."""
        self._is_needed = any(arrival.type in CATALOG for arrival in batch.arrivals)
        if self._is_needed:
            batch.saw(store.lock_catalog(connection))

    def load(self, connection: Connection, batch: Batch) -> None:
        """Read what is spoken of."""
        if not self._is_needed:
            return
        said = [arrival for arrival in batch.fresh if arrival.type in CATALOG]
        products = {key for each in said if (key := getattr(each.data, "product", None)) is not None}
        stores = {key for each in said if (key := getattr(each.data, "store", None)) is not None}
        for category, (within, kept) in store.find_categories(connection).items():
            self._parents[category] = within
            self._words.had("category", category, listed=kept.listed, ended=None)
        if products:
            for product, kept in store.find_products(connection, products).items():
                self._words.had("product", product, listed=kept.listed, ended=kept.ended)
        pictured = [each.data for each in said if each.type == PRODUCT_PICTURED]
        if pictured:
            for product, kept in store.find_showings(connection, {each.product for each in pictured}).items():
                self._words.had("showing", product, listed=kept.listed, ended=None)
            named = {picture.digest for each in pictured for picture in each.pictures}
            self._sizes = store.hold_pictures(connection, named) if named else {}
        listed = [each.data for each in said if each.type == PRODUCT_LISTED]
        if listed:
            skus = {variant.sku for each in listed for variant in each.variants}
            self._owners = store.find_skus(connection, skus, products)
        if stores:
            for name, kept in store.find_stores(connection, stores).items():
                self._words.had("store", name, listed=kept.listed, ended=kept.ended)

    def decide(self, batch: Batch) -> None:
        """Judge each in the order of arrival, on what the ones before it have left."""
        if not self._is_needed:
            return
        for arrival in batch.accepted():
            if arrival.type in CATALOG:
                arrival.refusal = self._judge(arrival)

    def write(self, connection: Connection, batch: Batch) -> None:  # noqa: ARG002 - the handlers' shape
        """Write what holds from now on."""
        if self._is_needed:
            self._words.write(connection)

    def _judge(self, arrival: Arrival) -> Problem | None:
        assert arrival.position is not None
        said = Accepted(arrival.position, arrival.occurred_at, arrival.type, arrival.data)
        if arrival.type == CATEGORY_LISTED:
            problem = self._judge_category(arrival.data, said)
        elif arrival.type == PRODUCT_LISTED:
            problem = self._judge_product(arrival.data, said)
        elif arrival.type == PRODUCT_PICTURED:
            is_known = self._words.knows("product", arrival.data.product)
            problem = (
                rules.judge_pictures(arrival.data, self._sizes) if is_known else ListingUnknown(field="data.product")
            )
        elif arrival.type == STORE_LISTED:
            problem = rules.judge_store(arrival.data)
        else:
            kind = "product" if arrival.type == PRODUCT_DELISTED else "store"
            is_known = self._words.knows(kind, getattr(arrival.data, kind))
            problem = None if is_known else ListingUnknown(field=f"data.{kind}")
        if problem is None:
            self._words.add(said)
        return problem

    def _judge_category(self, data: CategoryListed, said: Accepted) -> Problem | None:
        problem = rules.judge_category(data)
        if problem is not None:
            return problem
        if data.within is not None and not self._words.knows("category", data.within):
            return CategoryUnknown(field="data.within")
        if self._words.is_last(said):
            if rules.comes_round(data.category, data.within, self._parents):
                return CategoryWithinItself(field="data.within")
            self._parents[data.category] = data.within
        return None

    def _judge_product(self, data: ProductListed, said: Accepted) -> Problem | None:
        problem = rules.judge_product(data)
        if problem is not None:
            return problem
        if data.category is not None and not self._words.knows("category", data.category):
            return CategoryUnknown(field="data.category")
        if not self._words.is_last(said):
            return None
        for number, variant in enumerate(data.variants):
            if self._owners.get(variant.sku, data.product) != data.product:
                return SkuTaken(field=f"data.variants[{number}].sku")
        for sku in [sku for sku, owner in self._owners.items() if owner == data.product]:
            del self._owners[sku]
        self._owners |= {variant.sku: data.product for variant in data.variants}
        return None
