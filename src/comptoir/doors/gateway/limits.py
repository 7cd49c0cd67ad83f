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
#: How long it waits for that place, before the gateway says 503 after all.
WAITING_SECONDS_MAX: Final = 10.0
#: How long one statement may take, locks included, before it is given up and everything rolled back.
STATEMENT_SECONDS_MAX: Final = 15.0
#: The same for a question about a balance or a history, and for the wait for a connection to ask it with.
READ_SECONDS_MAX: Final = 5.0
#: Questions about balances and histories that wait for their turn, before the gateway says 503.
READS_WAITING_MAX: Final = 500
#: What one transaction takes at most, unless one request alone is larger: the more customers two lanes hold at
#: once, the more often one of them waits for the other.
COMMIT_EVENTS_MAX: Final = 1_000
COMMIT_BYTES_MAX: Final = 160 << 10
#: How long the gateway waits between two looks for a key that it does not know, however many are tried.
KEY_LOOK_SECONDS: Final = 0.05
#: Tries of one key that hit nobody, before it has to wait, and how many more come with each second.
ATTEMPTS_MAX: Final = 300
ATTEMPTS_PER_SECOND: Final = 1.0
#: How often it looks whether keys, map or programme have changed: a revoked key works this long at most.
UPKEEP_SECONDS: Final = 1.0
#: Of what waits, so much is read beforehand; the rest is kept as it was sent.
READ_AHEAD_BYTES_MAX: Final = 4 << 20
#: A larger body is read in a thread, since the loop would stand still meanwhile.
READ_AT_ONCE_BYTES_MAX: Final = 512 << 10
#: Those who follow live changes, in this process.
STREAMS_MAX: Final = 2_000
#: Open files of this process, if the operating system lets it have so many: each connection is one.
OPEN_FILES_MAX: Final = 65_536
#: A comment on each stream, so that dead connections are noticed.
HEARTBEAT_SECONDS: Final = 15.0
#: How long a client may leave a live change unread, before its stream is closed.
UNREAD_SECONDS_MAX: Final = 30.0
#: What a client is asked to wait before it tries again.
RETRY_AFTER_SECONDS: Final = 1
#: Entries of a history in one answer.
HISTORY_ENTRIES_MAX: Final = 200
#: Entries that one event can have, at most.
ENTRIES_OF_EVENT_MAX: Final = 50
