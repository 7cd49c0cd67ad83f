"""Who enters a journey and what happens next: pure, with generated histories."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir.office.campaigns.contracts import HOLDOUT
from comptoir.office.journeys import rules
from comptoir.office.journeys.contracts import Check, Give, Version, Wait
from comptoir.office.journeys.errors import JourneyInvalid
from comptoir.office.journeys.rules import Act, Former, Walk
from support.campaigning import NOW
from support.travelling import COFFEE_MAIL, DAY, journey

HOUR = dt.timedelta(hours=1)


def walk(
    version: Version, *, until: dt.datetime = NOW + 30 * DAY, step: int = 0, at: dt.datetime = NOW, **asked: Any
) -> Walk:
    return rules.walk(
        version, step=step, due_at=at, until=until, is_out=asked.get("is_out", lambda _at: False),
        is_in=asked.get("is_in", lambda _segment, _at: True),
    )  # fmt: skip


def test_one_waits_and_then_it_is_said() -> None:
    assert walk(journey(), until=NOW) == Walk((), 1, NOW + 48 * HOUR)
    assert walk(journey(), step=1, at=NOW + 48 * HOUR) == Walk((Act(1, NOW + 48 * HOUR),), 2, None, "done")
    assert walk(journey()) == Walk((Act(1, NOW + 48 * HOUR),), 2, None, "done")


def test_an_exit_is_asked_before_every_step_as_of_its_moment() -> None:
    version = journey(steps=(COFFEE_MAIL, Wait(24), COFFEE_MAIL, Wait(24), COFFEE_MAIL))
    assert walk(version, is_out=lambda at: at >= NOW + DAY) == Walk((Act(0, NOW),), 2, None, "exit")
    assert walk(version, is_out=lambda _at: True) == Walk((), 0, None, "exit")


def test_a_check_ends_the_way_for_whoever_is_not_in() -> None:
    version = journey(steps=(Check("s1"), COFFEE_MAIL))
    assert walk(version, is_in=lambda _segment, _at: False).ended == "check"
    assert walk(version).ended == "done"
    opposite = journey(steps=(Check("s1", is_in=False), COFFEE_MAIL))
    assert walk(opposite).ended == "check"
    assert walk(opposite, is_in=lambda _segment, _at: False).ended == "done"


_steps = st.lists(
    st.one_of(st.integers(1, 100).map(Wait), st.just(COFFEE_MAIL), st.just(Give(5, "thanks"))), min_size=1, max_size=12
)


@given(_steps, st.lists(st.integers(0, 900), max_size=12))
def test_however_often_the_clock_looks_the_way_is_the_same(steps: list[Any], looks: list[int]) -> None:
    version = journey(steps=tuple(steps))
    whole = walk(version, until=NOW + 900 * HOUR)
    acts: list[Act] = []
    at: dt.datetime | None = NOW
    found = Walk((), 0, NOW)
    for look in [*sorted(looks), 900]:
        if at is not None and at <= NOW + look * HOUR:
            found = walk(version, step=found.step, at=at, until=NOW + look * HOUR)
            acts += found.acts
            at = found.due_at
    assert (tuple(acts), found.step, at, found.ended) == (whole.acts, whole.step, whole.due_at, whole.ended)


@given(
    st.sampled_from(["once", "every", "each"]),
    st.lists(st.integers(0, 2_000), unique=True).map(sorted),
    st.integers(1, 40),
)
def test_nobody_enters_oftener_than_the_policy_says(policy: str, hours: list[int], days: int) -> None:
    version = journey(re_entry=policy, every_days=days)
    former: list[Former] = []
    for number, hour in enumerate(hours):
        at = NOW + hour * HOUR
        occurrence = rules.occurrence(version, event=f"e{number}", at=at, began_at=NOW)
        if rules.may_enter(version, former, occurrence=occurrence, at=at):
            former.append(Former(occurrence, at))
    assert len({each.occurrence for each in former}) == len(former)
    if policy == "each":
        assert len(former) == len(hours)
    elif policy == "once":
        assert len(former) == min(1, len(hours))
    else:
        moments = [each.entered_at for each in former]
        assert all(b - a >= days * DAY for a, b in itertools.pairwise(moments))


def test_one_in_ten_is_held_out_of_a_journey_and_always_the_same() -> None:
    drawn = [rules.arm(f"p{n}", journey="j", version=journey(), at=NOW, salt=b"a salt of a shop") for n in range(5_000)]
    assert 420 < sum(each == (HOLDOUT, "campaign") for each in drawn) < 570
    assert 60 < sum(each == (HOLDOUT, "everything") for each in drawn) < 150
    again = [rules.arm(f"p{n}", journey="j", version=journey(), at=NOW, salt=b"a salt of a shop") for n in range(5_000)]
    assert drawn == again
    free = journey(holdout=0.0, holdout_reason="They asked for it themselves.")
    assert rules.arm("p1", journey="j", version=free, at=NOW, salt=b"a salt of a shop")[0] in {"go", HOLDOUT}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"steps": (Wait(1),)}, "steps"),
        ({"steps": (COFFEE_MAIL, Wait(1))}, "steps"),
        ({"why": {}}, "why"),
        ({"holdout": 0.0}, "holdout_reason"),
    ],
)
def test_what_nobody_could_walk_is_refused(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(JourneyInvalid) as refused:
        rules.judge(journey(**changed))
    assert refused.value.field == field
