"""Whether a new post waits for a person before others see it: by the trust of its author, and by the filter.

Asked by the pages when somebody sends a post; nothing is hidden or deleted here. ``COMPTOIR_SQUARE_FILTER`` says what
the filter does: ``log`` (write down what it would hold, the default), ``hold``, or ``off``. Weights that the shop's own
decisions made lie in the shop's folder (``filter.json``); before, those that come with the house.
"""

from __future__ import annotations

import functools
import logging
import os
import uuid
from pathlib import Path
from typing import Final

from comptoir.foundation.kernel import shop
from comptoir.square.stewardship import queries, trust
from comptoir.square.stewardship.errors import FilterUnreadable
from comptoir.square.stewardship.filtering import Filter, read_filter

_log: Final = logging.getLogger(__name__)
_START: Final = Path(__file__).with_name("filter.json")


def reason_to_hold(text: str, *, title: str = "", persona: uuid.UUID, has_pictures: bool = False) -> str | None:
    """Return why a post waits for a person, or ``None``. ``has_pictures``: pictures were sent with it."""
    level = trust.level_of(queries.standing(persona))
    reason = trust.reason_to_hold(f"{title}\n{text}", level, has_pictures=has_pictures)
    if reason is not None:
        return reason
    mode = os.environ.get("COMPTOIR_SQUARE_FILTER") or "log"
    # Whoever has helped for long is not asked by a machine.
    if mode == "off" or level.number > 1:
        return None
    found = current_filter()
    if found is None:
        return None
    score = found.score(f"{title}\n{text}")
    if score < found.threshold:
        return None
    _log.info("the filter finds a post to be spam", extra={"score": round(score, 3), "mode": mode})
    return "spam" if mode == "hold" else None


def current_filter() -> Filter | None:
    """Return the shop's own filter, or the one that comes with the house; read again when its file changes."""
    own = own_path()
    path = own if own.exists() else _START
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (OSError, FilterUnreadable):
        _log.warning("the filter cannot be read, and holds nothing")
        return None


def own_path() -> Path:
    """Return where the shop's own filter lies."""
    return shop.folder() / "filter.json"


@functools.lru_cache(maxsize=2)
def _read(path: Path, changed: int) -> Filter:  # noqa: ARG001 - part of what is kept
    return read_filter(path)
