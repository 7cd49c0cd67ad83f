"""How many are held out of recommendations, and who. Pure, but for the setting that it reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from comptoir.counter.recommendations.contracts import Arm
from comptoir.office.campaigns.contracts import HOLDOUT
from comptoir.office.experiments.assignment import assign

#: What is drawn for, as far as the hash is concerned.
EXPERIMENT: Final = "recommendations"
SHOWN: Final = "shown"
#: So many of a thousand are held out, unless the shop says otherwise, and at most.
SHARE_DEFAULT: Final = 100
SHARE_MAX: Final = 500


def share_of(written: str) -> int:
    """Return how many of a thousand are held out, by a setting in per cent; what is no such number counts as unset."""
    try:
        share = round(float(written) * 10)
    except (ValueError, OverflowError):
        return SHARE_DEFAULT
    return share if 0 <= share <= SHARE_MAX else SHARE_DEFAULT


def shares(share: int) -> Mapping[str, float]:
    """Return how much of everybody each arm is meant to have."""
    held = {HOLDOUT: share / 1000} if share else {}
    return {**held, SHOWN: 1 - share / 1000}


def arm_of(person: str, *, share: int, salt: bytes) -> Arm:
    """Return what chance says for a person; the same every time."""
    return "holdout" if assign(person, experiment=EXPERIMENT, salt=salt, shares=shares(share)) == HOLDOUT else "shown"
