"""``comptoir effects``: what a file says, what it refuses, and that it never says a figure that it should not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("scipy", reason="the extra `effects` is not installed")

from comptoir.config import command
from comptoir.office.experiments import reading

ASKED = ("--arm", "arm", "--control", "none", "--outcome", "bought")


def ran(path: Path, *options: str, asked: tuple[str, ...] = ASKED) -> Result:
    return CliRunner().invoke(command.main, ["effects", str(path), *asked, *options])


def said(path: Path, *options: str, asked: tuple[str, ...] = ASKED) -> dict[str, Any]:
    done = ran(path, *options, "--json", asked=asked)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def written(path: Path, *rows: str, header: str = "arm,bought") -> Path:
    path.write_text("\n".join((header, *rows, "")), encoding="utf-8")
    return path


def shares(path: Path, **arms: tuple[int, int]) -> Path:
    """Write a file in which of each arm's people so many bought."""
    return written(path, *(f"{arm},{int(i < some)}" for arm, (some, of) in arms.items() for i in range(of)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "results.csv"


@pytest.fixture
def campaign(file: Path) -> Path:
    """Have a campaign in which mail adds 6 to what each person spends, a call nothing, and last year says much."""
    generator = np.random.default_rng(20240304)
    rows = []
    for number in range(3_000):
        arm = ("none", "mail", "call")[number % 3]
        before = generator.gamma(4, 20)
        spent = before + generator.normal(20, 15) + 6 * (arm == "mail")
        rows.append(f"{number},{arm},{before:.2f},{spent:.2f},{'ABCDEFGH'[number % 8]},shop-{number % 61}")
    return written(file, *rows, header="id,arm,before,spent,town,shop")


SPENT = ("--arm", "arm", "--control", "none", "--outcome", "spent")


# -- what a file says ---------------------------------------------------------------------------------------------


def test_two_shares_as_newcombe_published_them(file: Path) -> None:
    found = said(shares(file, none=(48, 80), mail=(56, 70)))
    assert (found["method"], found["kind"], found["verdict"]) == ("newcombe", "binary", "better")
    assert found["control"] == {"arm": "none", "n": 80, "mean": 0.6, "clusters": None}
    (arm,) = found["arms"]
    assert (arm["arm"], arm["n"], arm["mean"]) == ("mail", 70, 0.8)
    assert (round(arm["effect"], 4), round(arm["low"], 4), round(arm["high"], 4)) == (0.2, 0.0524, 0.3339)
    # Pearson's chi-square of 48, 32 and 56, 14 is 7.0234.
    assert round(arm["p_value"], 5) == 0.00805
    assert found["srm_p_value"] == pytest.approx(0.4142, abs=1e-4)


def test_a_table_and_a_sentence(campaign: Path) -> None:
    done = ran(campaign, "--covariate", "before", asked=SPENT)
    assert done.exit_code == 0
    assert "mail worked: " in done.stdout
    assert "call: cannot tell yet." in done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines()[1:5]] == ["arm", "none", "mail", "call"]


def test_last_years_spending_makes_the_interval_short_and_leaves_the_effect(campaign: Path) -> None:
    plain, adjusted = (said(campaign, *more, asked=SPENT)["arms"][0] for more in ((), ("--covariate", "before")))
    assert plain["arm"] == adjusted["arm"] == "mail"
    assert plain["low"] < 6 < plain["high"]
    assert adjusted["low"] < 6 < adjusted["high"]
    assert (adjusted["high"] - adjusted["low"]) < (plain["high"] - plain["low"]) / 2
    assert adjusted["variance_removed"] > 0.7


def test_several_arms_are_corrected(campaign: Path) -> None:
    mail, call = said(campaign, asked=SPENT)["arms"]
    assert sorted((mail["p_value_alone"] * 2, call["p_value_alone"])) == sorted((mail["p_value"], call["p_value"]))
    alone = written(
        campaign.with_name("alone.csv"),
        *(line for line in campaign.read_text().splitlines()[1:] if ",call," not in line),
        header="id,arm,before,spent,town,shop",
    )
    (only,) = said(alone, asked=SPENT)["arms"]
    assert only["effect"] == pytest.approx(mail["effect"])
    assert only["high"] - only["low"] < mail["high"] - mail["low"]


def test_it_paid_or_lost_money_or_cannot_be_told(campaign: Path) -> None:
    money = ("--covariate", "before", "--margin", "0.5")
    cheap = said(campaign, *money, "--cost-per-contact", "0.5", asked=SPENT)
    mail, call = cheap["arms"]
    assert (cheap["verdict"], mail["verdict"], mail["money"]["cost"]) == ("paid", "paid", 500)
    assert mail["money"]["earned"] == pytest.approx(1_000 * 0.5 * mail["effect"])
    assert mail["money"]["profit_low"] == pytest.approx(1_000 * 0.5 * mail["low"] - 500)
    assert call["verdict"] == "lost_money"
    dear = said(campaign, *money, "--cost-per-contact", "9", asked=SPENT)
    assert dear["verdict"] == "lost_money"
    assert dear["sentence"].startswith("mail lost money: it cost 9,000 and earned ")
    # It works, and does not pay.
    assert dear["arms"][0]["low"] > 0
    even = said(campaign, *money, "--cost-per-contact", f"{0.5 * mail['effect']:.2f}", asked=SPENT)
    assert [arm["verdict"] for arm in even["arms"]] == ["cannot_tell", "lost_money"]
    assert even["verdict"] == "cannot_tell"


def test_a_wrong_ratio_overrules_everything(file: Path) -> None:
    shares(file, none=(100, 1_000), mail=(400, 1_200))
    found = said(file, "--cost-per-contact", "0.1", "--margin", "10")
    assert found["srm_p_value"] < 0.001
    assert (found["verdict"], found["arms"][0]["verdict"]) == ("mismatch", "mismatch")
    assert found["sentence"].startswith("Do not read the effects")
    assert "chance alone does this in one of 49,804 cases" in found["sentence"]
    assert "say so with --shares" in found["sentence"]
    others = said(file, "--shares", "none=1,mail=9")
    assert (others["verdict"], "--shares" in others["sentence"]) == ("mismatch", False)
    as_planned = said(file, "--cost-per-contact", "0.1", "--margin", "10", "--shares", "none=5,mail=6")
    assert (as_planned["srm_p_value"], as_planned["verdict"]) == (1.0, "paid")


def test_clusters_are_what_is_counted(file: Path) -> None:
    generator = np.random.default_rng(1)
    rows = []
    for shop in range(12):
        own = generator.normal(0, 10)
        rows += [
            f"{'mail' if shop % 2 else 'none'},{50 + own + generator.normal():.3f},s{shop}"
            for _ in range(40 + 20 * (shop % 2))
        ]
    written(file, *rows, header="arm,bought,shop")
    plain, found = said(file), said(file, "--cluster", "shop")
    assert (found["method"], found["control"]["clusters"], found["arms"][0]["clusters"]) == ("clustered", 6, 6)
    # As many shops in each arm: the ratio is as planned, though the people are not.
    assert (plain["verdict"], found["srm_p_value"]) == ("mismatch", 1.0)
    assert found["arms"][0]["degrees_of_freedom"] == pytest.approx(10, abs=1.5)
    assert (found["arms"][0]["high"] - found["arms"][0]["low"]) > 3 * (
        plain["arms"][0]["high"] - plain["arms"][0]["low"]
    )
    assert "few_clusters" in {each["name"] for each in found["notices"]}
    # Shops whose people are in several arms were not what was assigned.
    mixed = said(
        written(
            file, *(f"{'mail' if i % 2 else 'none'},{i % 7},s{i % 5}" for i in range(400)), header="arm,bought,shop"
        ),
        "--cluster",
        "shop",
    )
    assert "clusters_in_several_arms" in {each["name"] for each in mixed["notices"]}


def test_groups_warn_of_fishing_and_are_corrected(campaign: Path) -> None:
    found = said(campaign, "--covariate", "before", "--by", "town", asked=SPENT)
    mail = found["arms"][0]
    assert sorted(each["group"] for each in mail["groups"]) == list("ABCDEFGH")
    assert sum(each["n"] for each in mail["groups"]) == mail["n"]
    assert mail["groups_differ_p_value"] > 0.01
    assert all(each["low"] < 6 < each["high"] for each in mail["groups"])
    (fishing,) = (each["text"] for each in found["notices"] if each["name"] == "fishing")
    assert "16 groups" in fishing
    assert "56%" in fishing


def test_a_group_is_compared_at_its_own_mean_of_the_covariate(file: Path) -> None:
    generator = np.random.default_rng(7)
    rows, truth = [], {"small": 0.0, "large": 0.0}
    for number in range(4_000):
        group, mean = ("small", 5.0) if number % 2 else ("large", 200.0)
        before = max(0.0, float(generator.normal(mean, mean / 5)))
        mailed = number % 4 < 2
        truth[group] += 0.1 * before / 2_000
        spent = before + (0.1 * before if mailed else 0.0) + float(generator.normal(0, 2))
        rows.append(f"{'mail' if mailed else 'none'},{spent:.3f},{before:.3f},{group}")
    written(file, *rows, header="arm,spent,before,size")
    found = said(file, "--covariate", "before", "--by", "size", asked=SPENT)
    groups = {each["group"]: each for each in found["arms"][0]["groups"]}
    for name, effect in truth.items():
        assert groups[name]["low"] < effect < groups[name]["high"], name
    assert groups["small"]["high"] < 2
    assert groups["large"]["low"] > 15
    assert found["arms"][0]["groups_differ_p_value"] < 0.001


def test_who_looks_before_the_end_gets_the_wider_interval(campaign: Path) -> None:
    looked = said(campaign, "--every-look", "--covariate", "before", asked=SPENT)
    for arm in looked["arms"]:
        assert arm["low_at_every_look"] < arm["low"]
        assert arm["high"] < arm["high_at_every_look"]
    assert looked["verdict"] == "better"
    early = written(campaign, *campaign.read_text().splitlines()[1:121], header="id,arm,before,spent,town,shop")
    found = said(early, "--every-look", asked=SPENT)
    assert (found["verdict"], found["arms"][0]["low_at_every_look"]) == ("cannot_tell", None)
    assert "too few people to look" in found["sentence"]


def test_empty_cells_are_refused_or_zero_or_left_out(file: Path) -> None:
    rows = [f"{'mail' if i % 2 else 'none'},{'' if i % 10 == 0 else i % 3}" for i in range(200)]
    written(file, *rows)
    assert "Line 2: the column 'bought' is empty" in ran(file).stderr
    zero, left_out = said(file, "--empty", "zero"), said(file, "--empty", "leave_out")
    assert (zero["as_zero"], zero["left_out"], zero["control"]["n"]) == (20, 0, 100)
    assert (left_out["as_zero"], left_out["left_out"], left_out["control"]["n"], left_out["rows"]) == (0, 20, 80, 200)
    # Who was left out was assigned all the same.
    assert left_out["srm_p_value"] == 1
    (text,) = (each["text"] for each in left_out["notices"] if each["name"] == "left_out")
    assert "Arms differ in how many" in text


def test_a_file_as_spreadsheets_save_it(file: Path) -> None:
    plain = said(shares(file, none=(30, 100), mail=(45, 100)))
    lines = file.read_text().replace(",", ";").replace("none", '"none"').replace("\n", "\r\n")
    file.write_bytes(b"\xef\xbb\xbf" + lines.encode())
    assert said(file) == plain


def test_names_are_shown_as_they_are(file: Path) -> None:
    rows = [f"{arm},{i % 4}" for i in range(200) for arm in ("none", "[bold]<b>&10% off[/]")]
    written(file, *rows)
    picture = file.with_suffix(".svg")
    done = ran(file, "--picture", str(picture))
    assert "[bold]<b>&10% off[/]" in done.stdout
    root = ET.fromstring(picture.read_text())  # noqa: S314 - drawn here
    space = "{http://www.w3.org/2000/svg}"
    title, text = root.find(f"{space}title"), root.find(f"{space}desc")
    assert title is not None
    assert text is not None
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{title.get('id')} {text.get('id')}"
    assert title.text == "Effect on bought for each person"
    assert "[bold]<b>&10% off[/]" in (text.text or "")


# -- what is refused ----------------------------------------------------------------------------------------------

GOOD = ("none,0", "none,1", "mail,1", "mail,0")


@pytest.mark.parametrize(
    ("rows", "options", "problem", "field", "detail"),
    [
        (GOOD, ("--outcome", "spent"), "column_missing", "spent", "There are: arm, bought"),
        (GOOD, ("--control", "nobody"), "arms_incomplete", "arm", "'nobody'"),
        (("none,0", "none,1"), (), "arms_incomplete", "arm", "nothing else"),
        ((), (), "arms_incomplete", "arm", "no row"),
        (GOOD[:3], (), "arms_incomplete", "arm", "'mail' has too few rows, 1"),
        (("none,0",), (), "arms_incomplete", "arm", "nothing else"),
        (GOOD, ("--shares", "none=1,mail=1,call=1"), "arms_incomplete", "arm", "'call'"),
        (GOOD, ("--shares", "none=1"), "shares_invalid", "--shares", "'mail'"),
        (GOOD, ("--shares", "none=1,mail=-1"), "shares_invalid", "--shares", "mail=-1"),
        (GOOD, ("--shares", "none:1"), "shares_invalid", "--shares", "none:1"),
        ((*GOOD, "mail,much"), (), "cell_refused", "bought", "Line 6: the column 'bought' holds no number, 'much'"),
        ((*GOOD, "mail,1_0"), (), "cell_refused", "bought", "Line 6"),
        ((*GOOD, 'mail,"1,5"'), (), "cell_refused", "bought", "Line 6"),
        ((*GOOD, "mail,=A2+1"), (), "cell_refused", "bought", "a formula"),
        ((*GOOD, "mail,inf"), (), "cell_refused", "bought", "Line 6"),
        ((*GOOD, "mail,1e300"), (), "cell_refused", "bought", "million million"),
        ((*GOOD, "mail,NaN"), (), "cell_refused", "bought", "is empty"),
        ((*GOOD, "mail,"), (), "cell_refused", "bought", "Line 6"),
        ((*GOOD, ",1"), (), "cell_refused", "arm", "Line 6: the column 'arm' is empty"),
        ((*GOOD, "=mail,1"), (), "cell_refused", "arm", "a formula"),
        ((*GOOD, "\x1b[31mred,1"), (), "cell_refused", "arm", "cannot be shown"),
        ((*GOOD, f"{'m' * 101},1"), (), "cell_refused", "arm", "100 characters"),
        ([f"arm{i},{i % 2}" for i in range(21)], (), "cell_refused", "arm", "more than 20"),
        (("none,5", "none,5", "mail,7", "mail,7"), (), "no_spread", "bought", "no surprise"),
        (("none,1", "none,1", "mail,1", "mail,1"), (), "no_spread", "bought", "1 in every row"),
        (("mail,0", "none,1"), ("--covariate", "arm"), "cell_refused", "arm", "no number"),
        ((*GOOD, "none,2", "mail,2"), ("--cluster", "arm"), "arms_incomplete", "arm", "too few clusters, 1"),
        (GOOD, ("--person", "bought"), "person_repeated", "bought", "Line 4"),
        ((*GOOD, "mail,1,1"), (), "results_unreadable", "FILE", "Line 6 has 3 cells"),
        ((*GOOD, 'mail,"1'), (), "results_unreadable", "FILE", "is not CSV"),
    ],
)  # fmt: skip
def test_bad_input_is_a_problem_that_says_where(
    file: Path, rows: tuple[str, ...], options: tuple[str, ...], problem: str, field: str, detail: str
) -> None:
    done = ran(written(file, *rows), *options, "--json")
    assert (done.exit_code, done.stdout) == (2, "")
    members = json.loads(done.stderr)
    assert (members["type"], members["field"]) == (f"urn:comptoir:problem:{problem}", field)
    assert detail in members["detail"]
    # The same for people.
    spoken = ran(file, *options)
    assert (spoken.exit_code, spoken.stdout) == (2, "")
    assert members["detail"] in spoken.stderr


def test_a_file_that_cannot_be_read_is_a_problem(file: Path) -> None:
    contents = {
        b"": "It is empty",
        b"arm,bought\nnone,1\nma\xefl,0\n": "Line 3 is not UTF-8",
        "arm,bought\nnone,1\n".encode("utf-16"): "Line 1 is not UTF-8",
    }
    for content, detail in contents.items():
        file.write_bytes(content)
        done = ran(file, "--json")
        assert (done.exit_code, done.stdout) == (2, "")
        assert detail in json.loads(done.stderr)["detail"]
    for path in (file.with_name("gone.csv"), file.parent, Path("/dev/zero")):
        done = ran(path, "--json")
        assert (done.exit_code, done.stdout) == (2, "")
        assert json.loads(done.stderr)["type"] == "urn:comptoir:problem:results_unreadable"
    header_twice = written(file, *GOOD, header="arm,arm")
    assert "stands in the header twice" in ran(header_twice).stderr


def test_a_file_of_five_gigabytes_is_refused_at_once(file: Path) -> None:
    with file.open("wb") as large:
        large.truncate(5_000_000_000)
    done = ran(file, "--json")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "5,000,000,000 bytes" in json.loads(done.stderr)["detail"]


def test_more_rows_than_are_read_are_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "ROWS_MAX", 3)
    assert "more than 3 rows" in ran(written(file, *GOOD)).stderr


