"""The demo opens a shop from nothing, finds it again, and closes cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from comptoir.config import opening
from comptoir.config.commands.demo import until_told
from comptoir.config.replaying.keyring import Keyring
from support.processes import accepts, free_port, wait_until

#: The tests follow one shop through its life, so they stay together.
pytestmark = pytest.mark.xdist_group("demo")
#: What the demo carries to its square, if it lies beside the checkout.
WHOLE_DUMP = Path("../shared/data/stackexchange_french_meta")
COMMAND = (sys.executable, "-c", "from comptoir.config.command import main; main()", "demo", "--until", "2017-01-03")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """The folder of a shop that the tests of this module open one after the other."""
    # Not below pytest's own folder, which every other run of pytest closes to the database server's user.
    path = Path(tempfile.mkdtemp(prefix="comptoir-demo-"))
    yield path
    shutil.rmtree(path)


def environment(folder: Path) -> dict[str, str]:
    settings = {name: value for name, value in os.environ.items() if not name.startswith("COMPTOIR_")}
    # Of the few who agree in two days enough are held out, whatever chance draws.
    return {
        **settings, "COMPTOIR_DATA": str(folder), "COMPTOIR_PRETEND_PORT": str(free_port()),
        "COMPTOIR_RECOMMENDATIONS_HOLDOUT": "50",
    }  # fmt: skip


def loaded(folder: Path, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [*COMMAND, "--no-serve", "--json", *arguments], env=environment(folder), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture(scope="module")
def first(folder: Path) -> dict[str, Any]:
    """The result of the first loading."""
    return loaded(folder)


def test_the_first_demo_loads_everything_once(first: dict[str, Any]) -> None:
    assert first["events"] == first["accepted"] + first["refused"]
    assert first["events"] > 704
    assert set(first["refused_by_reason"]) <= {"currency_not_accepted", "insufficient_points", "proof_missing"}
    assert (first["duplicates"], first["skipped"]) == (0, 0)
    assert first["ledger_ok"] is True
    assert first["customers"] > 500
    assert first["points_earned"] > 10_000
    assert first["seconds"] > 0


def test_the_demos_square_is_alive(first: dict[str, Any]) -> None:
    said = first["community"]["said"]
    assert (said["accepted"], said["refused"], said["duplicates"]) == (134, 0, 0)
    # Every reviewer has bought what they review; who is thanked first is chosen by chance, five at least.
    assert first["community"]["confirmed"] == 7
    assert 10 <= first["community"]["thanked"] <= 13
    if WHOLE_DUMP.is_dir():
        assert first["community"]["carried"]["sent"]["refused"] == 0
        assert first["community"]["carried"]["posts"] == 2_066
    else:
        assert "carried" not in first["community"]


def test_the_demos_coupons_are_there(first: dict[str, Any]) -> None:
    # 1,197 coupons of 27 campaigns, to whom they went, and 2,102 redemptions; and one promotion with a coupon to try.
    assert first["coupons"] == {"accepted": 1_197 + 6_589 + 2_102 + 2, "refused": 0}


def test_the_demo_sells_in_every_way_and_takes_back(folder: Path, first: dict[str, Any]) -> None:
    sold = first["selling"]
    assert sold["failed"] == 0
    assert (sold["orders"], sold["parcels"]) == (20, 3)
    assert sold["states"] == {"cancelled": 1, "handed_over": 14, "paid": 2, "placed": 1, "returned": 2}
    assert (sold["back"], sold["till_returns"], sold["coupons"], sold["gift_cards"]) == (8, 1, 3, 9)
    assert set(sold["paid"]) == {"provider", "points", "gift_card", "cash", "card"}
    assert set(sold["returned"]) == {"provider", "points", "gift_card", "by_hand"}


def test_customers_agree_to_recommendations_and_chance_holds_some_out(folder: Path, first: dict[str, Any]) -> None:
    went = first["recommendations"]
    assert went["agreed"] > 40
    assert went["shown"] + went["held_out"] == went["agreed"]
    assert went["shown"] > 10
    assert went["held_out"] > 10
    # Of so few nobody can tell yet, and so no effect is named.
    assert (went["verdict"], set(went) & {"effect", "low", "high"}) == ("cannot_tell", set())


def examined(folder: Path) -> list[str]:
    """Return what does not hold of the demo's data, as the doctor says."""
    command = (*COMMAND[:3], "doctor", "--json")
    done = subprocess.run(command, env=environment(folder), capture_output=True, check=False)
    report = json.loads(done.stdout)
    assert len(report["checks"]) > 50
    return [each["name"] for each in report["checks"] if not each["holds"]]


