"""Terms bite: what customers agreed and objected to decides in the database whose data may be used for what."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from comptoir.config.rebuilding import rebuild
from comptoir.counter.customers import matters, permissions, purposes, records
from comptoir.counter.customers.contracts import CHANNELS
from comptoir.counter.customers.errors import RecordChanged
from comptoir.counter.customers.purposes import ALWAYS, BY_DEFAULT, CHOSEN, PURPOSES, TERMS
from comptoir.foundation.kernel.connection import Connection
from support import casting
from support.casting import ALICE, ALICE_ONLINE, BOB, NOON, Counter, Event, Reference
from support.shop import Shop

PEOPLE = (ALICE, ALICE_ONLINE, BOB)
MOMENTS = [NOON - dt.timedelta(days=day) for day in reversed(range(4))]


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    one = Counter(shop)
    yield one
    one.close()


def answers(connection: Connection, who: Reference) -> set[tuple[str, str]]:
    """Return every purpose and channel that the database allows for a customer."""
    rows = connection.execute(
        "select p, c from unnest(%s::text[]) p, unnest(%s::text[]) c where customers_permits(%s, p, c)",
        (list(PURPOSES), list(CHANNELS), casting.identify(who)),
    )
    return {(row[0], row[1]) for row in rows}


def modelled(said: Sequence[Event], people: Sequence[Reference]) -> set[tuple[str, str]]:
    """Return the same by a model of its own: of everything said that concerns a use, the last thing decides."""
    mine = [each for each in said if each["data"]["customer"] in people]

    def last(kinds: Sequence[str], **fields: str) -> Event | None:
        found = [
            each
            for each in mine
            if each["type"] in kinds and all(each["data"].get(name) == value for name, value in fields.items())
        ]
        return max(found, key=lambda each: (each["time"], each["source"], each["id"]), default=None)

    terms = last(["terms.agreed", "terms.ended"])
    objection = last(["objection.made", "objection.withdrawn"])
    found = set()
    for purpose in PURPOSES:
        for channel in CHANNELS:
            consent = last(["consent.given", "consent.withdrawn"], purpose=purpose, channel=channel)
            words = [
                (each, verdict)
                for each, verdict in (
                    (terms, terms is not None and purpose in TERMS[terms["data"].get("term", "SD-BASE")].allows),
                    (objection, False),
                    (consent, consent is not None and consent["type"] == "consent.given"),
                )
                if each is not None and each["type"] not in {"terms.ended", "objection.withdrawn"}
            ]
            latest = max(words, key=lambda word: (word[0]["time"], word[0]["source"], word[0]["id"]), default=None)
            verdict = latest[1] if latest else purpose in BY_DEFAULT
            if verdict or purpose in ALWAYS:
                found.add((purpose, channel))
    return found


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Return what three customers said in some order, two of whom may become one person."""
    said: list[Event] = []
    steps = st.tuples(st.integers(0, 3), st.sampled_from(PEOPLE), st.booleans(), st.sampled_from(MOMENTS))
    for number, (kind, who, holds, at) in enumerate(draw(st.lists(steps, max_size=9))):
        name = f"e{number}"
        if kind == 0:
            term = draw(st.sampled_from(list(TERMS)))
            said.append(
                casting.agreed(term, of=who, at=at, id=name) if holds else casting.ended(of=who, at=at, id=name)
            )
        elif kind == 1:
            purpose, channel = draw(st.sampled_from(CHOSEN)), draw(st.sampled_from(CHANNELS))
            said.append(casting.consented(purpose, channel, of=who, holds=holds, at=at, id=name))
        elif kind == 2:
            said.append(casting.objected(of=who, holds=holds, at=at, id=name))
        else:
            make = casting.link if holds else casting.unlink
            said.append(make(ALICE_ONLINE, ALICE, at=at, id=name))
    return said


def are_one(said: Sequence[Event]) -> bool:
    words = {"identifier.linked": (), "identifier.unlinked": ()}
    times = {kind: [each["time"] for each in said if each["type"] == kind] for kind in words}
    linked, parted = times["identifier.linked"], times["identifier.unlinked"]
    return bool(linked) and (not parted or max(linked) > max(parted))


