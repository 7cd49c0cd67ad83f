"""Refusals that concern baskets."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class BasketTaken(Problem):
    """This basket belongs to somebody else."""

    name = "basket_taken"
    status = 409


class BasketFull(Problem):
    """This basket cannot take any more."""

    name = "basket_full"


class BasketUnchanged(Problem):
    """This says nothing about the basket."""

    name = "basket_unchanged"


class BasketMoved(Problem):
    """The basket was changed in the meantime."""

    name = "basket_moved"
    status = 409


class BasketUnknown(Problem):
    """There is no such basket."""

    name = "basket_unknown"
    status = 404


class BasketWithoutGoods(Problem):
    """There is nothing in this customer's basket."""

    name = "basket_without_goods"
    status = 404
