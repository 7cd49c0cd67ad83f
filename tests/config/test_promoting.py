"""The demo's campaign goes all the way, from a segment to what it changed, once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comptoir.config.replaying import promoted

pytestmark = pytest.mark.xdist_group("demo")
COMMAND = (sys.executable, "-c", "from comptoir.config.command import main; main()")


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not below pytest's own folder, which every other run of pytest closes to the database server's user.
    path = Path(tempfile.mkdtemp(prefix="comptoir-campaign-"))
    yield path
    shutil.rmtree(path)


def run(folder: Path, *arguments: str) -> dict[str, Any]:
    settings = {name: value for name, value in os.environ.items() if not name.startswith("COMPTOIR_")}
    done = subprocess.run(
        [*COMMAND, *arguments], env={**settings, "COMPTOIR_DATA": str(folder)}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_a_campaign_goes_all_the_way_once(folder: Path) -> None:
    load = ("demo", "--until", "2017-01-09", "--no-serve", "--json")
    went = run(folder, *load)["campaign"]
    assert went["sent"] > 150
    # One in four is held out by chance; two in a hundred get nothing of anything.
    assert 0.15 < went["held_out"] / (went["sent"] + went["held_out"]) < 0.35
    assert 0.3 < went["redeemed"] / went["sent"] < 0.5
    assert went["low"] < went["effect"] < went["high"]
    letters = b"".join(path.read_bytes() for path in (folder / "mail").glob("*.log"))
    assert letters.count(b"Subject: Three dollars off your next basket") == went["sent"]
    assert letters.count(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click") == went["sent"]
    assert letters.count(b"you asked for offers by e-mail") >= went["sent"]
    assert run(folder, *load)["campaign"] is None
    again = b"".join(path.read_bytes() for path in (folder / "mail").glob("*.log"))
    assert again == letters
    assert run(folder, "doctor", "--json")["healthy"] is True


def test_who_comes_is_drawn_by_lot_and_the_same_every_time() -> None:
    drawn = [promoted.is_drawn(f"2017-{number:07}", 0.4, "comes") for number in range(5_000)]
    assert 0.37 < sum(drawn) / 5_000 < 0.43
    assert drawn == [promoted.is_drawn(f"2017-{number:07}", 0.4, "comes") for number in range(5_000)]
    other = [promoted.is_drawn(f"2017-{number:07}", 0.4, "stays") for number in range(5_000)]
    assert 0.4 < sum(one == two for one, two in zip(drawn, other, strict=True)) / 5_000 < 0.6
