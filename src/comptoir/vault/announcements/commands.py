"""Writing down what is to be told, and telling it: over HTTP through the gateway, as every channel does."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Mapping
from typing import Any, Final

from comptoir.counter.customers.contracts import USER_KIND
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.touchpoints import house
from comptoir.vault.announcements.models import Announcement

#: How many are told by one run of the clock; a page that has just written one tells no more than a few.
_PORTION: Final = 100
AT_ONCE: Final = 3

_log = logging.getLogger("comptoir.vault")


def announce(
    user: uuid.UUID,
    kind: str,
    *,
    at: dt.datetime,
    said: Mapping[str, Any] | None = None,
    number: uuid.UUID | None = None,
) -> Announcement:
    """Write down what is to be told of a user; in the caller's transaction.

    ``number`` is what the event is called (unset: a new one); what is written down twice under one number is told once.
    """
    fresh = {"person": user, "kind": kind, "said": dict(said or {}), "at": at}
    if number is None:
        return Announcement.objects.create(**fresh)
    return Announcement.objects.get_or_create(id=number, defaults=fresh)[0]


def take_back(announcement: Announcement) -> None:
    """Forget what was written down and not told: what it would have told of is not going to happen."""
    with entered(VAULT):
        Announcement.objects.filter(pk=announcement.pk).delete()


def send(announcement: Announcement) -> house.Answer:
    """Send what was written down, and forget it once the gateway has answered; outside of every transaction.

    Raises what the house's client raises when there is no answer: the announcement stays then.
    """
    customer = {"kind": USER_KIND, "value": str(announcement.person)}
    answer = house.send(
        announcement.kind,
        {"customer": customer, **announcement.said},
        touchpoint=house.VAULT,
        request=announcement.pk,
        at=announcement.at.astimezone(dt.UTC),
    )
    if answer.problem is not None:
        _log.warning("The counter refuses to hear %s (%s).", announcement.kind, answer.problem.name)
    take_back(announcement)
    return answer


def send_waiting(*, stop_at: int = _PORTION) -> int:
    """Tell the counter what it has not heard yet, the oldest first; returns how much it heard.

    What cannot be told now (the gateway is away, the map has no such touchpoint) waits for the next time, and so does
    what comes after it. Safe to call at any time, and by several.
    """
    with entered(VAULT):
        waiting = list(Announcement.objects.order_by("at", "id")[:stop_at])
    for told, each in enumerate(waiting):
        try:
            send(each)
        except Problem as problem:
            _log.warning("The counter was not told of %s (%s).", each.kind, problem.name)
            return told
    return len(waiting)
