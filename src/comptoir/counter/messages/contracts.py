"""What the office hands over: templates, dispatches, send decisions; and the words for what becomes of them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

import msgspec

#: How somebody is reached. The words are those of the touchpoint map's channels: ``message`` is a text message to a
#: telephone, ``app`` a notification of a device, ``web`` the customer's own page.
MessageChannel = Literal["mail", "message", "app", "web"]
MESSAGE_CHANNELS: Final[tuple[str, ...]] = get_args(MessageChannel)
#: Marketing is sent at most once and needs consent; service is what somebody has asked for, sent at least once.
MessageClass = Literal["marketing", "service"]
MESSAGE_CLASSES: Final[tuple[str, ...]] = get_args(MessageClass)
#: What was decided about one customer.
Verdict = Literal["send", "held_out", "suppressed"]
#: What becomes of a decision to send, in the order in which it may happen. ``attempted`` was written down before the
#: network was opened; ``unknown``: nobody can say whether it arrived. ``suppressed``, ``stopped`` and ``missed`` (its
#: time was over) mean that it never left; ``unreachable`` that the vault knows no such address.
OutcomeKind = Literal[
    "attempted", "accepted", "refused", "unknown", "suppressed", "stopped", "missed", "unreachable",
    "delivered", "bounced", "complained", "unsubscribed",
]  # fmt: skip
OUTCOME_KINDS: Final[tuple[str, ...]] = get_args(OutcomeKind)
#: One of these ends the sending of a message; each decision to send gets exactly one in the end.
FINAL: Final = frozenset({"accepted", "refused", "unknown", "suppressed", "stopped", "missed", "unreachable"})
#: That something left the house, or may have.
LEFT: Final = frozenset({"accepted", "unknown"})

SENT: Final = "message.sent"
DROPPED: Final = "message.dropped"
DELIVERED: Final = "message.delivered"
BOUNCED: Final = "message.bounced"
COMPLAINED: Final = "message.complained"
UNSUBSCRIBED: Final = "message.unsubscribed"
#: What the log says of each outcome; that something was attempted is told by what came of it.
EVENT_OF: Final[Mapping[str, str]] = {
    "accepted": SENT, "unknown": SENT, "refused": DROPPED, "suppressed": DROPPED, "stopped": DROPPED,
    "missed": DROPPED, "unreachable": DROPPED, "delivered": DELIVERED, "bounced": BOUNCED, "complained": COMPLAINED,
    "unsubscribed": UNSUBSCRIBED,
}  # fmt: skip

LANGUAGES: Final = ("en", "ja", "fr")


class Leaving(msgspec.Struct, frozen=True):
    """A message that waits and may leave soon: by which decision, to whom, for which occurrence."""

    decision: uuid.UUID
    customer: uuid.UUID
    occurrence: str


class MessageEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """``message.sent``, ``message.dropped``, ``message.bounced`` and so on: what became of a message, by its outcome.

    ``campaign`` is the campaign's or the journey's, ``reason`` one of the house's own words.
    """

    campaign: str
    version: int
    channel: MessageChannel
    message_class: MessageClass
    outcome: OutcomeKind
    variant: str = ""
    reason: str = ""


class TemplateText(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a template says in one language, in Liquid: a subject or title, a text, and HTML for mail where wanted."""

    text: str
    subject: str = ""
    html: str = ""


class Dispatch(msgspec.Struct, frozen=True, kw_only=True):
    """What all messages of one variant share. ``values`` are what a template may say, without anything about anybody.

    ``because`` is the reason as each reader gets it, by language ("because you asked for offers on coffee"); the vault
    adds since when. ``hours``: messages leave between these hours of the day only, and on these ``weekdays`` (Monday
    is 0; none: every day), in the reader's time zone where the vault knows it, else in ``zone``.
    """

    id: uuid.UUID
    campaign: uuid.UUID
    campaign_version: int
    channel: MessageChannel
    template: str
    template_version: int
    variant: str = ""
    purpose: str = "marketing"
    message_class: MessageClass = "marketing"
    because: Mapping[str, str] = {}
    values: Mapping[str, Any] = {}
    promotion: uuid.UUID | None = None
    hours: tuple[int, int] | None = None
    weekdays: tuple[int, ...] = ()
    zone: str = "UTC"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided about one customer, once for each campaign and occurrence.

    ``cluster`` is the store whose customers were drawn together, where they were; else empty. ``occurrence`` is empty
    under the policy "once", the period's number under "every N days", the triggering event's id under "each time".
    ``dispatch`` is set for ``send``; ``reason`` for the others. ``values`` are the customer's own beside the
    dispatch's; nothing in them is contact data.
    """

    id: uuid.UUID
    campaign: uuid.UUID
    campaign_version: int
    customer: uuid.UUID
    verdict: Verdict
    decided_at: dt.datetime
    dispatch: uuid.UUID | None = None
    occurrence: str = ""
    variant: str = ""
    cluster: str = ""
    reason: str = ""
    coupon: uuid.UUID | None = None
    values: Mapping[str, Any] | None = None
    not_before: dt.datetime | None = None
    not_after: dt.datetime | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a decision; ``reason`` is one of the house's own words, never what a provider said."""

    decision: uuid.UUID
    kind: OutcomeKind
    at: dt.datetime
    reason: str = ""
