"""Which events are acts, and of which the figures follow. Pure."""

from __future__ import annotations

from typing import Final

#: The first words of the house's own types: sales and points have rows of their own, what is said on the square is
#: counted there, and choices are nobody's doing that a shop may count.
_HOUSE: Final = frozenset(
    {
        "answer", "charter", "closeness", "consent", "contribution", "customer", "decision", "experiment", "filter",
        "follow", "idea", "identifier", "invitation", "letters", "link", "member", "news", "notice", "notifications",
        "objection", "persona", "points", "post", "programme", "sale", "segment", "spending", "terms", "topic", "vote",
        "answer_seen", "treat", "promotion", "campaign", "journey",
    }
)  # fmt: skip
#: Of the house's own, what a customer does or is sent counts as well.
_COUNTED: Final = frozenset({"points.redeem"})


def is_followed(event_type: str) -> bool:
    """Tell whether figures can follow from an event of a type: not from those that follow from figures."""
    return not event_type.startswith("segment.")


def is_act(event_type: str) -> bool:
    """Tell whether an event of a type is something that somebody did: a redemption, a coupon, what a shop declares."""
    return event_type in _COUNTED or event_type.partition(".")[0] not in _HOUSE
