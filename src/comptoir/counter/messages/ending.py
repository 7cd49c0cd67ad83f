"""Whoever wants no more of something, said by a message's own link, a complaint or an answer: the counter hears of it.

What was said is an outcome of the decision first, so that it holds whatever is away; the counter is told at once, or by
the clock, under the same number and with the moment at which it was said: whatever is told twice happens once, and a
consent that is given anew later is the later word. Whoever then says it once more, by the same old link, has the last
word again: the outcome takes the later moment, and that is told under a number of its own. In the counter's room.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from typing import Any, Final

from django.db import connections

from comptoir.counter.customers.contracts import CONSENT_WITHDRAWN, CUSTOMER_KIND
from comptoir.counter.customers.purposes import ALWAYS
from comptoir.counter.messages import store
from comptoir.counter.messages.contracts import Outcome, OutcomeKind
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER
from comptoir.foundation.touchpoints import house

_log = logging.getLogger("comptoir.messages")
_REQUESTS: Final = uuid.UUID("0d5e6a52-8f0a-5d55-9a37-6d657373616e")
#: What could not be told for so long is told no more: something else is wrong then.
_TOLD_FOR: Final = dt.timedelta(days=7)


def end(decision: uuid.UUID, *, kind: OutcomeKind = "unsubscribed", at: dt.datetime) -> bool:
    """Note that somebody wants no more of what a decision sent, and tell the counter; ``False`` if it is told later."""
    with entered(COUNTER):
        with connections[COUNTER.name].cursor() as cursor:
            store.insert_outcomes(cursor, [Outcome(decision=decision, kind=kind, at=at)])
            store.say_again(cursor, decision, kind=kind, at=at)
            rows = store.find_ended(cursor, since=at - _TOLD_FOR, decision=decision)
        return all(_tell(*row) for row in rows)


def tell_ended(*, now: dt.datetime) -> int:
    """Tell the counter what it has not heard yet; returns of how many."""
    with entered(COUNTER):
        with connections[COUNTER.name].cursor() as cursor:
            rows = store.find_ended(cursor, since=now - _TOLD_FOR)
        told = 0
        for row in rows:
            if not _tell(*row):
                break
            told += 1
    return told


def _tell(decision: uuid.UUID, customer: uuid.UUID, purpose: str, channel: str, at: dt.datetime) -> bool:
    if purpose in ALWAYS:
        return True  # nobody can object to what they asked for
    said: dict[str, Any] = {
        "customer": {"kind": CUSTOMER_KIND, "value": str(customer)}, "purpose": purpose, "channel": channel,
    }  # fmt: skip
    request = uuid.uuid5(_REQUESTS, f"{decision} {at.astimezone(dt.UTC).isoformat()}")
    try:
        answer = house.send(CONSENT_WITHDRAWN, said, touchpoint=house.STOREFRONT, request=request, at=at)
    except Problem as problem:
        _log.warning("the counter was not told of somebody who wants no more (%s)", problem.name)
        return False
    if answer.problem is not None:
        _log.warning("the counter refuses to hear that somebody wants no more (%s)", answer.problem.name)
    return True
