"""Refusals of the catalog."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class ListingInvalid(Problem):
    """This cannot be listed so."""

    name = "listing_invalid"


class SkuTaken(Problem):
    """This SKU is that of another product."""

    name = "sku_taken"
    status = 409


class ListingUnknown(Problem):
    """The catalog lists no such thing."""

    name = "listing_unknown"
    status = 404


class CategoryUnknown(Problem):
    """The catalog has no such category; list it first."""

    name = "category_unknown"
    status = 404


class CategoryWithinItself(Problem):
    """A category cannot stand within itself, nor more than six deep."""

    name = "category_within_itself"
    status = 409


class WindowInvalid(Problem):
    """These sentences make no shop window."""

    name = "window_invalid"
