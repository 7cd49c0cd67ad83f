"""How long it takes before something holds by which somebody could be robbed (``COMPTOIR_COOLING_HOURS``).

Both the vault, after a change of what somebody signs in with, and the gateway, when limits are made wider without a
passkey, wait so long. Not here: what waits.
"""

from __future__ import annotations

import datetime as dt
import os
from typing import Final

from comptoir.counter.loyalty.errors import CoolingInvalid
from comptoir.foundation.kernel.numbers import whole

#: How long points are earned and not spent after a change, in hours, unless the shop says otherwise.
COOLING_HOURS: Final = 72
COOLING_HOURS_MAX: Final = 720
#: So long at most may spending cool after one change, whoever says it.
COOLING_MAX: Final = dt.timedelta(hours=COOLING_HOURS_MAX)


def cooling() -> dt.timedelta:
    """Return how long this shop waits. Raises :class:`CoolingInvalid`."""
    return cooling_of(os.environ.get("COMPTOIR_COOLING_HOURS", "").strip())


def cooling_of(hours: str) -> dt.timedelta:
    """Return how long spending cools, from a setting's text. Raises :class:`CoolingInvalid`."""
    if not hours:
        return dt.timedelta(hours=COOLING_HOURS)
    number = whole(hours, COOLING_HOURS_MAX, least=1)
    if number is None:
        raise CoolingInvalid(f"{hours!r}: a whole number of hours from 1 to {COOLING_HOURS_MAX}.")
    return dt.timedelta(hours=number)
