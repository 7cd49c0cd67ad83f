"""The start-up programme: what is due on which day, what a gate says, what is done once and told again by the log."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from comptoir.square.health.rules import Figure, Interval, median_wait, rate
from comptoir.square.programme import plan, rules, steps
from comptoir.square.programme.errors import PlanInvalid
from comptoir.square.programme.plan import Gate, Guarantee
from comptoir.square.programme.reading import load_plan
from comptoir.square.programme.rules import Taken, due, judge, next_phase, standing, turn
from support import casting, talking
from support.casting import ALICE, BOB, NOON, Counter
from support.shop import Shop
from support.talking import post_of, wrote

EXAMPLE = casting.EXAMPLES / "startup.toml"
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)


def example() -> plan.Plan:
    found = load_plan(EXAMPLE)
    assert found is not None
    return found


def step(kind: str, item: str, *, at: dt.datetime = NOON, how: str | None = None) -> Taken:
    return Taken(at, kind, item, how, "Camille", None)


def said(kind: str, **data: Any) -> casting.Event:
    return talking.said(f"programme.{kind}", {**talking.STAFF, **data}, source=talking.CONSOLE)


# -- the plan -----------------------------------------------------------------------------------------------------


def test_the_example_says_everything_in_three_languages() -> None:
    found = example()
    words = [each.title for each in found.phase] + [each.title for each in found.ritual]
    words += [word for each in found.prompt for word in (each.title, each.text)]
    words += [check.title for phase in found.phase for check in phase.checks]
    assert all(each.en and each.ja and each.fr for each in words)
    assert [phase.name for phase in found.phase if phase.is_wind_down] == ["wind-down"]


def test_without_a_file_there_is_no_plan(tmp_path: Path) -> None:
    assert load_plan(tmp_path / "startup.toml") is None


PHASE = '[[phase]]\nname = "found"\ntitle = { en = "Found" }\n'


@pytest.mark.parametrize(
    ("text", "field", "detail"),
    [
        ("", None, "phase"),
        ("phase = 3", "phase", "array"),
        ("][", None, "Invalid"),
        (PHASE + PHASE, "phase", "Two of one name: found"),
        (PHASE + 'gates = [{ figure = "members", at_least = 50.0 }]', "phase[0].gates", "members"),
        (PHASE + 'gates = [{ figure = "gini" }]', "phase[0].gates", "either"),
        ('[[phase]]\nname = "found"\ntitle = {}\n', "title", "language"),
        (PHASE + "[guarantee]\ncustomers_hours = 24\npromised_hours = 24", "guarantee.promised_hours", "time"),
        (PHASE + '[[ritual]]\nname = "look"\ntitle = { en = "Look" }\nphases = ["sow"]', "ritual[0].phases", "sow"),
        (PHASE + '[[ritual]]\nname = "look"\ntitle = { en = "Look" }\nday = 8', "ritual[0].day", "<= 7"),
        ("#" * 300_000, None, "larger"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused_with_its_field(
    tmp_path: Path, text: str, field: str | None, detail: str
) -> None:
    path = tmp_path / "startup.toml"
    path.write_text(text)
    with pytest.raises(PlanInvalid) as refused:
        load_plan(path)
    assert refused.value.field == field
    assert detail in refused.value.detail


# -- what is due --------------------------------------------------------------------------------------------------


def test_nothing_is_due_before_the_start() -> None:
    assert due(example(), standing([]), today=NOON.date()) == []
    first = next_phase(example(), None)
    assert first is not None
    assert first.name == "found"


def test_what_is_due_when() -> None:
    """The programme begins on a Monday; the first prompt is due on it, the ritual of thanking on Fridays."""
    stands = standing([step("phase", "found")])
    assert [each.task for each in due(example(), stands, today=NOON.date())] == [
        "check:founders", "check:questions", "check:steward", "prompt:bread-keeps", "ritual:look:2024-03-04",
    ]  # fmt: skip
    friday = due(example(), stands, today=NOON.date() + 4 * DAY)
    assert "ritual:thank-you:2024-03-08" in {each.task for each in friday}
    later = due(example(), stands, today=NOON.date() + 8 * DAY)
    assert [each.task for each in later if each.is_overdue][:2] == ["check:founders", "check:questions"]
    assert "ritual:look:2024-03-04" not in {each.task for each in later}, "what was missed is not made up for"
    assert {"prompt:bread-keeps", "prompt:first-apples"} <= {each.task for each in later}


def test_what_is_done_or_switched_off_is_due_no_more() -> None:
    began = step("phase", "seed")
    alone = standing([began, step("done", "prompt:bread-keeps", how="done"), step("switched", "look", how="off")])
    assert due(example(), alone, today=NOON.date()) == []
    on_again = standing([began, step("switched", "prompts", how="off"), step("switched", "prompts", how="on")])
    assert "prompt:bread-keeps" in {each.task for each in due(example(), on_again, today=NOON.date())}
    off = standing([began, step("switched", "prompts", how="off"), step("switched", "rituals", how="off")])
    assert due(example(), off, today=NOON.date() + 30 * DAY) == []


def test_an_honest_end_begins_nothing_new() -> None:
    stands = standing([step("phase", "seed", at=NOON - 70 * DAY), step("phase", "wind-down")])
    kinds = {each.kind for each in due(example(), stands, today=NOON.date())}
    assert "prompt" not in kinds
    assert "check" in kinds
    assert next_phase(example(), "wind-down") is None
    assert next_phase(example(), "hand-over") is None


@given(st.integers(0, 400), st.integers(0, 6))
def test_a_ritual_is_due_on_its_day_and_its_last_one_only(days: int, weekday: int) -> None:
    began = NOON + weekday * DAY
    today = began.date() + days * DAY
    found = [each for each in due(example(), standing([step("phase", "seed", at=began)]), today=today)
             if each.kind == "ritual"]  # fmt: skip
    assert len({each.element for each in found}) == len(found)
    for each in found:
        ritual = next(one for one in example().ritual if one.name == each.element)
        assert each.day.isoweekday() == ritual.day
        assert began.date() <= each.day <= today < each.day + ritual.every_weeks * 7 * DAY


def test_customers_have_the_first_hours_then_staff() -> None:
    guarantee = Guarantee(customers_hours=8, promised_hours=24)
    turns = [turn(NOON, guarantee, now=NOON + hours * HOUR)[0] for hours in (0, 7.9, 8, 23.9, 24, 999)]
    assert turns == ["customers", "customers", "staff", "staff", "overdue", "overdue"]


# -- gates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gate", "figure", "verdict"),
    [
        (Gate("newcomers_again", at_least=0.3), rate(50, 100), "met"),
        (Gate("newcomers_again", at_least=0.3), rate(5, 100), "missed"),
        (Gate("newcomers_again", at_least=0.3), rate(1, 2), "cannot_tell"),
        (Gate("newcomers_again", at_least=0.3), rate(0, 0), "cannot_tell"),
        (Gate("shop_share_of_company", at_most=0.25), rate(5, 100), "met"),
        (Gate("shop_share_of_company", at_most=0.25), rate(50, 100), "missed"),
        (Gate("shop_share_of_company", at_most=0.25), rate(1, 4), "cannot_tell"),
        (Gate("first_reply_hours", at_most=16), Figure(4, 9, 9, Interval(2, 12)), "met"),
        (Gate("first_reply_hours", at_most=16), median_wait([(99, False), (98, False), (1, True)]), "missed"),
        (Gate("gini", at_most=0.5), Figure(0.2, 3, 2, None), "cannot_tell"),
    ],
)
def test_a_gate_is_sure_or_says_that_it_cannot_tell(gate: Gate, figure: Figure, verdict: str) -> None:
    assert judge(gate, figure) == verdict


def test_a_gate_may_name_every_figure_of_health(counter: Counter) -> None:
    from comptoir.square.health.figures import health

    assert set(health(counter.connection, until=NOON).here.figures) == plan.FIGURES


# -- what was done ------------------------------------------------------------------------------------------------


def test_a_task_is_done_once_and_the_log_tells_it_again(shop: Shop, counter: Counter) -> None:
    assert counter.tell(said("phase", phase="found", reason="It is Monday.")).problem is None
    done = said("done", task="prompt:bread-keeps", post=talking.new())
    assert counter.tell(done).problem is None
    with shop.unchanged("programme_step"):
        assert counter.tell(said("done", task="prompt:bread-keeps", how="passed_over")).problem == "task_done_already"
    twice = [said("done", task="ritual:look:2024-03-04") for _ in range(2)]
    assert [each.problem for each in counter.send(*twice)] == [None, "task_done_already"]
    assert counter.tell(said("switched", element="look", is_on=False, reason="Nobody looks.")).problem is None
    stands = standing(steps.taken(counter.connection))
    assert (stands.phase, stands.off) == ("found", frozenset({"look"}))
    assert stands.done == {"prompt:bread-keeps", "ritual:look:2024-03-04"}
    assert shop.value("select count(*) from programme_step") == 4


@pytest.mark.parametrize("task", ["bread", "prompt:Bread", "ritual:look:2024-3-4", "prompt:" + "a" * 50])
def test_what_is_no_task_is_refused_at_the_door(task: str) -> None:
    with pytest.raises(AssertionError, match="refused at the door"):
        casting.read(casting.reader(), said("done", task=task))


def test_newcomers_are_seen_until_somebody_else_answers(shop: Shop, counter: Counter) -> None:
    def tell(event: casting.Event) -> None:
        heard = dt.datetime.fromisoformat(event["time"]) + dt.timedelta(seconds=1)
        assert counter.tell(event, received_at=heard).problem is None

    names = []
    for name, of in (("Wren", ALICE), ("Finch", BOB)):
        chosen = casting.persona(name, of=of)
        tell(chosen)
        names.append(chosen["data"]["persona"])
    asked = wrote(names[0], at=NOON)
    tell(asked)
    tell(wrote(names[0], "Another one?", at=NOON + HOUR))
    tell(wrote(names[0], "Nobody?", kind="reply", thread=post_of(asked), at=NOON + 2 * HOUR))

    def waiting(hours: float) -> list[tuple[str, str]]:
        now = NOON + hours * HOUR
        return [(each.post, each.turn) for each in steps.newcomers(counter.connection, Guarantee(), now=now)]

    assert waiting(3) == [(post_of(asked), "customers")], "the first contribution, whatever else one says oneself"
    assert waiting(9) == [(post_of(asked), "staff")]
    other = wrote(names[1], "And I?", at=NOON + 30 * HOUR)
    tell(other)
    assert waiting(31) == [(post_of(asked), "overdue"), (post_of(other), "customers")]
    tell(talking.staff_wrote("Welcome.", kind="reply", thread=post_of(asked), at=NOON + 31 * HOUR))
    assert waiting(32) == [(post_of(other), "customers")]
    assert rules.FIRST_REPLY in rules.ELEMENTS


# -- the end ------------------------------------------------------------------------------------------------------


def test_a_closed_square_is_read_and_nothing_more_is_said(shop: Shop, counter: Counter, wren: str, finch: str) -> None:
    asked = wrote(wren, "Does rye keep?")
    assert counter.tell(asked).problem is None
    answer = wrote(finch, "A week", kind="answer", thread=post_of(asked))
    assert counter.tell(answer).problem is None
    assert steps.closed(counter.connection) is None
    assert counter.tell(said("switched", element="square", is_on=False, reason="The year is over.")).problem is None
    closed = steps.closed(counter.connection)
    assert closed is not None
    assert closed.reason == "The year is over."
    edited = {"persona": wren, "post": post_of(asked), "version": 1, "text": "Anew", "title": "Anew"}
    accepted = {"persona": wren, "thread": post_of(asked), "answer": post_of(answer)}
    with shop.unchanged("community_post", "community_vote", "community_thread"):
        for event in (
            wrote(wren, "One more?"), talking.staff_wrote("From us", kind="reply", thread=post_of(asked)),
            talking.voted(wren, post_of(answer)), talking.said("post.edited", edited),
            talking.said("answer.accepted", accepted), talking.opened(),
        ):  # fmt: skip
            assert counter.tell(event).problem == "square_closed", event["type"]
    flag = {"persona": wren, "post": post_of(answer), "reason": "spam"}
    assert counter.tell(talking.said("post.flagged", flag)).problem is None, "what is wrong can still be said to be"
    back = {"persona": finch, "post": post_of(answer)}
    assert counter.tell(talking.said("post.withdrawn", back)).problem is None, "and taken back"
    both = counter.send(
        said("switched", element="square", is_on=True, reason="We miss it."), wrote(wren, "Back again?"),
        said("switched", element="square", is_on=False, reason="Or not."), wrote(wren, "Too late?"),
    )  # fmt: skip
    assert [each.problem for each in both] == [None, None, None, "square_closed"]


def test_who_helped_is_thanked_by_name(counter: Counter, wren: str, finch: str) -> None:
    asked = wrote(wren, "Does rye keep?")
    assert counter.tell(asked).problem is None
    for who in (finch, finch, wren):
        assert counter.tell(wrote(who, "A week", kind="reply", thread=post_of(asked))).problem is None
    found = steps.helpers(counter.connection, since=NOON - DAY, until=NOON + DAY)
    assert found == [("Finch", 2)], "whoever answers themselves has not helped"
