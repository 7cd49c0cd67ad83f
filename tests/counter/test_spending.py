"""Spending needs something fresh: the theft tests at the till. A card's number earns, and nothing else."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from comptoir.counter.loyalty.codes import Code, grouped
from comptoir.doors.gateway.reading import Refused
from comptoir.foundation.kernel import database
from support import casting
from support.casting import ALICE, ALICE_ONLINE, BOB, CODES, HEARD, NOON, TILL, Answer, Counter, Event, identify
from support.shop import Shop

SECOND = dt.timedelta(seconds=1)
#: What a refused request leaves behind: itself in the log, with its outcome.
LOGGED = {"events_event", "events_identity", "events_outbox"}


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    """Have a counter at which Alice and Bob have a hundred points each."""
    opened = Counter(shop)
    opened.send(casting.sale("a", 100), casting.sale("b", 100, of=BOB))
    yield opened
    opened.close()


def showing(code: Code | str | None, points: int = 10, *, of: Any = ALICE, source: str = TILL, **more: Any) -> Event:
    """Return a request to spend that brings this code."""
    value = CODES.seal(code) if isinstance(code, Code) else code
    said = casting.redeem(points, of=of, source=source, **more)
    data = {name: each for name, each in said["data"].items() if name != "proof"}
    return {**said, "data": data if value is None else {**data, "proof": {"kind": "code", "value": value}}}


def alices(*, seconds: int = 0, of: Any = ALICE, **more: Any) -> Code:
    """Return a code of hers that was made so many seconds before the counter hears of it."""
    return Code(identify(of), int((HEARD - seconds * SECOND).timestamp()), **more)


def refused(counter: Counter, said: Event, *, received_at: dt.datetime = HEARD) -> str:
    """Have a request refused: it stands in the log by that name, and nothing has moved. Returns the name."""
    shop = counter.shop
    moving = [name for name in shop.contents() if name not in LOGGED and not name.startswith("events_event")]
    with shop.unchanged(*moving):
        answer = counter.tell(said, received_at=received_at)
    row = shop.rows("select status, outcome::json -> 'problem' ->> 'type' as type, decision from events_event"
                    " where source = %s and id = %s", said["source"], said["id"])  # fmt: skip
    assert row == [{"status": "refused", "type": f"urn:comptoir:problem:{answer.problem}", "decision": None}]
    return str(answer.problem)


def test_the_number_of_a_card_earns_and_lets_nobody_spend(counter: Counter) -> None:
    assert refused(counter, showing(None)) == "proof_missing"
    assert counter.tell(casting.sale("more", 50)).balance == (150, 0, 0)


def test_a_code_is_good_once_at_one_till(counter: Counter) -> None:
    code = alices()
    assert counter.tell(showing(code)).balance == (90, 0, 0)
    assert refused(counter, showing(code)) == "code_used"
    assert refused(counter, showing(code, source=casting.OTHER_TILL)) == "code_used_elsewhere"
    later = HEARD + 3600 * SECOND
    assert refused(counter, showing(code, source=casting.OTHER_TILL), received_at=later) == "code_used_elsewhere"


def test_two_requests_of_one_batch_cannot_share_a_code(counter: Counter) -> None:
    code = alices()
    answers = counter.send(showing(code, 10), showing(code, 20), casting.sale("c", 5))
    assert [answer.problem for answer in answers] == [None, "code_used", None]
    assert counter.balance(ALICE) == (95, 0, 0)


def test_a_code_is_used_only_by_what_was_accepted(counter: Counter) -> None:
    code = alices()
    assert refused(counter, showing(code, 101)) == "insufficient_points"
    assert counter.tell(showing(code, 100)).balance == (0, 0, 0)


@pytest.mark.parametrize(
    ("seconds", "problem"),
    [(-6, "code_not_yet_valid"), (-5, None), (0, None), (59, None), (60, "code_expired"), (86_400, "code_expired")],
)
def test_a_code_is_good_for_a_minute(counter: Counter, seconds: int, problem: str | None) -> None:
    said = showing(alices(seconds=seconds))
    if problem is None:
        assert counter.tell(said).is_accepted
    else:
        assert refused(counter, said) == problem


def test_a_code_is_good_for_its_customer_alone(counter: Counter) -> None:
    assert refused(counter, showing(alices(), of=BOB)) == "code_of_another_customer"
    assert counter.tell(showing(alices())).balance == (90, 0, 0)


def test_a_code_is_good_for_every_card_that_is_linked(counter: Counter) -> None:
    counter.tell(casting.link(ALICE, ALICE_ONLINE))
    assert counter.tell(showing(alices(of=ALICE_ONLINE))).balance == (90, 0, 0)
    assert counter.tell(showing(CODES.text(alices(of=ALICE_ONLINE, seconds=1)))).balance == (80, 0, 0)


def test_a_changed_code_is_none(counter: Counter) -> None:
    whole = CODES.seal(alices())
    for at in range(2, len(whole), 5):
        other = "Z" if whole[at] != "Z" else "Y"
        assert refused(counter, showing(whole[:at] + other + whole[at + 1 :])) == "code_invalid"
    for value in (whole[:-8], whole + "00", "C1" + "0" * 40, "anything else", "C1é" * 9, "\u2603" * 12):
        assert refused(counter, showing(value)) == "code_invalid"
    assert counter.tell(showing(whole)).is_accepted


def test_a_code_can_be_typed_and_is_the_same_code(counter: Counter) -> None:
    code = alices(seconds=30)
    typed = grouped(CODES.text(code)).lower().replace("0", "o").replace("1", "l")
    assert refused(counter, showing(typed, of=BOB)) == "code_invalid"
    assert counter.tell(showing(typed)).balance == (90, 0, 0)
    assert refused(counter, showing(code)) == "code_used"
    assert refused(counter, showing(CODES.text(code), source=casting.OTHER_TILL)) == "code_used_elsewhere"
    assert refused(counter, showing(CODES.text(alices(seconds=60)))) == "code_expired"
    assert refused(counter, showing(CODES.text(alices(seconds=-6)))) == "code_invalid"


def test_a_code_that_is_bound_is_good_for_that(counter: Counter) -> None:
    code = alices(points_max=30, place="/stores/330", salt=7)
    assert refused(counter, showing(code, 31)) == "code_points_exceeded"
    assert refused(counter, showing(code, 30, source="/stores/3301/tills/1")) == "code_elsewhere"
    assert refused(counter, showing(code, 30, source=casting.OTHER_TILL)) == "code_elsewhere"
    assert counter.tell(showing(code, 30)).balance == (70, 0, 0)


def test_points_are_held_with_a_code_and_spent_without_another(counter: Counter) -> None:
    held = casting.reserve(40, "q")
    without = {**held, "id": "without", "data": {**held["data"], "reservation": "w"}}
    del without["data"]["proof"]
    assert refused(counter, without) == "proof_missing"
    assert counter.tell(held).balance == (60, 40, 0)
    assert counter.tell(casting.post("q")).balance == (60, 0, 0)


def test_a_repeat_gets_the_first_outcome_whatever_it_shows_and_however_late(counter: Counter) -> None:
    """A till that had no answer sends the same again: with the same code, with the next one, a year later."""
    first = counter.tell(showing(alices(), id="d1"))
    assert first.is_accepted
    year = HEARD + dt.timedelta(days=366)
    with counter.shop.unchanged():
        for value in (alices(), alices(seconds=-30), CODES.text(alices()), "no code at all", None):
            for received_at in (HEARD, year):
                again = counter.tell(showing(value, id="d1"), received_at=received_at)
                assert again == Answer(first.body, is_repeated=True)
        assert counter.tell(showing(alices(), 11, id="d1")).problem == "id_reused"


def test_a_repeat_of_a_refused_one_is_still_refused(counter: Counter) -> None:
    assert refused(counter, showing(None, id="d1")) == "proof_missing"
    with counter.shop.unchanged():
        again = counter.tell(showing(alices(), id="d1"))
    assert (again.problem, again.is_repeated) == ("proof_missing", True)


def test_a_till_that_was_cut_off_has_sold_and_lets_nobody_spend_afterwards(counter: Counter) -> None:
    """The code was good when it was shown; nobody could know whether it was used elsewhere meanwhile."""
    back = HEARD + 3600 * SECOND
    answers = counter.send(casting.sale("cut", 25, at=NOON), showing(alices(), at=NOON), received_at=back)
    assert [answer.problem for answer in answers] == [None, "code_expired"]
    assert counter.balance(ALICE) == (125, 0, 0)


def test_where_somebody_is_signed_in_no_code_is_needed(counter: Counter) -> None:
    said = casting.reserve(10, "basket", source=casting.WEBSHOP)
    assert "proof" not in said["data"]
    assert counter.tell(said).balance == (90, 10, 0)


def test_a_code_says_who_somebody_is_however_old_it_is(counter: Counter) -> None:
    whole = CODES.seal(alices(seconds=86_400))
    assert counter.tell(casting.sale("c", 7, of={"kind": "code", "value": whole})).balance == (107, 0, 0)
    fresh = alices()
    said = showing(fresh, of={"kind": "code", "value": CODES.seal(fresh)})
    assert counter.tell(said).balance == (97, 0, 0)
    reader = casting.reader()
    for value in (CODES.text(fresh), whole[:-1], "2613"):
        body = json.dumps(casting.sale("x", 1, of={"kind": "code", "value": value})).encode()
        read = reader.read(body, reader.map.touchpoint("till"), HEARD)
        assert isinstance(read, Refused)
        assert (read.problem.name, read.problem.field) == ("field_invalid", "data.customer.value")


def test_what_the_log_keeps_of_a_code_can_be_shown_to_nobody(counter: Counter) -> None:
    code = alices()
    counter.tell(showing(code, 101))  # too many, so that the code is still good
    kept = counter.shop.value("select data -> 'proof' ->> 'value' from events_event where type = 'points.redeem'")
    everything = json.dumps(counter.shop.contents())
    for form in (CODES.seal(code), CODES.text(code), grouped(CODES.text(code))):
        assert form not in everything
    assert refused(counter, showing(kept)) == "code_invalid"
    assert counter.tell(showing(code)).is_accepted


def test_codes_of_another_shop_are_none(counter: Counter) -> None:
    theirs = type(CODES)(b"another shop's key" + bytes(14))
    assert refused(counter, showing(theirs.seal(alices()))) == "code_invalid"
    assert refused(counter, showing(theirs.text(alices()))) == "code_invalid"


def test_the_doctor_finds_a_code_that_was_used_and_not_kept_or_kept_as_it_was_shown(counter: Counter) -> None:
    checks = database.load_statements("comptoir.config", "checking.sql")

    def broken() -> dict[str, int]:
        return {name: counter.shop.value(text) for name, text in checks.items() if name.startswith("codes_")}

    counter.send(showing(alices()), casting.reserve(1, "q"), showing(alices(seconds=1), 1_000))
    assert broken() == {"codes_are_used_once": 0, "codes_are_not_kept": 0}
    whole = CODES.seal(alices(seconds=1))
    with psycopg.connect(database.owner_conninfo(), autocommit=True) as owner:
        owner.execute("delete from loyalty_usedcode where ctid = (select ctid from loyalty_usedcode limit 1)")
        owner.execute(
            "update events_event set data = jsonb_set(data::jsonb, '{proof,value}', to_jsonb(%s::text))"
            " where status = 'refused' and type = 'points.redeem'", (whole,),
        )  # fmt: skip
    assert broken() == {"codes_are_used_once": 1, "codes_are_not_kept": 1}
