"""Facts commute: in whatever order, batches and number of copies they arrive, what is derived from them is the same.

Derived state is a function of the set of facts under their canonical order (occurred at, source, id), never of
arrival. Decisions (a redemption, a reservation) used what was known then, so for them safety is asserted, not
equality. Facts here are sales and returns that fit each other, links and their undoing, activities, answers.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping, Sequence
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, example, given, settings

from comptoir.counter.customers.purposes import TERMS
from comptoir.counter.loyalty.programme import Programmes
from support import casting, invariants, oracle
from support.casting import ALICE, ALICE_ONLINE, BOB, BOB_ONLINE, CHARLIE, Counter, Event, Reference
from support.derived import derived
from support.shop import Shop

CAST = (ALICE, ALICE_ONLINE, BOB, BOB_ONLINE, CHARLIE)
PROGRAMMES = casting.versions(casting.PROGRAMME, casting.RICHER, starts=[casting.RICHER_SINCE])
NEW_YORK = dt.timezone(dt.timedelta(hours=-5))

#: Moments at which something changes in the shop: midnights, ends of months, the hour that does not exist and the
#: one that is there twice, a promotion's first and last second, a new version of the programme.
MOMENTS = [
    dt.datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=NEW_YORK),
    dt.datetime(2024, 3, 1, 0, 0, tzinfo=NEW_YORK),
    dt.datetime(2024, 3, 9, 23, 59, 59, tzinfo=NEW_YORK),
    casting.RICHER_SINCE - dt.timedelta(microseconds=1),
    casting.RICHER_SINCE,
    dt.datetime(2024, 3, 10, 7, 30, tzinfo=dt.UTC),
    dt.datetime(2024, 4, 30, 23, 30, tzinfo=dt.timezone(dt.timedelta(hours=-4))),
    dt.datetime(2024, 11, 3, 5, 30, tzinfo=dt.UTC),
    dt.datetime(2024, 11, 3, 6, 30, tzinfo=dt.UTC),
    dt.datetime(2024, 12, 31, 23, 59, 59, tzinfo=NEW_YORK),
    dt.datetime(2017, 1, 1, 0, 0, tzinfo=dt.UTC),
]
#: Shrinking against a database takes minutes; a failing example is printed as it was drawn.
PHASES = (Phase.explicit, Phase.generate)

moments = st.sampled_from(MOMENTS)
people = st.sampled_from(CAST)
answers: st.SearchStrategy[Any] = st.sampled_from([casting.proven, casting.seen, casting.withdrawn])


@st.composite
def facts(draw: st.DrawFn) -> list[Event]:
    """Return a set of facts: sales, some of whose goods come back, links, activities, choices."""
    said: list[Event] = []
    for number in range(draw(st.integers(1, 4))):
        sold = [
            casting.line(amount, quantity=quantity, category=category)
            for amount, quantity, category in draw(
                st.lists(
                    st.tuples(
                        st.sampled_from([100, 50, 999, 1000, 4550, 0, -100]),
                        st.integers(0, 3),
                        st.sampled_from([None, "PRODUCE", "FLORAL"]),
                    ),
                    min_size=1,
                    max_size=3,
                )
            )
        ]
        source = draw(st.sampled_from([casting.TILL, casting.OTHER_TILL, casting.WEBSHOP]))
        sale = casting.sale(
            f"r{number}", of=draw(st.none() | people), lines=sold, source=source, at=draw(moments), id=f"s{number}"
        )
        said.append(sale)
        said += draw(_returns(number, sale))
    for number, (pair, holds, at) in enumerate(
        draw(
            st.lists(
                st.tuples(st.lists(people, min_size=2, max_size=2, unique_by=str), st.booleans(), moments), max_size=5
            )
        )
    ):
        make = casting.link if holds else casting.unlink
        said.append(make(*pair, at=at, id=f"l{number}"))
    for number, (who, at) in enumerate(draw(st.lists(st.tuples(people, moments), max_size=2))):
        said.append(casting.subscribed(of=who, at=at, id=f"n{number}"))
    for number, (who, near, at) in enumerate(
        draw(st.lists(st.tuples(people, st.sampled_from(["known", "recognised"]), moments), max_size=3))
    ):
        said.append(casting.closeness(near, of=who, at=at, id=f"c{number}"))
    for number, (make_answer, over, who, days, at) in enumerate(
        draw(
            st.lists(
                st.tuples(answers, st.sampled_from([16, 18, 20]), people, st.integers(1, 366), moments), max_size=4
            )
        )
    ):
        until = {} if make_answer is casting.withdrawn else {"until": at + dt.timedelta(days=days)}
        said.append(make_answer(over, of=who, at=at, id=f"a{number}", **until))
    said += draw(_choices())
    return said


@st.composite
def _choices(draw: st.DrawFn) -> list[Event]:
    """Return terms agreed and ended, consents given and withdrawn, objections made and withdrawn."""
    said = []
    for number, (kind, who, holds, at) in enumerate(
        draw(st.lists(st.tuples(st.integers(0, 2), people, st.booleans(), moments), max_size=4))
    ):
        name = f"w{number}"
        if kind == 0:
            term = draw(st.sampled_from(list(TERMS)))
            said.append(
                casting.agreed(term, of=who, at=at, id=name) if holds else casting.ended(of=who, at=at, id=name)
            )
        elif kind == 1:
            purpose, channel = draw(st.sampled_from(["marketing", "analysis"])), draw(st.sampled_from(["mail", "app"]))
            said.append(casting.consented(purpose, channel, of=who, holds=holds, at=at, id=name))
        else:
            said.append(casting.objected(of=who, holds=holds, at=at, id=name))
    return said


@st.composite
def _returns(draw: st.DrawFn, number: int, sale: Mapping[str, Any]) -> list[Event]:
    """Return up to three returns of one sale, by line and in parts, that together fit it."""
    left = [[line["quantity"], max(0, line["amount"])] for line in sale["data"]["lines"]]
    said = []
    for count in range(draw(st.integers(0, 3))):
        back = []
        for at in draw(st.lists(st.integers(0, len(left) - 1), min_size=1, max_size=2)):
            quantity = draw(st.integers(0, left[at][0]))
            amount = draw(st.sampled_from([left[at][1], left[at][1] // 2, min(50, left[at][1]), 0]))
            left[at][0] -= quantity
            left[at][1] -= amount
            back.append((at + 1, quantity, amount))
        source = draw(st.sampled_from([casting.TILL, casting.WEBSHOP]))
        said.append(
            casting.goods_back(
                f"t{number}.{count}", sale=f"r{number}", sale_source=sale["source"], lines=back, source=source,
                at=draw(moments), id=f"t{number}.{count}",
            )
        )  # fmt: skip
    return said


def deliver(
    shop: Shop, programmes: Programmes, batches: Sequence[Sequence[Event]], *, seed: int
) -> tuple[dict[str, Any], dict[Any, bytes]]:
    """Record batches in a transaction that is undone; return what was derived from them, and every first outcome."""
    luck = random.Random(seed)
    with shop.connect() as connection, connection.transaction(force_rollback=True):
        counter = Counter(shop, programmes, connection=connection)
        first: dict[Any, bytes] = {}
        for batch in batches:
            heard = casting.HEARD + dt.timedelta(days=400 + luck.randrange(30), seconds=luck.randrange(86_400))
            answers = counter.send(*batch, received_at=heard, is_trusting=luck.random() < 0.5)
            for said, answer in zip(batch, answers, strict=True):
                key = (said["source"], said["id"])
                assert answer.body == first.setdefault(key, answer.body), "a repeat got another answer"
        invariants.check(connection)
        return derived(connection, [casting.identify(each) for each in CAST]), first


def shuffled(said: Sequence[Event], *, seed: int) -> list[list[Event]]:
    """Return events in some order, some of them more than once, cut into batches somewhere."""
    luck = random.Random(seed)
    order = [*said, *luck.choices(said, k=luck.randrange(len(said)))]
    luck.shuffle(order)
    batches: list[list[Event]] = [[]]
    for each in order:
        if luck.random() < 0.4 and batches[-1]:
            batches.append([])
        batches[-1].append(each)
    return batches


def assert_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    for name in one:
        assert one[name] == other[name], f"{name} depends on the order of arrival"


#: Found by this test once: a return that was heard of late made an earlier one count differently, and the point that
#: was missing in its own lot for a moment was taken from another one.
LATE_RETURN = [
    casting.sale("r0", of=ALICE, lines=[casting.line(100)], at=MOMENTS[5], id="s0"),
    casting.sale("r1", of=ALICE, lines=[casting.line(1000)], at=MOMENTS[0], id="s1"),
    casting.goods_back("t0.1", sale="r0", lines=[(1, 0, 50)], at=MOMENTS[8], id="t0.1"),
    casting.goods_back("t0.0", sale="r0", lines=[(1, 0, 50)], at=MOMENTS[7], id="t0.0"),
]


@given(said=facts(), seed=st.integers(0, 2**32 - 1))
@example(said=LATE_RETURN, seed=0)
@settings(
    max_examples=25,
    phases=PHASES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_order_of_arrival_never_matters(shop: Shop, said: list[Event], seed: int) -> None:
    """One clean delivery, the reverse of it, and two that are shuffled, doubled and cut anywhere: all end the same."""
    clean, _ = deliver(shop, PROGRAMMES, [[each] for each in said], seed=seed)
    assert_same(clean, deliver(shop, PROGRAMMES, [said[::-1]], seed=seed + 1)[0])
    for number in (2, 3):
        assert_same(clean, deliver(shop, PROGRAMMES, shuffled(said, seed=seed + number), seed=seed + number)[0])
    assert {str(row[0]): (*row[1:3], dict(zip(row[4], row[5], strict=True))) for row in clean["loyalty_account"]} == {
        customer: (sum(lots.values()), 0, lots) for customer, lots in expected(said).items() if lots
    }


def expected(said: Sequence[Event]) -> dict[Any, dict[dt.date, int]]:
    """Return the lots of each customer by the oracle: what the kept goods earn, and what activities give."""
    lots: dict[Any, dict[dt.date, int]] = {}
    for each in said:
        data, at = each["data"], dt.datetime.fromisoformat(each["time"])
        who = data.get("customer")
        programme = casting.RICHER if at >= casting.RICHER_SINCE else casting.PROGRAMME
        if each["type"] == "sale.closed" and who is not None:
            back = [
                line
                for one in said
                if one["type"] == "sale.returned"
                and (one["data"]["sale"].get("source", one["source"]), one["data"]["sale"]["receipt"])
                == (each["source"], data["receipt"])
                for line in one["data"]["lines"]
            ]
            kept = [
                line | {"amount": line["amount"] - sum(one["amount"] for one in back if one["line"] == number)}
                for number, line in enumerate(data["lines"], start=1)
            ]
            points = sum(oracle.earned(programme.earn, programme.time_zone, at, kept).values())
        elif each["type"] == "newsletter.subscribed":
            points = 50
        else:
            continue
        if points:
            mine = lots.setdefault(casting.identify(who), {})
            day = oracle.last_day(programme.time_zone, at, programme.expires_after_months)
            mine[day] = mine.get(day, 0) + points
    return lots


def requests(said: Sequence[Event], luck: random.Random) -> list[Event]:
    """Return requests to spend, hold, post, void and adjust, by everybody who appears in these facts."""
    asked = []
    for number in range(8):
        who: Reference = luck.choice(CAST)
        name = f"q{luck.randrange(3)}"
        points = luck.choice([1, 5, 10, 50])
        kind = luck.randrange(5)
        at, id_ = casting.HEARD + dt.timedelta(days=400), f"d{number}"
        asked.append(
            [
                casting.redeem(points, of=who, at=at, id=id_),
                casting.reserve(points, name, of=who, at=at, id=id_),
                casting.post(name, at=at, id=id_),
                casting.void(name, at=at, id=id_),
                casting.adjust(points * luck.choice([1, -1]), of=who, at=at, id=id_),
            ][kind]
        )
    return [*said, *asked]


@given(said=facts(), seed=st.integers(0, 2**32 - 1))
@settings(
    max_examples=12,
    phases=PHASES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_with_decisions_among_the_facts_nothing_unsafe_happens(shop: Shop, said: list[Event], seed: int) -> None:
    """Spending between facts depends on when it came; the books are right all the same, and repeats move nothing."""
    luck = random.Random(seed)
    with shop.connect() as connection, connection.transaction(force_rollback=True):
        counter = Counter(shop, PROGRAMMES, connection=connection)
        batches = shuffled(requests(said, luck), seed=seed)
        first: dict[Any, bytes] = {}
        heard = casting.HEARD
        for number, batch in enumerate(batches):
            heard = casting.HEARD + dt.timedelta(days=400, seconds=number)
            answers = counter.send(*batch, received_at=heard, is_trusting=number % 2 == 0)
            for each, answer in zip(batch, answers, strict=True):
                assert answer.body == first.setdefault((each["source"], each["id"]), answer.body)
                assert answer.problem in {
                    None, "insufficient_points", "reservation_unknown", "reservation_taken", "reservation_posted",
                    "reservation_voided",
                }  # fmt: skip
            invariants.check(connection)
        before = derived(connection, [])
        for batch in batches:
            assert all(answer.is_repeated for answer in counter.send(*batch, received_at=heard))
        assert_same(before, derived(connection, []))