@given(said=histories())
@settings(
    max_examples=60,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_every_purpose_on_every_channel_is_answered_as_the_model_says(shop: Shop, said: list[Event]) -> None:
    with shop.connect() as connection, connection.transaction(force_rollback=True):
        counter = Counter(shop, connection=connection)
        for each in said:
            assert counter.tell(each, received_at=NOON + dt.timedelta(days=9)).is_accepted
        together = (ALICE, ALICE_ONLINE) if are_one(said) else (ALICE,)
        assert answers(connection, ALICE) == modelled(said, together)
        assert answers(connection, ALICE_ONLINE) == modelled(
            said, (*together, ALICE_ONLINE) if are_one(said) else (ALICE_ONLINE,)
        )
        assert answers(connection, BOB) == modelled(said, (BOB,))


def test_the_function_names_the_same_purposes_as_the_code(shop: Shop) -> None:
    with shop.connect() as connection:
        allowed = {purpose for purpose, _ in answers(connection, ALICE)}
        assert allowed == ALWAYS | BY_DEFAULT
        row = connection.execute("select customers_permits(gen_random_uuid(), 'anything else', 'mail')").fetchone()
        assert row == (False,)


def test_the_latest_word_holds(counter: Counter) -> None:
    counter.tell(casting.consented("marketing", "mail", at=MOMENTS[0]))
    assert ("marketing", "mail") in answers(counter.connection, ALICE)
    assert ("marketing", "app") not in answers(counter.connection, ALICE)
    counter.tell(casting.agreed("SD-BASE", at=MOMENTS[1]))
    assert {purpose for purpose, _ in answers(counter.connection, ALICE)} == ALWAYS
    counter.tell(casting.consented("marketing", "mail", at=MOMENTS[2]))
    assert ("marketing", "mail") in answers(counter.connection, ALICE)
    counter.tell(casting.objected(at=MOMENTS[3]))
    assert {purpose for purpose, _ in answers(counter.connection, ALICE)} == ALWAYS
    assert {purpose for purpose, _ in answers(counter.connection, BOB)} == ALWAYS | BY_DEFAULT


def test_everything_that_was_chosen_is_made_anew_from_the_log(counter: Counter) -> None:
    own = str(uuid.uuid4())
    counter.send(
        casting.agreed("PDC-AI"), casting.consented("marketing", "mail", of=BOB), casting.objected(of=ALICE_ONLINE),
        casting.link(ALICE_ONLINE, ALICE), casting.closeness("known"), casting.persona("Nightingale", persona=own),
        casting.persona("Wren", of=BOB), casting.persona("wren", of=ALICE),
    )  # fmt: skip
    counter.tell(casting.give_up(own, of=ALICE_ONLINE))
    result = rebuild()
    assert result.changed == []
    assert result.tables["customers_choice"].rows == 4
    assert result.tables["customers_personaholder"].rows == 2
    assert result.tables["community_persona"].rows == 1
    assert result.tables["customers_permission"].rows > 2


# -- agreements ---------------------------------------------------------------------------------------------------


def test_an_agreement_that_was_changed_is_refused(counter: Counter, shop: Shop) -> None:
    good = casting.agreed("PDC-GOOD")
    record = good["data"]["record"]
    position = len(record) // 2
    letter = "A" if record[position] != "A" else "B"
    others = {
        "one letter": record[:position] + letter + record[position + 1 :],
        "of somebody else": casting.agreed("PDC-GOOD", of=BOB)["data"]["record"],
        "of other terms": casting.agreed("SD-BASE")["data"]["record"],
        "no record": "x",
    }
    for number, changed in enumerate(others.values()):
        data = good["data"] | {"record": changed}
        with shop.unchanged("customers_choice", "customers_permission"):
            answer = counter.tell(good | {"data": data, "id": f"changed{number}"})
            assert answer.problem == "record_changed"
    assert counter.tell(good).is_accepted


def test_every_single_changed_character_is_noticed(shop: Shop) -> None:
    record = casting.agreed("SD-BASE-DP")["data"]["record"]
    assert isinstance(records.verify(record), records.Agreement)
    for position, letter in enumerate(record):
        for other in {chr(ord(letter) ^ 1), chr(ord(letter) ^ 2), "A"} - {letter}:
            with pytest.raises(RecordChanged):
                records.verify(record[:position] + other + record[position + 1 :])


def test_a_receipt_is_the_same_every_time_and_says_what_was_agreed(shop: Shop) -> None:
    asked = {
        "name": uuid.UUID(int=7), "purpose": "marketing", "channel": "mail", "controller": "A shop", "at": NOON,
        "days": 730, "quiet_days": 365,
    }  # fmt: skip
    receipt = records.receipt(**asked)  # type: ignore[arg-type]
    assert receipt == records.receipt(**asked)  # type: ignore[arg-type]
    said = records.verify(receipt)
    assert isinstance(said, records.Receipt)
    assert (said.purpose_dpv, said.lawful_basis, said.consent_state) == (
        "dpv:DirectMarketing", "dpv:Consent", "dpv:ConsentGiven",
    )  # fmt: skip
    assert (said.duration, said.inactivity) == ("P730D", "P365D")
    assert "d" not in records.public_key()


def test_rules_and_matters_agree() -> None:
    assert permissions.exceptions({}) == {}
    for purpose in CHOSEN:
        for channel in CHANNELS:
            assert matters.purpose_and_channel(matters.consent(purpose, channel)) == (purpose, channel)
    assert len({term.hash for term in purposes.TERMS.values()}) == len(purposes.TERMS)
