"""Locks and limits are in the customer's hands: in force before the next request to spend, at every till."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comptoir.config.rebuilding import rebuild
from comptoir.counter.customers.rules import customer_id
from comptoir.counter.loyalty.codes import Code
from comptoir.counter.loyalty.confirming import Confirmations
from comptoir.counter.loyalty.contracts import CONFIRMED
from comptoir.counter.loyalty.spending import (
    WORDS_MAX,
    Limits,
    Standing,
    Word,
    is_at,
    is_same,
    limits_refusal,
    strictest,
    together,
    waiting,
)
from comptoir.foundation.events.commands import record
from comptoir.foundation.kernel import shop as shop_folder
from comptoir.foundation.kernel.ids import IdMaker, first_of_millisecond
from support import casting, clients, invariants
from support.casting import ALICE, ALICE_ONLINE, BOB, CODES, HEARD, NOON, OTHER_TILL, TILL, WEBSHOP, Counter, identify
from support.gateway import Gateway, running_gateway, written
from support.shop import Shop

HOUR = dt.timedelta(hours=1)
MINUTE = dt.timedelta(minutes=1)
WAIT = dt.timedelta(hours=72)
#: What a refused request leaves behind: itself in the log, with its outcome.
LOGGED = ("events_event", "events_identity", "events_outbox")


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    """Have a counter at which Alice, whose card and account are linked, has 200 points, and Bob 100."""
    opened = Counter(shop)
    opened.send(casting.sale("a", 150), casting.sale("o", 50, of=ALICE_ONLINE), casting.sale("b", 100, of=BOB))
    opened.tell(casting.link(ALICE, ALICE_ONLINE))
    yield opened
    with shop.connect() as connection:
        invariants.check(connection)
    opened.close()


def refused(counter: Counter, said: Mapping[str, Any], *, received_at: dt.datetime = HEARD) -> str:
    """Have a request refused, with nothing moved; returns the refusal's name."""
    moving = [name for name in counter.shop.contents() if not name.startswith(LOGGED)]
    with counter.shop.unchanged(*moving):
        answer = counter.tell(said, received_at=received_at)
    assert answer.outcome["event"], "it is in the log"
    return str(answer.problem)


def confirmed(points: int, *, of: Any = ALICE) -> dict[str, Any]:
    """Return a request to spend an amount that was confirmed with a passkey."""
    code = Code(identify(of), int(HEARD.timestamp()), points_max=points, salt=random.randrange(1, 2**32))
    said = casting.redeem(points, of=of)
    return {**said, "data": {**said["data"], "proof": {"kind": "code", "value": CODES.seal(code)}}}


def test_a_lock_stops_every_card_of_the_person_everywhere_and_earning_goes_on(counter: Counter) -> None:
    assert counter.tell(casting.limit(locked=True)).is_accepted
    for said in (
        casting.redeem(1), casting.redeem(1, of=ALICE_ONLINE), casting.reserve(1, "q"), confirmed(1),
        casting.reserve(1, "w", of=ALICE_ONLINE, source=WEBSHOP),
    ):  # fmt: skip
        assert refused(counter, said) == "spending_locked"
    assert counter.tell(casting.sale("more", 10)).balance == (210, 0, 0)
    assert counter.tell(casting.redeem(1, of=BOB)).is_accepted
    assert counter.tell(casting.confirmed(casting.limit(at=NOON + MINUTE))).is_accepted
    assert counter.tell(casting.redeem(1)).is_accepted


def test_what_is_held_already_is_spent_or_given_back(counter: Counter) -> None:
    counter.send(casting.reserve(10, "q"), casting.reserve(20, "w"), casting.limit(locked=True))
    assert counter.tell(casting.post("q")).balance == (170, 20, 0)
    assert counter.tell(casting.void("w")).balance == (190, 0, 0)


