"""Who was drawn, and what recommendations changed, as the office reads it. Needs scipy for the latter."""

from __future__ import annotations

import datetime as dt
import os
from typing import Final

import msgspec

from comptoir.counter.recommendations.models import Drawn
from comptoir.office.campaigns import effects
from comptoir.office.campaigns.contracts import HOLDOUT
from comptoir.office.campaigns.effects import Measured, Person, Terms
from comptoir.office.recommendations import rules

#: So long what somebody paid is counted from the moment on at which chance drew for them.
DAYS: Final = 28
#: So many people at least the smaller arm is meant to have: the interval for every look is narrowest there.
PLANNED: Final = 200
#: So many people at most are compared, those who were drawn first.
PEOPLE_MAX: Final = 1_000_000


class Standing(msgspec.Struct, frozen=True):
    """With which share was drawn (of a thousand), and how many people see their own and are held out."""

    share: int
    shown: int
    held_out: int


def share() -> int:
    """Return how many of a thousand are held out at present: ``COMPTOIR_RECOMMENDATIONS_HOLDOUT``, in per cent."""
    return rules.share_of(os.environ.get("COMPTOIR_RECOMMENDATIONS_HOLDOUT", ""))


def people() -> list[Person]:
    """Return everybody who was drawn, once each, with the share that held then."""
    rows = Drawn.objects.order_by("drawn_at").values_list("customer", "arm", "drawn_at", "share")[:PEOPLE_MAX]
    return effects.units(
        Person(customer, HOLDOUT if arm == "holdout" else rules.SHOWN, drawn_at, version=share)
        for customer, arm, drawn_at, share in rows
    )


def standings(drawn: list[Person]) -> list[Standing]:
    """Return for each share that was ever drawn with how many are in each arm; the present one first."""
    present = share()
    found = []
    for each in sorted({one.version for one in drawn} | {present}, key=lambda one: (one != present, one)):
        arms = [one.arm for one in drawn if one.version == each]
        found.append(Standing(each, arms.count(rules.SHOWN), arms.count(HOLDOUT)))
    return found


def measure(drawn: list[Person], share: int, *, minor_units: int, now: dt.datetime) -> Measured:
    """Return what recommendations changed in what people paid, of those who were drawn with this share."""
    terms = Terms(shares=dict(rules.shares(share)), days=DAYS, planned=PLANNED, is_closed=False)
    return effects.measure(drawn, terms, minor_units=minor_units, now=now, version=share)
