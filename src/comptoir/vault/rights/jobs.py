"""What the rights over one's data do by the clock. Each may be run twice, and beside itself."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable

from comptoir.vault.rights import retention
from comptoir.vault.rights.errors import RetentionTooLong

_log = logging.getLogger("comptoir.rights")


def drop_expired(*, now: dt.datetime, should_stop: Callable[[], bool] = lambda: False) -> dict[str, int]:
    """Delete what the map of personal data gives so many days, and no more."""
    return retention.drop_expired(now=now, should_stop=should_stop)


def end_unused_contacts(*, now: dt.datetime, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Destroy contact data that were kept long enough; a setting that is not allowed is said in the log."""
    retention.end_pending_entries(now=now, should_stop=should_stop)
    try:
        return retention.end_unused_contacts(now=now, should_stop=should_stop)
    except RetentionTooLong as problem:
        _log.error("%s", problem.detail)
        return 0
