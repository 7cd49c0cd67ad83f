"""Whatever dies, everybody on the list gets one message or there is a recorded reason; nobody gets two.

Two senders in processes of their own, their database server, and the mail server, each killed at moments that a seed
chooses. ``COMPTOIR_TEST_KILLS`` asks for more kills, ``COMPTOIR_TEST_SEED`` for other moments. Against it stands the
naive way, kept below: take, send, then write down; it is shown to send twice.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import os
import random
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from comptoir.foundation.rooms.commands import set_up_django
from support import processes
from support.killing import kill_server
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.db import connections

from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.contacts import keeping, pending
from comptoir.vault.contacts.contracts import ContactValues
from comptoir.vault.messages import preparing, store
from comptoir.vault.messages.sending import CONNECTIONS
from support.mailing import NOW, address, customer, decide, dispatched, final, user

pytestmark = pytest.mark.exclusive
KILLS = int(os.environ.get("COMPTOIR_TEST_KILLS", "8"))
SEED = int(os.environ.get("COMPTOIR_TEST_SEED", "20240506"))
PEOPLE = 1_400


class DyingSink:
    """A mail server that counts what it took, and dies when told to: even in the middle of a message."""

    def __init__(self) -> None:
        self.port = processes.free_port()
        self.got: collections.Counter[str] = collections.Counter()
        self.keys: collections.Counter[str] = collections.Counter()
        self._starts = 0
        self._controller: Controller | None = None
        self._lock = threading.Lock()

    async def handle_EHLO(  # noqa: N802
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, answers: list[str]
    ) -> list[str]:
        """Take commands together (RFC 2920) every other time that it comes back."""
        session.host_name = hostname
        return [*answers[:-1], "250-PIPELINING", answers[-1]] if self._starts % 2 else answers

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        await asyncio.sleep(0.08)  # so slow that whatever dies has something in hand
        with self._lock:
            self.got.update(envelope.rcpt_tos)
            self.keys[envelope.content.partition(b"Message-ID: ")[2].partition(b"\r\n")[0].decode()] += 1
        return "250 OK"

    def count(self) -> int:
        with self._lock:
            return self.got.total()

    def start(self) -> None:
        self._starts += 1
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def die(self) -> None:
        assert self._controller is not None
        with contextlib.suppress(Exception):
            self._controller.stop()
        self._controller = None


def people(count: int, *, of_shop: Shop) -> list[uuid.UUID]:
    """Have so many people who agreed, as a consent given by an event would leave it."""
    keeping.prepare(at=NOW)
    values = {user(number): ContactValues.of(email=address(number), name="A") for number in range(count)}
    pending.keep_all(values, purpose="test", actor="operator", at=NOW)
    found = [customer(number) for number in range(count)]
    with psycopg.connect(database.owner_conninfo()) as owner:
        owner.execute("insert into customers_customer select unnest(%s::uuid[]), 'user'", (found,))
        owner.execute(
            "insert into customers_permission select unnest(%s::uuid[]), 'marketing', array['mail']", (found,)
        )
    connections.close_all()
    return found


@contextlib.contextmanager
def sender(port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "support.sender", str(port)], stdout=subprocess.PIPE, stderr=file, env=environment
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def waiting() -> int:
    with contextlib.suppress(psycopg.Error), database.connect(VAULT.role) as vault:
        return int(vault.execute("select count(*) from messages_waiting").fetchone()[0])  # type: ignore[index]
    return -1


def is_dead(sink: DyingSink) -> bool:
    """Let a sink die; returns whether nobody listens there any more."""
    sink.die()
    try:
        socket.create_connection(("127.0.0.1", sink.port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


def started_at() -> object:
    """Return when the database server began, or nothing while there is none."""
    with contextlib.suppress(psycopg.Error), database.connect(VAULT.role) as vault:
        row = vault.execute("select pg_postmaster_start_time()").fetchone()
        return None if row is None else row[0]
    return None


def test_everybody_gets_one_message_or_there_is_a_reason(
    shop_on_own_server: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop, chance = shop_on_own_server, random.Random(SEED)
    decisions = decide(dispatched(), people(PEOPLE, of_shop=shop))
    receipts = decide(
        dispatched(purpose="service", message_class="service"), [customer(n) for n in range(200)], occurrence="r"
    )
    connections.close_all()
    sink = DyingSink()
    sink.start()
    died: collections.Counter[str] = collections.Counter()
    # Each at least once, then by chance, in an order by chance.
    kills = ["sender", "sink", "database", *chance.choices(("sender", "sink", "database"), k=KILLS - 3)]
    chance.shuffle(kills)
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(sender(sink.port, tmp_path / "log")) for _ in range(2)]
        for what in kills:
            before = sink.count()
            processes.wait_until(lambda before=before: sink.count() > before + 25, what="work to go on")  # type: ignore[misc]
            time.sleep(chance.uniform(0, 0.1))
            if what == "sender":
                victim = chance.randrange(2)
                os.kill(running[victim].pid, signal.SIGKILL)
                died[what] += running[victim].wait(timeout=10) == -signal.SIGKILL
                running[victim] = stack.enter_context(sender(sink.port, tmp_path / "log"))
            elif what == "sink":
                died[what] += is_dead(sink)
                time.sleep(chance.uniform(0, 0.4))
                sink.start()
            else:
                begun = started_at()
                kill_server()
                processes.wait_until(lambda begun=begun: started_at() not in {None, begun}, what="another server")  # type: ignore[misc]
                died[what] += 1
        processes.wait_until(lambda: waiting() == 0, what="everything to be answered for", seconds_max=120)
    sink.die()
    assert died == collections.Counter(kills), "each died as often as it was killed"
    assert min(died[each] for each in ("sender", "sink", "database")) > 0
    ended = final(shop)
    assert set(ended) == {*decisions, *receipts}, "nobody is left without an answer"
    assert set(ended.values()) <= {"accepted", "unknown"}
    got = {decision: sink.keys[key_of(decision)] for decision in ended}
    assert sum(got.values()) == sum(sink.keys.values()) == sum(sink.got.values()), "nothing else was sent"
    assert max(got[each] for each in decisions) == 1, "no offer comes twice"
    for decision, kind in ended.items():
        if kind == "accepted":
            assert got[decision] >= 1, "what is said to have arrived has"
    missing = [each for each in decisions if not got[each]]
    assert all(ended[each] == "unknown" for each in missing), "whoever got nothing has a reason"
    # What a sender had in hand and had not marked goes back: only what was on its way is uncertain.
    uncertain = sum(kind == "unknown" for kind in ended.values())
    assert uncertain <= KILLS * 2 * 3 * CONNECTIONS["mail"]
    assert all(got[each] >= 1 for each in receipts if ended[each] == "accepted")
    with capsys.disabled():
        sys.stdout.write(f"\nseed {SEED}: {dict(died)} died, {uncertain} uncertain, {len(missing)} did not arrive\n")


def key_of(decision: uuid.UUID) -> str:
    return f"<{uuid.uuid5(preparing._KEYS, str(decision))}@localhost>"


def test_the_naive_way_sends_twice(shop: Shop) -> None:
    """Take, send, then write down: whoever dies in between sends again."""
    people(1, of_shop=shop)
    decide(dispatched(), [customer(0)])
    sink = DyingSink()
    sink.start()

    def naive() -> None:
        with database.connect(VAULT.role) as vault, vault.transaction():
            (claim,) = store.claim(vault.cursor(), "mail", me=1, limit=1, now=NOW)
            with smtplib.SMTP("127.0.0.1", sink.port) as mail:
                mail.sendmail("shop@example.org", [address(0)], f"Message-ID: {key_of(claim.decision)}\r\n\r\nHi")
            raise KeyboardInterrupt  # the process is killed before it commits

    try:
        for _ in range(2):
            with contextlib.suppress(KeyboardInterrupt):
                naive()
    finally:
        sink.die()
    assert max(sink.keys.values()) == 2