def test_points_are_spent_only_where_the_customer_wants_it(counter: Counter) -> None:
    counter.tell(casting.limit(places=["/stores/330", "/webshop"]))
    assert counter.tell(casting.redeem(1, source=TILL)).is_accepted
    assert counter.tell(casting.reserve(1, "w", source=WEBSHOP)).is_accepted
    assert refused(counter, casting.redeem(1, source=OTHER_TILL)) == "place_not_allowed"
    assert refused(counter, casting.redeem(1, source="/stores/3301/tills/1")) == "place_not_allowed"


def test_what_one_card_forbids_the_other_cannot_allow(counter: Counter) -> None:
    counter.tell(casting.limit(places=["/stores/330"]))
    counter.tell(casting.limit(of=ALICE_ONLINE, places=["/stores/330/tills/2", "/stores/12"], at=NOON + MINUTE))
    for source in (TILL, OTHER_TILL):
        assert refused(counter, casting.redeem(1, source=source)) == "place_not_allowed"
    assert counter.tell(casting.redeem(1, source="/stores/330/tills/2")).is_accepted


def test_so_many_a_day_count_what_is_spent_and_held_at_every_till(counter: Counter) -> None:
    now = dt.datetime.now(dt.UTC)

    def tell(said: Mapping[str, Any]) -> casting.Answer:
        return counter.tell({**said, "time": now.isoformat()}, received_at=now)

    assert tell(casting.redeem(10)).is_accepted  # before the limit was set: today is today
    assert tell(casting.limit(points_per_day=50)).is_accepted
    assert tell(casting.reserve(30, "q", of=ALICE_ONLINE, source=WEBSHOP)).is_accepted
    over = tell(casting.redeem(11, source=OTHER_TILL))
    assert (over.problem, over.outcome["problem"]["left"]) == ("daily_limit_reached", 10)
    assert tell(casting.post("q", 25, source=WEBSHOP)).is_accepted
    assert tell(casting.redeem(15)).is_accepted
    assert tell(casting.redeem(1)).problem == "daily_limit_reached"
    assert tell(casting.redeem(1, of=BOB)).is_accepted


def test_within_one_batch_the_day_is_counted_as_it_goes(counter: Counter) -> None:
    now = dt.datetime.now(dt.UTC)
    said = [
        casting.limit(points_per_day=50), casting.reserve(40, "q"), casting.redeem(20), casting.post("q", 30),
        casting.redeem(20), casting.redeem(1),
    ]  # fmt: skip
    answers = counter.send(*[{**each, "time": now.isoformat()} for each in said], received_at=now)
    assert [answer.problem for answer in answers] == [
        None, None, "daily_limit_reached", None, None, "daily_limit_reached",
    ]  # fmt: skip


def test_large_amounts_need_a_passkey(counter: Counter) -> None:
    counter.tell(casting.limit(points_without_passkey=20))
    assert counter.tell(casting.redeem(20)).is_accepted
    assert refused(counter, casting.redeem(21)) == "passkey_needed"
    assert refused(counter, casting.reserve(21, "w", source=WEBSHOP)) == "passkey_needed"
    assert counter.tell(confirmed(21)).is_accepted


def test_while_it_cools_points_are_earned_and_not_spent(counter: Counter) -> None:
    counter.tell(casting.cool(HEARD + HOUR, of=ALICE_ONLINE))
    counter.tell(casting.cool(HEARD + MINUTE, at=NOON + MINUTE))  # a shorter one later does not shorten it
    assert refused(counter, casting.redeem(1)) == "spending_cooling"
    assert refused(counter, confirmed(1)) == "spending_cooling"
    assert counter.tell(casting.sale("more", 10)).balance == (210, 0, 0)
    almost = HEARD + HOUR - dt.timedelta(microseconds=1)
    assert refused(counter, casting.redeem(1), received_at=almost) == "spending_cooling"
    assert counter.tell(casting.redeem(1), received_at=HEARD + HOUR).is_accepted


