"""The house as a tree of processes: it opens, mends itself, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psycopg
import pytest

from comptoir.config.serving import RESTARTS_MAX, House, HouseFell, Part
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.declaration import ROOMS
from support.processes import accepts, free_port, wait_until
from support.shop import Shop, environment

_COMPTOIR = (sys.executable, "-c", "from comptoir.config.command import main; main()")


def is_running(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_the_pages_open_mend_themselves_and_close(shop: Shop, tmp_path: Path) -> None:
    port = free_port()
    said: list[str] = []
    with House(ROOMS, port=port, log_folder=tmp_path, report=said.append) as house:
        assert house.addresses() == [
            ("the shop's front", f"http://localhost:{port}"),
            ("a customer's card", f"http://my.localhost:{port}"),
            ("the console", f"http://office.localhost:{port}"),
            ("signing in", f"http://safe.localhost:{port}"),
        ]
        for host in ("localhost", "my.localhost", "office.localhost", "safe.localhost"):
            answer = httpx.get(f"http://127.0.0.1:{port}/health", headers={"Host": f"{host}:{port}"})
            assert (answer.status_code, answer.text) == (200, "open\n")
        first = house.process_id("pages")
        assert first is not None
        os.killpg(first, signal.SIGKILL)
        wait_until(lambda: house.process_id("pages") is None, what="the end of the pages")
        house.tend()
        house.wait_healthy()
        second = house.process_id("pages")
        assert second is not None
        assert second != first
        assert said == ["pages ended (signal 9) and is started again"]
    assert not is_running(second)
    assert not accepts(port)


def test_a_process_of_one_room_answers_for_no_other(shop: Shop, tmp_path: Path) -> None:
    port = free_port()
    with House(["vault"], port=port, log_folder=tmp_path) as house:
        assert [part.name for part in house.parts] == ["pages"]
        assert house.addresses() == [("signing in", f"http://safe.localhost:{port}")]
        for host, status in (("safe.localhost", 200), ("office.localhost", 404), ("localhost", 404)):
            answer = httpx.get(f"http://127.0.0.1:{port}/health", headers={"Host": f"{host}:{port}"})
            assert answer.status_code == status


def test_a_part_that_dies_again_and_again_closes_the_house(shop: Shop, tmp_path: Path) -> None:
    house = House(["vault"], port=free_port(), log_folder=tmp_path)
    house.parts = (Part("pages", (sys.executable, "-c", "raise SystemExit(3)"), port=free_port()),)
    with pytest.raises(HouseFell, match=f"pages died {RESTARTS_MAX + 1} times within a minute; see .*pages.log"):
        house.__enter__()
    assert house.process_id("pages") is None


def test_pages_that_must_not_open_say_why(shop_on_own_server: Shop, tmp_path: Path) -> None:
    with psycopg.connect(database.administrator_conninfo(), autocommit=True) as connection:
        connection.execute("ALTER ROLE comptoir_square SUPERUSER")
    with pytest.raises(HouseFell, match="pages died"), House(["square"], port=free_port(), log_folder=tmp_path):
        pass
    assert "- the role comptoir_square is superuser" in (tmp_path / "pages.log").read_text()


def test_a_port_in_use_is_named(shop: Shop) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(HouseFell, match=f"port {port} is in use"):
            House(["office"], port=port).start()


def test_a_part_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="cellar"):
        House(["cellar"])


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminate"])
def test_serve_says_what_to_open_and_ends_cleanly(shop: Shop, end: signal.Signals, tmp_path: Path) -> None:
    port = free_port()
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from comptoir.config.command import main; main()",
                "serve",
                "--room",
                "vault",
                "--port",
                str(port),
            ],
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until(lambda: b"safe.localhost" in (tmp_path / "out").read_bytes(), what="the address")
        process.send_signal(end)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
    assert (tmp_path / "out").read_text() == f"signing in:            http://safe.localhost:{port}\n"
    assert not accepts(port)


def test_a_killed_house_leaves_nothing_behind(shop: Shop, tmp_path: Path) -> None:
    port = free_port()
    program = (
        "import sys, threading\n"
        "from pathlib import Path\n"
        "from comptoir.config.serving import House\n"
        "with House(['vault'], port=int(sys.argv[1]), log_folder=Path(sys.argv[2])) as house:\n"
        "    print(house.process_id('pages'), flush=True)\n"
        "    threading.Event().wait()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(port), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    part = int(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdout.close()
    wait_until(lambda: not is_running(part), what="the end of the part")
    wait_until(lambda: not accepts(port), what="the end of the worker")


def test_the_public_port_is_the_pages_own_without_a_proxy() -> None:
    with environment(COMPTOIR_DOMAIN="shop.example", COMPTOIR_PORT=None):
        assert House(["office"], port=8003).addresses() == [("the console", "https://office.shop.example")]
    with environment(COMPTOIR_DOMAIN=None, COMPTOIR_PORT=None):
        assert House(["office"], port=8003).addresses() == [("the console", "http://office.localhost:8003")]
