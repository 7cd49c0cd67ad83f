"""Which entries may be one person: the spelling in which they are compared, and what the weights make of it."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir.vault.lists import matching, rules
from comptoir.vault.lists.contracts import Details, Match
from support import people

ALICE = Details(
    given_name="Alice",
    family_name="Dubois",
    email="alice@example.org",
    phone="+33612345678",
    lines=("12 rue de la Paix",),
    postcode="75002",
    city="Paris",
    country="FR",
)
KEN = Details(
    given_name="健",
    family_name="斎藤",
    family_first=True,
    reading="サイトウ ケン",
    lines=("神宮前1-2-3",),
    postcode="150-0001",
    city="渋谷区",
    region="東京都",
    country="JP",
)


#: KEN's address as other systems have it: in one column, from the prefecture to the house.
IN_ONE = "東京都渋谷区神宮前一丁目２番３号"


def changed(details: Details, **values: object) -> Details:
    return msgspec.structs.replace(details, **values)


def matches(*entries: Details, threshold: float | None = None) -> list[Match]:
    spelled = {uuid.UUID(int=number): rules.compared(each) for number, each in enumerate(entries)}
    least = matching.weights().threshold if threshold is None else threshold
    return matching.find(spelled, fresh=frozenset(spelled), threshold=least)


@pytest.mark.parametrize(
    ("one", "other", "agreements"),
    [
        (ALICE, changed(ALICE, family_name="DUBOIS", phone="", lines=()), ("name_same", "email_same")),
        (ALICE, changed(ALICE, given_name="Alcie", email="", lines=("12, r. de la paix",)), ("name_similar",)),
        (ALICE, changed(ALICE, given_name="Dubois", family_name="Alice", phone=""), ("name_swapped", "email_same")),
        (ALICE, changed(ALICE, email="alcie@example.org", phone=""), ("name_same", "email_similar")),
        (ALICE, changed(ALICE, given_name="Mme Alice", email="", phone=""), ("name_same", "address_same")),
        (KEN, changed(KEN, family_name="齋藤", lines=(IN_ONE,), region="", city=""), ("name_same", "address_same")),
        (KEN, changed(KEN, family_name="さいとう", given_name="けん", reading=""), ("name_reading", "address_same")),
    ],
)  # fmt: skip
def test_slips_and_other_spellings_are_seen_through(one: Details, other: Details, agreements: tuple[str, ...]) -> None:
    [match] = matches(one, other)
    assert match.agreements[: len(agreements)] == agreements


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ALICE, changed(ALICE, given_name="Bruno")),  # a family shares everything but this
        (ALICE, changed(ALICE, given_name="Alix")),
        (KEN, changed(KEN, given_name="誠", reading="サイトウ マコト")),
        (ALICE, changed(ALICE, given_name="", family_name="", phone="", lines=(), postcode="")),  # the address alone
        (ALICE, changed(ALICE, email="", phone="", lines=(), postcode="")),  # the name alone
        (ALICE, changed(ALICE, email="a.dubois@example.org", phone="", lines=("3 place du Marché",))),
        (Details(), Details()),
    ],
)
def test_one_thing_alone_is_no_duplicate_and_neither_is_a_family(one: Details, other: Details) -> None:
    assert matches(one, other) == []


def test_every_pair_has_a_fresh_entry_in_it_and_comes_once() -> None:
    spelled = {uuid.UUID(int=number): rules.compared(ALICE) for number in range(4)}
    fresh = frozenset({uuid.UUID(int=3)})
    found = matching.find(spelled, fresh=fresh, threshold=14)
    assert [(match.one.int, match.other.int) for match in found] == [(0, 3), (1, 3), (2, 3)]
    assert matching.find(spelled, fresh=frozenset(), threshold=14) == []


def test_what_hundreds_share_brings_nobody_together() -> None:
    # The till's own telephone number, typed where the cashier had none.
    many = [
        Details(
            given_name=f"Name{number:03}", family_name="Client", phone="+33140000000", email=f"{number}@example.org"
        )
        for number in range(300)
    ]
    assert matches(*many) == []


def test_the_weights_are_the_data_and_each_level_has_one() -> None:
    used = matching.weights()
    assert used.threshold == 14
    for one, other in ((4.0, None), (20.0, ())):
        found = matches(ALICE, changed(ALICE, phone="", email=""), threshold=one)
        assert (len(found) > 0) == (other is None)
    [match] = matches(ALICE, ALICE)
    weights = used.weights
    assert match.weight == sum(weights[name]["same"] for name in ("name", "email", "phone", "address"))


def test_a_made_list_is_proposed_as_the_docs_say() -> None:
    figures = people.measure(list(people.people(3_000, seed=3)))
    assert figures.precision > 0.97
    assert figures.recall > 0.93


def test_nothing_that_is_compared_is_written_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and is_listening and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
            opened.append(str(arguments[0]))

    is_listening = True
    sys.addaudithook(hear)
    monkeypatch.chdir(tmp_path)
    assert len(matches(ALICE, ALICE)) == 1
    is_listening = False
    assert opened == []
    assert list(tmp_path.iterdir()) == []


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)


@given(given_name=NAMES, family_name=NAMES, line=NAMES, email=NAMES, country=st.sampled_from(["FR", "JP", "GB", ""]))
def test_any_text_can_be_compared_and_spelling_it_twice_changes_nothing(
    given_name: str, family_name: str, line: str, email: str, country: str
) -> None:
    details = Details(given_name=given_name, family_name=family_name, lines=(line,), email=email, country=country)
    spelled = rules.compared(details)
    assert spelled == rules.compared(details)
    again = rules.compared(Details(given_name=spelled.given, family_name=spelled.family, country=country))
    assert (again.given, again.family) == (spelled.given, spelled.family)
    assert all(rules.keys(spelled).values())


@pytest.mark.parametrize("weight", [-24.0, -1.0, 0.0, 2.0, 10.0])
def test_probabilities_give_the_weight_back(weight: float) -> None:
    one, two = rules.probabilities(weight)
    assert 0 < one <= 1
    assert 0 < two <= 1
    assert one / two == pytest.approx(2**weight)
