"""On which matters a customer can choose, and what an event says on them. Knows no Django.

Not here: which of two choices holds (``rules.py``), what follows from them (``permissions.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from comptoir.counter.customers.contracts import (
    CLOSENESS_CHANGED,
    CONSENT_EXPIRED,
    CONSENT_GIVEN,
    CONSENT_WITHDRAWN,
    LETTERS_CHOSEN,
    NOTIFICATIONS_CHOSEN,
    OBJECTION_MADE,
    OBJECTION_WITHDRAWN,
    TERMS_AGREED,
    TERMS_ANSWERED,
    TERMS_ENDED,
    TERMS_PROFFERED,
    TERMS_SIGNED,
)

CLOSENESS: Final = "closeness"
#: The terms in force: their name, and the signed record of them; nothing once they have ended.
TERMS: Final = "terms"
#: What was proffered last, and what the shop has answered.
PROFFER: Final = "proffer"
#: Which agreement the customer has signed, too, and the record that both have signed.
SIGNATURE: Final = "signature"
OBJECTION: Final = "objection"
#: How often a letter of the square comes, and in which language.
LETTERS: Final = "letters"
_NOTIFICATIONS: Final = "notifications:"
_CONSENT: Final = "consent"
#: Between a word and the one that ends it there is room for no other.
_NEXT: Final = dt.timedelta(microseconds=1)

GIVEN: Final = "given"
#: A consent that is over says nothing any more: neither yes nor no.
EXPIRED: Final = "expired"
WITHDRAWN: Final = "withdrawn"
MADE: Final = "made"
ENDED: Final = ""


def consent(purpose: str, channel: str) -> str:
    """Return the matter of a consent for one purpose on one channel."""
    return f"{_CONSENT}:{purpose}:{channel}"


def notifications(subscription: str) -> str:
    """Return the matter of how often one device shows what is new, in which language, and what kind of device it is."""
    return f"{_NOTIFICATIONS}{subscription}"


def subscription_of(matter: str) -> str | None:
    """Return the device's subscription of which a matter is, or ``None`` if it is of something else."""
    return matter.removeprefix(_NOTIFICATIONS) if matter.startswith(_NOTIFICATIONS) else None


def is_consent(matter: str) -> bool:
    """Tell whether a matter is a consent."""
    return matter.startswith(f"{_CONSENT}:")


def is_biting(matter: str) -> bool:
    """Tell whether a matter decides what may be done with somebody's data."""
    return matter in {TERMS, OBJECTION} or is_consent(matter)


def purpose_and_channel(matter: str) -> tuple[str, str]:
    """Return what a consent is about."""
    _, purpose, channel = matter.split(":")
    return purpose, channel


def over_since(record: str) -> dt.datetime:
    """Return when a consent was over, by the record of its end."""
    return dt.datetime.fromisoformat(record.partition(" ")[2])


class Word(NamedTuple):
    """What an event says on a matter, as of ``at``; a ``record`` belongs to it, or nothing.

    A consent is over at ``ends_at``, and when for ``quiet_days`` nobody has heard of the person; ``None`` leaves that
    to the shop's policy.
    """

    matter: str
    value: str
    at: dt.datetime
    record: str = ""
    ends_at: dt.datetime | None = None
    quiet_days: int | None = None


def said(event_type: str, data: Any, *, at: dt.datetime) -> Iterator[Word]:
    """Return what an event of a moment says.

    ``data`` is the event's content, freshly read or from the log.
    """
    if event_type == CLOSENESS_CHANGED:
        yield Word(CLOSENESS, data.closeness, at)
    elif event_type == LETTERS_CHOSEN:
        yield Word(LETTERS, f"{data.rhythm} {data.language}", at)
    elif event_type == NOTIFICATIONS_CHOSEN:
        yield Word(notifications(data.subscription), f"{data.rhythm} {data.language} {data.device}", at)
    elif event_type in _OF_TERMS:
        yield from _said_of_terms(event_type, data, at)
    elif event_type == CONSENT_GIVEN:
        ends_at = None if data.days is None else at + dt.timedelta(days=data.days)
        yield Word(consent(data.purpose, data.channel), GIVEN, at, data.receipt, ends_at, data.quiet_days)
    elif event_type == CONSENT_WITHDRAWN:
        yield Word(consent(data.purpose, data.channel), WITHDRAWN, at)
    elif event_type == CONSENT_EXPIRED:
        # Said of that consent alone: whatever was said since is a later word, whichever of the two is heard first.
        record = f"{data.because} {at.astimezone(dt.UTC).isoformat()}"
        yield Word(consent(data.purpose, data.channel), EXPIRED, data.given_at + _NEXT, record)
    elif event_type == OBJECTION_MADE:
        yield Word(OBJECTION, MADE, at, data.means)
    elif event_type == OBJECTION_WITHDRAWN:
        yield Word(OBJECTION, WITHDRAWN, at)


_OF_TERMS: Final = frozenset({TERMS_PROFFERED, TERMS_ANSWERED, TERMS_AGREED, TERMS_SIGNED, TERMS_ENDED})


def _said_of_terms(event_type: str, data: Any, at: dt.datetime) -> Iterator[Word]:
    if event_type == TERMS_PROFFERED:
        yield Word(PROFFER, data.term, at)
    elif event_type == TERMS_ANSWERED:
        yield Word(PROFFER, f"{data.term} {data.alternative or '-'}", at)
    elif event_type == TERMS_AGREED:
        yield Word(TERMS, data.term, at, data.record)
    elif event_type == TERMS_SIGNED:
        yield Word(SIGNATURE, data.proffer, at, data.record)
    elif event_type == TERMS_ENDED:
        yield Word(TERMS, ENDED, at)
