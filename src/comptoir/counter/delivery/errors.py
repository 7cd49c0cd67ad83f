"""Refusals that concern delivery."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class DeliveryInvalid(Problem):
    """The shop's prices for delivery cannot be used."""

    name = "delivery_invalid"
    status = 500


class NotDeliveredThere(Problem):
    """The shop brings nothing to this country."""

    name = "not_delivered_there"
