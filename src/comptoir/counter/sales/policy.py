"""For how long goods can usually come back: until then a purchase is forgotten with its points, or not at all."""

from __future__ import annotations

import os
from typing import Final

from comptoir.foundation.kernel.numbers import whole

RETURN_DAYS_DEFAULT: Final = 30
RETURN_DAYS_MAX: Final = 3_650


def return_days() -> int:
    """Return for how many days after a purchase goods usually come back: ``COMPTOIR_RETURN_DAYS``.

    What is no number of days up to ten years counts as not set.
    """
    days = whole(os.environ.get("COMPTOIR_RETURN_DAYS", ""), 10 ** len(str(RETURN_DAYS_MAX)) - 1)
    return RETURN_DAYS_DEFAULT if days is None else min(days, RETURN_DAYS_MAX)
