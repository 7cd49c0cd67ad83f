"""The relay on a real PostgreSQL, with real receivers that fail, hang and answer late; and a real broker."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import json
import threading
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest

from comptoir.foundation.events import jobs, store
from comptoir.foundation.events.commands import record
from comptoir.foundation.events.destinations import Destination
from comptoir.foundation.events.errors import RelayInvalid
from comptoir.foundation.events.relay import Delivered
from comptoir.foundation.events.webhooks import signature
from comptoir.foundation.kernel import codec, database
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import IDS
from support.processes import accepts, wait_until
from support.relay import CUSTOMER, SECRET, Receiver, commit, events, noted, receiving, registered, relaying, webhook
from support.shop import Shop


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def connection(shop: Shop) -> Iterator[Connection]:
    with shop.connect() as one:
        yield one


# -- what is delivered --------------------------------------------------------------------------------------------


def test_what_was_decided_arrives_signed_as_a_batch_of_cloudevents(
    shop: Shop, connection: Connection, receiver: Receiver
) -> None:
    with relaying(webhook(receiver.url + "/hooks?shop=1")):
        registered(shop, "crm")
        positions = commit(connection, 2)
        wait_until(lambda: len(receiver.ids) == 2, what="both events")
    (request,) = receiver.requests
    assert request.path == "/hooks?shop=1"
    assert request.headers["content-type"] == "application/cloudevents-batch+json"
    assert request.headers["webhook-signature"] == signature(
        [base64.b64decode(SECRET)],
        message_id=request.headers["webhook-id"],
        timestamp=int(request.headers["webhook-timestamp"]),
        body=request.body,
    )
    first = json.loads(request.body)[0]
    identity = shop.rows("select source, id from events_event where position = %s", positions[0])[0]
    assert first == {
        "specversion": "1.0",
        "id": positions[0],
        "source": "/comptoir",
        "type": "sale.closed.decided",
        "time": "2026-03-02T09:30:00Z",
        "datacontenttype": "application/json",
        "data": {**identity, "touchpoint": "till", "customer": CUSTOMER},
    }


def test_every_batch_arrives_in_order_and_is_written_down(
    shop: Shop, connection: Connection, receiver: Receiver
) -> None:
    measured: list[Delivered] = []
    with relaying(webhook(receiver.url), delivered=measured.append):
        registered(shop, "crm")
        expected = [position for count in (1, 3, 1, 500, 700, 2) for position in commit(connection, count)]
        wait_until(lambda: len(receiver.ids) == len(expected), what="all events")
        noted(shop)
    assert receiver.ids == expected
    assert sum(count for each in measured for _, count in each.batches) == len(expected)
    assert all(each.at >= committed_at for each in measured for committed_at, _ in each.batches)


def test_only_the_wanted_types_arrive_and_refused_events_concern_nobody(
    shop: Shop, connection: Connection, receiver: Receiver
) -> None:
    with relaying(webhook(receiver.url, types=("points.*", "review.published"))):
        registered(shop, "crm")
        commit(connection, 3)
        redeemed = commit(connection, 1, event_type="points.redeem")
        batch = events(1, event_type="points.adjust")
        record(connection, batch, handlers=lambda _types: (Refusing(),))
        reviewed = commit(connection, 1, event_type="review.published")
        commit(connection, 1, event_type="pointsofsale.opened")
        noted(shop)
    assert receiver.ids == redeemed + reviewed


class Refusing:
    """A handler that refuses everything."""

    def prepare(self, connection: Connection, batch: Any) -> None:
        pass

    def load(self, connection: Connection, batch: Any) -> None:
        pass

    def decide(self, batch: Any) -> None:
        for arrival in batch.fresh:
            arrival.refusal = RelayInvalid("no")

    def write(self, connection: Connection, batch: Any) -> None:
        pass


def has_looked_again(shop: Shop) -> None:
    """Wait until the relay has looked into the outbox once more, whatever it found."""
    now = shop.value("select clock_timestamp()")
    looked = (
        "select from pg_stat_activity where application_name = 'comptoir relay crm' and datname = %s"
        " and state = 'idle' and query like '%%from events_outbox%%' and query_start > %s"
    )
    wait_until(lambda: shop.rows(looked, shop.database, now) != [], what="the relay to look again")


def test_a_transaction_held_open_while_later_ones_commit_is_not_skipped(
    shop: Shop, connection: Connection, receiver: Receiver
) -> None:
    with relaying(webhook(receiver.url)), shop.connect() as slow:
        registered(shop, "crm")
        with slow.transaction():
            # The first of all batches by its transaction and by its row, and the last to be committed.
            batch = events(2)
            for arrival, position in zip(batch, IDS.reserve(2), strict=True):
                arrival.position, arrival.outcome = (
                    position,
                    codec.encode({"id": "1", "source": "/", "status": "accepted"}),
                )
            store.insert_events(slow, batch)
            slow.send()
            later = [position for _ in range(3) for position in commit(connection, 1)]
            # Whoever would read what is there sends these three now, and skips the first when it comes.
            has_looked_again(shop)
            assert receiver.requests == []
        wait_until(lambda: len(receiver.ids) == 5, what="all five")
    assert receiver.ids == [*(str(arrival.position) for arrival in batch), *later]


# -- failures -----------------------------------------------------------------------------------------------------


def test_a_destination_that_fails_gets_the_same_message_again_until_it_acknowledges(
    shop: Shop, connection: Connection, receiver: Receiver
) -> None:
    statuses = iter([500, 302, 404, 200])
    receiver.answer = lambda _request: (next(statuses, 200), {"Location": receiver.url + "/elsewhere"})
    with relaying(webhook(receiver.url + "/here")):
        registered(shop, "crm")
        positions = commit(connection, 2)
        wait_until(lambda: len(receiver.ids) == 2, what="the acknowledgement")
        wait_until(lambda: shop.value("select failing_since is null from events_relay"), what="the note")
    assert [request.path for request in receiver.requests] == ["/here"] * 4
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    assert len({request.body for request in receiver.requests}) == 1
    assert receiver.ids == positions
    assert shop.value("select failure from events_relay") == ""


def test_a_failure_is_written_down_with_its_beginning_and_without_what_was_sent(
    shop: Shop, connection: Connection, receiver: Receiver
) -> None:
    receiver.answer = lambda _request: 503
    with relaying(webhook(receiver.url)):
        registered(shop, "crm")
        commit(connection, 1)
        wait_until(lambda: len(receiver.requests) >= 2, what="a second attempt")
        first = shop.rows("select failing_since, failure from events_relay")[0]
        wait_until(lambda: len(receiver.requests) >= 4, what="a fourth attempt")
        assert shop.rows("select failing_since, failure from events_relay") == [first]
    assert first["failure"] == "HTTP 503"
    assert store.find_destinations(connection)[0].failing_since == first["failing_since"]


def test_a_destination_may_say_when_to_come_again(shop: Shop, connection: Connection, receiver: Receiver) -> None:
    receiver.answer = lambda _request: (429, {"Retry-After": "3600"})
    with relaying(webhook(receiver.url)):
        registered(shop, "crm")
        commit(connection, 1)
        wait_until(lambda: bool(shop.value("select failure from events_relay")), what="the note")
        # The waits of QUICK would have brought dozens of attempts by the time another destination has been served.
        with receiving() as other, relaying(webhook(other.url, "other")):
            registered(shop, "other")
            for _ in range(20):
                commit(connection, 1)
            wait_until(lambda: len(other.ids) >= 20, what="the other destination")
    assert len(receiver.requests) == 1


def test_a_destination_that_hangs_or_is_away_delays_nobody_else(
    shop: Shop, connection: Connection, receiver: Receiver
) -> None:
    release = threading.Event()
    with receiving() as hanging:
        hanging.answer = lambda _request: 200 if release.wait(60) else 500
        away = webhook("http://127.0.0.1:9/", "away")
        with relaying(webhook(hanging.url, "hanging"), away, webhook(receiver.url, "well")):
            registered(shop, "hanging", "away", "well")
            expected = [position for _ in range(20) for position in commit(connection, 2)]
            wait_until(lambda: len(receiver.ids) == 40, what="the destination that is well")
            assert hanging.ids == []
            wait_until(lambda: bool(failure(shop, "away")), what="the note about the one that is away")
            release.set()
            wait_until(lambda: len(hanging.ids) == 40, what="the one that hung")
    assert receiver.ids == hanging.ids == expected
    assert failure(shop, "away") == "ConnectError"
    assert failure(shop, "well") == ""


def failure(shop: Shop, name: str) -> str:
    return str(shop.value("select failure from events_relay where destination = %s", name))


def test_a_backlog_arrives_in_order_once_the_destination_is_back(
    shop: Shop, connection: Connection, receiver: Receiver
) -> None:
    is_up = threading.Event()
    receiver.answer = lambda _request: 200 if is_up.is_set() else 502
    with relaying(webhook(receiver.url)):
        registered(shop, "crm")
        expected = [position for _ in range(300) for position in commit(connection, 1)]
        assert receiver.ids == []
        assert jobs.prune_outbox(connection, now=dt.datetime.now(dt.UTC) + dt.timedelta(days=30)) == 0
        is_up.set()
        wait_until(lambda: len(receiver.ids) == 300, what="the backlog")
    assert receiver.ids == expected


def test_the_relay_comes_back_after_its_connections_were_cut(
    shop: Shop, connection: Connection, receiver: Receiver
) -> None:
    with relaying(webhook(receiver.url)):
        registered(shop, "crm")
        first = commit(connection, 1)
        wait_until(lambda: receiver.ids == first, what="the first event")
        cut = (
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name like 'comptoir relay%%' and datname = %s"
        )
        assert len(shop.rows(cut, shop.database)) == 2
        second = commit(connection, 1)
        wait_until(lambda: set(second) <= set(receiver.ids), what="the second event")
    # The first may come twice if the note about it was cut off too; it keeps its id.
    assert list(dict.fromkeys(receiver.ids)) == first + second


# -- two relays ----------------------------------------------------------------------------------------


def test_two_relays_at_once_send_everything_once(shop: Shop, connection: Connection, receiver: Receiver) -> None:
    with relaying(webhook(receiver.url)), relaying(webhook(receiver.url)):
        registered(shop, "crm")
        expected = [position for _ in range(50) for position in commit(connection, 2)]
        wait_until(lambda: len(receiver.ids) >= 100, what="all events")
    assert receiver.ids == expected


def test_the_second_relay_takes_over_when_the_first_one_ends(
    shop: Shop, connection: Connection, receiver: Receiver
) -> None:
    with contextlib.ExitStack() as first:
        first.enter_context(relaying(webhook(receiver.url)))
        registered(shop, "crm")
        with relaying(webhook(receiver.url)):
            before = commit(connection, 3)
            wait_until(lambda: receiver.ids == before, what="the first relay's events")
            first.close()
            after = commit(connection, 3)
            wait_until(lambda: len(receiver.ids) == 6, what="the second relay's events")
    assert receiver.ids == before + after


# -- the outbox ---------------------------------------------------------------------------------------------------


def test_the_outbox_is_emptied_once_every_destination_has_passed(
    shop: Shop, connection: Connection, receiver: Receiver
) -> None:
    is_up = threading.Event()
    with receiving() as late:
        late.answer = lambda _request: 200 if is_up.is_set() else 500
        with relaying(webhook(receiver.url, "early"), webhook(late.url, "late")):
            registered(shop, "early", "late")
            for _ in range(5):
                commit(connection, 1)
            wait_until(lambda: len(receiver.ids) == 5, what="the early one")
            assert jobs.prune_outbox(connection, now=dt.datetime.now(dt.UTC)) == 0
            is_up.set()
            noted(shop)
    assert jobs.prune_outbox(connection, now=dt.datetime.now(dt.UTC)) == 5
    assert jobs.prune_outbox(connection, now=dt.datetime.now(dt.UTC)) == 0
    # A destination that is declared no more holds nothing back.
    commit(connection, 1)
    assert store.forget_destinations(connection, declared=["early"]) == ["late"]
    assert [row.destination for row in store.find_destinations(connection)] == ["early"]


def test_without_destinations_the_outbox_keeps_an_hour(shop: Shop, connection: Connection) -> None:
    commit(connection, 1)
    now = shop.value("select created_at from events_outbox")
    assert jobs.prune_outbox(connection, now=now + dt.timedelta(minutes=60)) == 0
    assert jobs.prune_outbox(connection, now=now + dt.timedelta(minutes=60, seconds=1)) == 1


def test_an_outbox_from_another_server_is_told_once_more(
    shop: Shop, connection: Connection, receiver: Receiver
) -> None:
    """After a restore, numbers of transactions of the old server may lie far ahead of the new one's."""
    positions = [*commit(connection, 1), *commit(connection, 1)]
    with psycopg.connect(database.owner_conninfo(), autocommit=True) as owner:
        owner.execute("update events_outbox set transaction = transaction + 1000000000")
        owner.execute(
            "insert into events_relay (destination, transaction, outbox, failure)"
            " select 'crm', max(transaction), max(id), '' from events_outbox"
        )
    with relaying(webhook(receiver.url)):
        wait_until(lambda: len(receiver.ids) == 2, what="what was restored")
        positions += commit(connection, 1)
        wait_until(lambda: len(receiver.ids) == 3, what="what is new")
    assert receiver.ids == positions


