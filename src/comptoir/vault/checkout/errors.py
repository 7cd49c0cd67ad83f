"""Refusals at the checkout."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class BasketEmpty(Problem):
    """There is nothing in this basket that can be bought."""

    name = "basket_empty"


class PriceChanged(Problem):
    """The price has changed."""

    name = "price_changed"
    status = 409


class AgeNotProven(Problem):
    """Some of this is sold to people of a certain age only, and nobody has proven it."""

    name = "age_not_proven"
    status = 403


class CheckoutOver(Problem):
    """This order is over."""

    name = "checkout_over"
    status = 409


class NotHeld(Problem):
    """Not all of this can be had any more."""

    name = "not_held"
    status = 409


class PaymentAway(Problem):
    """Nobody takes payments at the moment."""

    name = "payment_away"
    status = 503
