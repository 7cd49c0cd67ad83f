"""What every benchmark stands on: a house of its own in a temporary folder, customers in it, a gateway in front.

The folder and its server are removed at the end. Not here: what is measured.
"""

from __future__ import annotations

import contextlib
import importlib.resources
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import msgspec
import psycopg

from comptoir.config.benching.load import Plan, Result, card
from comptoir.config.registry import shop_map
from comptoir.counter.customers.rules import customer_id
from comptoir.foundation.kernel import codec, database, embedded, shop
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.rooms.commands import migrate_house
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.touchpoints.commands import issue_key

CUSTOMERS = 1_000_000
_START_SECONDS_MAX = 60.0
_PORTION = 50_000

Say = Callable[[str], None]


class Gateway(msgspec.Struct):
    """A running gateway: its port, a till's key, its process."""

    port: int
    key: str
    process_id: int
    peak_bytes: int = 0

    def note_memory(self) -> None:
        """Remember the most memory (resident set of the serving process) seen so far."""
        self.peak_bytes = max(self.peak_bytes, *(_resident_bytes(each) for each in family(self.process_id)))


@contextlib.contextmanager
def own_house(say: Say) -> Iterator[None]:
    """Have a migrated house with an embedded server in a temporary folder; the environment points to it."""
    folder = Path(tempfile.mkdtemp(prefix="comptoir-bench-"))
    settings = {"COMPTOIR_DATA": str(folder), "COMPTOIR_DATABASE_NAME": "comptoir"}
    before = {
        name: os.environ.pop(name, None)
        for name in (*settings, "COMPTOIR_DATABASE_URL", "COMPTOIR_MAP", "COMPTOIR_PROGRAMME")
    }
    os.environ.update(settings)
    try:
        say("starting a database and migrating it")
        with database.server():
            migrate_house(lambda _line: None)
            for name in ("touchpoints.toml", "programme.toml"):
                text = (importlib.resources.files("comptoir.config") / "examples" / name).read_text()
                (folder / name).write_text(text)
            yield
    finally:
        for each in (embedded.socket_folder(), folder):
            shutil.rmtree(each, ignore_errors=True)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def fill_customers(say: Say, count: int = CUSTOMERS) -> None:
    """Put customers with 100 points each into the ledger, directly: a transfer, an account, and the counterpart."""
    say(f"putting {count:,} customers in")
    key = shop.secret("identifiers")
    position, day = "00000000-0000-7000-8000-000000000000", "2041-12-31"
    with psycopg.connect(database.owner_conninfo()) as connection:
        for first in range(0, count, _PORTION):
            ids = [customer_id(key, "card", card(number)) for number in range(first, min(first + _PORTION, count))]
            for table, columns, values in (
                ("customers_customer", "customer, kind", "card"),
                (
                    "loyalty_account",
                    "customer, available, held, owed, lot_days, lot_points, last_position",
                    f"100\t0\t0\t{{{day}}}\t{{100}}\t{position}",
                ),
                (
                    "loyalty_transfer",
                    "customer, position, ordinal, cause, occurred_at, debit, credit, points, day, reason",
                    f"{position}\t0\t{position}\t2026-01-01\t11\t1\t100\t{day}\tbase",
                ),
            ):
                with connection.cursor().copy(f"copy {table} ({columns}) from stdin") as copy:
                    copy.write("".join([f"{each}\t{values}\n" for each in ids]))
        connection.execute(
            "insert into loyalty_programmebalance (account, shard, points) values (11, 0, %s)", (-100 * count,)
        )
    settle()


def settle(name: str | None = None) -> None:
    """Vacuum, analyze and checkpoint, the house's database or another one, so that no run pays for the one before."""
    where = psycopg.conninfo.make_conninfo(database.administrator_conninfo(), dbname=name)
    with psycopg.connect(where, autocommit=True) as connection:
        connection.execute("vacuum (analyze)")
        connection.execute("checkpoint")


@contextlib.contextmanager
def gateway(say: Say) -> Iterator[Gateway]:
    """Have a gateway in front of the house, as ``comptoir serve`` runs it."""
    say("opening a gateway")
    with database.connect(OFFICE.role) as connection:
        issued = issue_key(connection, touchpoint="till", declared=shop_map(), now=SYSTEM_CLOCK.now())
    port = free_port()
    command = [
        *(sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--no-ws", "--http", "1", "--loop", "uvloop", "--log-level", "warning"),
        "comptoir.doors.gateway.application:application",
    ]
    process = subprocess.Popen(command, stdout=sys.stderr)  # noqa: S603 - our own program
    try:
        _wait(port)
        yield Gateway(port, issued.text, process.pid)
    finally:
        process.terminate()
        process.wait(30)


def send(plan: Plan, running: Gateway, *, events_prepared: int | None = None) -> Result:
    """Run a load generator in a process of its own and return its result."""
    folder = shop.folder()
    plan_path, result_path = folder / "plan.json", folder / "result.json"
    plan_path.write_bytes(codec.encode(plan))
    command = [sys.executable, "-m", "comptoir.config.benching.load", str(plan_path), str(result_path)]
    if events_prepared is not None:
        command.append(str(events_prepared))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        process.stdin.write(b"go\n")
        process.stdin.close()
        while process.poll() is None:
            running.note_memory()
            time.sleep(0.1)
        assert process.returncode == 0, "the load generator failed"
    return codec.decode(result_path.read_bytes(), Result)


def free_port() -> int:
    """Return a port that nobody listens to."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def quantile(values: list[float], share: float) -> float:
    """Return the value below which a share of the values lies; nan for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def _wait(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS_MAX
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"http://127.0.0.1:{port}/health").status_code == httpx.codes.OK:
                return
        time.sleep(0.05)
    raise TimeoutError("the gateway did not answer")


def family(process_id: int) -> list[int]:
    """Return a process and its children (Linux)."""
    children = Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()
    return [process_id, *map(int, children)]


def _resident_bytes(process_id: int) -> int:
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{process_id}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0
