"""Invariant 1 of the design: an acknowledged event survives any crash, and is applied exactly once.

Two gateways and their database server, each killed with SIGKILL at moments that a seed chooses, under the load of four
client processes that send everything again until it has an outcome. ``COMPTOIR_TEST_KILLS`` asks for more kills,
``COMPTOIR_TEST_SEED`` for other moments.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import random
import signal
import threading
import time
from pathlib import Path

import httpx
import pytest

from support import clients, invariants, processes
from support.gateway import EXAMPLES, issue_keys
from support.killing import kill_server
from support.shop import Shop, environment

KILLS = int(os.environ.get("COMPTOIR_TEST_KILLS", "12"))
SEED = int(os.environ.get("COMPTOIR_TEST_SEED", "20240304"))
CUSTOMERS = [{"kind": "card", "value": f"c{number}"} for number in range(12)]
PLAIN = """
[programme]
name = "Points"
currency = "USD"
time_zone = "America/New_York"

[[earn]]
name = "base"
points = 1
per = "0.01"
"""


class House:
    """Two gateways on their ports, and the server: killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ports = [processes.free_port() for _ in range(2)]
        self._open: list[contextlib.ExitStack | None] = [None, None]
        self._processes: list[processes.Process | None] = [None, None]

    def start(self, number: int) -> None:
        """Start a gateway and wait until it answers."""
        stack = contextlib.ExitStack()
        client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{self.ports[number]}", timeout=5))

        def answers() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return client.get("/health").is_success
            return False

        self._processes[number] = stack.enter_context(
            processes.serving(
                "comptoir.doors.gateway.application:application",
                port=self.ports[number],
                log=self._folder / f"gateway-{number}.log",
                answers=answers,
            )
        )
        self._open[number] = stack

    def kill(self, number: int) -> None:
        """Kill a gateway and all its processes, without a word of warning."""
        process, stack = self._processes[number], self._open[number]
        assert process is not None
        assert stack is not None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        stack.close()
        self._open[number] = self._processes[number] = None

    def close(self) -> None:
        """End what runs."""
        for stack in self._open:
            if stack is not None:
                stack.close()


@pytest.mark.exclusive
def test_what_was_acknowledged_survives_every_crash(
    shop_on_own_server: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop, luck = shop_on_own_server, random.Random(SEED)
    programme, stop = tmp_path / "programme.toml", tmp_path / "stop"
    programme.write_text(PLAIN)
    declared = EXAMPLES / "touchpoints.toml"
    keys = issue_keys(declared)
    house = House(tmp_path)
    names = ["1", "1+", "2", "2+"]
    tasks = [
        {"ports": house.ports, "keys": keys, "name": name, "seed": SEED, "customers": CUSTOMERS, "stop": str(stop),
         "out": str(tmp_path / f"{name}.jsonl")}
        for name in names
    ]  # fmt: skip
    killed = {"gateway": 0, "server": 0}
    moment = threading.Event()
    started = time.monotonic()
    try:
        with environment(COMPTOIR_MAP=str(declared), COMPTOIR_PROGRAMME=str(programme)):
            house.start(0)
            house.start(1)
            with clients.loading(tasks) as loaders:
                for number in range(KILLS):
                    before = _acknowledged(tmp_path)
                    processes.wait_until(functools.partial(_is_further, tmp_path, before), what="work to go on")
                    moment.wait(luck.uniform(0, 0.4))
                    if luck.random() < 0.3 or number == 1:
                        kill_server()
                        killed["server"] += 1
                    else:
                        which = luck.randrange(2)
                        house.kill(which)
                        house.start(which)
                        killed["gateway"] += 1
                    assert all(loader.poll() is None for loader in loaders), "a client has given up"
                stop.touch()
    finally:
        house.close()

    told = {name: clients.heard(tmp_path / f"{name}.jsonl") for name in names}
    heard = [each for one in told.values() for each in one]
    stored = {
        (row["source"], row["id"]): row["outcome"]
        for row in shop.rows("select source, id, outcome::text as outcome from events_event")
    }
    assert killed["gateway"] >= 3
    assert killed["server"] >= 1
    assert {(each.source, each.id) for each in heard} == set(stored), (
        "something acknowledged is lost, or came from nowhere"
    )
    for each in heard:
        assert stored[each.source, each.id] == each.outcome, f"{each.source} {each.id} was told something else"
    first = [(each.source, each.id) for each in heard if not each.is_repeated]
    assert len(first) == len(set(first)), "two senders were told that they were the first"
    with shop.connect("comptoir_counter") as connection:
        invariants.check(connection)
    statuses = [json.loads(outcome)["status"] for outcome in stored.values()]
    with capsys.disabled():
        print(  # noqa: T201 - the verdict
            f"\ncrash: seed {SEED}, {killed['gateway']} gateways and {killed['server']} servers killed,"
            f" {len(heard)} outcomes of {len(stored)} events ({statuses.count('accepted')} accepted), none lost,"
            f" none twice, {time.monotonic() - started:.0f} s"
        )


def _is_further(folder: Path, before: int) -> bool:
    return _acknowledged(folder) > before


def _acknowledged(folder: Path) -> int:
    """Return how much the clients have written down, in bytes."""
    return sum(path.stat().st_size for path in folder.glob("*.jsonl"))
