"""``lock-too-early``: the lock was given back before the order was settled; five attempts until it was right.

https://github.com/vendurehq/vendure/pull/4660. The first redemption stands still between its decision and its commit;
the second begins, and has to wait for it.
"""

from __future__ import annotations

import threading

from comptoir.foundation.events.commands import record
from comptoir.foundation.events.contracts import Batch
from comptoir.foundation.kernel.connection import Connection
from support import casting, promoting
from support.casting import ALICE, Counter, Event
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


def _one_waits_for_the_other(shop: Shop, counter: Counter, one: Event, other: Event) -> list[casting.Answer]:
    """Hold the first before its commit, begin the second, see it wait, let go; return both answers."""
    barrier = _Barrier()
    first, second = counter.read(one), counter.read(other)
    connection = shop.connect()
    threads = [
        threading.Thread(
            target=record,
            args=(counter.connection, first),
            kwargs={"handlers": lambda types: [*counter.handlers(types), barrier]},
        ),
        threading.Thread(target=record, args=(connection, second), kwargs={"handlers": counter.handlers}),
    ]
    threads[0].start()
    assert barrier.is_reached.wait(30)
    threads[1].start()
    backend = connection.info.backend_pid
    wait_until(
        lambda: shop.value("select wait_event_type from pg_stat_activity where pid = %s", backend) == "Lock",
        what="the second redemption to wait for the first",
    )
    assert second[0].outcome == b""
    barrier.go_on.set()
    for thread in threads:
        thread.join(60)
    connection.close()
    return [casting.Answer(each[0].outcome, is_repeated=False) for each in (first, second)]


def test_the_second_redemption_waits_for_the_commit_of_the_first(shop: Shop, counter: Counter) -> None:
    counter.tell(casting.sale("r1", 100))
    first, second = _one_waits_for_the_other(shop, counter, casting.redeem(100), casting.redeem(100))
    assert first.balance == (0, 0, 0)
    assert second.problem == "insufficient_points"


def test_the_second_basket_waits_for_the_coupon_of_the_first(shop: Shop, counter: Counter) -> None:
    promotion = promoting.new()
    counter.send(casting.sale("r1", 100), promoting.published(promotion, codes="each"))
    code = promoting.issued(shop, promotion, ALICE)["alice"]
    first, second = _one_waits_for_the_other(
        shop, counter, promoting.taken(code), promoting.taken(code, source=casting.WEBSHOP)
    )
    assert (first.problem, second.problem) == (None, "coupon_unusable")


def test_the_second_code_waits_for_the_budget_of_the_first(shop: Shop, counter: Counter) -> None:
    promotion = promoting.new()
    counter.send(casting.sale("a", 100), casting.sale("b", 100, of=casting.BOB))
    counter.tell(promoting.published(promotion, codes="each", budget={"redemptions_max": 1}))
    codes = promoting.issued(shop, promotion, ALICE, casting.BOB)
    first, second = _one_waits_for_the_other(
        shop, counter, promoting.taken(codes["alice"]), promoting.taken(codes["bob"])
    )
    assert (first.problem, second.problem) == (None, "coupon_unusable")


def test_a_release_waits_for_the_post_of_the_same_basket(shop: Shop, counter: Counter) -> None:
    promotion = promoting.new()
    counter.send(casting.sale("r1", 100), promoting.published(promotion, codes="each"))
    counter.tell(promoting.held("basket", promoting.issued(shop, promotion, ALICE)["alice"]))
    first, second = _one_waits_for_the_other(shop, counter, promoting.posted("basket"), promoting.released("basket"))
    assert (first.problem, second.problem) == (None, "redemption_over")
