"""What goes in and out of this package: the types of events and products that a shop can link, and the map itself.

Not here: how a map is read (``reading.py``), judged (``rules.py``) or made fast (``compiling.py``).
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta


class Timing(enum.StrEnum):
    """How fast a link is promised to be."""

    LIVE = "live"
    SOON = "soon"
    DAILY = "daily"

    @property
    def seconds_max(self) -> int:
        """Return the longest time that keeps the promise, in seconds."""
        return _SECONDS_MAX[self]


_SECONDS_MAX = {Timing.LIVE: 1, Timing.SOON: 60, Timing.DAILY: 86_400}


class Spending(enum.StrEnum):
    """With what a touchpoint's customers may spend."""

    CODE = "code"
    OWN_SIGN_IN = "own_sign_in"


#: What the house itself says has a source below this one; no touchpoint may speak for it.
HOUSE_SOURCE: Final = "/comptoir/"
#: The house's clock: where it speaks from, and the touchpoint under which what it says stands in the log.
CLOCK_SOURCE: Final = "/comptoir/clock"
CLOCK: Final = "clock"


#: The house's own touchpoints in which customers act for themselves.
CUSTOMERS_OWN: Final = frozenset({"storefront", "vault"})


class CustomerReference(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Who it was, under an opaque identifier: ``{"kind": "card", "value": "123"}``."""

    kind: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    value: Annotated[str, Meta(min_length=1, max_length=256)]


class EventType(msgspec.Struct, frozen=True):
    """A type of event that a touchpoint may send.

    ``data`` is the Struct of what it carries. ``classes`` gives the class of data of each field by its path
    (``customer``, ``lines.product``); a path covers everything below it that has no line of its own. Declare a
    built-in type where its Struct stands, for example in ``counter/sales/contracts.py``; ``config`` gathers them.
    """

    name: str
    title: str
    data: type[msgspec.Struct]
    classes: Mapping[str, str]
    activity: bool = False  # a fact that earning rules may name
    only_from: str = ""  # the one room whose touchpoints may say it; empty: any
    spends: bool = False  # a request that takes something from a customer
    built_in: bool = True


class Product(msgspec.Struct, frozen=True):
    """Data that a touchpoint may need: made by ``maker`` (a package) from events of the types ``made_from``.

    ``from_activities`` adds every type that the shop declared as an activity. ``data_class`` is its class of data.
    ``streamed`` tells whether it can be followed live, or only asked for.
    """

    name: str
    title: str
    maker: str
    made_from: frozenset[str]
    data_class: str
    from_activities: bool = False
    streamed: bool = True


class FieldDeclaration(msgspec.Struct, frozen=True):
    """One field that a touchpoint sends: its path within ``data``, its class of data, what it is for."""

    path: str
    data_class: str
    purpose: str


class Send(msgspec.Struct, frozen=True):
    """One type of event that a touchpoint sends. ``timing`` bounds the way from the fact to the counter."""

    type: str
    fields: tuple[FieldDeclaration, ...]
    purpose: str
    timing: Timing


class Need(msgspec.Struct, frozen=True):
    """Data that a touchpoint needs, and how fast. ``slower`` names sources that may take longer, with their timing.

    ``meanwhile`` says what is shown while the link is cut off.
    """

    data: str
    timing: Timing
    slower: Mapping[str, Timing] = {}
    meanwhile: str = ""
    number: int = 0  # its place in the touchpoint's list

    def timing_from(self, source: str) -> Timing:
        """Return the promise about what the touchpoint ``source`` sends."""
        return self.slower.get(source, self.timing)


class Touchpoint(msgspec.Struct, frozen=True):
    """A touchpoint as the shop declared it. Durations are in seconds."""

    name: str
    channel: str
    system: str
    room: str
    title: str
    sources: tuple[str, ...]
    offline_seconds_max: int
    clock_seconds_tolerated: int
    accepts_from: dt.datetime | None
    sends: tuple[Send, ...]
    needs: tuple[Need, ...]
    spending: Spending | None = None  # none where nothing is spent


class Link(msgspec.Struct, frozen=True):
    """The way from what one touchpoint sends to what another needs, with its promise."""

    source: str
    type: str
    touchpoint: str
    data: str
    timing: Timing
    meanwhile: str = ""

    @property
    def name(self) -> str:
        """Return the link in one word, such as ``till:sale.closed>web:points.balance``."""
        return f"{self.source}:{self.type}>{self.touchpoint}:{self.data}"


class TouchpointMap(msgspec.Struct, frozen=True):
    """A map without contradictions. ``types`` are all that can be sent: the built-in ones and the shop's own."""

    title: str
    touchpoints: tuple[Touchpoint, ...]
    types: Mapping[str, EventType]
    products: Mapping[str, Product]
    links: tuple[Link, ...]
    fingerprint: str  # of the text that it was read from, in hexadecimal digits

    def touchpoint(self, name: str) -> Touchpoint:
        """Return a touchpoint by its name; :class:`KeyError` if the map has none such."""
        for touchpoint in self.touchpoints:
            if touchpoint.name == name:
                return touchpoint
        raise KeyError(name)

    @property
    def activities(self) -> frozenset[str]:
        """Return the types that earning rules may name as activities."""
        return frozenset(name for name, each in self.types.items() if each.activity)


class Fault(msgspec.Struct, frozen=True, order=True):
    """One thing that is wrong with a map: where it stands, the stable name of the refusal, and what to do."""

    line: int
    field: str
    name: str
    message: str

    def __str__(self) -> str:
        """Return the fault as one line, without the file."""
        return f"line {self.line}, {self.field or 'the map'}: {self.message} [{self.name}]"
