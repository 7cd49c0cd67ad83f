"""Experiments on the programme: frozen once they run, assigned by a seed, judged by an interval for every look."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter as Count
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from comptoir.square.health.rules import Interval
from comptoir.square.programme import experiments, outcomes, rules, sequential
from comptoir.square.programme.experiments import Experiment
from comptoir.square.programme.rules import standing
from comptoir.square.programme.sequential import Arm, Difference
from support import casting, talking
from support.casting import NOON, Counter
from support.shop import Shop
from support.talking import post_of, wrote

DAY = dt.timedelta(days=1)
WEEK = dt.timedelta(weeks=1)
SECOND = dt.timedelta(seconds=1)
SEED = "6f1c0a52d3b94e7788a1"
FIXED_BY_KEY = "abbbbaaaabaaaaaa"
FIXED_IN_ORDER = "ababbababaababba"


def said(step: str, *, at: dt.datetime = NOON, **data: Any) -> casting.Event:
    return talking.said(f"experiment.{step}", {**talking.STAFF, **data}, source=talking.CONSOLE, at=at)


def registered(name: str = "asked-or-told", **more: Any) -> casting.Event:
    data: dict[str, Any] = {
        "experiment": name, "hypothesis": "A prompt that asks brings more answers.", "element": "prompt",
        "unit": "thread", "kind": "question", "language": "en", "title_a": "Asked", "text_a": "What do you bake?",
        "title_b": "Told", "text_b": "We bake rye.", "seed": SEED, "outcome": "answers", "cap": 10, "smallest": 1.0,
        "expected": 2.0, "weeks_max": 26,
    } | more  # fmt: skip
    return said("registered", **data)


def reminder(name: str = "be-kind", **more: Any) -> casting.Event:
    return registered(
        name, **{"element": "reminder", "title_a": None, "title_b": None, "text_a": "", "text_b": "Be kind."} | more
    )


def one(counter: Counter, name: str) -> Experiment:
    return next(each for each in outcomes.registered(counter.connection) if each.experiment == name)


# -- what can be registered ---------------------------------------------------------------------------------------


def test_it_can_be_changed_until_it_begins_and_then_no_more(shop: Shop, counter: Counter) -> None:
    assert counter.tell(registered()).problem is None
    assert counter.tell(registered(hypothesis="The other way round, I think.")).problem is None
    assert one(counter, "asked-or-told").hypothesis == "The other way round, I think."
    assert counter.tell(said("started", experiment="asked-or-told", units=40, weeks=80)).problem is None
    with shop.unchanged("programme_experiment"):
        assert counter.tell(registered()).problem == "experiment_frozen"
        assert counter.tell(said("started", experiment="asked-or-told", units=1)).problem == "experiment_frozen"
        assert counter.tell(said("started", experiment="another", units=1)).problem == "experiment_unknown"
        assert counter.tell(said("stopped", experiment="another", reason="No.")).problem == "experiment_unknown"
    assert counter.tell(said("stopped", experiment="asked-or-told", reason="Nobody likes B.")).problem is None
    with shop.unchanged("programme_experiment"):
        for event in (registered(), said("started", experiment="asked-or-told", units=40)):
            assert counter.tell(event).problem == "experiment_over"
    found = one(counter, "asked-or-told")
    assert (found.planned_units, found.planned_weeks, found.reason) == (40, 80, "Nobody likes B.")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title_b": None}, "data.title_a"),
        ({"unit": "week"}, "data.unit"),
        ({"kind": "review"}, "data.kind"),
        ({"title_b": "Asked", "text_b": "What do you bake?"}, "data.text_b"),
        ({"outcome": "contributions"}, "data.outcome"),
        ({"element": "reminder", "unit": "week"}, "data.outcome"),
        ({"outcome": "answered"}, "data.cap"),
        ({"smallest": 11.0}, "data.smallest"),
        ({"expected": 11.0}, "data.expected"),
    ],
)
def test_what_contradicts_itself_is_refused_with_its_field(
    shop: Shop, counter: Counter, change: dict[str, Any], field: str
) -> None:
    with shop.unchanged("programme_experiment"):
        refused = counter.tell(registered(**change))
    assert refused.problem == "experiment_invalid"
    assert refused.outcome["problem"]["field"] == field


def test_in_one_batch_the_order_counts(shop: Shop, counter: Counter) -> None:
    answers = counter.send(
        said("started", experiment="asked-or-told", units=1), registered(),
        said("started", experiment="asked-or-told", units=40), registered(),
        said("stopped", experiment="asked-or-told", reason="Enough."), registered(),
    )  # fmt: skip
    assert [each.problem for each in answers] == [
        "experiment_unknown", None, None, "experiment_frozen", None, "experiment_over",
    ]  # fmt: skip


# -- assignment ---------------------------------------------------------------------------------------------------


def test_assignment_is_the_seeds_and_stays_what_it_was() -> None:
    """Written down once and for all: who has the seed can reproduce every assignment."""
    assert "".join(experiments.assign(SEED, f"thread {number}") for number in range(16)) == FIXED_BY_KEY
    assert "".join(experiments.assign_in_order(SEED, number) for number in range(16)) == FIXED_IN_ORDER


@given(st.text(alphabet="0123456789abcdef", min_size=16, max_size=64), st.integers(0, 500))
def test_of_two_that_follow_each_other_one_gets_each(seed: str, pair: int) -> None:
    both = {experiments.assign_in_order(seed, 2 * pair), experiments.assign_in_order(seed, 2 * pair + 1)}
    assert both == {"a", "b"}


def test_a_seed_is_fair_to_both() -> None:
    counts = Count(experiments.assign(SEED, str(number)) for number in range(4_000))
    assert abs(counts["a"] - 2_000) < 4 * 32, "four standard deviations"


# -- statistics ---------------------------------------------------------------------------------------------------


def _bernoulli(share: float) -> Callable[[random.Random], float]:
    return lambda chance: float(chance.random() < share)


def _geometric(mean: float, cap: int) -> Callable[[random.Random], float]:
    def draw(chance: random.Random) -> float:
        count = 0
        while count < cap and chance.random() < mean / (1 + mean):
            count += 1
        return float(count)

    return draw


@pytest.mark.parametrize(
    ("a", "b", "truth", "cap", "planned"),
    [
        (_bernoulli(0.5), _bernoulli(0.5), 0.0, 1, 40),
        (_bernoulli(0.1), _bernoulli(0.1), 0.0, 1, 80),
        (_bernoulli(0.1), _bernoulli(0.4), 0.3, 1, 20),
        (_bernoulli(0.05), _bernoulli(0.6), 0.55, 1, 40),
        (_geometric(2, 10), _geometric(2, 10), 0.0, 10, 40),
    ],
)
def test_the_interval_holds_the_truth_at_every_look_together(
    a: Callable[[random.Random], float], b: Callable[[random.Random], float], truth: float, cap: int, planned: int
) -> None:
    """500 trials of 80 units in each arm, looked at after each pair: at most 5 of 100 are ever wrong, and chance."""
    chance, trials, wrong = random.Random(20_261_126), 500, 0
    for _ in range(trials):
        one_arm, other = [], []
        for _look in range(80):
            one_arm.append(a(chance))
            other.append(b(chance))
            interval = sequential.difference(one_arm, other, cap=cap, planned=planned).interval
            if interval is not None and not interval.low <= truth <= interval.high:
                wrong += 1
                break
    # Two standard deviations of 500 trials above one in twenty.
    assert wrong / trials <= 0.05 + 2 * 0.0098


def test_an_ordinary_interval_would_not_hold() -> None:
    """The same trials with an interval for a single look: it is wrong in one case of five at least."""
    chance, wrong = random.Random(20_261_126), 0
    for _ in range(200):
        a: list[float] = []
        b: list[float] = []
        for _look in range(80):
            a.append(float(chance.random() < 0.5))
            b.append(float(chance.random() < 0.5))
            if len(a) >= 5:
                arms = [sequential.arm(each, cap=1) for each in (a, b)]
                reach = 1.96 * (arms[0].variance + arms[1].variance) ** 0.5
                if abs(sum(b) - sum(a)) / len(a) > reach:
                    wrong += 1
                    break
    assert wrong / 200 > 0.2


def test_what_a_trial_takes_is_what_the_sources_say() -> None:
    """Of newcomers who come again, 0.44 against 0.56 takes about 270 an arm; 0.52 against 0.60 about 600."""
    first = {"variance_a": 0.44 * 0.56, "variance_b": 0.56 * 0.44, "smallest": 0.12}
    assert sequential.units_at_one_look(**first) == 272
    assert sequential.units_at_one_look(variance_a=0.52 * 0.48, variance_b=0.6 * 0.4, smallest=0.08) == 604
    assert 1.8 < sequential.units_at_every_look(**first) / 272 < 2.0


def test_planned_units_find_the_difference_in_four_of_five_cases() -> None:
    chance, found, trials = random.Random(7), 0, 200
    planned = sequential.units_at_every_look(variance_a=0.24, variance_b=0.24, smallest=0.3)
    for _ in range(trials):
        a = [float(chance.random() < 0.35) for _ in range(planned)]
        b = [float(chance.random() < 0.65) for _ in range(planned)]
        looks = (sequential.difference(a[:n], b[:n], cap=1, planned=planned) for n in range(5, planned + 1))
        found += any(sequential.verdict(each, smallest=0.3) == "b_better" for each in looks)
    assert found / trials >= 0.8


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        (None, "cannot_tell"),
        (Interval(-2, 3), "cannot_tell"),
        (Interval(0.1, 3), "b_better"),
        (Interval(-3, -0.1), "a_better"),
        (Interval(-0.4, 0.5), "no_difference"),
        (Interval(0.1, 0.5), "no_difference"),
    ],
)
def test_a_verdict_is_what_the_whole_interval_says(interval: Interval | None, verdict: str) -> None:
    arm = Arm(9, 1.0, 0.1)
    assert sequential.verdict(Difference(arm, arm, 0.0, interval), smallest=1.0) == verdict


def test_with_few_units_nothing_is_said() -> None:
    found = sequential.difference([0.0] * 4, [10.0] * 90, cap=10, planned=40)
    assert (found.value, found.interval) == (10.0, None)


# -- what came of it ----------------------------------------------------------------------------------------------


def test_a_prompt_is_due_each_week_in_the_variant_of_the_seed(shop: Shop, counter: Counter) -> None:
    counter.tell(registered())
    counter.tell(said("started", experiment="asked-or-told", units=40))
    found = outcomes.registered(counter.connection)
    stands = standing([])
    titles = []
    for week in range(26):
        (due,) = rules.due_trials(found, stands, now=NOON + week * WEEK)
        titles.append((due.title.en or "").lower()[0])
    assert titles.count("a") == titles.count("t") == 13
    assert rules.due_trials(found, stands, now=NOON + 26 * WEEK) == [], "the stop rule has ended it"
    counter.tell(said("stopped", experiment="asked-or-told", reason="Nobody likes it.", at=NOON))
    assert rules.due_trials(outcomes.registered(counter.connection), stands, now=NOON + WEEK) == []
    off = standing([rules.Taken(NOON, "switched", "prompts", "off", "Camille", "Too many.")])
    assert rules.due_trials(found, off, now=NOON) == []


def test_answers_are_counted_by_conversation(shop: Shop, counter: Counter, wren: str, finch: str) -> None:
    """What is assigned is the conversation: two answers by one customer count twice, the shop's do not."""
    counter.tell(registered())
    counter.tell(said("started", experiment="asked-or-told", units=40))

    def tell(event: casting.Event) -> None:
        heard = dt.datetime.fromisoformat(event["time"]) + SECOND
        assert counter.tell(event, received_at=heard).problem is None

    threads = []
    for week in range(2):
        at = NOON + week * WEEK + SECOND
        posted = talking.staff_wrote("Say", kind="question", title="Prompt", seeded=True, at=at)
        tell(posted)
        threads.append(post_of(posted))
        task = f"trial:asked-or-told:{at.date() - at.weekday() * DAY}"
        done = {**talking.STAFF, "task": task, "post": threads[-1]}
        tell(talking.said("programme.done", done, source=talking.CONSOLE, at=at))
    for thread, who, days in ((0, wren, 1), (0, wren, 2), (0, finch, 3), (0, finch, 8), (1, finch, 8)):
        tell(wrote(who, "Rye", kind="answer", thread=threads[thread], at=NOON + days * DAY))
    tell(talking.staff_wrote("Thanks", kind="reply", thread=threads[0], at=NOON + 2 * DAY))
    found = one(counter, "asked-or-told")
    early = outcomes.units(counter.connection, found, now=NOON + 8 * DAY)
    assert [each.value for each in early] == [3.0, None], "the second is not ripe, and what came late does not count"
    late = outcomes.units(counter.connection, found, now=NOON + 15 * DAY)
    assert [each.value for each in late] == [3.0, 1.0]
    assert {each.variant for each in late} == {"a", "b"}


