"""Signatures after Standard Webhooks (https://www.standardwebhooks.com) over the raw body, verified. No Django.

Not here: how they are made (``foundation/events/webhooks.py``), what a report says.
"""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Mapping, Sequence
from typing import Final

from comptoir.foundation.events.webhooks import signature
from comptoir.vault.payments.errors import ReportForged, ReportStale
from comptoir.vault.payments.rules import SIGNED_WITHIN

_SIGNATURES_MAX: Final = 10
_CHARACTERS_MAX: Final = 2_000


def verified(headers: Mapping[str, str], body: bytes, *, secrets: Sequence[bytes], now: dt.datetime) -> str:
    """Return the id of a report, whose signature one of the secrets made within five minutes of now.

    ``headers`` have small letters. Raises :class:`ReportForged`, :class:`ReportStale`.
    """
    number, signed_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "")
    if not 0 < len(number) <= 255 or not 0 < len(signed_at) <= 12 or not signed_at.isdecimal():
        raise ReportForged("It has no id and no time of a signature.")
    if len(given) > _CHARACTERS_MAX:
        raise ReportForged("It has too many signatures.")
    wanted = [
        signature([secret], message_id=number, timestamp=int(signed_at), body=body).encode() for secret in secrets
    ]
    shown = given.encode("utf-8", "replace").split(b" ")[:_SIGNATURES_MAX]
    # Every pair is compared, so that the time taken says nothing.
    if not sum(hmac.compare_digest(one, other) for one in wanted for other in shown):
        raise ReportForged("No signature fits.")
    # After the signature: a stranger is not told what the clock says.
    if abs(now.timestamp() - int(signed_at)) > SIGNED_WITHIN.total_seconds():
        raise ReportStale
    return number
