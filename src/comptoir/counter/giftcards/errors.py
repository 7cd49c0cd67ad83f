"""What gift cards refuse, by name."""

from __future__ import annotations

from typing import Final

from comptoir.foundation.kernel.problem import Problem

#: One text for whatever is wrong with a code: whoever tries codes learns nothing from it.
UNUSABLE: Final = "The code that was shown cannot be used here and now."


class GiftCardUnusable(Problem):
    """A gift card's code cannot be used."""

    name = "gift_card_unusable"


class GiftCardInsufficient(Problem):
    """Less is left on the gift card."""

    name = "gift_card_insufficient"
    status = 409


class GiftCardTaken(Problem):
    """A gift card was issued under this code before."""

    name = "gift_card_taken"
    status = 409


class GiftCardExpiresTooSoon(Problem):
    """Where this shop is, a gift card may not run out so soon."""

    name = "gift_card_expires_too_soon"


class GiftCardUnknown(Problem):
    """There is no gift card of this number."""

    name = "gift_card_unknown"
    status = 404


class GiftCardOver(Problem):
    """The gift card was stopped, and nothing is left on it."""

    name = "gift_card_over"
    status = 409


class GiftCardHoldTaken(Problem):
    """The name of this reservation was used before."""

    name = "gift_card_hold_taken"
    status = 409


class GiftCardHoldUnknown(Problem):
    """This touchpoint holds nothing of a gift card under that name."""

    name = "gift_card_hold_unknown"
    status = 404


class GiftCardHoldOver(Problem):
    """The reservation is not held any more."""

    name = "gift_card_hold_over"
    status = 409


class GiftCardSpendingUnknown(Problem):
    """No gift card was spent by that event."""

    name = "gift_card_spending_unknown"
    status = 404


class GiftCardCreditTooLarge(Problem):
    """More comes back than was spent."""

    name = "gift_card_credit_too_large"
    status = 409