def test_what_is_frozen_stays_so_until_it_is_thawed(counter: Counter) -> None:
    counter.tell(casting.freeze())
    assert refused(counter, casting.redeem(1)) == "spending_frozen"
    assert refused(counter, casting.redeem(1, of=ALICE_ONLINE), received_at=HEARD + 999 * HOUR) == "spending_frozen"
    counter.tell(casting.thaw(at=NOON + MINUTE))
    assert counter.tell(casting.redeem(1)).is_accepted
    counter.tell(casting.freeze(at=NOON + MINUTE / 2))  # it was said before the thaw, and comes late
    assert counter.tell(casting.redeem(1)).is_accepted


def test_a_link_brings_the_limits_along_and_its_end_takes_them_away(counter: Counter) -> None:
    counter.tell(casting.limit(of=BOB, locked=True))
    counter.tell(casting.link(BOB, ALICE))
    assert refused(counter, casting.redeem(1)) == "spending_locked"
    counter.tell(casting.unlink(BOB, ALICE, at=NOON + MINUTE))
    assert counter.tell(casting.redeem(1)).is_accepted
    answers = counter.send(casting.link(BOB, ALICE, at=NOON + 2 * MINUTE), casting.redeem(1))
    assert [answer.problem for answer in answers] == [None, "spending_locked"]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"places": []}, "data.places"),
        ({"places": ["/"]}, "data.places[0]"),
        ({"places": ["stores"]}, "data.places[0]"),
        ({"places": ["/stores/*"]}, "data.places[0]"),
        ({"places": ["/s/" + str(n) for n in range(51)]}, "data.places"),
        ({"points_per_day": -1}, "data.points_per_day"),
        ({"points_without_passkey": 10**10}, "data.points_without_passkey"),
        ({"locked": "yes"}, "data.locked"),
    ],
)
def test_what_is_no_limit_is_refused_at_the_door(data: dict[str, Any], field: str) -> None:
    reader = casting.reader()
    read = reader.read(json.dumps(casting.limit(**data)).encode(), reader.map.touchpoint("storefront"), HEARD)
    assert (read.problem.name, read.problem.field) == ("field_invalid", field)  # type: ignore[union-attr]


def test_a_till_cannot_say_what_a_customer_allows(counter: Counter) -> None:
    reader = casting.reader()
    for said in (casting.limit(), casting.thaw(), casting.freeze(), casting.cool(HEARD)):
        body = json.dumps({**said, "source": TILL}).encode()
        read = reader.read(body, reader.map.touchpoint("till"), HEARD)
        assert read.problem.name == "type_not_declared"  # type: ignore[union-attr]


# -- what lets more be spent waits ---------------------------------------------------------------------------------


def test_what_lets_more_be_spent_waits_and_what_lets_less_does_not(counter: Counter) -> None:
    counter.tell(casting.limit(points_per_day=20, points_without_passkey=50))
    assert counter.tell(casting.limit(points_per_day=90, points_without_passkey=5, at=NOON + MINUTE)).is_accepted
    assert refused(counter, casting.redeem(6)) == "passkey_needed"
    assert refused(counter, confirmed(21)) == "daily_limit_reached"
    almost = HEARD + WAIT - dt.timedelta(microseconds=1)
    assert refused(counter, fresh(21, at=almost), received_at=almost) == "daily_limit_reached"
    assert counter.tell(fresh(21, at=HEARD + WAIT), received_at=HEARD + WAIT).is_accepted
    assert refused(counter, casting.redeem(6), received_at=HEARD + WAIT) == "passkey_needed"


def test_whoever_says_that_it_happened_long_ago_waits_as_long(counter: Counter) -> None:
    counter.tell(casting.limit(locked=True, at=NOON - 999 * HOUR))
    counter.tell(casting.limit(at=NOON - 998 * HOUR))
    assert refused(counter, casting.redeem(1)) == "spending_locked"
    assert counter.tell(casting.redeem(1), received_at=HEARD + WAIT).is_accepted