CELLS = st.sampled_from(
    ["none", "mail", "call", "0", "1", "1", "2", "-3.5", "1e11", "", "x", "é", "=1", "nan", '"', "a,b"]
)


@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), max_size=30),
    options=st.lists(
        st.sampled_from(
            [
                ("--covariate", "x"), ("--cluster", "g"), ("--by", "g"), ("--empty", "zero"), ("--empty", "leave_out"),
                ("--margin", "0.3"), ("--every-look",), ("--shares", "none=1,mail=2"), ("--person", "x"),
            ]
        ),
        max_size=4, unique=True,
    ),
    clean=st.booleans(),
)  # fmt: skip
def test_whatever_a_file_says_there_is_an_answer_or_a_problem(
    rows: list[tuple[str, ...]], options: list[tuple[str, ...]], clean: bool
) -> None:
    if clean:
        # Arms and numbers where they belong, so that more of the files say something.
        numbers = {
            "none": "0",
            "mail": "1",
            "call": "7",
            "x": "3",
            "": "4",
            "é": "5",
            "=1": "6",
            "nan": "8",
            '"': "9",
            "a,b": "2",
        }
        rows = [
            (("none", "mail")[len(a) % 2], *(numbers.get(each, each) for each in rest)) for a, *rest in rows
        ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder) / "results.csv", *map(",".join, rows), header="arm,bought,x,g")
        done = ran(path, *(word for each in options for word in each), "--json")
    assert done.exit_code in {0, 2}, done.exception
    if done.exit_code == 2:
        assert done.stdout == ""
        assert json.loads(done.stderr)["detail"]
        return
    for arm in json.loads(done.stdout, parse_constant=pytest.fail)["arms"]:
        assert arm["low"] <= arm["effect"] <= arm["high"]
        assert 0 <= arm["p_value_alone"] <= arm["p_value"] <= 1


