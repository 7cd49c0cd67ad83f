"""How often a key may guess: what hits nobody is paid for, what is right and what is sold is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir.doors.gateway import limits
from comptoir.doors.gateway.errors import TooManyAttempts
from comptoir.doors.gateway.pace import Attempts
from support import casting
from support.door import is_refused
from support.gateway import Gateway, running_gateway
from support.processes import wait_until
from support.shop import Shop

#: Slow enough that nothing comes back while a test runs.
NARROW = {"ATTEMPTS_MAX": 5, "ATTEMPTS_PER_SECOND": 0.001}


@pytest.fixture
def narrow(shop: Shop, tmp_path: Path) -> Iterator[Gateway]:
    """Have a gateway that lets a key miss five times, and Alice with points."""
    with running_gateway(tmp_path, limits=NARROW) as gateway:
        assert gateway.post(casting.sale("r", 100_000)).is_success
        yield gateway


def guess(number: int = 0) -> casting.Event:
    """Return a request to spend with a code that is nobody's."""
    said = casting.redeem(100)
    return {**said, "data": {**said["data"], "proof": {"kind": "code", "value": f"{number:012d}"}}}


def resolve(gateway: Gateway, value: str, **headers: str) -> httpx.Response:
    given_headers = {"Authorization": f"Bearer {gateway.keys['till']}", **headers}
    return gateway.client.post("/v1/customers/resolve", json={"kind": "card", "value": value}, headers=given_headers)


def test_whoever_guesses_codes_waits_and_whoever_sells_does_not(shop: Shop, narrow: Gateway) -> None:
    for number in range(5):
        assert narrow.post(guess(number)).json()["type"].endswith("code_invalid")
    with shop.unchanged("events_event", "loyalty_account", "loyalty_usedcode"):
        answer = narrow.post(guess())
        is_refused(answer, 429, "too_many_attempts")
        assert answer.headers["retry-after"] == str(answer.json()["retry_after"])
        assert 0 < answer.json()["retry_after"] <= 1_000
        # Nor with the right one: whether it was right is what somebody who guesses wants to know.
        is_refused(narrow.post(casting.redeem(100)), 429, "too_many_attempts")
    assert narrow.post(casting.sale("s", 500)).json()["status"] == "accepted"
    several = narrow.post([casting.sale("t", 500), casting.redeem(100), casting.sale("u", 500)]).json()
    assert (several["accepted"], several["refused"]) == (2, 1)
    assert several["outcomes"][1]["problem"]["type"].endswith("too_many_attempts")
    # Another key has a pace of its own.
    assert narrow.post(casting.reserve(100, "q", source=casting.WEBSHOP), touchpoint="webshop").is_success
    assert 'result="too_many_attempts"' in narrow.client.get("/metrics").text

    def is_recorded() -> bool:
        return bool(shop.value("select count(*) from touchpoints_refusal where reason = 'too_many_attempts'"))

    wait_until(is_recorded, what="the refusal is recorded")


def test_whoever_tries_card_numbers_waits_however_the_key_is_written(narrow: Gateway) -> None:
    assert resolve(narrow, "alice").json()["known"] is True
    for number in range(5):
        assert resolve(narrow, f"nobody-{number}").json()["known"] is False
    is_refused(resolve(narrow, "alice"), 429, "too_many_attempts")
    key = narrow.keys["till"]
    for written in (f"bearer {key}", f"Bearer   {key}", f"BEARER    {key}"):
        is_refused(resolve(narrow, "alice", Authorization=written), 429, "too_many_attempts")
    customer = "00000000-0000-8000-8000-000000000001"
    is_refused(narrow.get(f"/v1/customers/{customer}/balance"), 429, "too_many_attempts")


def test_a_batch_of_guesses_is_waited_for_as_a_whole(narrow: Gateway) -> None:
    told = narrow.post([guess(number) for number in range(40)]).json()
    assert told["refused"] == 40
    answer = narrow.post(guess())
    is_refused(answer, 429, "too_many_attempts")
    assert answer.json()["retry_after"] > 35_000


def test_what_is_right_costs_nothing(narrow: Gateway) -> None:
    for _ in range(12):
        assert resolve(narrow, "alice").is_success
    several = [casting.reserve(100, f"q{number}", source=casting.WEBSHOP) for number in range(9)]
    assert narrow.post(several, touchpoint="webshop").json()["refused"] == 0
    assert narrow.post(guess()).json()["type"].endswith("code_invalid")


waits = st.tuples(st.just("wait"), st.integers(0, 400))
misses = st.tuples(st.just("miss"), st.integers(1, 50))


@given(st.lists(st.one_of(waits, misses)))
def test_over_any_time_no_more_is_tried_than_the_bucket_gives(story: list[tuple[str, int]]) -> None:
    now = 0.0
    attempts = Attempts(lambda: now)
    tried = most = 0
    for what, number in story:
        if what == "wait":
            now += number
            continue
        try:
            attempts.check()
        except TooManyAttempts as problem:
            now += max(1, problem.extra["retry_after"])
            attempts.check()  # after just that long it may try again
        tried += number
        most = max(most, number)
        attempts.miss(number)
        assert tried <= limits.ATTEMPTS_MAX + now * limits.ATTEMPTS_PER_SECOND + most