def test_a_reminder_is_shown_by_the_seed_and_counted_by_conversation(
    shop: Shop, counter: Counter, wren: str, finch: str
) -> None:
    counter.tell(reminder(outcome="answered", cap=1, smallest=0.2, expected=0.5))
    before = wrote(wren, "Before?", at=NOON - DAY)
    assert counter.tell(before).problem is None
    counter.tell(said("started", experiment="be-kind", units=40))
    asked = [wrote(wren, f"Question {number}?", at=NOON + number * SECOND) for number in range(6)]
    asked.append(wrote(wren, "En français ?", at=NOON, language="fr"))
    for each in asked:
        assert counter.tell(each, received_at=NOON + 10 * SECOND).problem is None
    for number in (0, 3):
        for who in (wren, finch):
            counter.tell(
                wrote(who, "Yes", kind="reply", thread=post_of(asked[number]), at=NOON + DAY),
                received_at=NOON + 2 * DAY,
            )
    found = one(counter, "be-kind")
    units = outcomes.units(counter.connection, found, now=NOON + 8 * DAY)
    assert {each.key: each.value for each in units} == {
        post_of(asked[number]): float(number in {0, 3}) for number in range(6)
    }
    for unit in units:
        shown = experiments.variant_for(found, thread=unit.key, opened_at=unit.at, now=NOON + DAY)
        assert shown == unit.variant == experiments.assign(SEED, unit.key)
    assert experiments.variant_for(found, thread=post_of(before), opened_at=NOON - DAY, now=NOON + DAY) is None
    assert experiments.variant_for(found, thread="x", opened_at=NOON, now=NOON + 200 * WEEK) is None