def test_what_waits_is_called_off_by_saying_again_what_holds(counter: Counter) -> None:
    counter.tell(casting.limit(points_per_day=5))
    counter.tell(casting.limit(at=NOON + MINUTE))
    counter.tell(casting.limit(points_per_day=5, at=NOON + 2 * MINUTE))
    assert refused(counter, casting.redeem(6), received_at=HEARD + 9 * WAIT) == "daily_limit_reached"


def test_a_passkey_lets_more_be_spent_at_once_and_its_word_is_for_one_event(counter: Counter) -> None:
    counter.tell(casting.limit(locked=True))
    told = casting.confirmed(casting.limit(points_per_day=30, at=NOON + MINUTE))
    assert counter.tell(told).is_accepted
    assert counter.tell(casting.redeem(1)).is_accepted
    kept = counter.shop.value("select data::text from events_event where id = %s", told["id"])
    assert "proof" not in kept
    # The same once more is the same, with its proof or without; it does not count a second time.
    counter.tell(casting.limit(locked=True, at=NOON + 2 * MINUTE))
    assert counter.tell(told).is_repeated
    without = {**told, "data": {name: value for name, value in told["data"].items() if name != "proof"}}
    assert counter.tell(without).is_repeated
    assert refused(counter, casting.redeem(1)) == "spending_locked"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"id": "another"}, "confirmation_invalid"),
        ({"customer": BOB}, "confirmation_invalid"),
        ({"points_per_day": 31}, "confirmation_invalid"),
        ({"points_per_day": None}, "confirmation_invalid"),
        ({"locked": True}, "confirmation_invalid"),
        ({"value": "L1.0.0000"}, "confirmation_invalid"),
        ({"value": "L2" + "0" * 60}, "confirmation_invalid"),
        ({"value": "é" * 40}, "confirmation_invalid"),
        ({"key": True}, "confirmation_invalid"),
        ({"at": HEARD - 2 * MINUTE}, "confirmation_expired"),
        ({"at": HEARD + MINUTE}, "confirmation_expired"),
        ({"value": "short"}, "field_invalid"),
    ],
    ids=str,
)
def test_a_confirmation_of_anything_else_is_refused_at_the_door(change: dict[str, Any], problem: str) -> None:
    said = casting.limit(points_per_day=30)
    by = Confirmations(bytes(32)) if "key" in change else casting.CONFIRMATIONS
    told = casting.confirmed(said, at=change.get("at", HEARD), by=by)
    data = told["data"]
    if "value" in change:
        data = {**data, "proof": {"kind": "confirmation", "value": change["value"]}}
    data = {**data, **{n: v for n, v in change.items() if n in {"customer", "points_per_day", "locked"}}}
    told = {**told, "id": change.get("id", told["id"]), "data": {n: v for n, v in data.items() if v is not None}}
    reader = casting.reader()
    read = reader.read(json.dumps(told).encode(), reader.map.touchpoint("vault"), HEARD)
    assert (read.problem.name, read.problem.field) == (problem, "data.proof.value")  # type: ignore[union-attr]


def test_the_storefront_brings_no_confirmation(counter: Counter) -> None:
    told = {**casting.confirmed(casting.limit()), "source": casting.STOREFRONT}
    reader = casting.reader()
    read = reader.read(json.dumps(told).encode(), reader.map.touchpoint("storefront"), HEARD)
    assert read.problem.name == "undeclared_field"  # type: ignore[union-attr]


def test_however_often_limits_were_changed_a_lock_is_taken(counter: Counter) -> None:
    number = itertools.count(1)

    def change(**limits: Any) -> casting.Event:
        return casting.limit(at=NOON + (next(number) - 99) * MINUTE, **limits)

    for points in range(WORDS_MAX):
        assert counter.tell(change(points_per_day=100 + points)).is_accepted
    assert refused(counter, change(points_per_day=1)) == "limits_changed_too_often"
    assert counter.tell(change(locked=True)).is_accepted
    assert refused(counter, change(locked=True)) == "limits_changed_too_often"
    assert refused(counter, change()) == "limits_changed_too_often"
    assert refused(counter, casting.redeem(1)) == "spending_locked"
    assert counter.tell(casting.confirmed(change(points_per_day=30))).is_accepted
    assert counter.tell(change(points_per_day=20)).is_accepted


