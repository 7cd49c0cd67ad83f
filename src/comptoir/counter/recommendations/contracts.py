"""What is said of recommendations: what somebody wants to see no more, and what chance has drawn for them."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from comptoir.counter.customers.contracts import Identifier
from comptoir.counter.offers.contracts import Name
from comptoir.foundation.touchpoints.contracts import EventType

HIDDEN: Final = "recommendation.hidden"
DRAWN: Final = "recommendation.drawn"
#: Everything that is said of recommendations.
TYPES: Final = frozenset({HIDDEN, DRAWN})
#: So many products at most are hidden by one customer.
HIDDEN_MAX: Final = 500

#: ``shown``: recommendations of their own; ``holdout``: what everybody is shown.
Arm = Literal["shown", "holdout"]


class RecommendationHidden(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``recommendation.hidden``: a customer does not want a product recommended any more, or does again."""

    customer: Identifier
    product: Name
    hidden: bool = True


class RecommendationDrawn(msgspec.Struct, forbid_unknown_fields=True):
    """``recommendation.drawn``: chance has said whether a customer sees recommendations of their own.

    ``share`` is how many of a thousand were held out of them at that time.
    """

    customer: Identifier
    arm: Arm
    share: Annotated[int, Meta(ge=0, le=900)]


EVENT_TYPES: Final = (
    EventType(
        name=HIDDEN, title="A recommendation is hidden", data=RecommendationHidden, only_from="counter",
        classes={"customer": "pseudonym", "product": "activity", "hidden": "activity"},
    ),
)  # fmt: skip
#: What the house's clock says; no touchpoint may send it.
CLOCK_TYPES: Final = (
    EventType(
        name=DRAWN, title="Chance says who sees recommendations of their own", data=RecommendationDrawn,
        classes={"customer": "pseudonym", "arm": "mechanical", "share": "mechanical"},
    ),
)  # fmt: skip
