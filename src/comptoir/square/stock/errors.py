"""Refusals of stock."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class StockInvalid(Problem):
    """This cannot be said of stock."""

    name = "stock_invalid"


class OutOfStock(Problem):
    """There are not so many of it at this store."""

    name = "out_of_stock"
    status = 409


class StockUnknown(Problem):
    """Nobody has counted this at this store, so it cannot be held."""

    name = "stock_unknown"
    status = 409


class HoldTaken(Problem):
    """There is a hold under this id."""

    name = "hold_taken"
    status = 409


class HoldUnknown(Problem):
    """There is no hold under this id."""

    name = "hold_unknown"
    status = 404


class HoldOver(Problem):
    """The hold is over."""

    name = "hold_over"
    status = 409