def test_spending_cools_for_thirty_days_at_most(counter: Counter) -> None:
    month = dt.timedelta(days=30)
    second = dt.timedelta(seconds=1)
    assert refused(counter, casting.cool(NOON + month + second)) == "cooling_too_long"
    assert refused(counter, casting.cool(dt.datetime(9999, 1, 1, tzinfo=dt.UTC))) == "cooling_too_long"
    assert counter.tell(casting.redeem(1)).is_accepted
    assert counter.tell(casting.cool(NOON + month)).is_accepted
    assert refused(counter, casting.redeem(1)) == "spending_cooling"


# -- whichever order ----------------------------------------------------------------------------------------------

SAID = [
    casting.confirmed(casting.limit(points_per_day=5, at=NOON - MINUTE, id="l0")),
    casting.limit(locked=True, id="l1"), casting.limit(places=["/stores/12"], at=NOON + MINUTE, id="l2"),
    casting.limit(points_per_day=10, at=NOON + MINUTE, id="l3"), casting.cool(HEARD + HOUR, id="c1"),
    casting.cool(HEARD + MINUTE, at=NOON + MINUTE, id="c2"), casting.freeze(id="f1"),
    casting.thaw(at=NOON + MINUTE, id="f2"), casting.freeze(at=NOON + 2 * MINUTE, id="f3"),
]  # fmt: skip


@settings(max_examples=200)
@given(st.permutations(SAID), st.lists(st.sampled_from(SAID)))
def test_what_was_said_ends_the_same_in_every_order(order: list[Any], again: list[Any]) -> None:
    def after(said: list[Any]) -> Standing:
        standing = Standing()
        for arrival in casting.read(casting.reader(), *said):
            free_at = HEARD if arrival.proof == CONFIRMED else HEARD + WAIT
            standing = standing.after(arrival.type, arrival.data, arrival.order, heard_at=HEARD, free_at=free_at)
        return standing

    assert after([*order, *again]) == after(SAID)


def limits_of(said: Mapping[str, Any]) -> Limits:
    return Limits(**{**said, "places": tuple(said["places"]) if "places" in said else None})


def fresh(points: int, *, at: dt.datetime, of: Any = ALICE) -> dict[str, Any]:
    """Return a request to spend an amount that was confirmed with a passkey at a moment."""
    code = Code(identify(of), int(at.timestamp()), points_max=points, salt=random.randrange(1, 2**32))
    said = casting.redeem(points, of=of)
    return {**said, "data": {**said["data"], "proof": {"kind": "code", "value": CODES.seal(code)}}}


@settings(max_examples=300)
@given(st.data())
def test_words_about_limits_mean_the_same_in_every_order_and_none_is_dropped_too_early(data: st.DataObject) -> None:
    """Against all that was ever said: what holds at any later moment, and what somebody is told of it."""
    words: list[tuple[dict[str, Any], bool, int]] = data.draw(
        st.lists(st.tuples(limits_given, st.booleans(), st.integers(0, 200)), min_size=1, max_size=7)
    )
    told = [
        (casting.limit(id=f"w{number}", at=NOON + (number - 9) * MINUTE, **limits), HEARD + hours * HOUR, is_confirmed)
        for number, (limits, is_confirmed, hours) in enumerate(words)
    ]
    arrivals = casting.read(casting.reader(), *(said for said, _, _ in told))
    heard = [
        (arrival, at, at if is_confirmed else at + WAIT)
        for arrival, (_, at, is_confirmed) in zip(arrivals, told, strict=True)
    ]

    def after(order: list[Any]) -> Standing:
        standing = Standing()
        for arrival, at, free_at in order:
            standing = standing.after(arrival.type, arrival.data, arrival.order, heard_at=at, free_at=free_at)
        return standing

    standing = after(heard)
    assert after(data.draw(st.permutations(heard))) == after([*heard, *heard]) == standing
    latest = max(at for _, at, _ in heard)
    for hours in (0, 1, 71, 72, 100, 300):
        now = latest + hours * HOUR
        holding = [
            limits_of(limits)
            for number, (limits, _, _) in enumerate(words)
            if not any(free_at <= now for _, _, free_at in heard[number + 1 :])
        ]
        assert is_same(standing.limits(now), strictest(holding))
        rest = waiting([standing], at=now)
        if rest is None:
            assert is_same(standing.limits(now), standing.wanted)
        else:
            assert now < rest.since <= latest + WAIT
            assert waiting([standing], at=rest.since) is None
    assert standing.limits(latest + WAIT) == standing.wanted == limits_of(words[-1][0])


