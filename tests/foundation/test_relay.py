"""The relay on a real PostgreSQL, with real receivers that fail, hang and answer late; and a real broker."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import http.server
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from comptoir.config.worker import shop_destinations
from comptoir.foundation.events import jobs, store
from comptoir.foundation.events.commands import record
from comptoir.foundation.events.contracts import Arrival
from comptoir.foundation.events.destinations import Destination, load_destinations, read_destinations
from comptoir.foundation.events.errors import RelayInvalid
from comptoir.foundation.events.relay import Backoff, Delivered, Relay
from comptoir.foundation.events.webhooks import signature
from comptoir.foundation.kernel import codec, database
from comptoir.foundation.rooms.declaration import COUNTER
from support.gateway import EXAMPLES
from support.processes import accepts, end, wait_until
from support.shop import Shop, environment

NOW = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)
SECRET = base64.b64encode(b"0123456789abcdef01234567").decode()
CUSTOMER = "0c8f2f2e-6a54-8d0b-9c1d-0b7f5d7f3a10"
QUICK = Backoff(first_seconds=0.01, seconds_max=0.05)


# -- the cast: a receiver, events, a relay in a thread ---------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """What the receiver was sent."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def ids(self) -> list[str]:
        return [event["id"] for event in json.loads(self.body)]


