"""Answers at the door: what a till sends and asks, and the code of somebody who stays unknown."""

from __future__ import annotations

import datetime as dt
import json
import threading
from typing import Any

import httpx
import pytest

from comptoir.counter.answers.codes import KEY_NAME, LIFE, make_code
from comptoir.foundation.kernel import shop as shop_folder
from support.door import Standing, is_refused, nothing_moves
from support.gateway import Gateway
from support.pages import card, event

TILL = "/stores/324/tills/1"


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def seen(number: str | None, predicate: str = "age_over_18", *, at: dt.datetime | None = None, **data: Any) -> Any:
    who = {} if number is None else {"customer": card(number)}
    return event("answer.seen", {**who, "predicate": predicate, **data}, source=TILL, at=at)


def proven(number: str, predicate: str = "age_over_18", *, at: dt.datetime | None = None, **data: Any) -> Any:
    said = {"customer": card(number), "predicate": predicate, "method": "mdoc", **data}
    return event("answer.proven", said, source="/vault", at=at)


def withdrawn(number: str, predicate: str = "age_over_18", *, at: dt.datetime | None = None) -> Any:
    return event("answer.withdrawn", {"customer": card(number), "predicate": predicate}, source="/vault", at=at)


def ask(gateway: Gateway, customer: str, predicate: str = "age_over_18", *, touchpoint: str = "till") -> Any:
    answer = gateway.get(f"/v1/customers/{customer}/answers/{predicate}", touchpoint=touchpoint)
    assert answer.status_code == httpx.codes.OK, answer.text
    return answer.json()


def accepted(answer: httpx.Response) -> str:
    assert answer.status_code == httpx.codes.OK, answer.text
    return str(answer.json().get("customer"))


def a_code(*, age: int = 18, at: dt.datetime | None = None, unique: bytes = b"\0" * 8) -> str:
    return make_code(key=shop_folder.secret(KEY_NAME), age=age, now=at or now(), unique=unique)


def check(gateway: Gateway, code: str, predicate: str = "age_over_18", *, touchpoint: str = "till") -> httpx.Response:
    return gateway.client.post(
        "/v1/answers/check",
        json={"code": code, "predicate": predicate},
        headers={"Authorization": f"Bearer {gateway.keys[touchpoint]}"},
    )


def test_what_staff_have_seen_is_known_at_every_till(standing: Standing) -> None:
    shop, gateway = standing
    at = now()
    until = at + dt.timedelta(days=30)
    alice = accepted(gateway.post(seen("seen-1", at=at, by="staff-7", valid_until=until.isoformat())))
    told = ask(gateway, alice)
    assert (told["proven"], told["method"]) == (True, "in_person")
    assert dt.datetime.fromisoformat(told["given_at"]) == at
    assert dt.datetime.fromisoformat(told["valid_until"]) == until
    assert ask(gateway, alice, "age_over_20") == {
        "customer": alice, "predicate": "age_over_20", "proven": False, "method": None, "given_at": None,
        "valid_until": None,
    }  # fmt: skip
    (row,) = shop.rows("select * from answers_answer where customer = %s", alice)
    assert set(row) == {"position", "customer", "over", "method", "given_at", "valid_until", "by"}
    assert (row["over"], row["method"], row["by"]) == (18, "in_person", "staff-7")


def test_somebody_whom_nobody_knows_leaves_no_answer(standing: Standing) -> None:
    shop, gateway = standing
    with shop.unchanged("answers_answer", "answers_withdrawal", "customers_customer"):
        assert accepted(gateway.post(seen(None))) == "None"


def test_a_proof_for_a_higher_age_answers_for_a_lower_one(standing: Standing) -> None:
    _, gateway = standing
    alice = accepted(gateway.post(proven("higher-1", "age_over_20"), touchpoint="vault"))
    assert [ask(gateway, alice, each)["proven"] for each in ("age_over_16", "age_over_18", "age_over_20")] == [True] * 3
    assert not ask(gateway, alice, "age_over_21")["proven"]


def test_an_answer_ends_with_the_visit_unless_it_is_to_be_remembered(standing: Standing) -> None:
    _, gateway = standing
    earlier = now() - dt.timedelta(minutes=31)
    alice = accepted(gateway.post(proven("visit-1", at=earlier), touchpoint="vault"))
    assert not ask(gateway, alice)["proven"]
    until = (now() + dt.timedelta(days=1)).isoformat()
    accepted(gateway.post(proven("visit-1", at=earlier, valid_until=until), touchpoint="vault"))
    assert ask(gateway, alice)["proven"]


def test_a_withdrawal_counts_whichever_arrives_first(standing: Standing) -> None:
    _, gateway = standing
    at, until = now() - dt.timedelta(hours=1), (now() + dt.timedelta(days=1)).isoformat()
    later = at + dt.timedelta(minutes=1)
    alice = accepted(gateway.post(withdrawn("gone-1", at=later), touchpoint="vault"))
    accepted(gateway.post(proven("gone-1", at=at, valid_until=until), touchpoint="vault"))
    accepted(gateway.post(withdrawn("gone-1", at=at - dt.timedelta(hours=2)), touchpoint="vault"))
    assert not ask(gateway, alice)["proven"]
    accepted(gateway.post(proven("gone-1", at=later + dt.timedelta(minutes=1), valid_until=until), touchpoint="vault"))
    assert ask(gateway, alice)["proven"]