def test_in_the_tables_too_and_when_they_are_made_anew(counter: Counter) -> None:
    found = []
    for whose, order in zip((ALICE, BOB, ALICE_ONLINE), (SAID, SAID[::-1], SAID[3:] + SAID[:3]), strict=True):
        for said in order:
            kept = {name: value for name, value in said["data"].items() if name != "proof"} | {"customer": whose}
            told = {**said, "id": f"{whose['value']}-{said['id']}", "data": kept}
            assert counter.tell(casting.confirmed(told) if "proof" in said["data"] else told).is_accepted
        rows = counter.shop.rows("select * from loyalty_standing where customer = %s", identify(whose))
        written = [{k: v for k, v in row.items() if k != "customer" and not k.endswith("_id")} for row in rows]
        found.append(json.loads(json.dumps(written, default=str).replace(f"{whose['value']}-", "")))
    assert found[0] == found[1] == found[2]
    counter.tell(casting.redeem(1, of=BOB))
    counter.connection.close()
    assert rebuild().changed == []
    counter.connection = counter.shop.connect()


# -- against a pure model -----------------------------------------------------------------------------------------

PLACES = ("/stores/330", "/stores/330/tills/1", "/stores/12", "/webshop")
SOURCES = (TILL, OTHER_TILL, "/stores/330/tills/2")
limits_given = st.fixed_dictionaries(
    {},
    optional={
        "locked": st.booleans(),
        "places": st.lists(st.sampled_from(PLACES), min_size=1, max_size=3, unique=True),
        "points_per_day": st.integers(0, 60),
        "points_without_passkey": st.integers(0, 30),
    },
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("limit"), st.sampled_from(["a", "o"]), limits_given, st.booleans()),
        st.tuples(st.just("spend"), st.sampled_from(["a", "o"]), st.integers(1, 40), st.sampled_from(SOURCES),
                  st.booleans()),
        st.tuples(st.just("night"), st.integers(1, 4)),
    ),
    min_size=3, max_size=14,
)  # fmt: skip


class Days(IdMaker):
    """Makes positions of the day that a test has."""

    def __init__(self) -> None:
        super().__init__()
        self.at = NOON
        self._last = 0

    def reserve(self, count: int, *, after: str | None = None) -> list[str]:
        self._last = max(self._last + 1, int(self.at.timestamp() * 1000))
        ids = [first_of_millisecond(self._last + n) for n in range(count)]
        self._last += count
        assert after is None or ids[0] > after if ids else True
        return ids