@dataclass
class Receiver:
    """A webhook's receiver: keeps what it is sent, and answers as ``answer`` says (a status, or what makes one)."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    answer: Callable[[Request], int | tuple[int, dict[str, str]]] = lambda _request: 204
    acknowledged: list[str] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        """Every event that was acknowledged, in order, repeats included."""
        return list(self.acknowledged)


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = Request(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            receiver.requests.append(request)
            answer = receiver.answer(request)
            status, headers = answer if isinstance(answer, tuple) else (answer, {})
            if 200 <= status < 300:
                receiver.acknowledged.extend(request.ids)
            with contextlib.suppress(OSError):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's signature
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def events(count: int, *, event_type: str = "sale.closed") -> list[Arrival]:
    return [
        Arrival(
            source="/stores/1/tills/1", id=uuid.uuid4().hex, type=event_type, touchpoint="till", occurred_at=NOW,
            received_at=NOW, data=None, written=b"{}", fingerprint=secrets.token_bytes(16), customer=CUSTOMER,
        )
        for _ in range(count)
    ]  # fmt: skip


def commit(connection: psycopg.Connection, count: int, *, event_type: str = "sale.closed") -> list[str]:
    """Record a batch and return the positions of its events."""
    batch = events(count, event_type=event_type)
    record(connection, batch, handlers=lambda: ())
    return [str(each.position) for each in batch]


def webhook(url: str, name: str = "crm", **others: Any) -> Destination:
    return Destination(name=name, kind="webhook", url=url, secrets=(base64.b64decode(SECRET),), **others)


@contextlib.contextmanager
def relaying(
    *destinations: Destination, backoff: Backoff = QUICK, delivered: Callable[[Delivered], None] = lambda _: None
) -> Iterator[None]:
    """Have a relay at work in a thread of its own while the block runs."""
    ready, box, failures = threading.Event(), [], []

    async def main() -> None:
        relay = Relay(
            destinations, connect=lambda: database.conninfo(COUNTER.role), backoff=backoff, delivered=delivered
        )
        box.append((relay, asyncio.get_running_loop()))
        ready.set()
        await relay.run()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        ready.wait(10)
        yield
    finally:
        if box:
            relay, loop = box[0]
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(relay.stop)
        thread.join(30)
    assert not thread.is_alive()
    assert failures == []


def registered(shop: Shop, *names: str) -> None:
    """Wait until these destinations hear of what is committed from now on."""
    wait_until(
        lambda: {row["destination"] for row in shop.rows("select destination from events_relay")} >= set(names),
        what="the destinations to be registered",
    )


@pytest.fixture
def connection(shop: Shop) -> Iterator[psycopg.Connection]:
    with shop.connect() as one:
        yield one


# -- signatures ---------------------------------------------------------------------------------------------------


def test_the_known_vector_of_standard_webhooks_is_signed_as_it_should() -> None:
    signed = signature(
        [base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_that_is_being_replaced_signs_beside_the_new_one() -> None:
    known = {"message_id": "msg_1", "timestamp": 1, "body": b"[]"}
    old, new = (signature([secret], **known) for secret in (b"a" * 24, b"b" * 24))  # type: ignore[arg-type]
    assert signature([b"b" * 24, b"a" * 24], **known) == f"{new} {old}"  # type: ignore[arg-type]


def test_waits_double_and_are_spread_and_end_at_their_maximum() -> None:
    backoff = Backoff(first_seconds=1, seconds_max=300)
    assert [backoff.seconds(failures, chance=1) for failures in (1, 2, 3, 9, 10, 10_000)] == [1, 2, 4, 256, 300, 300]
    assert backoff.seconds(3, chance=0) == 2


# -- what is delivered --------------------------------------------------------------------------------------------


def test_what_was_decided_arrives_signed_as_a_batch_of_cloudevents(
    shop: Shop, connection: psycopg.Connection, receiver: Receiver
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
    shop: Shop, connection: psycopg.Connection, receiver: Receiver
) -> None:
    measured: list[Delivered] = []
    with relaying(webhook(receiver.url), delivered=measured.append):
        registered(shop, "crm")
        expected = [position for count in (1, 3, 1, 500, 700, 2) for position in commit(connection, count)]
        wait_until(lambda: len(receiver.ids) == len(expected), what="all events")
        last = shop.rows("select transaction, id as outbox from events_outbox order by 1 desc limit 1")
        wait_until(lambda: shop.rows("select transaction, outbox from events_relay") == last, what="the last note")
    assert receiver.ids == expected
    assert sum(count for each in measured for _, count in each.batches) == len(expected)
    assert all(each.at >= committed_at for each in measured for committed_at, _ in each.batches)


def test_only_the_wanted_types_arrive_and_refused_events_concern_nobody(
    shop: Shop, connection: psycopg.Connection, receiver: Receiver
) -> None:
    with relaying(webhook(receiver.url, types=("points.*", "review.published"))):
        registered(shop, "crm")
        commit(connection, 3)
        redeemed = commit(connection, 1, event_type="points.redeem")
        batch = events(1, event_type="points.adjust")
        record(connection, batch, handlers=lambda: (Refusing(),))
        reviewed = commit(connection, 1, event_type="review.published")
        commit(connection, 1, event_type="pointsofsale.opened")
        last = shop.rows("select transaction, id as outbox from events_outbox order by 1 desc limit 1")
        wait_until(lambda: shop.rows("select transaction, outbox from events_relay") == last, what="the last note")
    assert receiver.ids == redeemed + reviewed


class Refusing:
    """A handler that refuses everything."""

    def prepare(self, connection: psycopg.Connection, batch: Any) -> None:
        pass

    def load(self, connection: psycopg.Connection, batch: Any) -> None:
        pass

    def decide(self, batch: Any) -> None:
        for arrival in batch.fresh:
            arrival.refusal = RelayInvalid("no")

    def write(self, connection: psycopg.Connection, batch: Any) -> None:
        pass


def test_a_transaction_held_open_while_later_ones_commit_is_not_skipped(
    shop: Shop, connection: psycopg.Connection, receiver: Receiver
) -> None:
    with relaying(webhook(receiver.url)), shop.connect() as slow:
        registered(shop, "crm")
        with slow.transaction():
            # The first of all batches by its transaction and by its row, and the last to be committed.
            batch = events(2)
            for arrival, position in zip(batch, (str(uuid.uuid4()), str(uuid.uuid4())), strict=True):
                arrival.position, arrival.outcome = (
                    position,
                    codec.encode({"id": "1", "source": "/", "status": "accepted"}),
                )
            store.insert_events(slow, batch)
            later = [position for _ in range(3) for position in commit(connection, 1)]
            # Whoever would read by the row's number alone would send these three now, and then skip the first.
            readable = shop.value(
                "select count(*) from events_outbox"
                " where transaction < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
            )
            assert readable == 0
            assert receiver.requests == []
        wait_until(lambda: len(receiver.ids) == 5, what="all five")
    assert receiver.ids == [*(str(arrival.position) for arrival in batch), *later]


# -- failures -----------------------------------------------------------------------------------------------------


def test_a_destination_that_fails_gets_the_same_message_again_until_it_acknowledges(
    shop: Shop, connection: psycopg.Connection, receiver: Receiver
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
    shop: Shop, connection: psycopg.Connection, receiver: Receiver
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


def test_a_destination_may_say_when_to_come_again(
    shop: Shop, connection: psycopg.Connection, receiver: Receiver
) -> None:
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
    shop: Shop, connection: psycopg.Connection, receiver: Receiver
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
    shop: Shop, connection: psycopg.Connection, receiver: Receiver
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
    shop: Shop, connection: psycopg.Connection, receiver: Receiver
) -> None:
    with relaying(webhook(receiver.url)):
        registered(shop, "crm")
        first = commit(connection, 1)
        wait_until(lambda: receiver.ids == first, what="the first event")
        cut = "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'comptoir relay%'"
        assert len(shop.rows(cut.replace("%'", "%%'"))) == 2
        second = commit(connection, 1)
        wait_until(lambda: set(second) <= set(receiver.ids), what="the second event")
    # The first may come twice if the note about it was cut off too; it keeps its id.
    assert list(dict.fromkeys(receiver.ids)) == first + second


# -- two relays, and dying ----------------------------------------------------------------------------------------


def test_two_relays_at_once_send_everything_once(
    shop: Shop, connection: psycopg.Connection, receiver: Receiver
) -> None:
    with relaying(webhook(receiver.url)), relaying(webhook(receiver.url)):
        registered(shop, "crm")
        expected = [position for _ in range(50) for position in commit(connection, 2)]
        wait_until(lambda: len(receiver.ids) >= 100, what="all events")
    assert receiver.ids == expected


def test_the_second_relay_takes_over_when_the_first_one_ends(
    shop: Shop, connection: psycopg.Connection, receiver: Receiver
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


def test_a_relay_killed_between_delivery_and_its_note_repeats_and_loses_nothing(
    shop: Shop, connection: psycopg.Connection, receiver: Receiver, tmp_path: Path
) -> None:
    """Each of the first four messages is answered by killing the relay: delivered, and not written down."""
    (tmp_path / "crm.secret").write_text(f"whsec_{SECRET}\n")
    relay_toml = tmp_path / "relay.toml"
    relay_toml.write_text(f'[destination.crm]\nkind = "webhook"\nurl = "{receiver.url}"\nsecret = "crm.secret"\n')
    workers: list[subprocess.Popen[bytes]] = []
    killed = 0

    def answer(_request: Request) -> int:
        nonlocal killed
        if killed < 4:
            killed += 1
            os.killpg(workers[-1].pid, signal.SIGKILL)
        return 200

    receiver.answer = answer
    with environment(COMPTOIR_RELAY=str(relay_toml)), (tmp_path / "worker.log").open("ab") as log:

        def start() -> None:
            command = [sys.executable, "-m", "comptoir.config.worker"]
            workers.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))

        start()
        try:
            registered(shop, "crm")
            expected: list[str] = []
            for _ in range(4):
                expected += commit(connection, 3)
                workers[-1].wait(60)
                start()
            expected += commit(connection, 3)
            wait_until(lambda: set(receiver.ids) >= set(expected), what="every event")
            workers[-1].send_signal(signal.SIGTERM)
            assert workers[-1].wait(30) == 0, (tmp_path / "worker.log").read_text()
        finally:
            for worker in workers:
                end(worker)
    assert killed == 4
    assert list(dict.fromkeys(receiver.ids)) == expected, "nothing lost, and in order"
    assert len(receiver.ids) > len(expected), "something was repeated, and was recognised by its id"


# -- the outbox ---------------------------------------------------------------------------------------------------


def test_the_outbox_is_emptied_once_every_destination_has_passed(
    shop: Shop, connection: psycopg.Connection, receiver: Receiver
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
            last = shop.rows("select transaction, id as outbox from events_outbox order by 1 desc limit 1") * 2
            wait_until(lambda: shop.rows("select transaction, outbox from events_relay") == last, what="both notes")
    assert jobs.prune_outbox(connection, now=dt.datetime.now(dt.UTC)) == 5
    assert jobs.prune_outbox(connection, now=dt.datetime.now(dt.UTC)) == 0
    # A destination that is declared no more holds nothing back.
    commit(connection, 1)
    assert store.forget_destinations(connection, declared=["early"]) == ["late"]
    assert [row.destination for row in store.find_destinations(connection)] == ["early"]


def test_without_destinations_the_outbox_keeps_an_hour(shop: Shop, connection: psycopg.Connection) -> None:
    commit(connection, 1)
    now = shop.value("select created_at from events_outbox")
    assert jobs.prune_outbox(connection, now=now + dt.timedelta(minutes=60)) == 0
    assert jobs.prune_outbox(connection, now=now + dt.timedelta(minutes=60, seconds=1)) == 1


def test_an_outbox_from_another_server_is_told_once_more(
    shop: Shop, connection: psycopg.Connection, receiver: Receiver
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


# -- declarations -------------------------------------------------------------------------------------------------

GOOD = {"kind": '"webhook"', "url": '"https://crm.example/hook"', "secret": '"crm.secret"'}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "crm.secret").write_text(f"whsec_{SECRET}\n\n{SECRET}\n")
    (tmp_path / "short.secret").write_text("whsec_" + base64.b64encode(b"short").decode())
    (tmp_path / "odd.secret").write_text("my secret")
    return tmp_path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "worker.log"


@contextlib.contextmanager
def working(log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Have a worker's process while the block runs."""
    with log.open("ab") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", "comptoir.config.worker"], stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield worker
    finally:
        end(worker)


