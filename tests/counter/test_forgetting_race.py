"""Forgetting races with sales of the same cards from other processes, and the gateway dies in the middle of it.

Either before or after, never half: an event of a forgotten card stands in the log under nobody's name, or was refused.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from comptoir.config.rebuilding import rebuild
from comptoir.counter.customers.rules import customer_id
from comptoir.foundation.kernel import shop as shops
from support import clients, forgotten, invariants
from support.casting import Event
from support.forgotten import forget
from support.gateway import Gateway, running_gateway
from support.shop import Shop

SEED = int(os.environ.get("COMPTOIR_TEST_SEED", "20240304"))
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
NOW = dt.datetime.now(dt.UTC)
CARDS = [{"kind": "card", "value": f"c{number}"} for number in range(16)]


@pytest.fixture
def programme(tmp_path: Path) -> Path:
    path = tmp_path / "programme.toml"
    path.write_text(PLAIN)
    return path


@contextlib.contextmanager
def gateway(folder: Path, programme: Path, **named: Any) -> Iterator[Gateway]:
    with running_gateway(folder, programme=programme, **named) as running:
        yield running


def port(running: Gateway) -> int:
    return int(running.url.rsplit(":", 1)[1])


@contextlib.contextmanager
def shopping(gateways: list[Gateway], folder: Path) -> Iterator[list[Path]]:
    """Let four clients buy, spend, hold and return with all cards, until the block ends."""
    stop = folder / "stop"
    tasks: list[dict[str, Any]] = [
        {"ports": [port(each) for each in gateways], "keys": dict(gateways[0].keys), "name": name, "seed": SEED,
         "customers": CARDS, "stop": str(stop), "out": str(folder / f"{name}.jsonl")}
        for name in ("1", "1+", "2", "3")
    ]  # fmt: skip
    outs = [Path(task["out"]) for task in tasks]
    with clients.loading(tasks):
        try:
            yield outs
        finally:
            stop.touch()


def check(shop: Shop, outs: list[Path], gone: list[dict[str, str]]) -> None:
    """Nothing leads back to who is gone, everything else holds, and after their end nobody was told an old id."""
    ids = [customer_id(shops.secret("identifiers"), each["kind"], each["value"]) for each in gone]
    text = forgotten.dump(shop)
    assert [line for line in text.splitlines() if forgotten.found_in(line, ids)] == []
    with shop.connect() as connection:
        invariants.check(connection)
    assert rebuild(keep=False).changed == []
    heard = [json.loads(each.outcome) for out in outs for each in clients.heard(out)]
    refused = [each for each in heard if str(each.get("problem", {}).get("type", "")).endswith("customer_forgotten")]
    assert refused
    assert not any("customer" in each for each in refused)
    assert shop.value("select count(*) from customers_forgotten") == len(gone)


def test_forgetting_races_with_sales_of_the_same_cards(shop: Shop, tmp_path: Path, programme: Path) -> None:
    gone = CARDS[:12]
    with gateway(tmp_path, programme) as first, gateway(tmp_path, programme, keys=first.keys) as second:
        with shopping([first, second], tmp_path) as outs:
            wait_for(shop, 200)
            for number, card in enumerate(gone):
                told = [second, first][number % 2].post(forget(card, id=f"wish-{number}", at=NOW), touchpoint="vault")
                assert told.status_code == 200, told.text
                wait_for(shop, 200 + 40 * number)
        repeated = first.post(forget(gone[0], id="wish-0", at=NOW), touchpoint="vault")
        assert repeated.headers["Comptoir-Repeated"] == "1"
    check(shop, outs, gone)


@pytest.mark.exclusive
def test_the_gateway_dies_while_it_forgets(shop: Shop, tmp_path: Path, programme: Path) -> None:
    luck, gone = random.Random(SEED), CARDS[:4]
    with gateway(tmp_path, programme) as steady, shopping([steady], tmp_path) as outs:
        wait_for(shop, 200)
        for number, card in enumerate(gone):
            wish = forget(card, id=f"wish-{number}", at=NOW)
            kills = 0
            while not is_told(steady, wish, tmp_path, programme, luck.uniform(0.0, 0.05) if kills < 2 else None):
                kills += 1
    check(shop, outs, gone)


def is_told(steady: Gateway, wish: Event, folder: Path, programme: Path, seconds: float | None) -> bool:
    """Send a wish through a gateway of its own that is killed after so long; return whether there was an outcome."""
    with gateway(folder, programme, keys=steady.keys) as mortal:
        killer = threading.Timer(seconds or 0.0, os.killpg, (mortal.process.pid, signal.SIGKILL))
        if seconds is not None:
            killer.start()
        try:
            assert mortal.post(wish, touchpoint="vault").status_code == 200
        except httpx.TransportError:
            return False
        finally:
            if seconds is not None:
                killer.join()
    return True


def wait_for(shop: Shop, events: int) -> None:
    """Wait until so much has happened."""
    with shop.connect() as connection:
        while True:
            row = connection.execute("select count(*) from events_event").fetchone()
            assert row is not None
            if row[0] >= events:
                return