# -- the broker ---------------------------------------------------------------------------------------------------


def test_a_broker_stores_each_event_once_however_often_it_is_sent(shop: Shop, connection: Connection) -> None:
    if not accepts(4222):
        pytest.skip("no NATS on port 4222: nothing was published to a broker")
    name = f"T{uuid.uuid4().hex}"
    broker = Destination("broker", "nats", "nats://127.0.0.1:4222", stream=name, subject=name.lower())
    with relaying(broker):
        registered(shop, "broker")
        expected = [position for _ in range(10) for position in commit(connection, 20)]
        noted(shop)
    try:
        with psycopg.connect(database.owner_conninfo(), autocommit=True) as owner:
            owner.execute("update events_relay set transaction = 0, outbox = 0")  # as after a crash: all of it again
        with relaying(broker):
            more = commit(connection, 1, event_type="points.redeem")
            wait_until(lambda: len(asyncio.run(stored(name))) == 201, what="the new event")
        found = asyncio.run(stored(name))
        assert [event["id"] for _, event in found] == expected + more
        assert {subject for subject, _ in found[:200]} == {f"{name.lower()}.sale.closed"}
        assert found[-1][0] == f"{name.lower()}.points.redeem"
    finally:
        asyncio.run(drop_stream(name))


async def stored(stream: str) -> Sequence[tuple[str, dict[str, Any]]]:
    import nats

    client = await nats.connect("nats://127.0.0.1:4222")
    try:
        manager = client.jsm()
        count = (await manager.stream_info(stream)).state.messages
        messages = [await manager.get_msg(stream, number) for number in range(1, count + 1)]
        return [(str(each.subject), json.loads(each.data or b"")) for each in messages]
    finally:
        await client.close()


async def drop_stream(stream: str) -> None:
    import nats

    client = await nats.connect("nats://127.0.0.1:4222")
    try:
        await client.jsm().delete_stream(stream)
    finally:
        await client.close()
