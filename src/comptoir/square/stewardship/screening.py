"""Whether a new post waits for a person before others see it: by the trust of its author, and by the filter.

Asked by the pages when somebody sends a post; nothing is hidden or deleted here. Not here: which filter is asked
(``installed.py``).
"""

from __future__ import annotations

import logging
import uuid
from typing import Final

from comptoir.square.stewardship import installed, queries, trust

_log: Final = logging.getLogger(__name__)


def reason_to_hold(text: str, *, title: str = "", persona: uuid.UUID, has_pictures: bool = False) -> str | None:
    """Return why a post waits for a person, or ``None``. ``has_pictures``: pictures were sent with it."""
    level = trust.level_of(queries.standing(persona))
    reason = trust.reason_to_hold(f"{title}\n{text}", level, has_pictures=has_pictures)
    if reason is not None:
        return reason
    mode = installed.mode()
    # Whoever has helped for long is not asked by a machine.
    if mode == "off" or level.number > 1:
        return None
    found = installed.current_filter()
    if found is None:
        return None
    score = found.score(f"{title}\n{text}")
    if score < found.threshold:
        return None
    _log.info("the filter finds a post to be spam", extra={"score": round(score, 3), "mode": mode})
    return "spam" if mode == "hold" else None
