"""The processes that send messages: there once any waits, anew when one is killed, and gone with their worker."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support.mailbox import running_mailbox
from support.processes import end, wait_until
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.config import messaging
from support.mailing import counter_of, customer, decide, dispatched, final, settle

PEOPLE = 12
#: Each sender loads what it needs at its beginning, while other tests run: seconds.
PATIENCE = 120


@contextlib.contextmanager
def working(log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        command = [sys.executable, "-m", "comptoir.config.worker"]
        worker = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        yield worker
    finally:
        end(worker)


def senders_of(worker: subprocess.Popen[bytes]) -> list[int]:
    """Return the numbers of the processes by which a worker sends messages."""
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    return [
        int(each) for each in children if b"comptoir.config.messaging" in Path(f"/proc/{each}/cmdline").read_bytes()
    ]


def any_lives(processes: list[int]) -> bool:
    """Tell whether any of these processes goes on; one that nobody has asked for its result has ended."""
    states = []
    for each in processes:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            states.append(Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[0])
    return any(each != "Z" for each in states)


def test_whoever_dies_of_them_everybody_is_written_to_once(shop: Shop, tmp_path: Path) -> None:
    with contextlib.closing(counter_of(shop)) as counter:
        for number in range(PEOPLE):
            settle(counter, number)
    log = tmp_path / "log"
    with running_mailbox() as box, environment(COMPTOIR_MAIL_URL=f"smtp+plain://127.0.0.1:{box.port}"):
        with working(log) as worker:
            first = decide(dispatched(), [customer(number) for number in range(PEOPLE // 2)])
            wait_until(lambda: len(final(shop)) == len(first), what="the first messages", seconds_max=PATIENCE)
            gone = senders_of(worker)
            assert len(gone) == messaging.processes()
            for each in gone:
                os.kill(each, signal.SIGKILL)
            second = decide(dispatched(), [customer(number) for number in range(PEOPLE // 2, PEOPLE)])
            wait_until(lambda: len(final(shop)) == PEOPLE, what="the second, by others", seconds_max=PATIENCE)
            assert not set(senders_of(worker)) & set(gone)
            assert set(final(shop).values()) == {"accepted"}
            assert set(final(shop)) == {*first, *second}
            left = senders_of(worker)
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(30) == 0, log.read_text()
            assert not any_lives(left), "they end with their worker"
        assert sorted(to for letters, _ in box.letters for to in letters) == sorted(
            f"canary{number}@example.org" for number in range(PEOPLE)
        )


def test_a_worker_that_is_killed_leaves_no_sender_behind(shop: Shop, tmp_path: Path) -> None:
    with contextlib.closing(counter_of(shop)) as counter:
        settle(counter, 1)
    with contextlib.ExitStack() as stack:
        box = stack.enter_context(running_mailbox())
        stack.enter_context(environment(COMPTOIR_MAIL_URL=f"smtp+plain://127.0.0.1:{box.port}"))
        worker = stack.enter_context(working(tmp_path / "log"))
        decide(dispatched(), [customer(1)])
        wait_until(lambda: len(box.letters) == 1, what="the letter", seconds_max=PATIENCE)
        left = senders_of(worker)
        assert left
        os.kill(worker.pid, signal.SIGKILL)
        wait_until(lambda: not any_lives(left), what="the senders' end")


def test_nobody_to_write_to_needs_no_sender(shop: Shop, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with working(log) as worker:
        wait_until(lambda: "at work" in log.read_text(), what="the worker")
        assert senders_of(worker) == []


def test_a_sender_that_keeps_ending_is_not_begun_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first time it is begun at once; from the second time on it has to wait."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    crew = messaging.Crew(1)
    begun = 0
    try:
        for _ in range(4):
            crew.fill()
            begun += 1 if crew._running[0] is not None and crew._running[0].poll() is None else 0
            if crew._running[0] is not None:
                crew._running[0].wait(10)
        assert crew._ends == 2, "after its second end it is waited with"
        assert begun <= 2
    finally:
        crew.end()


@pytest.mark.parametrize(
    ("url", "says"),
    [("smtp+plain://mail.example:25", "this machine alone"), ("http://mail.example", "begins with")],
)
def test_mail_without_encryption_goes_to_this_machine_alone(url: str, says: str) -> None:
    environment = {**os.environ, "COMPTOIR_MAIL_URL": url}
    command = [sys.executable, "-c", "import comptoir.config.settings"]
    asked = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert asked.returncode != 0
    assert says in asked.stderr


def test_a_sender_looks_for_cycles_rarely_and_still_finds_them() -> None:
    program = """
import gc, weakref
from comptoir.config import messaging

class Ring: pass

messaging.calm_collector()
assert gc.get_freeze_count() > 1_000, "what is loaded stays"
made = Ring()
made.itself, seen = made, weakref.ref(made)
del made
few = [[] for _ in range(5_000)]
assert seen() is not None, "looked through for a few objects"
many = [[] for _ in range(60_000)]
assert seen() is None, "never looked through"
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=PATIENCE)
