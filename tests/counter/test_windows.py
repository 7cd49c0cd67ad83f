"""Customers' windows at the counter: the last word holds, guesses are answered once, and all of it comes back."""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comptoir.config.rebuilding import rebuild
from comptoir.counter.windows import queries, rules
from comptoir.counter.windows.rules import Bought
from comptoir.square.catalog.composing import Composed, Rule
from support import casting
from support.casting import ALICE, ALICE_ONLINE, BOB, NOON, STOREFRONT, Counter
from support.forgotten import forget
from support.shop import Shop

TABLES = ("windows_window", "windows_guessanswer")
TEA = {"rule": "first", "of": "category", "value": "tea"}
NO_MEAT = {"rule": "never", "of": "category", "value": "meat"}


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    one = Counter(shop)
    one.send(casting.sale("a", 500, of=ALICE), casting.sale("b", 500, of=BOB))
    yield one
    one.close()


def composed(who: Any, *said: dict[str, Any], at: float = 0) -> dict[str, Any]:
    data = {"customer": who, "rules": list(said)}
    return casting.event("window.composed", data, source=STOREFRONT, at=NOON + dt.timedelta(hours=at - 48))


def answered(who: Any, guess: str, answer: str, at: float = 0) -> dict[str, Any]:
    data = {"customer": who, "guess": guess, "answer": answer}
    return casting.event("guess.answered", data, source=STOREFRONT, at=NOON + dt.timedelta(hours=at - 48))


def identities(*references: Any) -> list[str]:
    return [casting.identify(each) for each in references]


def said_of(counter: Counter, *references: Any) -> dict[str, tuple[str, ...]]:
    """Return what each of these wants to see, as sentences."""
    found = {}
    for reference in references:
        told = queries.told(counter.connection, casting.identify(reference))
        found[reference["value"]] = tuple(each["en"] for each in told.sentences)
    counter.connection.commit()
    return found


def refused(counter: Counter, event: dict[str, Any]) -> tuple[str | None, str | None]:
    answer = counter.tell(event)
    return answer.problem, answer.outcome["problem"].get("field")


def test_the_last_word_holds_whichever_arrives_first(counter: Counter) -> None:
    assert said_of(counter, ALICE) == {"alice": ()}
    assert counter.tell(composed(ALICE, TEA, {"rule": "new", "every": 5}, at=2)).problem is None
    assert counter.tell(composed(ALICE, NO_MEAT, at=1)).problem is None
    assert said_of(counter, ALICE, BOB) == {
        "alice": ("Show tea first.", "One thing in 5 from outside what is put first."), "bob": (),
    }  # fmt: skip
    counter.tell(composed(ALICE, at=3))  # without rules there is no window
    assert said_of(counter, ALICE) == {"alice": ()}


def test_a_person_has_the_last_window_of_all_their_customers(counter: Counter) -> None:
    counter.send(composed(ALICE, TEA, at=1), composed(ALICE_ONLINE, NO_MEAT, at=2))
    assert said_of(counter, ALICE)["alice"] == ("Show tea first.",)
    counter.tell(casting.link(ALICE, ALICE_ONLINE))
    assert said_of(counter, ALICE)["alice"] == ("Never show meat.",)
    both = queries.composed_of(counter.connection, identities(ALICE, ALICE_ONLINE, BOB))
    assert sorted(both) == sorted(identities(ALICE, ALICE_ONLINE))
    assert both[casting.identify(ALICE)].hides(product="1", category="meat", maker=None, asks_over=None)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ([{"rule": "first", "of": "product", "value": "1"}], "data.rules[0].of"),
        ([{"rule": "never", "of": "category"}], "data.rules[0].value"),
        ([{"rule": "never", "of": "adults", "value": "x"}], "data.rules[0].value"),
        ([TEA, {"rule": "new"}], "data.rules[1].every"),
        ([{**TEA, "every": 3}], "data.rules[0].every"),
        ([{"rule": "order"}], "data.rules[0].by"),
        ([TEA, NO_MEAT, TEA], "data.rules[2]"),
        ([{"rule": "new", "every": 5}, {"rule": "new", "every": 6}], "data.rules[1]"),
        ([{"rule": "never", "of": "maker", "value": f"{each:02}" + "茶" * 100} for each in range(9)], "data.rules"),
    ],
)
def test_what_makes_no_window_is_refused_and_changes_nothing(
    counter: Counter, shop: Shop, wrong: list[dict[str, Any]], field: str
) -> None:
    counter.tell(composed(ALICE, TEA))
    with shop.unchanged(*TABLES):
        assert refused(counter, composed(ALICE, *wrong, at=1)) == ("window_invalid", field)


