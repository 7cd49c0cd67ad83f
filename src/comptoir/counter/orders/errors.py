"""Refusals that concern orders."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class OrderUnknown(Problem):
    """There is no such order."""

    name = "order_unknown"
    status = 404


class OrderTaken(Problem):
    """There is an order with this id or number already."""

    name = "order_taken"
    status = 409


class OrderElsewhere(Problem):
    """The order waits at another store."""

    name = "order_elsewhere"
    status = 409


class OrderNotPaid(Problem):
    """The order is not paid."""

    name = "order_not_paid"
    status = 409


class OrderOver(Problem):
    """The order is over."""

    name = "order_over"
    status = 409


class OrderMismatch(Problem):
    """The amounts of the order do not add up."""

    name = "order_mismatch"