def toml(name: str = "crm", **changes: str | None) -> str:
    fields = {**GOOD, **changes}
    lines = [f"{key} = {value}" for key, value in fields.items() if value is not None]
    return "\n".join([f"[destination.{name}]", *lines])


def test_a_declaration_is_read_with_all_its_secrets(folder: Path) -> None:
    (read,) = read_destinations(toml(types='["sale.closed", "points.*"]', touchpoint='"newsletter"'), folder=folder)
    assert read == Destination(
        "crm", "webhook", "https://crm.example/hook", (base64.b64decode(SECRET),) * 2, ("sale.closed", "points.*"),
        "newsletter",
    )  # fmt: skip
    assert load_destinations(folder / "there-is-none.toml") == []


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (toml(kind='"carrier pigeon"'), "destination.crm.kind"),
        (toml(kind=None), "destination.crm.kind"),
        (toml(colour='"red"'), "destination.crm.colour"),
        (toml(url='"http://crm.example/hook"'), "destination.crm.url"),
        (toml(url='"https://me:word@crm.example/"'), "destination.crm.url"),
        (toml(url='"crm.example"'), "destination.crm.url"),
        (toml(url='"https://crm.example:high/"'), "destination.crm.url"),
        (toml(secret=None), "destination.crm.secret"),
        (toml(secret='"missing.secret"'), "destination.crm.secret"),  # noqa: S106 - names of files
        (toml(secret='"short.secret"'), "destination.crm.secret"),  # noqa: S106 - as above
        (toml(secret='"odd.secret"'), "destination.crm.secret"),  # noqa: S106 - as above
        (toml(types='["Sale closed"]'), "destination.crm.types[0]"),
        (toml(types='"sale.closed"'), "destination.crm.types"),
        (toml(stream='"S"'), "destination.crm.stream"),
        (toml("Crm"), "destination.Crm"),
        (toml("nats", kind='"nats"', secret=None), "destination.nats.url"),
        (toml("nats", kind='"nats"', secret=None, url='"nats://b"', subject='"a b"'), "destination.nats.subject"),
        ("[relay]\n", "relay"),
        ("destination = 1\n", "destination"),
        ("[destination", None),
    ],
)
def test_a_wrong_declaration_names_its_field(folder: Path, text: str, at: str | None) -> None:
    with pytest.raises(RelayInvalid) as caught:
        read_destinations(text, folder=folder)
    assert caught.value.field == at
    assert caught.value.detail


