"""What a promotion may say, and whether a code may be used. Pure. Not here: what a basket costs (``pricing.py``)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

import msgspec

from comptoir.counter.offers.contracts import Bundle, Elsewhere, Points, Promotion
from comptoir.counter.offers.errors import PromotionInvalid
from comptoir.counter.offers.pricing import is_in_force
from comptoir.foundation.kernel.ids import Id

HELD = "held"
REDEEMED = "redeemed"
RELEASED = "released"
EXPIRED = "expired"
#: Redeemed, and given back with the goods.
RETURNED = "returned"


class Offered(msgspec.Struct):
    """A promotion as it stands: what was given of it so far, as far as it has a budget, and when it was ended."""

    id: Id
    promotion: Promotion
    ended_at: dt.datetime | None = None
    redemptions: int = 0
    discount: int = 0

    def is_open(self, at: dt.datetime) -> bool:
        """Tell whether anything of it can be given at a moment."""
        return self.is_running(at) and not self.is_used_up

    def is_running(self, at: dt.datetime) -> bool:
        """Tell whether it holds at a moment, whether or not anything of it is left."""
        return (
            (self.ended_at is None or at < self.ended_at)
            and is_in_force(self.promotion, at)
            and not isinstance(self.promotion.benefit, Elsewhere)
        )

    @property
    def is_used_up(self) -> bool:
        """Tell whether it was given as often as it can be."""
        most = self.promotion.budget.redemptions_max
        return (most is not None and self.redemptions >= most) or self.discount_left == 0

    @property
    def discount_left(self) -> int | None:
        """Return how much of its money is left, in minor units; ``None`` if that has no end."""
        most = self.promotion.budget.discount_max
        return None if most is None else max(0, most - self.discount)


class Coupon(msgspec.Struct, frozen=True):
    """A customer's right to a promotion; its id is where the log has its issue."""

    id: Id
    promotion: Id
    customer: Id
    issued_at: dt.datetime
    campaign: Id | None = None

    def ends_at(self, promotion: Promotion) -> dt.datetime | None:
        """Return when it is good no more by itself."""
        if promotion.days_good is None:
            return promotion.conditions.ends_at
        own = self.issued_at + dt.timedelta(days=promotion.days_good)
        last = promotion.conditions.ends_at
        return own if last is None else min(own, last)


def first_free(taken: Collection[int], most: int) -> int | None:
    """Return the first of the numbers from 1 to ``most`` that is not taken, or ``None``."""
    return next((number for number in range(1, most + 1) if number not in taken), None)


def sale_source(receipt: str | None, *, reserved: str, posted: str) -> str | None:
    """Return who books the sale of what was held, if a receipt is kept and it is not whoever held it."""
    return posted if receipt is not None and posted != reserved else None


def check(promotion: Promotion) -> None:
    """Raise :class:`PromotionInvalid` for a promotion that contradicts itself, with the field at fault."""
    benefit, conditions = promotion.benefit, promotion.conditions
    if (promotion.codes == "shared") != (promotion.code is not None):
        raise PromotionInvalid("A code that everybody uses belongs to shared codes.", field="definition.code")
    if promotion.codes != "each" and (promotion.uses_max != 1 or promotion.days_good is not None or promotion.honey):
        raise PromotionInvalid("Only coupons have uses, days and honey codes.", field="definition.codes")
    if conditions.audience == "holder" and promotion.codes != "each":
        raise PromotionInvalid("Only coupons have a holder.", field="definition.conditions.audience")
    if isinstance(benefit, Bundle):
        if (benefit.pay is None) == (benefit.price is None):
            raise PromotionInvalid("Say how many are paid, or what all cost.", field="definition.benefit")
        if benefit.pay is not None and benefit.pay >= benefit.take:
            raise PromotionInvalid("Fewer are paid than are taken.", field="definition.benefit.pay")
    if isinstance(benefit, Points) and promotion.budget.discount_max is not None:
        raise PromotionInvalid("Points take no money off.", field="definition.budget.discount_max")
    if isinstance(benefit, Elsewhere) and promotion.codes != "none":
        raise PromotionInvalid("Another system keeps its codes.", field="definition.codes")
    begins, ends = conditions.starts_at, conditions.ends_at
    if begins is not None and ends is not None and begins >= ends:
        raise PromotionInvalid("It ends before it begins.", field="definition.conditions.ends_at")
    if conditions.hours is not None and conditions.hours[0] == conditions.hours[1]:
        raise PromotionInvalid("These hours are none.", field="definition.conditions.hours")
