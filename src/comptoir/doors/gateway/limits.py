"""The gateway's limits: on every size, list and wait. Not here: limits of an event's fields (the contracts)."""

from __future__ import annotations

from typing import Final

#: A request's body.
BODY_BYTES_MAX: Final = 4 << 20
#: Events in one request.
BATCH_EVENTS_MAX: Final = 1_000
#: How long a request's body may take to arrive.
BODY_SECONDS_MAX: Final = 20.0
#: What waits for a place in a batch, before the gateway says 503.
WAITING_REQUESTS_MAX: Final = 2_000
WAITING_BYTES_MAX: Final = 64 << 20
#: What one transaction takes at most.
COMMIT_EVENTS_MAX: Final = 1_000
COMMIT_BYTES_MAX: Final = 1 << 20
#: Those who follow live changes, in this process.
STREAMS_MAX: Final = 2_000
#: A comment on each stream, so that dead connections are noticed.
HEARTBEAT_SECONDS: Final = 15.0
#: What a client is asked to wait before it tries again.
RETRY_AFTER_SECONDS: Final = 1
#: Entries of a history in one answer.
HISTORY_ENTRIES_MAX: Final = 200
