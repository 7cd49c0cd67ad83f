"""What staff say of a journey, and what a simulation says of it."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

import msgspec

from comptoir.counter.messages.contracts import MessageChannel
from comptoir.office.campaigns.contracts import HOLDOUT_SHARE, Amount, DrawnBy, Language, Margin, Window

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
_Sentence = Annotated[str, msgspec.Meta(max_length=500)]
_Hours = Annotated[int, msgspec.Meta(ge=1, le=366 * 24)]


class Joins(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="joins"):
    """Somebody joins a segment."""

    segment: str


class Happens(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="happens"):
    """An event of a type is heard about somebody, such as one that the shop's map declares (``basket.left``)."""

    event: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$", max_length=128)]


class FirstVisit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="first_visit"):
    """Somebody buys at a store for the first time; ``store`` empty: at any store for the first time."""

    store: Annotated[str, msgspec.Meta(max_length=64)] = ""


Trigger = Joins | Happens | FirstVisit


class Wait(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="wait"):
    """So many hours pass."""

    hours: _Hours


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="check"):
    """Whoever is not in the segment (or is, where ``is_in`` is off) goes no further."""

    segment: str
    is_in: bool = True


class Say(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="say"):
    """A message goes to whoever allows it, within the caps of all campaigns; with a coupon of a promotion or none."""

    channel: MessageChannel
    template: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    template_version: Annotated[int, msgspec.Meta(ge=1)] = 1
    promotion: str | None = None


class Ask(Say, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="ask"):
    """Somebody is asked to say something on the square: a message whose ``{{ link }}`` leads to this page of it."""

    path: Annotated[str, msgspec.Meta(pattern=r"^/[A-Za-z0-9/_.~?=&%-]*$", max_length=200)] = "/"


class Give(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="give"):
    """Points are given, and the ledger says why."""

    points: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


Step = Wait | Check | Say | Ask | Give
ReEntry = Literal["once", "every", "each"]


class Version(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A journey as it was written once; a change is a new version.

    ``exit_events`` end a trip when one of them is heard after the entrance, ``exit_segment`` when somebody is not in it
    any more. Under ``every``, ``every_days`` have to pass between two entrances. ``planned`` is how many people the
    smaller arm is meant to have: there the interval that may be looked at every day is narrowest. ``drawn_by`` says
    whether people are drawn one by one or a store at a time; then it is looked at once, when as many as were planned
    have entered each arm and had their days. ``margin``, ``cost_per_contact`` and ``cost_per_point`` are a campaign's;
    a point costs the same whether a coupon promised it or a step gave it.
    """

    name: _Name
    trigger: Trigger
    steps: Annotated[tuple[Step, ...], msgspec.Meta(min_length=1, max_length=30)]
    why: dict[Language, _Sentence]
    exit_events: Annotated[tuple[str, ...], msgspec.Meta(max_length=10)] = ()
    exit_segment: str | None = None
    re_entry: ReEntry = "once"
    every_days: Annotated[int, msgspec.Meta(ge=1, le=366)] = 30
    holdout: Annotated[float, msgspec.Meta(ge=0, le=0.9)] = HOLDOUT_SHARE
    holdout_reason: _Sentence = ""
    drawn_by: DrawnBy = "person"
    window: Window = Window()
    days: Annotated[int, msgspec.Meta(ge=1, le=180)] = 28
    planned: Annotated[int, msgspec.Meta(ge=20, le=1_000_000)] = 500
    margin: Margin | None = None
    cost_per_contact: Amount | None = None
    cost_per_point: Amount | None = None


def segments_of(version: Version) -> set[str]:
    """Return the segments that have to be there for a journey to be walked: those of its checks and its exit."""
    checked = {each.segment for each in version.steps if isinstance(each, Check)}
    return checked | ({version.exit_segment} if version.exit_segment else set())


class Happening(msgspec.Struct, frozen=True):
    """Something that begins a journey for a person; ``event`` is its place in the log."""

    person: str
    event: str
    at: dt.datetime


class Simulated(msgspec.Struct, frozen=True, kw_only=True):
    """What a journey would have done in a span of time, by today's consents and caps.

    ``people`` are those who would have entered, ``trips`` how often; ``reached`` got at least one message; ``ended``
    says how many trips ended for which reason (``done``, ``check``, ``exit``), and ``by_month`` how many messages.
    """

    since: dt.datetime
    until: dt.datetime
    happenings: int
    people: int
    trips: int
    held_out: int
    reached: int
    messages: int
    no_consent: int
    capped: int
    points: int
    ended: dict[str, int]
    by_month: dict[str, int]
