"""What happens between two transactions, at the worst moment: the moment is chosen, not hoped for."""

from __future__ import annotations

import datetime as dt
import gc
import threading
import weakref
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import pytest

from comptoir.counter.loyalty import store as loyalty
from comptoir.foundation.events.commands import record
from comptoir.foundation.events.contracts import Arrival, Batch, Handler, HandlerMaker
from comptoir.foundation.kernel.connection import Connection
from support import casting, invariants
from support.casting import ALICE, ALICE_ONLINE, BOB, BOB_ONLINE, CHARLIE, Counter
from support.processes import wait_until
from support.shop import Shop


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    counter = Counter(shop)
    yield counter
    invariants.check(counter.connection)
    counter.close()


class Pause:
    """The last handler of a batch: everything is decided and nothing is committed when it says so, and waits."""

    def __init__(self) -> None:
        self.is_reached = threading.Event()
        self.go_on = threading.Event()

    def prepare(self, connection: Connection, batch: Batch) -> None:
        """Nothing to prepare."""

    def load(self, connection: Connection, batch: Batch) -> None:
        """Nothing to read."""

    def decide(self, batch: Batch) -> None:
        """Stand still."""
        self.is_reached.set()
        assert self.go_on.wait(30)

    def write(self, connection: Connection, batch: Batch) -> None:
        """Nothing to write."""


class Aside:
    """A second counter, in a thread of its own."""

    def __init__(self, shop: Shop, arrivals: Sequence[Arrival], handlers: HandlerMaker) -> None:
        self.connection = shop.connect()
        self.arrivals = arrivals
        self.failure: BaseException | None = None
        self._handlers = handlers
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            record(self.connection, self.arrivals, handlers=self._handlers)
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            self.failure = error

    def wait_for_lock(self, shop: Shop) -> None:
        """Return once this counter waits for a lock that somebody else holds."""
        pid = self.connection.info.backend_pid
        wait_until(
            lambda: shop.value("select wait_event_type from pg_stat_activity where pid = %s", pid) == "Lock",
            what="the second counter to wait",
        )

    def join(self) -> list[casting.Answer]:
        """Wait for the end and return the answers."""
        self._thread.join(60)
        assert not self._thread.is_alive()
        self.connection.close()
        if self.failure is not None:
            raise self.failure
        return [casting.Answer(each.outcome, each.is_repeated) for each in self.arrivals]


def test_a_batch_that_links_some_leaves_other_persons_together(counter: Counter) -> None:
    """A batch may link two and spend a third one's reservation; that one's person is not made anew from nothing."""
    counter.send(casting.sale("r1", 100, of=ALICE), casting.link(ALICE, ALICE_ONLINE))
    assert counter.tell(casting.reserve(60, "q", of=ALICE_ONLINE)).is_accepted
    counter.send(casting.sale("r2", 1, of=BOB), casting.sale("r3", 1, of=BOB_ONLINE))

    linked, posted = counter.send(casting.link(BOB, BOB_ONLINE), casting.post("q"))

    assert linked.is_accepted
    assert posted.balance == (40, 0, 0)
    invariants.check_persons(counter.connection)
    assert counter.tell(casting.redeem(40, of=ALICE_ONLINE)).is_accepted