class Model:
    """What the limits mean, said once more, one request at a time and without a database."""

    def __init__(self) -> None:
        self.points, self.today = 10_000, 0
        #: For each card all that was ever said: the limits, and from when on they replace what was said before.
        self.words: dict[str, list[tuple[dict[str, Any], dt.datetime]]] = {"a": [], "o": []}

    def holding(self, at: dt.datetime) -> list[dict[str, Any]]:
        return [
            limits
            for words in self.words.values()
            for number, (limits, _) in enumerate(words)
            if not any(free_at <= at for _, free_at in words[number + 1 :])
        ]

    def spend(self, points: int, source: str, *, confirmed: bool, at: dt.datetime) -> str | None:
        said = self.holding(at)
        if any(each.get("locked") for each in said):
            return "spending_locked"
        if any("places" in each and not any(is_at(source, place) for place in each["places"]) for each in said):
            return "place_not_allowed"
        if any(points > each.get("points_without_passkey", 10**9) for each in said) and not confirmed:
            return "passkey_needed"
        if any(self.today + points > each.get("points_per_day", 10**9) for each in said):
            return "daily_limit_reached"
        self.points -= points
        self.today += points
        return None


@settings(max_examples=40)
@given(steps)
def test_the_ledger_does_what_the_limits_mean(standing_counter: Counter, story: list[Any]) -> None:
    number = next(_stories)
    who = {name: {"kind": "card", "value": f"{name}{number}"} for name in "ao"}
    counter, days, model = standing_counter, Days(), Model()
    now = NOON + number * dt.timedelta(days=40)

    def tell(said: Mapping[str, Any]) -> dict[str, Any]:
        nonlocal now
        now += dt.timedelta(seconds=1)
        days.at = now
        arrivals = counter.read({**said, "time": now.isoformat()}, received_at=now)
        record(counter.connection, arrivals, handlers=counter.handlers, ids=days)
        return dict(json.loads(arrivals[0].outcome))

    tell(casting.sale(f"a{number}", 6_000, of=who["a"]))
    tell(casting.sale(f"o{number}", 4_000, of=who["o"]))
    tell(casting.link(who["a"], who["o"]))
    for kind, *step in story:
        if kind == "night":
            now += step[0] * dt.timedelta(days=1)
            model.today = 0
        elif kind == "limit":
            name, limits, is_confirmed = step
            said = casting.limit(of=who[name], **limits)
            asked_at = now + dt.timedelta(seconds=1)
            told = tell(casting.confirmed(said, at=asked_at) if is_confirmed else said)
            assert told["status"] == "accepted"
            model.words[name].append((limits, now if is_confirmed else now + WAIT))
        else:
            whose, points, source, is_confirmed = step
            said = casting.redeem(points, of=who[whose], source=source)
            if is_confirmed:
                at = int((now + dt.timedelta(seconds=1)).timestamp())
                code = Code(identify(who[whose]), at, points_max=points, salt=random.randrange(1, 2**32))
                said = {**said, "data": {**said["data"], "proof": {"kind": "code", "value": CODES.seal(code)}}}
            told = tell(said)
            problem = model.spend(points, source, confirmed=is_confirmed, at=now)
            assert told.get("problem", {}).get("type") == (problem and f"urn:comptoir:problem:{problem}")
            assert told["balance"]["available"] == model.points


_stories = itertools.count(1)


@pytest.fixture(scope="module")
def standing_counter(standing: tuple[Shop, Gateway]) -> Iterator[Counter]:
    """Have one counter for all the stories, each of which has cards of its own."""
    opened = Counter(standing[0])
    yield opened
    opened.close()


@given(st.lists(limits_given, min_size=1, max_size=4), st.sampled_from(SOURCES), st.integers(1, 40))
def test_together_they_allow_what_each_of_them_allows(said: list[dict[str, Any]], source: str, points: int) -> None:
    def refusal(standings: list[Standing]) -> bool:
        told = limits_refusal(standings, source=source, points=points, spent=7, is_confirmed=False, at=NOON)
        return told is not None

    several = [Standing((Word((NOON, "", ""), limits_of(each), NOON),)) for each in said]
    assert refusal(several) == any(refusal([each]) for each in several)
    one, other = together(several, at=NOON), together(several[::-1], at=NOON)
    assert one == other or one.places is not None


# -- races --------------------------------------------------------------------------------------------------------


