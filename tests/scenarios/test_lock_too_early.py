"""``lock-too-early``: the lock was given back before the order was settled; five attempts until it was right.

https://github.com/vendurehq/vendure/pull/4660. The first redemption stands still between its decision and its commit;
the second begins, and has to wait for it.
"""

from __future__ import annotations

import threading

from comptoir.foundation.events.commands import record
from comptoir.foundation.events.contracts import Batch
from comptoir.foundation.kernel.connection import Connection
from support import casting
from support.casting import Counter
from support.processes import wait_until
from support.shop import Shop


class _Barrier:
    """Stands between the decision and the commit."""

    def __init__(self) -> None:
        self.is_reached, self.go_on = threading.Event(), threading.Event()

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Nothing to prepare."""

    def load(self, connection: Connection, batch: Batch) -> None:
        """Nothing to read."""

    def decide(self, batch: Batch) -> None:
        """Wait here."""
        self.is_reached.set()
        assert self.go_on.wait(30)

    def write(self, connection: Connection, batch: Batch) -> None:
        """Nothing to write."""


def test_the_second_redemption_waits_for_the_commit_of_the_first(shop: Shop, counter: Counter) -> None:
    counter.tell(casting.sale("r1", 100))
    barrier = _Barrier()
    first, second = counter.read(casting.redeem(100)), counter.read(casting.redeem(100))
    other = shop.connect()
    threads = [
        threading.Thread(
            target=record,
            args=(counter.connection, first),
            kwargs={"handlers": lambda types: [*counter.handlers(types), barrier]},
        ),
        threading.Thread(target=record, args=(other, second), kwargs={"handlers": counter.handlers}),
    ]
    threads[0].start()
    assert barrier.is_reached.wait(30)
    threads[1].start()
    wait_until(
        lambda: (
            shop.value("select wait_event_type from pg_stat_activity where pid = %s", other.info.backend_pid) == "Lock"
        ),
        what="the second redemption to wait for the first",
    )
    assert second[0].outcome == b""
    barrier.go_on.set()
    for thread in threads:
        thread.join(60)
    other.close()
    assert casting.Answer(first[0].outcome, is_repeated=False).balance == (0, 0, 0)
    assert casting.Answer(second[0].outcome, is_repeated=False).problem == "insufficient_points"