def test_linked_customers_have_the_same_answers(standing: Standing) -> None:
    _, gateway = standing
    alice = accepted(gateway.post(seen("linked-1")))
    online = {"kind": "web_account", "value": "linked-2"}
    link = {"identifier": card("linked-1"), "customer": online, "evidence": "the card at hand"}
    other = accepted(gateway.post(event("identifier.linked", link, source="/webshop"), touchpoint="webshop"))
    assert other != alice
    assert ask(gateway, other)["proven"]


@pytest.mark.parametrize(
    ("said", "name", "field"),
    [
        (seen("bad-1", "age_over_8"), "field_invalid", "data.predicate"),
        (seen("bad-1", "born_after_2000"), "field_invalid", "data.predicate"),
        (seen("bad-1", by="Camille Martin"), "field_invalid", "data.by"),
        (seen("bad-1", birth_date="2001-02-03"), "undeclared_field", "data.birth_date"),
        (seen("bad-1", method="mdoc"), "undeclared_field", "data.method"),
        (seen("bad-1", valid_until="2017-01-01T00:00:00Z"), "answer_lasts_too_long", "data.valid_until"),
        (seen("bad-1", valid_until="2099-01-01T00:00:00Z"), "answer_lasts_too_long", "data.valid_until"),
    ],
)
def test_what_is_no_answer_is_refused(standing: Standing, said: Any, name: str, field: str) -> None:
    shop, gateway = standing
    with shop.unchanged("answers_answer", "answers_withdrawal"):
        answer = gateway.post(said)
    assert answer.json()["type"].endswith(f":{name}"), answer.text
    assert answer.json()["field"] == field


def test_a_till_cannot_say_that_something_was_proven(standing: Standing) -> None:
    shop, gateway = standing
    with nothing_moves(shop):
        answer = gateway.post(event("answer.proven", proven("till-1")["data"], source=TILL))
    is_refused(answer, 403, "type_not_declared", "type")


def test_who_has_no_need_is_not_told(standing: Standing) -> None:
    shop, gateway = standing
    alice = accepted(gateway.post(seen("need-1")))
    with nothing_moves(shop):
        is_refused(
            gateway.get(f"/v1/customers/{alice}/answers/age_over_18", touchpoint="webshop"), 403, "need_not_declared"
        )
        is_refused(check(gateway, a_code(), touchpoint="webshop"), 403, "need_not_declared")
        is_refused(gateway.get(f"/v1/customers/{alice}/answers/born_in_2000"), 404, "not_found")


def test_a_code_says_yes_once_and_nothing_of_whom(standing: Standing) -> None:
    shop, gateway = standing
    code = a_code(age=20, unique=b"once.one")
    with nothing_moves(shop):
        is_refused(check(gateway, code, "age_over_21"), 422, "answer_code_too_young", "predicate")
    with shop.unchanged("events_event", "answers_answer", "customers_customer"):
        first = check(gateway, code)
    assert (first.status_code, first.json()["predicate"], first.json()["proven"]) == (200, "age_over_18", True)
    with nothing_moves(shop):
        is_refused(check(gateway, code), 409, "answer_code_used", "code")
    assert shop.value("select count(*) from answers_usedcode where encode(digest, 'escape') like %s", "%once%") == 0


def test_of_two_tills_at_once_one_is_told_yes(standing: Standing) -> None:
    _, gateway = standing
    code, answers = a_code(unique=b"race.one"), list[int]()
    threads = [threading.Thread(target=lambda: answers.append(check(gateway, code).status_code)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, *[409] * 7]


def test_a_code_that_is_over_or_changed_says_nothing(standing: Standing) -> None:
    shop, gateway = standing
    good = a_code(unique=b"bad.code")
    with nothing_moves(shop):
        is_refused(check(gateway, a_code(at=now() - LIFE)), 410, "answer_code_over", "code")
        is_refused(check(gateway, a_code(at=now() + LIFE * 3)), 422, "answer_code_invalid", "code")
        is_refused(check(gateway, ("B" if good[5] == "A" else "A").join((good[:5], good[6:]))), 422,
                   "answer_code_invalid", "code")  # fmt: skip
        is_refused(check(gateway, make_code(key=b"another", age=18, now=now(), unique=b"12345678")), 422,
                   "answer_code_invalid", "code")  # fmt: skip
        for nonsense in ("x", "ÄÖÜ", "A" * 128, good + "A"):
            is_refused(check(gateway, nonsense), 422, "answer_code_invalid", "code")
        is_refused(check(gateway, good, "is_nice"), 422, "field_invalid", "predicate")


def test_used_codes_are_forgotten_when_they_are_over(standing: Standing) -> None:
    shop, gateway = standing
    with shop.connect() as connection:
        connection.execute("insert into answers_usedcode values ('\\x00', now() - interval '1 second')")
    check(gateway, a_code(unique=b"tidy.one"))
    assert shop.value("select count(*) from answers_usedcode where ends_at < now()") == 0


def test_the_log_holds_nothing_but_the_answer(standing: Standing) -> None:
    shop, gateway = standing
    accepted(gateway.post(proven("log-1", "age_over_20"), touchpoint="vault"))
    (row,) = shop.rows(
        "select data::text as data from events_event where type = 'answer.proven' order by position desc limit 1"
    )
    data = json.loads(row["data"])
    assert set(data) == {"customer", "predicate", "method"}
    assert data["customer"]["value"] != "log-1"
