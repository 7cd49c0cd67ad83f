"""What became of messages, told to the log: an event for each outcome, for other systems, figures and the lake.

Behind the senders, never in their way: the clock reads what was written since the last look, in the order of its
transactions, and tells a portion in one transaction with the place up to which it has told. So each is told once,
whoever dies in between. About somebody who is forgotten nothing is told. Not here: what is done by whom
(``vault/messages``), what counts (``counter/audiences``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Final

from comptoir.counter.customers import store as customers
from comptoir.counter.messages import store
from comptoir.counter.messages.contracts import EVENT_OF, MessageEvent
from comptoir.foundation.events.commands import record
from comptoir.foundation.events.rules import is_severed
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.touchpoints.clock import said_by_clock

_PORTION: Final = 2_000


def tell_outcomes(
    connection: Connection,
    *,
    now: dt.datetime,
    should_stop: Callable[[], bool] = lambda: False,
    portion: int = _PORTION,
) -> int:
    """Tell the log of every outcome that it has not heard of; returns of how many. In the counter's room."""
    told = 0
    while not should_stop():
        with connection.transaction():
            # Whoever is being forgotten is waited for, or waits for us and then finds what we have said.
            customers.lock_links(connection, exclusive=False)
            rows = store.find_untold(connection, limit=portion)
            if not rows:
                break
            there = customers.find_known(connection, {each.customer for each in rows if not is_severed(each.customer)})
            arrivals = [
                said_by_clock(
                    EVENT_OF[each.kind],
                    f"message/{each.decision}/{each.kind}",
                    MessageEvent(
                        campaign=each.campaign, version=each.version, channel=each.channel,
                        message_class=each.message_class, outcome=each.kind, variant=each.variant, reason=each.reason,
                    ),
                    at=each.at,
                    now=now,
                    customer=each.customer,
                )
                for each in rows
                if each.customer in there
            ]  # fmt: skip
            record(connection, arrivals, handlers=lambda _types: ())
            store.note_told(connection, rows[-1])
        told += len(arrivals)
        if len(rows) < portion:
            break
    return told
