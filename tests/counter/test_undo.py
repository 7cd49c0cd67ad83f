"""A link made by mistake can be undone, and both ledgers are then as if it had never been."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from comptoir.config.checking import ledger_holds
from comptoir.config.rebuilding import rebuild
from comptoir.counter.customers.rules import UNDO_DAYS
from comptoir.foundation.kernel.connection import Connection
from support import casting, invariants
from support.casting import ALICE, BOB, BOB_ONLINE, CONSOLE, NOON, STOREFRONT, Counter, Event
from support.derived import derived
from support.shop import Shop

LEDGER = ("loyalty_account", "loyalty_transfer", "loyalty_reservation")
PROOF = "card_link+passkey"


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    one = Counter(shop)
    yield one
    one.close()


def joined(at: dt.datetime = NOON, *, source: str = casting.APP) -> Event:
    return casting.link(ALICE, BOB, at=at, source=source)


# -- nothing was spent across -------------------------------------------------------------------------------------


@st.composite
def lives(draw: st.DrawFn) -> list[Event]:
    """Return what two customers did by themselves: they bought, brought back, and got points by hand."""
    said: list[Event] = []
    for number, (who, amount, days, back) in enumerate(
        draw(
            st.lists(
                st.tuples(
                    st.sampled_from([ALICE, BOB, BOB_ONLINE]), st.integers(1, 400), st.integers(0, 20), st.booleans()
                ),
                min_size=1,
                max_size=8,
            )
        )
    ):
        at = NOON - dt.timedelta(days=days)
        said.append(casting.sale(f"r{number}", amount, of=who, at=at, id=f"s{number}"))
        if back:
            said.append(
                casting.goods_back(f"b{number}", sale=f"r{number}", lines=[(1, 1, amount)], at=at, id=f"b{number}")
            )
    return said


def told(connection: Connection) -> dict[str, Any]:
    """Return both ledgers: balances, lots, transfers and histories."""
    everything = derived(connection, [casting.identify(who) for who in (ALICE, BOB, BOB_ONLINE)])
    return {name: value for name, value in everything.items() if name.startswith(("loyalty_", "history of"))}


@given(said=lives(), where=st.integers(0, 8), until=st.integers(0, 8))
@settings(
    max_examples=40,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_undoing_a_link_is_never_having_linked(shop: Shop, said: list[Event], where: int, until: int) -> None:
    whole: list[dict[str, Any]] = []
    for is_linked in (False, True):
        with shop.connect() as connection, connection.transaction(force_rollback=True):
            counter = Counter(shop, connection=connection)
            story = list(said)
            if is_linked:
                first, last = sorted((min(where, len(said)), min(until, len(said))))
                story.insert(last, casting.undo(ALICE, BOB))
                story.insert(first, joined(NOON - dt.timedelta(days=1)))
            for each in story:
                assert counter.tell(each).is_accepted
            whole.append(told(connection))
            invariants.check(connection)
    assert whole[0] == whole[1]


# -- something was spent across -----------------------------------------------------------------------------------


def test_what_was_spent_across_goes_back_to_whom_it_belonged_and_is_paid_by_whoever_spent_it(
    counter: Counter, shop: Shop
) -> None:
    day = dt.timedelta(days=1)
    counter.send(
        casting.sale("a1", 100, of=ALICE, at=NOON - 9 * day), casting.sale("b1", 80, of=BOB, at=NOON - 10 * day)
    )
    before = shop.rows("select * from loyalty_account where customer = %s", casting.identify(BOB))
    counter.tell(joined())
    assert counter.tell(casting.redeem(120, of=ALICE)).balance == (60, 0, 0)
    assert counter.balance(BOB) < (80, 0, 0)  # some of the 120 were Bob's
    answer = counter.tell(casting.undo(ALICE, BOB))
    assert answer.is_accepted
    # Alice spent 120 and had 100: she owes the rest; Bob has his lot again.
    assert (counter.balance(ALICE), counter.balance(BOB)) == ((0, 0, 20), (80, 0, 0))
    after = shop.rows("select * from loyalty_account where customer = %s", casting.identify(BOB))
    assert [(row["available"], row["owed"], row["lot_days"], row["lot_points"]) for row in before] == [
        (row["available"], row["owed"], row["lot_days"], row["lot_points"]) for row in after
    ]
    assert counter.tell(casting.sale("a2", 50, of=ALICE)).balance == (30, 0, 0)
    assert ledger_holds()
    assert rebuild().changed == []


def test_what_was_spent_in_an_earlier_link_stays_spent(counter: Counter) -> None:
    hour = dt.timedelta(hours=1)
    counter.send(casting.sale("a1", 10, of=ALICE), casting.sale("b1", 100, of=BOB))
    counter.tell(joined(NOON))
    counter.tell(casting.redeem(50, of=ALICE), received_at=NOON + hour)
    counter.tell(casting.unlink(ALICE, BOB, at=NOON + 2 * hour), received_at=NOON + 2 * hour)
    parted = (counter.balance(ALICE), counter.balance(BOB))
    counter.tell(joined(NOON + 3 * hour), received_at=NOON + 3 * hour)
    counter.tell(casting.undo(ALICE, BOB, at=NOON + 4 * hour), received_at=NOON + 4 * hour)
    assert (counter.balance(ALICE), counter.balance(BOB)) == parted


@pytest.mark.parametrize("is_posted", [True, False])
def test_what_is_held_across_has_to_be_finished_first(counter: Counter, shop: Shop, is_posted: bool) -> None:
    counter.send(casting.sale("a1", 10, of=ALICE), casting.sale("b1", 100, of=BOB))
    counter.tell(joined())
    counter.tell(casting.reserve(60, "q", of=ALICE))
    with shop.unchanged(*LEDGER, "customers_link", "customers_membership"):
        assert counter.tell(casting.undo(ALICE, BOB)).problem == "link_in_use"
    counter.tell(casting.post("q", 40) if is_posted else casting.void("q"))
    assert counter.tell(casting.undo(ALICE, BOB)).is_accepted
    spent = 40 if is_posted else 0
    alice, bob = counter.balance(ALICE), counter.balance(BOB)
    assert bob == (100, 0, 0)
    assert alice[0] - alice[2] == 10 - spent
    assert ledger_holds()


@given(
    lots=st.lists(st.tuples(st.booleans(), st.integers(1, 90), st.integers(0, 300)), min_size=1, max_size=7),
    spent=st.lists(st.tuples(st.booleans(), st.integers(1, 120)), min_size=1, max_size=4),
)
@settings(
    max_examples=40,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_each_side_pays_for_what_it_spent(
    shop: Shop, lots: Sequence[tuple[bool, int, int]], spent: Sequence[tuple[bool, int]]
) -> None:
    """Whatever was spent across: each side ends with what it earned less what it spent; nobody pays for another."""
    with shop.connect() as connection, connection.transaction(force_rollback=True):
        counter = Counter(shop, connection=connection)
        worth = {True: 0, False: 0}
        for number, (is_alice, amount, days) in enumerate(lots):
            who = ALICE if is_alice else BOB
            counter.tell(casting.sale(f"r{number}", amount, of=who, at=NOON - dt.timedelta(days=days)))
            worth[is_alice] += amount
        counter.tell(joined())
        for is_alice, points in spent:
            if counter.tell(casting.redeem(points, of=ALICE if is_alice else BOB)).is_accepted:
                worth[is_alice] -= points
        assert counter.tell(casting.undo(ALICE, BOB)).is_accepted
        for is_alice, who in ((True, ALICE), (False, BOB)):
            available, held, owed = counter.balance(who)
            assert held == 0
            assert available - owed == worth[is_alice]
            assert not (available and owed)
        invariants.check(connection)


# -- who may, and until when --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "days", "refusal"),
    [
        (STOREFRONT, UNDO_DAYS, None),
        (STOREFRONT, UNDO_DAYS + 1, "link_too_old"),
        (CONSOLE, UNDO_DAYS + 1, None),
    ],
)
def test_a_customer_can_undo_for_thirty_days_and_staff_later_too(
    counter: Counter, shop: Shop, source: str, days: int, refusal: str | None
) -> None:
    counter.tell(joined())
    at = NOON + dt.timedelta(days=days)
    unchanged = shop.unchanged("customers_link", "customers_membership", *LEDGER)
    with unchanged if refusal else contextlib.nullcontext():
        answer = counter.tell(casting.undo(ALICE, BOB, at=at, source=source), received_at=at)
        assert answer.problem == refusal
    assert shop.value("select count(*) from customers_membership") == (2 if refusal else 0)


def test_what_was_never_linked_cannot_be_undone(counter: Counter, shop: Shop) -> None:
    counter.send(casting.sale("a1", 10, of=ALICE), casting.sale("b1", 100, of=BOB))
    with shop.unchanged("customers_link", *LEDGER):
        assert counter.tell(casting.undo(ALICE, BOB)).problem == "link_unknown"
        assert counter.tell(casting.undo(ALICE, ALICE)).problem == "link_to_itself"
    counter.tell(joined())
    assert counter.tell(casting.undo(ALICE, BOB)).is_accepted
    with shop.unchanged("customers_link", *LEDGER):
        assert counter.tell(casting.undo(ALICE, BOB)).problem == "link_unknown"


# -- linking needs proof (the six ways in which accounts elsewhere are taken over by linking) ---------------------


@pytest.mark.parametrize(
    "evidence",
    [
        "the same e-mail address",  # registered beforehand by somebody else
        "email+email_code",  # an address that a provider has not verified
        "email_code",  # an address that was changed meanwhile
        "email+passkey",  # an address that the provider gave to somebody new
        "EMAIL+passkey",  # equal but for case, or by Unicode
        "sub+passkey",  # the same name at two providers
        "card_link", "passkey", "card_link+", "+passkey", "card_link+card_link",
    ],
)  # fmt: skip
@pytest.mark.parametrize("source", [casting.VAULT, STOREFRONT])
def test_a_link_from_the_customers_own_pages_needs_holding_and_confirmation(
    counter: Counter, shop: Shop, evidence: str, source: str
) -> None:
    data = {"identifier": BOB, "customer": ALICE, "evidence": evidence}
    with shop.unchanged("customers_link", "customers_membership"):
        answer = counter.tell(casting.event("identifier.linked", data, source=source))
        assert answer.problem == "link_without_proof"


def test_equal_addresses_never_make_two_customers_one(counter: Counter, shop: Shop) -> None:
    """Whatever is equal about two identifiers, only an event links them."""
    same = "nora@example.org"
    counter.send(
        casting.sale("1", 10, of={"kind": "web_account", "value": same}),
        casting.sale("2", 10, of={"kind": "app_account", "value": same}),
        casting.sale("3", 10, of={"kind": "web_account", "value": same.upper()}),
    )
    assert shop.value("select count(*) from customers_customer") == 3
    assert shop.value("select count(*) from customers_membership") == 0


def test_with_proof_two_are_one(counter: Counter, shop: Shop) -> None:
    data = {"identifier": BOB, "customer": ALICE, "evidence": PROOF}
    assert counter.tell(casting.event("identifier.linked", data, source=STOREFRONT)).is_accepted
    assert shop.value("select count(*) from customers_membership") == 2