@pytest.fixture
def gateways(shop: Shop, tmp_path: Path) -> Iterator[list[Gateway]]:
    """Have two gateways in front of one shop."""
    with running_gateway(tmp_path) as first, running_gateway(tmp_path, keys=first.keys) as second:
        yield [first, second]


def tasks(gateways: list[Gateway], bodies: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    key = gateways[0].keys["till"]
    ports = [int(gateway.url.rsplit(":", 1)[1]) for gateway in gateways]
    return [{"how": "http", "port": ports[number % 2], "key": key, "body": body} for number, body in enumerate(bodies)]


def test_of_sixteen_tills_with_one_captured_code_one_gets_it(shop: Shop, gateways: list[Gateway]) -> None:
    assert gateways[0].post(casting.sale("r", 100_000)).is_success
    code = json.loads(written(casting.redeem(1)))["data"]["proof"]
    said = [casting.redeem(10, source=f"/stores/{number}/tills/1") for number in range(16)]
    told = clients.race(tasks(gateways, [{**each, "data": {**each["data"], "proof": code}} for each in said]))
    assert sorted(told) == ["accepted", *["code_used_elsewhere"] * 15]
    assert shop.value("select count(*) from loyalty_usedcode") == 1
    assert shop.value("select sum(points) from loyalty_transfer where credit = 12") == 10
    assert shop.value("select count(*) from events_event where status = 'refused'") == 15
    with shop.connect() as connection:
        invariants.check(connection)


def test_many_tills_together_spend_no_more_than_a_day_allows(shop: Shop, gateways: list[Gateway]) -> None:
    assert gateways[0].post(casting.sale("r", 100_000)).is_success
    now = dt.datetime.now(dt.UTC)
    assert gateways[0].post(casting.limit(points_per_day=50, at=now), touchpoint="storefront").is_success
    told = clients.race(tasks(gateways, [json.loads(written(casting.redeem(10))) for _ in range(12)]))
    assert sorted(told) == ["accepted"] * 5 + ["daily_limit_reached"] * 7
    assert shop.value("select sum(points) from loyalty_transfer where credit = 12") == 50


def test_a_lock_holds_at_the_other_gateway_from_its_answer_on(shop: Shop, gateways: list[Gateway]) -> None:
    """Another process locks and unlocks; whatever is spent after the answer to a lock is refused, without exception."""
    assert gateways[0].post(casting.sale("r", 100_000)).is_success
    alice = customer_id(shop_folder.secret("identifiers"), ALICE["kind"], ALICE["value"])
    start = dt.datetime.now(dt.UTC)
    for number in range(15):
        at = start + dt.timedelta(milliseconds=10 * number)
        assert _in_a_process(gateways[1], casting.limit(locked=True, at=at)) == "200"
        refused_one = gateways[0].post(casting.redeem(10))
        assert refused_one.json()["type"].endswith("spending_locked")
        unlocked = casting.limit(at=at + dt.timedelta(milliseconds=5))
        told = casting.confirmed(unlocked, at=dt.datetime.now(dt.UTC), by=Confirmations.of_shop(), who=alice)
        assert gateways[1].post(told, touchpoint="vault").is_success
        assert gateways[0].post(casting.redeem(10)).is_success
    assert shop.value("select sum(points) from loyalty_transfer where credit = 12") == 150


def _in_a_process(gateway: Gateway, said: Mapping[str, Any]) -> str:
    program = (
        "import json, sys, urllib.request as web\n"
        "url, key, body = sys.argv[1:]\n"
        "kind = 'application/cloudevents+json'\n"
        "asked = web.Request(url, body.encode(), {'Authorization': 'Bearer ' + key, 'Content-Type': kind})\n"
        "print(web.build_opener(web.ProxyHandler({})).open(asked).status)\n"
    )
    address, key = f"{gateway.url}/v1/events", gateway.keys["storefront"]
    done = subprocess.run(
        [sys.executable, "-S", "-c", program, address, key, json.dumps(said)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()
