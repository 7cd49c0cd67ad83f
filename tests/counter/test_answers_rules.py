"""Which answer says yes to which age, how long, and from which age something is sold: generated histories."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir.counter.answers import codes, rules
from comptoir.counter.answers.contracts import PREDICATE_PATTERN
from comptoir.counter.answers.errors import (
    AnswerCodeInvalid,
    AnswerCodeOver,
    AnswerCodeTooYoung,
    AnswerLastsTooLong,
    ThresholdsInvalid,
)
from comptoir.counter.answers.rules import Answer, Withdrawal
from comptoir.counter.answers.thresholds import Threshold, read_thresholds, shelf, thresholds
from comptoir.foundation.kernel import shop as shop_folder
from comptoir.foundation.kernel.problem import Problem

NOW = dt.datetime(2026, 11, 26, 9, 0, tzinfo=dt.UTC)
KEY = bytes(range(32))
ages = st.integers(10, 99)
moments = st.integers(-1000, 1000).map(lambda minutes: NOW + dt.timedelta(minutes=minutes))
answers = st.builds(
    Answer,
    position=st.uuids().map(str),
    customer=st.just("c"),
    age=ages,
    method=st.sampled_from(["sd_jwt_vc", "mdoc", "in_person"]),
    given_at=moments,
    valid_until=moments,
)
withdrawals = st.builds(Withdrawal, customer=st.just("c"), age=ages, withdrawn_at=moments)


@given(ages)
def test_a_predicate_and_its_age_are_one(age: int) -> None:
    import re

    assert rules.age_of(rules.predicate_for(age)) == age
    assert re.fullmatch(PREDICATE_PATTERN, rules.predicate_for(age))


@given(st.lists(answers, max_size=8), st.lists(withdrawals, max_size=4), ages, ages)
def test_whoever_is_over_a_higher_age_is_over_a_lower_one(
    said: list[Answer], withdrawn: list[Withdrawal], one: int, other: int
) -> None:
    low, high = sorted((one, other))
    if rules.given(said, withdrawn, age=high, now=NOW) is not None:
        assert rules.given(said, withdrawn, age=low, now=NOW) is not None


@given(st.lists(answers, max_size=8), st.lists(withdrawals, max_size=4), ages, st.randoms(use_true_random=False))
def test_an_answer_is_the_same_in_any_order(
    said: list[Answer], withdrawn: list[Withdrawal], age: int, luck: random.Random
) -> None:
    found = rules.given(said, withdrawn, age=age, now=NOW)
    luck.shuffle(said)
    luck.shuffle(withdrawn)
    assert rules.given(said, withdrawn, age=age, now=NOW) == found
    if found is not None:
        assert found.age >= age
        assert found.given_at <= NOW < found.valid_until
        assert not any(each.age <= found.age and each.withdrawn_at >= found.given_at for each in withdrawn)


@given(st.lists(answers, max_size=8), ages)
def test_a_withdrawal_of_everything_leaves_nothing(said: list[Answer], age: int) -> None:
    everything = [Withdrawal("c", 10, NOW)]
    assert rules.given(said, everything, age=age, now=NOW) is None


@given(st.integers(-400, 800))
def test_an_answer_lasts_a_year_at_most(days: int) -> None:
    until = NOW + dt.timedelta(days=days)
    if 0 < days <= 366:
        assert rules.end_of(NOW, until) == until
    else:
        with pytest.raises(AnswerLastsTooLong):
            rules.end_of(NOW, until)
    assert rules.end_of(NOW, None) == NOW + rules.VISIT
    assert rules.REMEMBERED <= rules.REMEMBERED_MAX


# -- codes --------------------------------------------------------------------------------------------------------


@given(ages, ages, st.binary(min_size=8, max_size=8), st.integers(-300, 600))
def test_a_code_says_yes_to_its_age_for_two_minutes(over: int, asked: int, unique: bytes, seconds: int) -> None:
    code = codes.make_code(key=KEY, age=over, now=NOW, unique=unique)
    later = NOW + dt.timedelta(seconds=seconds)
    if seconds >= codes.LIFE.total_seconds():
        with pytest.raises(AnswerCodeOver):
            codes.check_code(code, key=KEY, age=asked, now=later)
    elif seconds < -codes.LIFE.total_seconds():
        with pytest.raises(AnswerCodeInvalid):
            codes.check_code(code, key=KEY, age=asked, now=later)
    elif asked > over:
        with pytest.raises(AnswerCodeTooYoung):
            codes.check_code(code, key=KEY, age=asked, now=later)
    else:
        assert codes.check_code(code, key=KEY, age=asked, now=later) == NOW + codes.LIFE


@given(st.text(max_size=130), st.integers(0, 47), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_no_other_text_is_a_code(text: str, place: int, letter: str) -> None:
    with pytest.raises(Problem):
        codes.check_code(text, key=KEY, age=18, now=NOW)
    good = codes.make_code(key=KEY, age=18, now=NOW, unique=b"12345678")
    changed = good[:place] + letter + good[place + 1 :]
    if changed != good:
        with pytest.raises(AnswerCodeInvalid):
            codes.check_code(changed, key=KEY, age=18, now=NOW)


# -- thresholds ---------------------------------------------------------------------------------------------------


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("COMPTOIR_DATA", str(tmp_path))
    return shop_folder.folder() / "thresholds.toml"


def test_the_ages_that_come_along(own: Path) -> None:
    known = thresholds()
    assert [known.of("JP", each).age for each in ("alcohol", "tobacco")] == [20, 20]
    assert [known.of("FR", "alcohol").age, known.of("DE", "beer_and_wine").age, known.of("US", "alcohol").age] == [
        18, 16, 21,
    ]  # fmt: skip
    assert known.of("ZZ", "fireworks").age == 18
    assert all(len(line.source) > 5 for line in known.lines.values())


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["JP", "FR", "XX"]), st.sampled_from(["alcohol", "tobacco", "knives"])), ages,
        max_size=6,
    ),
    ages,
)  # fmt: skip
def test_a_shops_own_lines_come_first_and_all_others_stay(lines: dict[tuple[str, str], int], default: int) -> None:
    shipped = '[default]\nage = 18\nsource = "s"\n[JP.alcohol]\nage = 20\nsource = "s"\n'
    text = f'[default]\nage = {default}\nsource = "o"\n' + "".join(
        f'[{country}.{category}]\nage = {age}\nsource = "o"\n' for (country, category), age in lines.items()
    )
    known = read_thresholds(shipped, text)
    for (country, category), age in lines.items():
        assert known.of(country, category) == Threshold(age, "o")
    if ("JP", "alcohol") not in lines:
        assert known.of("JP", "alcohol").age == 20
    assert known.of("YY", "anything").age == default


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("age =", None),
        ("[Japan.alcohol]\nage = 20\nsource = 's'", "Japan"),
        ("JP = 20", "JP"),
        ("[JP.Alcohol]\nage = 20\nsource = 's'", "JP.Alcohol"),
        ("[JP.alcohol]\nage = 9\nsource = 's'", "JP.alcohol"),
        ("[JP.alcohol]\nage = 100\nsource = 's'", "JP.alcohol"),
        ("[JP.alcohol]\nage = '20'\nsource = 's'", "JP.alcohol"),
        ("[JP.alcohol]\nage = 20", "JP.alcohol"),
        ("[JP.alcohol]\nage = 20\nsource = 's'\nborn_before = 2006", "JP.alcohol"),
        ("[default]\nsource = 's'", "default"),
    ],
)
def test_a_list_with_a_fault_is_refused_by_its_line(own: Path, text: str, field: str | None) -> None:
    own.write_text(text)
    with pytest.raises(ThresholdsInvalid) as caught:
        thresholds()
    assert caught.value.field == field
    own.write_bytes(b"\xff")
    with pytest.raises(ThresholdsInvalid):
        thresholds()
    own.write_text("#" * 70_000)
    with pytest.raises(ThresholdsInvalid):
        thresholds()


def test_the_shelf_is_one_setting(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shelf().age == 18
    for said, age in {
        "JP: alcohol, tobacco": 20, "DE:beer_and_wine": 16, "DE: beer_and_wine,tobacco": 18, "ZZ: knives": 18,
    }.items():  # fmt: skip
        monkeypatch.setenv("COMPTOIR_ADULT_SHELF", said)
        assert shelf().age == age, said
    for said in ("alcohol", "JP", "JP:", "jp: alcohol", "JP: alcohol; tobacco", "JP: 20"):
        monkeypatch.setenv("COMPTOIR_ADULT_SHELF", said)
        with pytest.raises(ThresholdsInvalid) as caught:
            shelf()
        assert caught.value.field == "COMPTOIR_ADULT_SHELF"


def test_two_codes_made_at_once_are_two(own: Path) -> None:
    made = {codes.make_code(key=KEY, age=18, now=NOW, unique=uuid.uuid4().bytes[:8]) for _ in range(100)}
    assert len(made) == 100
