"""What promotions and coupons refuse, by name."""

from __future__ import annotations

from typing import Final

from comptoir.foundation.kernel.problem import Problem

#: One text for whatever is wrong with a code: whoever tries codes learns nothing from it.
UNUSABLE: Final = "A code that was shown cannot be used here and now."


class CouponUnusable(Problem):
    """A code cannot be used."""

    name = "coupon_unusable"


class NothingTaken(Problem):
    """No promotion applies to this basket."""

    name = "nothing_taken"


class RedemptionTaken(Problem):
    """The name of this reservation was used before."""

    name = "redemption_taken"


class RedemptionUnknown(Problem):
    """There is no reservation of this name."""

    name = "redemption_unknown"


class RedemptionOver(Problem):
    """The reservation is not held any more."""

    name = "redemption_over"


class PromotionTaken(Problem):
    """There is a promotion of this id already."""

    name = "promotion_taken"


class PromotionInvalid(Problem):
    """The promotion contradicts itself."""

    name = "promotion_invalid"


class PromotionUnknown(Problem):
    """There is no such promotion, or it has ended."""

    name = "promotion_unknown"
