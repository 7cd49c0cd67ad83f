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


class NotInStore(Problem):
    """This cannot be ordered to be paid in the store."""

    name = "not_in_store"
    status = 409


class PaymentAway(Problem):
    """Nobody takes payments at the moment."""

    name = "payment_away"
    status = 503


class PointsNotHeld(Problem):
    """These points cannot be spent now."""

    name = "points_not_held"
    status = 409


class CardNotHeld(Problem):
    """This gift card cannot be spent now."""

    name = "card_not_held"
    status = 409


class CardMistyped(Problem):
    """This is no code of a gift card: a character is wrong or missing."""

    name = "card_mistyped"


class CardTriedTooOften(Problem):
    """Too many codes of gift cards were wrong."""

    name = "card_tried_too_often"
    status = 429


class RecipientNeeded(Problem):
    """Something is still to be brought, written or given back to you."""

    name = "recipient_needed"
    status = 409


class ConfirmationNeeded(Problem):
    """Show your passkey once more before this is ordered."""

    name = "confirmation_needed"
    status = 403
