"""What staff say of a campaign, and what comes out of drawing its target list."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final, Literal

import msgspec

from comptoir.counter.messages.contracts import MessageChannel, MessageClass, Verdict

#: ``no_consent`` to the purpose on the channel; ``capped`` by what all campaigns together may send.
#: ``campaign`` and ``everything``: held out of this one, or of all. ``no_coupon``: there was none to be had.
Reason = Literal["", "no_consent", "capped", "campaign", "everything", "no_coupon"]

#: The arm of those who, by chance, get nothing.
HOLDOUT: Final = "holdout"
HOLDOUT_SHARE: Final = 0.10
HOLDOUT_OF_ALL_SHARE: Final = 0.02

Language = Literal["en", "ja", "fr"]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
_Sentence = Annotated[str, msgspec.Meta(max_length=500)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=0.9)]
_Hour = Annotated[int, msgspec.Meta(ge=0, le=24)]
#: What is drawn: each person, or each store with whoever buys there most.
DrawnBy = Literal["person", "store"]
Margin = Annotated[float, msgspec.Meta(gt=0, le=1)]
Amount = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of a campaign's texts: its ``name`` is the arm's, ``template`` what is sent (``counter/messages``).

    ``share`` is a weight among the variants.
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z]$")]
    template: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    template_version: Annotated[int, msgspec.Meta(ge=1)] = 1
    share: Annotated[float, msgspec.Meta(gt=0, le=1_000)] = 1.0


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When messages may leave: on which days of the week (0 is Monday), from one whole hour until another one.

    The hours are those of whoever gets it, where the vault knows their time zone, else those of ``zone``.
    """

    from_hour: _Hour = 9
    until_hour: _Hour = 20
    weekdays: tuple[Annotated[int, msgspec.Meta(ge=0, le=6)], ...] = (0, 1, 2, 3, 4, 5, 6)
    zone: Annotated[str, msgspec.Meta(max_length=64)] = "UTC"


class Version(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a campaign is, as it was written once. A change is a new version; none is ever changed.

    ``why`` is what a customer reads about the reason for the message, by language. ``holdout_reason`` says why nobody
    is held out, where that is so. ``days`` is how long its effect is counted. ``margin`` is the share of sales that is
    kept, ``cost_per_contact`` what a message costs and ``cost_per_point`` what a point that its coupons promised costs,
    in the shop's currency; all are said before it is sent, or no verdict in money is given. ``drawn_by`` says whether
    people are drawn one by one or a store at a time.
    ``asks_again``: whoever has left the segment by the time at which their message may leave gets none, where sending
    is delayed.
    """

    name: _Name
    message_class: MessageClass = "marketing"
    segment: str
    channel: MessageChannel
    variants: Annotated[tuple[Variant, ...], msgspec.Meta(min_length=1, max_length=4)]
    why: dict[Language, _Sentence] = {}
    promotion: str | None = None
    holdout: _Share = HOLDOUT_SHARE
    holdout_reason: _Sentence = ""
    drawn_by: DrawnBy = "person"
    window: Window = Window()
    days: Annotated[int, msgspec.Meta(ge=1, le=180)] = 28
    margin: Margin | None = None
    cost_per_contact: Amount | None = None
    cost_per_point: Amount | None = None
    asks_again: bool = True

    @property
    def is_asked_again(self) -> bool:
        """Tell whether the segment is asked again: never for service, since whoever has to know something has to."""
        return self.asks_again and self.message_class == "marketing"


class Cap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most so many marketing messages for one person in so many days, over all campaigns; on one channel, or all."""

    messages: Annotated[int, msgspec.Meta(ge=1, le=100)]
    days: Annotated[int, msgspec.Meta(ge=1, le=366)]
    channel: MessageChannel | None = None


class Sent(msgspec.Struct, frozen=True):
    """A marketing message to somebody, on a channel: when it left, or may leave first where it waits."""

    at: dt.datetime
    channel: str


class Drawn(msgspec.Struct, frozen=True):
    """What is decided about one person: what happens, why, and the arm they were drawn into, once they were.

    ``cluster`` is the store that they were drawn with, if they were.
    """

    verdict: Verdict
    arm: str
    reason: Reason
    cluster: str = ""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How a target list came about: everybody in the segment is in one of these figures.

    ``decided_before`` are those about whom this campaign has decided already, in an earlier version of it. ``stores``
    is how many stores each arm has, where stores were drawn.
    """

    matched: int = 0
    decided_before: int = 0
    no_consent: int = 0
    capped: int = 0
    held_out_of_all: int = 0
    held_out: int = 0
    no_coupon: int = 0
    send: dict[str, int] = {}
    stores: dict[str, int] = {}

    @property
    def sent(self) -> int:
        """Return to how many a message goes."""
        return sum(self.send.values())