def bought(*receipts: int, category: str | None = "tea", maker: str | None = None, **more: Any) -> list[Bought]:
    return [Bought(str(each), NOON - dt.timedelta(days=each), category, maker, **more) for each in receipts]


def guessed(*said: Bought, answered: Any = (), window: Composed | None = None) -> list[tuple[str, int]]:
    found = rules.guesses(said, answered=answered, window=window or Composed(), now=NOON)
    return [(each.key, each.times) for each in found]


def test_a_guess_is_simple_and_made_once() -> None:
    assert guessed(*bought(1, 2)) == []
    assert guessed(*bought(1, 2, 2, 2)) == []  # one receipt counts once
    assert guessed(*bought(1, 2, 9, maker="Acme")) == [("category:tea", 3), ("maker:Acme", 3)]
    assert guessed(*bought(1, 2, 400)) == []  # not within a year
    assert guessed(*bought(1, 2, 3, asks_over=18)) == []  # nothing that asks for an age
    assert guessed(*bought(1, 2, 3), answered={"category:tea"}) == []
    assert guessed(*bought(1, 2, 3), window=Composed(first_categories=("tea",))) == []
    assert guessed(*bought(1, 2, 3), window=Composed(never_categories=("tea",))) == []
    many = [each for name in "abcdefg" for each in bought(1, 2, 3, category=name)]
    assert len(guessed(*many)) == rules.GUESSES_MAX
    (guess,) = rules.guesses(bought(1, 2, 9), answered=(), window=Composed(), now=NOON)
    assert (guess.since, guess.rule) == (NOON - dt.timedelta(days=9), Rule("first", "category", "tea"))


@pytest.mark.parametrize(
    ("correction", "said"),
    [
        ("more", ["Only show what Oi makes."]),
        ("less", ["Show what Oi makes first.", "One thing in 2 from outside what is put first."]),
        ("never", ["Never show what Oi makes."]),
    ],
)
def test_a_correction_is_a_sentence_that_a_window_can_say(
    counter: Counter, correction: rules.Correction, said: list[str]
) -> None:
    bought_it = bought(1, 2, 9, category=None, maker="Oi")
    (guess,) = rules.guesses(bought_it, answered=(), window=Composed(), now=NOON)
    corrected = [msgspec.to_builtins(each) for each in guess.corrected(correction)]
    counter.send(answered(ALICE, guess.key, "correct", at=1), composed(ALICE, *corrected, at=1))
    assert list(said_of(counter, ALICE)["alice"]) == said
    again = queries.guesses(
        counter.connection, [uuid.UUID(casting.identify(ALICE))], window=Composed(), bought=bought_it, now=NOON
    )
    assert again == []


def test_every_correction_is_a_different_one() -> None:
    (guess,) = rules.guesses(bought(1, 2, 9), answered=(), window=Composed(), now=NOON)
    made = [(guess.rule,), *(guess.corrected(each) for each in rules.CORRECTIONS)]
    assert len(set(made)) == len(made)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_all_of_it_comes_out_of_the_log_again(shop: Shop, data: st.DataObject) -> None:
    who, at = st.sampled_from([ALICE, BOB]), st.integers(0, 5).map(float)
    said = st.one_of(
        st.builds(
            lambda w, r, t: composed(w, *r, at=t), who, st.lists(st.sampled_from([TEA, NO_MEAT]), max_size=2), at
        ),
        st.builds(
            answered, who, st.sampled_from(["category:tea", "maker:Ōi"]),
            st.sampled_from(["keep", "correct", "forget"]), at,
        ),
    )  # fmt: skip
    batches = data.draw(st.lists(st.lists(said, min_size=1, max_size=3), max_size=6))
    with contextlib.closing(Counter(shop)) as counter:
        for batch in batches:
            counter.send(*batch)
        before = shop.contents(*TABLES)
        rebuild(progress=lambda *_: None)
        assert shop.contents(*TABLES) == before


def test_somebody_who_is_forgotten_leaves_a_window_of_nobody(counter: Counter, shop: Shop) -> None:
    counter.send(composed(ALICE, TEA), answered(ALICE, "category:tea", "forget"), composed(BOB, NO_MEAT))
    alice = casting.identify(ALICE)
    assert counter.tell(forget(ALICE)).problem is None
    for table in TABLES:
        assert shop.value(f"select count(*) from {table} where customer = %s", alice) == 0
    assert said_of(counter, ALICE, BOB) == {"alice": (), "bob": ("Never show meat.",)}
    before = shop.contents(*TABLES)
    rebuild(progress=lambda *_: None)
    assert shop.contents(*TABLES) == before
