"""What goes with what, as it is made and as it is read."""

from __future__ import annotations

import datetime as dt
from typing import Final

import msgspec

#: So many different people stand behind each pair and everything popular, at least: nobody is found behind it.
PEOPLE_MIN: Final = 5
#: So many companions of a product are kept, and so much of what is popular, at each store and anywhere.
COMPANIONS_MAX: Final = 20
POPULAR_MAX: Final = 60


class Pair(msgspec.Struct, frozen=True):
    """A product's companion, at its ``place`` among them: the strongest is the first. ``weight`` is from 0 to 1."""

    product: str
    place: int
    companion: str
    weight: float
    people: int
    baskets: int


class Popular(msgspec.Struct, frozen=True):
    """What ``people`` different people bought lately, at a store or, where it is empty, anywhere."""

    store: str
    place: int
    product: str
    people: int


class Made(msgspec.Struct, frozen=True):
    """When it was made, of which days, and out of how much: of ``left_out`` people nothing may be counted."""

    made_at: dt.datetime
    since: dt.date
    until: dt.date
    people: int
    left_out: int
    baskets: int
    products: int
    pairs: int


class Elsewhere(msgspec.Struct, frozen=True):
    """What a member, or the shop's staff, says is better elsewhere, in a conversation about a product."""

    product: str
    thread: str
    title: str
    language: str
    elsewhere: str
    is_staff: bool