@pytest.mark.parametrize(
    ("touchpoint", "is_right"), [("newsletter", True), ("nobody", False)], ids=["in the map", "in no map"]
)
def test_a_touchpoint_gets_only_what_it_needs_in_the_map(folder: Path, touchpoint: str, is_right: bool) -> None:
    path = folder / "relay.toml"
    path.write_text(toml(touchpoint=f'"{touchpoint}"'))
    with environment(COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")):
        if is_right:
            assert [each.touchpoint for each in shop_destinations(path)] == ["newsletter"]
        else:
            with pytest.raises(RelayInvalid, match="has no touchpoint") as caught:
                shop_destinations(path)
            assert caught.value.field == "destination.crm.touchpoint"


def test_a_wrong_declaration_stops_nothing_and_is_mended_without_a_restart(
    shop: Shop, connection: psycopg.Connection, receiver: Receiver, folder: Path, log: Path
) -> None:
    path = folder / "relay.toml"
    path.write_text(toml(secret="7"))  # noqa: S106 - no secret at all
    with environment(COMPTOIR_RELAY=str(path)), working(log) as worker:
        wait_until(lambda: "destination.crm.secret" in log.read_text(), what="the fault")
        path.write_text(toml(url=f'"{receiver.url}"'))
        registered(shop, "crm")
        first = commit(connection, 1)
        wait_until(lambda: receiver.ids == first, what="the first event")
        path.write_text(toml(url=f'"{receiver.url}"', secret="7"))  # noqa: S106 - as above
        wait_until(lambda: log.read_text().count("destination.crm.secret") == 2, what="the fault once more")
        second = commit(connection, 1)
        wait_until(lambda: receiver.ids == first + second, what="what was in force before")
        path.unlink()
        wait_until(lambda: not relays(shop), what="the relay to rest")
        third = commit(connection, 1)
        path.write_text(toml(url=f'"{receiver.url}"'))
        wait_until(lambda: receiver.ids == first + second + third, what="what was committed meanwhile")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
    assert "Traceback" not in log.read_text()


def relays(shop: Shop) -> list[dict[str, Any]]:
    return shop.rows(
        "select from pg_stat_activity where application_name = 'comptoir relay crm' and datname = %s", shop.database
    )


def test_deliveries_to_a_touchpoint_are_measured_against_its_promise(
    shop: Shop, connection: psycopg.Connection, receiver: Receiver, folder: Path, log: Path
) -> None:
    path = folder / "relay.toml"
    path.write_text(toml(url=f'"{receiver.url}"', touchpoint='"newsletter"'))
    declared = str(EXAMPLES / "touchpoints.toml")
    with environment(COMPTOIR_RELAY=str(path), COMPTOIR_MAP=declared), working(log):
        registered(shop, "crm")
        commit(connection, 3)
        wait_until(
            lambda: shop.rows("select from touchpoints_freshness where touchpoint = 'newsletter'") != [], what="a count"
        )
    counted = shop.rows("select touchpoint, data, stage, counts from touchpoints_freshness")
    assert [(row["touchpoint"], row["data"], row["stage"]) for row in counted] == [("newsletter", "points.balance", 3)]
    assert sum(counted[0]["counts"]) == 3


# -- the broker ---------------------------------------------------------------------------------------------------


def test_a_broker_stores_each_event_once_however_often_it_is_sent(shop: Shop, connection: psycopg.Connection) -> None:
    if not accepts(4222):
        pytest.skip("no NATS on port 4222: nothing was published to a broker")
    name = f"T{uuid.uuid4().hex}"
    broker = Destination("broker", "nats", "nats://127.0.0.1:4222", stream=name, subject=name.lower())
    with relaying(broker):
        registered(shop, "broker")
        expected = [position for _ in range(10) for position in commit(connection, 20)]
        last = shop.rows("select transaction, id as outbox from events_outbox order by 1 desc limit 1")
        wait_until(lambda: shop.rows("select transaction, outbox from events_relay") == last, what="the last note")
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


def test_the_census_of_types_knows_how_a_pattern_reads() -> None:
    wanting = Destination("a", "webhook", "https://a.example/", types=("points.*", "sale.closed"))
    wanted = [name for name in ("points.redeem", "pointsofsale", "sale.closed", "sale.returned") if wanting.wants(name)]
    assert wanted == ["points.redeem", "sale.closed"]
    assert re.fullmatch(r"[a-z.]+", "".join(wanted))