def test_a_reservation_that_is_opened_meanwhile_is_not_there_yet(
    counter: Counter, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A post that overtakes its reserve is told that there is none; it never spends from accounts it has not locked."""
    counter.tell(casting.sale("r1", 100))
    lock_accounts = loyalty.lock_accounts
    opened: list[casting.Answer] = []

    def late(connection: Connection, customers: set[str]) -> object:
        monkeypatch.setattr(loyalty, "lock_accounts", lock_accounts)
        other = Counter(shop)
        opened.append(other.tell(casting.reserve(60, "q")))
        other.close()
        return lock_accounts(connection, customers)

    monkeypatch.setattr(loyalty, "lock_accounts", late)
    # The guest's redemption makes the batch lock something at all, as any other event beside it would.
    posted = counter.send(casting.redeem(5, of=CHARLIE), casting.post("q"))[1]

    assert opened[0].balance == (40, 60, 0)
    assert posted.problem == "reservation_unknown"
    assert counter.tell(casting.post("q")).balance == (40, 0, 0)


def test_an_account_that_two_open_at_once_has_the_points_of_both(counter: Counter, shop: Shop) -> None:
    """Neither can lock what is not there yet; the key lets one of them decide again."""
    pause = Pause()
    first = Aside(shop, counter.read(casting.sale("r1", 10)), lambda types: [*counter.handlers(types), pause])
    assert pause.is_reached.wait(30)
    second = Aside(shop, counter.read(casting.sale("r2", 20, source=casting.OTHER_TILL)), counter.handlers)
    pause.go_on.set()
    answers = [*first.join(), *second.join()]
    assert all(each.is_accepted for each in answers)
    assert counter.balance(ALICE) == (30, 0, 0)
    positions = [each.outcome["event"] for each in sorted(answers, key=lambda each: each.balance or ())]
    assert positions == sorted(positions)


def test_the_same_event_in_two_transactions_happens_once(counter: Counter, shop: Shop) -> None:
    """The second one waits for the first one's key, and then answers what the first one answered."""
    pause = Pause()
    said = casting.sale("r1", 10, of=None)
    first = Aside(shop, counter.read(said), lambda types: [*counter.handlers(types), pause])
    assert pause.is_reached.wait(30)
    second = Aside(shop, counter.read(said), counter.handlers)
    pause.go_on.set()
    answers = [*first.join(), *second.join()]
    assert answers[0].body == answers[1].body
    assert sorted(each.is_repeated for each in answers) == [False, True]
    assert shop.value("select count(*) from events_event") == 1


def test_a_return_and_its_sale_that_cross_find_each_other(counter: Counter, shop: Shop) -> None:
    """A return that finds no sale waits until no sale is in flight, so that it never waits for one that is there."""
    pause = Pause()
    selling = Aside(shop, counter.read(casting.sale("r1", 100)), lambda types: [*counter.handlers(types), pause])
    assert pause.is_reached.wait(30)
    returning = Aside(shop, counter.read(casting.goods_back("t1", sale="r1", lines=[(1, 1, 40)])), counter.handlers)
    returning.wait_for_lock(shop)
    pause.go_on.set()
    assert selling.join()[0].balance == (100, 0, 0)
    returned = returning.join()[0]
    assert returned.balance == (60, 0, 0)
    assert "waiting" not in returned.outcome


def test_a_return_beside_a_refused_sale_finds_the_right_one_of_another_batch(counter: Counter, shop: Shop) -> None:
    """Its own batch has the sale with a wrong total; the corrected one is being booked at the same moment."""
    wrong = casting.sale("r1", 100)
    wrong["data"]["total"] = 99
    pause = Pause()
    selling = Aside(shop, counter.read(casting.sale("r1", 100)), lambda types: [*counter.handlers(types), pause])
    assert pause.is_reached.wait(30)
    other = Aside(shop, counter.read(casting.goods_back("t1", sale="r1", lines=[(1, 1, 40)]), wrong), counter.handlers)
    other.wait_for_lock(shop)
    pause.go_on.set()
    assert selling.join()[0].balance == (100, 0, 0)
    assert [each.problem for each in other.join()] == [None, "total_mismatch"]
    assert counter.balance(ALICE) == (60, 0, 0)


def test_two_returns_of_one_sale_at_once_never_bring_back_more_than_it_had(counter: Counter, shop: Shop) -> None:
    counter.tell(casting.sale("r1", 100))
    pause = Pause()
    back = [casting.goods_back(name, sale="r1", lines=[(1, 0, 60)]) for name in ("t1", "t2")]
    first = Aside(shop, counter.read(back[0]), lambda types: [*counter.handlers(types), pause])
    assert pause.is_reached.wait(30)
    second = Aside(shop, counter.read(back[1]), counter.handlers)
    second.wait_for_lock(shop)
    pause.go_on.set()
    assert first.join()[0].balance == (40, 0, 0)
    assert second.join()[0].problem == "return_exceeds_sale"
    assert counter.balance(ALICE) == (40, 0, 0)


def test_two_gateways_with_the_same_events_in_opposite_order_never_deadlock(counter: Counter, shop: Shop) -> None:
    """Keys are taken in one order, whatever the order of the batch: the server counts no deadlock."""
    said = [casting.sale(f"r{number}", 10, of=None, id=f"s{number}") for number in range(400)]
    before = shop.value("select deadlocks from pg_stat_database where datname = current_database()")
    for turn in range(6):
        batch = [each | {"id": f"{turn}/{each['id']}", "data": each["data"] | {"receipt": f"{turn}/{number}"}}
                 for number, each in enumerate(said)]  # fmt: skip
        one = Aside(shop, counter.read(*batch), counter.handlers)
        other = Aside(shop, counter.read(*batch[::-1]), counter.handlers)
        answers, others = one.join(), other.join()
        assert [each.body for each in answers] == [each.body for each in others[::-1]]
    counter.connection.execute("select pg_stat_force_next_flush()")
    assert shop.value("select deadlocks from pg_stat_database where datname = current_database()") == before
    assert shop.value("select count(*) from events_event") == 2_400


def test_who_is_one_person_stays_so_until_a_decision_about_them_is_committed(counter: Counter, shop: Shop) -> None:
    """Alice spends what her two identifiers have together; their unlinking comes after it, not in its midst."""
    counter.send(casting.sale("r1", 60, of=ALICE), casting.sale("r2", 40, of=ALICE_ONLINE))
    counter.tell(casting.link(ALICE, ALICE_ONLINE))
    later = casting.NOON + dt.timedelta(seconds=1)
    pause = Pause()
    spending = Aside(shop, counter.read(casting.redeem(90, of=ALICE)), lambda types: [*counter.handlers(types), pause])
    assert pause.is_reached.wait(30)
    parting = Aside(shop, counter.read(casting.unlink(ALICE, ALICE_ONLINE, at=later)), counter.handlers)
    parting.wait_for_lock(shop)
    pause.go_on.set()
    assert spending.join()[0].balance == (10, 0, 0)
    assert parting.join()[0].is_accepted


def test_points_that_were_added_by_hand_pay_what_is_owed(counter: Counter) -> None:
    counter.send(casting.sale("r1", 100), casting.redeem(100), casting.goods_back("t1", sale="r1", lines=[(1, 1, 100)]))
    assert counter.balance(ALICE) == (0, 0, 100)
    assert counter.tell(casting.adjust(130)).balance == (30, 0, 0)


@pytest.mark.parametrize("is_selling", [True, False], ids=["selling", "everything"])
def test_a_batch_goes_when_it_is_done_and_waits_for_no_collector(counter: Counter, *, is_selling: bool) -> None:
    """A cycle among the handlers would keep every batch until the collector comes, which then has much to do."""
    made: list[weakref.ref[Any]] = []

    def making(types: Collection[str]) -> Sequence[Handler]:
        handlers = counter.handlers(types)
        made.extend(weakref.ref(each) for each in handlers)
        return handlers

    said = casting.sale("r1", 100) if is_selling else casting.adjust(100)
    arrivals = counter.read(said)
    gc.collect()
    gc.disable()
    try:
        record(counter.connection, arrivals, handlers=making)
        assert made
        assert [each() for each in made if each() is not None] == []
    finally:
        gc.enable()


def test_positions_of_one_customer_increase_whatever_the_clocks_say(shop: Shop, counter: Counter) -> None:
    """What is decided later sorts behind, even where another gateway's clock runs behind by an hour."""
    from comptoir.foundation.kernel.ids import IdMaker, millisecond_of

    ahead = IdMaker()
    ahead._ms = int((dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)).timestamp() * 1000)
    first = counter.read(casting.sale("r1", 10))
    record(counter.connection, first, handlers=counter.handlers, ids=ahead)
    second = counter.read(casting.sale("r2", 10))
    record(counter.connection, second, handlers=counter.handlers, ids=IdMaker())
    assert first[0].position is not None
    assert second[0].position is not None
    assert first[0].position < second[0].position
    assert millisecond_of(second[0].position) > millisecond_of(first[0].position)