def test_the_doctor_proves_every_sum_of_the_demo(folder: Path, first: dict[str, Any]) -> None:
    assert examined(folder) == []


def test_the_second_demo_adds_nothing(folder: Path, first: dict[str, Any]) -> None:
    second = loaded(folder)
    for name in ("selling", "recommendations"):
        assert {**second[name], "seconds": 0} == {**first[name], "seconds": 0}
    assert (second["events"], second["duplicates"]) == (first["events"], first["events"])
    assert (second["accepted"], second["refused"]) == (0, 0)
    for name in ("customers", "points_earned", "ledger_ok"):
        assert second[name] == first[name]
    for name, sent in (
        ("said", second["community"]["said"]),
        ("carried", second["community"].get("carried", {}).get("sent")),
    ):
        assert sent is None or (sent["accepted"], sent["refused"]) == (0, 0), name


class Open:
    """A demo that is open: its process, and what it has said so far."""

    def __init__(self, process: subprocess.Popen[bytes], said: Path, port: int, gateway_port: int) -> None:
        self.process = process
        self.port = port
        self.gateway_port = gateway_port
        self._said = said

    @property
    def text(self) -> str:
        return self._said.read_text(errors="replace")


@contextlib.contextmanager
def opened(folder: Path, said: Path) -> Iterator[Open]:
    """Have the demo with its pages open, at a day in two seconds."""
    port, gateway_port = free_port(), free_port()
    arguments = ["--port", str(port), "--gateway-port", str(gateway_port), "--day-seconds", "2"]
    with said.open("wb") as output:
        process = subprocess.Popen(
            # As a script's background process begins: its shell has Ctrl-C ignored.
            ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *COMMAND, *arguments],
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    demo = Open(process, said, port, gateway_port)
    try:
        wait_until(
            lambda: process.poll() is not None or "The year goes on" in demo.text,
            what="the open demo",
            seconds_max=180,  # everything starts at once here, perhaps beside three other tests
        )
        assert process.poll() is None, demo.text
        yield demo
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def open_demo(folder: Path, first: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """The demo that the following tests look at; the last of them closes it."""
    with opened(folder, tmp_path_factory.mktemp("open") / "said") as demo:
        yield demo


def balance(demo: Open, folder: Path) -> int:
    header = (folder / "keys" / "demo-till.header").read_text().strip().removeprefix("Authorization: ")
    gateway = f"http://127.0.0.1:{demo.gateway_port}"
    headers = {"authorization": header}
    customer = httpx.post(
        f"{gateway}/v1/customers/resolve", json={"kind": "card", "value": "2017-0002337"}, headers=headers
    ).json()["customer"]
    available: int = httpx.get(f"{gateway}/v1/customers/{customer}/balance", headers=headers).json()["balance"][
        "available"
    ]
    return available


def test_the_open_demo_can_be_looked_at_and_goes_on(open_demo: Open, folder: Path) -> None:
    for name in ("localhost", "office.localhost", "my.localhost", "safe.localhost"):
        assert f"http://{name}:{open_demo.port}" in open_demo.text
    card = re.search(rf"http://my\.localhost:{open_demo.port}(/card/\S+)", open_demo.text)
    assert card is not None
    page = httpx.get(
        f"http://127.0.0.1:{open_demo.port}{card[1]}",
        headers={"host": f"my.localhost:{open_demo.port}"},
        follow_redirects=False,
    )
    assert page.status_code in {200, 302, 303}
    assert re.search(rf"http://safe\.localhost:{open_demo.port}/\S+", open_demo.text)
    before = balance(open_demo, folder)
    # The card of the demo is used nearly every day.
    wait_until(lambda: balance(open_demo, folder) != before, what="a sale of the demo's shopper")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing: the printed command was not tried")
def test_the_printed_command_sells_something_each_time(open_demo: Open) -> None:
    command = open_demo.text.split("Sell something", 1)[1].split("N=$(date", 1)[1].split("\n\n", 1)[0]
    ids = set()
    for _ in range(2):
        done = subprocess.run(["bash", "-c", f"N=$(date{command}"], capture_output=True, check=True)
        outcome = json.loads(done.stdout)
        assert outcome["status"] == "accepted", outcome
        assert outcome["points"] == 12
        assert outcome["balance"]["available"] >= 12
        ids.add(outcome["id"])
    assert len(ids) == 2


def closes(demo: Open, number: signal.Signals) -> None:
    demo.process.send_signal(number)
    assert demo.process.wait(timeout=60) == 0, demo.text
    assert "Closed. The next demo goes on from here" in demo.text
    assert "Traceback" not in demo.text
    assert not accepts(demo.port)
    assert not accepts(demo.gateway_port)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_forgets_that_they_were_told_to_end_is_told_again(number: signal.Signals) -> None:
    asked = 0

    async def work() -> None:
        nonlocal asked
        os.kill(os.getpid(), number)
        while asked < 3:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                asked += 1
        raise asyncio.CancelledError

    asyncio.run(asyncio.wait_for(until_told(work), 30))
    assert asked == 3


def test_what_fails_before_it_is_told_to_end_says_so() -> None:
    async def work() -> None:
        raise ValueError("no more baskets")

    with pytest.raises(ValueError, match="no more baskets"):
        asyncio.run(until_told(work))


def test_the_open_demo_closes_cleanly(open_demo: Open) -> None:
    closes(open_demo, signal.SIGINT)


def test_the_next_open_demo_goes_on_and_closes_cleanly_too(
    open_demo: Open, folder: Path, first: dict[str, Any], tmp_path: Path
) -> None:
    with opened(folder, tmp_path / "said") as demo:
        skipped = re.search(r"([\d,]+) +skipped, since a bookmark", demo.text)
        assert skipped is not None, demo.text
        assert int(skipped[1].replace(",", "")) == first["events"]
        closes(demo, signal.SIGTERM)
    # The worker was there, and some days of the year came in between.
    assert examined(folder) == []


def test_the_keys_are_for_their_owner_only(folder: Path, first: dict[str, Any]) -> None:
    for name in ("replay-keyring.json", "demo-till.header"):
        assert (folder / "keys" / name).stat().st_mode & 0o777 == 0o600


def test_a_real_shop_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPTOIR_DATA", str(tmp_path))
    (tmp_path / "touchpoints.toml").write_text("title = 'A shop of its own'\n")
    with pytest.raises(opening.NotTheDemo, match="a shop of its own"):
        opening.write_examples()
    with pytest.raises(opening.NotTheDemo, match="nothing was thrown away"):
        opening.start_anew()
    assert [path.name for path in tmp_path.iterdir()] == ["touchpoints.toml"]
    assert Keyring.load() is None


def test_examples_that_somebody_changed_stay_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPTOIR_DATA", str(tmp_path))
    opening.write_examples()
    (tmp_path / "programme.toml").write_text("changed")
    said: list[str] = []
    opening.write_examples(said.append)
    assert said == []
    assert (tmp_path / "programme.toml").read_text() == "changed"


def test_a_fresh_and_plain_demo_has_the_real_sales_only(folder: Path, first: dict[str, Any]) -> None:
    result = loaded(folder, "--fresh", "--plain")
    assert (result["events"], result["accepted"], result["refused"], result["duplicates"]) == (704, 704, 0, 0)
    # Who was made up has several cards and accounts of people that are there, and is nobody more.
    assert result["customers"] <= first["customers"]
    assert "campaign" not in result
    assert "selling" not in result
    assert "agreed" not in result["recommendations"]
    assert result["ledger_ok"] is True
