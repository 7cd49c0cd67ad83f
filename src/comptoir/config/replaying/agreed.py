"""Who of the demo's customers agrees to recommendations: a share, drawn by lot, the same every time.

Not here: who of them sees what everybody sees, which chance decides in each shop anew (``config/agreeing.py``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

from comptoir.config.replaying import journey, promoted
from comptoir.config.replaying.recordings import Event
from comptoir.counter.customers.contracts import CONSENT_GIVEN

#: So many of those who bought before the day on which they were asked agree; the demo's own card does in any case.
SHARE: Final = 0.3
_OPENED: Final = dt.datetime(2017, 1, 1, tzinfo=dt.UTC)


def drawn_at(until: dt.datetime) -> dt.datetime:
    """Return when chance draws in a demo that has loaded the sales before ``until``.

    That is when its campaign begins, or in the middle of fewer days, so that there are purchases before and after.
    """
    return max(promoted.begins_at(until), _OPENED + (until - _OPENED) / 2)


def cards(at: dt.datetime) -> list[str]:
    """Return the cards whose holders agree, of those that bought before a moment."""
    known = promoted.cards(at)
    return [each for each in known if each == journey.CARD or promoted.is_drawn(each, SHARE, "agrees")]


def consents(of: Iterable[str]) -> Iterator[Event]:
    """Yield that each of them agreed, on the first day, to be shown on the web what fits what they bought."""
    for card in of:
        data = {
            "customer": {"kind": "card", "value": card}, "purpose": "personalisation", "channel": "web",
            "receipt": hashlib.sha256(f"demo recommendations {card}".encode()).hexdigest(),
        }  # fmt: skip
        yield Event(
            id=f"demo/recommendations/{card}", source="/storefront", type=CONSENT_GIVEN, time=_OPENED, data=data
        )