def test_weeks_are_counted_whole(shop: Shop, counter: Counter, wren: str) -> None:
    counter.tell(reminder(unit="week", outcome="contributions", cap=5, weeks_max=4))
    counter.tell(said("started", experiment="be-kind", units=40, at=NOON))  # a Monday at noon: its week is not whole
    for day, many in ((1, 3), (8, 2), (15, 7)):
        for number in range(many):
            at = NOON + day * DAY + number * SECOND
            assert counter.tell(wrote(wren, f"Post {day}.{number}", at=at), received_at=at + SECOND).problem is None
    units = outcomes.units(counter.connection, one(counter, "be-kind"), now=NOON + 22 * DAY)
    assert [(each.key, each.value) for each in units] == [
        ("2024-03-11", 2.0), ("2024-03-18", 5.0), ("2024-03-25", None),
    ]  # fmt: skip
    assert units[0].variant != units[1].variant or units[1].variant != units[2].variant


def test_the_weeks_before_say_how_long_it_takes(shop: Shop, counter: Counter, wren: str, finch: str) -> None:
    counter.tell(reminder(outcome="answers"))
    found = one(counter, "be-kind")
    values, per_week = outcomes.past(counter.connection, found, now=NOON)
    planned = experiments.plan(found, values, per_week=per_week)
    assert (planned.is_from_past, planned.mean, planned.weeks) == (False, 2.0, None), "nothing comes in"
    for number in range(24):
        at = NOON + number * 3 * DAY
        asked = wrote(wren, f"Question {number}?", at=at)
        assert counter.tell(asked, received_at=at + SECOND).problem is None
        if number % 2:
            answer = wrote(finch, "Yes", kind="reply", thread=post_of(asked), at=at + DAY)
            assert counter.tell(answer, received_at=at + 2 * DAY).problem is None
    values, per_week = outcomes.past(counter.connection, found, now=NOON + 80 * DAY)
    planned = experiments.plan(found, values, per_week=per_week)
    assert (planned.is_from_past, planned.mean, planned.per_week) == (True, 0.5, 2.0)
    # A spread of 24/23 * 0.25 and a difference of 1 take few, and every look takes more than one look.
    assert planned.units_once < planned.units <= 14
    assert planned.weeks == planned.units
    stands = experiments.stand(found, [], planned=planned)
    assert (stands.verdict, stands.weeks_left) == ("cannot_tell", planned.weeks)
