"""The worker's process: killed at the worst moment, told of new destinations, and measured."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comptoir.counter.loyalty import store
from comptoir.foundation.kernel.connection import Connection
from support import casting
from support.gateway import EXAMPLES
from support.processes import end, wait_until
from support.relay import SECRET, Receiver, Request, commit, receiving, registered
from support.shop import Shop, environment


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def connection(shop: Shop) -> Iterator[Connection]:
    with shop.connect() as one:
        yield one


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "crm.secret").write_text(f"whsec_{SECRET}\n")
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


def ready(shop: Shop, worker: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the destination is served; a worker that does not start shows what it wrote."""
    wait_until(lambda: worker.poll() is not None or bool(relays(shop)), what="the relay")
    assert worker.poll() is None, log.read_text()
    registered(shop, "crm")


def relays(shop: Shop) -> list[dict[str, Any]]:
    """Return a row for each relay that serves the destination."""
    return shop.rows(
        "select from pg_stat_activity where application_name = 'comptoir relay crm' and datname = %s", shop.database
    )


def toml(receiver: Receiver, *further: str) -> str:
    own = ['kind = "webhook"', f'url = "{receiver.url}"', 'secret = "crm.secret"']
    return "\n".join(["[destination.crm]", *own, *further])


def test_a_worker_killed_between_delivery_and_its_note_repeats_and_loses_nothing(
    shop: Shop, connection: Connection, receiver: Receiver, folder: Path, log: Path
) -> None:
    """Each of the first three messages is answered by killing the worker: delivered, and not written down."""
    (folder / "relay.toml").write_text(toml(receiver))
    workers: list[subprocess.Popen[bytes]] = []
    killed = 0

    def answer(_request: Request) -> int:
        nonlocal killed
        if killed < 3:
            killed += 1
            os.killpg(workers[-1].pid, signal.SIGKILL)
        return 200

    receiver.answer = answer
    expected: list[str] = []
    with environment(COMPTOIR_RELAY=str(folder / "relay.toml")):
        for number in range(3):
            with working(log) as worker:
                workers.append(worker)
                ready(shop, worker, log)
                expected += commit(connection, 3)
                assert worker.wait(60) == -signal.SIGKILL, f"it lived through message {number}"
        with working(log) as worker:
            expected += commit(connection, 3)
            wait_until(lambda: set(receiver.ids) >= set(expected), what="every event")
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(30) == 0, log.read_text()
    assert killed == 3
    assert list(dict.fromkeys(receiver.ids)) == expected, "nothing lost, and in order"
    assert len(receiver.ids) > len(expected), "something was repeated, and was recognised by its id"


def test_a_wrong_declaration_stops_nothing_and_is_mended_without_a_restart(
    shop: Shop, connection: Connection, receiver: Receiver, folder: Path, log: Path
) -> None:
    path = folder / "relay.toml"
    path.write_text(toml(receiver, "colour = 7"))
    with environment(COMPTOIR_RELAY=str(path)), working(log) as worker:
        wait_until(lambda: "destination.crm.colour" in log.read_text(), what="the fault")
        path.write_text(toml(receiver))
        ready(shop, worker, log)
        first = commit(connection, 1)
        wait_until(lambda: receiver.ids == first, what="the first event")
        path.write_text(toml(receiver, "colour = 7"))
        wait_until(lambda: log.read_text().count("destination.crm.colour") == 2, what="the fault once more")
        second = commit(connection, 1)
        wait_until(lambda: receiver.ids == first + second, what="what was in force before")
        path.unlink()
        wait_until(lambda: not relays(shop), what="the relay to rest")
        third = commit(connection, 1)
        path.write_text(toml(receiver))
        wait_until(lambda: receiver.ids == first + second + third, what="what was committed meanwhile")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
    assert "Traceback" not in log.read_text()


def test_a_consent_whose_days_are_over_ends_while_the_worker_runs(
    shop: Shop, connection: Connection, log: Path
) -> None:
    """Two are over for long, one is given for years; the worker does what was due before it began."""
    store.insert_programme(connection, casting.PLAIN, None)
    counter = casting.Counter(shop, connection=connection)
    now = dt.datetime.now(dt.UTC)
    for channel, at in (("mail", casting.NOON), ("app", casting.NOON), ("store", now - dt.timedelta(days=1))):
        said = casting.consented("marketing", channel, days=30, at=at)
        assert counter.tell(said, received_at=at + dt.timedelta(seconds=1)).is_accepted
    ended = "select data->>'channel' from events_event where type = 'consent.expired' order by 1"
    with working(log) as worker:
        wait_until(lambda: len(shop.rows(ended)) == 2 or worker.poll() is not None, what="the end of two consents")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0, log.read_text()
    assert [list(row.values()) for row in shop.rows(ended)] == [["app"], ["mail"]]
    allowed = "select array_agg(channel) from unnest(array['mail', 'app', 'store']) channel where customers_permits"
    assert shop.value(f"{allowed}(%s, 'marketing', channel)", casting.identify(casting.ALICE)) == ["store"]


def test_deliveries_to_a_touchpoint_are_measured_against_its_promise(
    shop: Shop, connection: Connection, receiver: Receiver, folder: Path, log: Path
) -> None:
    path = folder / "relay.toml"
    path.write_text(toml(receiver, 'touchpoint = "newsletter"'))
    declared = str(EXAMPLES / "touchpoints.toml")
    with environment(COMPTOIR_RELAY=str(path), COMPTOIR_MAP=declared), working(log) as worker:
        ready(shop, worker, log)
        commit(connection, 3)
        wait_until(
            lambda: shop.rows("select from touchpoints_freshness where touchpoint = 'newsletter'") != [], what="a count"
        )
    counted = shop.rows("select touchpoint, data, stage, counts from touchpoints_freshness")
    assert [(row["touchpoint"], row["data"], row["stage"]) for row in counted] == [("newsletter", "points.balance", 3)]
    assert sum(counted[0]["counts"]) == 3