def test_options_that_contradict_each_other_are_refused(file: Path) -> None:
    written(file, *GOOD)
    for options in (("--cost-per-contact", "1"), ("--margin", "nan"), ("--margin", "-1"), ("--planned", "1")):
        done = ran(file, *options, "--json")
        assert (done.exit_code, done.stdout) == (2, "")
    results = file.read_text()
    for picture in (file / "nowhere.svg", file):
        done = ran(file, "--picture", str(picture), "--json")
        assert (done.exit_code, done.stdout) == (2, "")
    assert file.read_text() == results


def test_the_program_itself_in_a_process_of_its_own(file: Path) -> None:
    shares(file, none=(48, 80), mail=(56, 70))
    comptoir = Path(sys.executable).with_name("comptoir")
    done = subprocess.run([comptoir, "effects", file, *ASKED, "--json"], capture_output=True, text=True, check=True)
    assert (json.loads(done.stdout)["verdict"], done.stderr) == ("better", "")
    done = subprocess.run(
        [comptoir, "effects", file, "--arm", "arm", "--control", "x", "--outcome", "bought", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")


# -- real experiments ---------------------------------------------------------------------------------------------

REAL = Path(os.environ.get("COMPTOIR_TEST_DATA") or Path(__file__).parents[3] / "shared" / "data") / "causaldata"


def real(name: str, columns: list[str], path: Path) -> Path:
    import pandas as pd

    source = REAL / name / f"{name}.dta"
    if not source.exists():
        pytest.skip(f"{name} is not here (the package causaldata has it; set COMPTOIR_TEST_DATA)")
    pd.read_stata(source)[columns].dropna().to_csv(path, index=False)
    return path


def test_a_training_programme_as_it_was_published(file: Path) -> None:
    """National Supported Work, by lot: 1,794 dollars more in 1978 (Dehejia, Wahba 1999, JASA 94:1053, table 3)."""
    real("nsw_mixtape", ["treat", "re75", "re78"], file)
    asked = ("--arm", "treat", "--control", "0", "--outcome", "re78")
    found = said(file, "--shares", "0=260,1=185", asked=asked)
    assert (found["control"]["n"], found["arms"][0]["n"]) == (260, 185)
    assert round(found["arms"][0]["effect"]) == 1794
    # Welch's standard error is 671; theirs, for equal variances, is 633.
    assert round(found["arms"][0]["standard_error"]) == 671
    adjusted = said(file, "--covariate", "re75", asked=asked)["arms"][0]
    assert adjusted["low"] < 1794 < adjusted["high"]


def test_an_incentive_as_it_was_published(file: Path) -> None:
    """Who fetches an HIV result: 34 % without a voucher, twice as many with one (Thornton 2008, AER 98:1829)."""
    real("thornton_hiv", ["any", "got", "villnum"], file)
    asked = ("--arm", "any", "--control", "0.0", "--outcome", "got")
    found = said(file, "--shares", "0.0=0.234,1.0=0.766", asked=asked)
    assert round(found["control"]["mean"], 2) == 0.34
    assert found["arms"][0]["mean"] > 2 * 0.34
    assert found["arms"][0]["low"] < 0.45 < found["arms"][0]["high"]
