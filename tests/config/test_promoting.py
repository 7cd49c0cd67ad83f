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

import msgspec
import pytest

from comptoir.config.replaying import promoted
from comptoir.foundation.rooms.commands import set_up_django

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.config import promoting
from comptoir.office.experiments.contracts import Effects

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


def effects(*, notices: tuple[str, ...], looked: tuple[float, float] | None) -> Effects:
    """Return what was measured of one arm, whose interval for one look leaves out 0."""
    low, high = looked or (None, None)
    said = {
        "arm": "a", "n": 200, "mean": 12.0, "effect": 2.0, "low": 0.5, "high": 3.5, "p_value": 0.01,
        "p_value_alone": 0.01, "standard_error": 0.75, "degrees_of_freedom": 250.0, "detectable": 2.2,
        "low_at_every_look": low, "high_at_every_look": high, "variance_removed": None, "clusters": None,
        "money": None, "groups": [], "groups_differ_p_value": None, "verdict": "cannot_tell",
    }  # fmt: skip
    whole = {
        "verdict": "cannot_tell", "sentence": "", "srm_p_value": None, "kind": "continuous", "method": "welch",
        "level": 0.95, "rows": 260, "left_out": 0, "as_zero": 0,
        "control": {"arm": "holdout", "n": 60, "mean": 10.0, "clusters": None}, "arms": [said],
        "notices": [{"name": each, "text": ""} for each in notices],
    }  # fmt: skip
    return msgspec.convert(whole, Effects)


@pytest.mark.parametrize(
    ("notices", "looked", "told"),
    [
        (("one_look",), (-0.5, 4.5), {"verdict": "cannot_tell", "effect": 2.0, "low": -0.5, "high": 4.5}),
        (("one_look",), None, {"verdict": "cannot_tell"}),
        ((), (-0.5, 4.5), {"verdict": "better", "effect": 2.0, "low": 0.5, "high": 3.5}),
    ],
    ids=["for every look", "too few to look", "for one look"],
)
def test_the_closing_line_tells_the_interval_that_decides_on_the_page(
    notices: tuple[str, ...], looked: tuple[float, float] | None, told: dict[str, object]
) -> None:
    assert promoting.change_of(effects(notices=notices, looked=looked)) == told


def test_who_comes_is_drawn_by_lot_and_the_same_every_time() -> None:
    drawn = [promoted.is_drawn(f"2017-{number:07}", 0.4, "comes") for number in range(5_000)]
    assert 0.37 < sum(drawn) / 5_000 < 0.43
    assert drawn == [promoted.is_drawn(f"2017-{number:07}", 0.4, "comes") for number in range(5_000)]
    other = [promoted.is_drawn(f"2017-{number:07}", 0.4, "stays") for number in range(5_000)]
    assert 0.4 < sum(one == two for one, two in zip(drawn, other, strict=True)) / 5_000 < 0.6
