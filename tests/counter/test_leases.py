"""Allowances that tills lease: held from the first moment, spent while cut off, told of late, settled once."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from comptoir.config.rebuilding import rebuild
from comptoir.foundation.kernel import database
from support import casting
from support.casting import ALICE, ALICE_ONLINE, BOB, HEARD, NOON, OTHER_TILL, Counter
from support.derived import derived
from support.shop import Shop

HOUR = dt.timedelta(hours=1)
#: What a refused request must leave as it was.
LEDGER = ("loyalty_account", "loyalty_transfer", "loyalty_lease", "loyalty_programmebalance", "loyalty_usedcode")


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    """Have a counter at which Alice and Bob have a hundred points each."""
    opened = Counter(shop)
    opened.send(casting.sale("a", 100), casting.sale("b", 100, of=BOB))
    yield opened
    opened.close()


def refused(counter: Counter, said: casting.Event, **more: Any) -> str | None:
    """Send something that is refused; nothing but the log has changed."""
    with counter.shop.unchanged(*LEDGER):
        return counter.tell(said, **more).problem


def broken(counter: Counter) -> dict[str, int]:
    """Return which of the doctor's checks of the ledger find something."""
    checks = database.load_statements("comptoir.config", "checking.sql")
    names = [each for each in checks if "lease" in each or "account" in each or "held" in each or "lots" in each]
    return {name: found for name in names if (found := counter.shop.value(checks[name]))}


def test_a_lease_holds_points_and_is_spent_late_in_any_order_and_once(counter: Counter) -> None:
    assert counter.tell(casting.lease(60, "l")).balance == (40, 60, 0)
    spends = [casting.lease_spend("l", points, number, at=NOON + number * dt.timedelta(minutes=5))
              for number, points in enumerate((10, 20, 5), start=1)]  # fmt: skip
    late = HEARD + 40 * HOUR
    assert counter.tell(spends[2], received_at=late).balance == (40, 55, 0)
    returned = casting.lease_return("l", 3)
    assert counter.tell(returned, received_at=late).balance == (40, 55, 0)  # two of three are still on their way
    assert [counter.tell(each, received_at=late).balance for each in spends] == [(40, 45, 0), (65, 0, 0), (40, 55, 0)]
    for again in (*spends, returned):
        with counter.shop.unchanged():
            assert counter.tell(again, received_at=late + HOUR).is_repeated
    assert counter.balance(ALICE) == (65, 0, 0)
    assert counter.shop.rows("select spent, sequences, spends, status from loyalty_lease") == [
        {"spent": 35, "sequences": [1, 2, 3], "spends": 3, "status": "closed"}
    ]
    assert broken(counter) == {}


def test_leases_and_free_points_are_never_more_than_there_are(counter: Counter) -> None:
    assert counter.tell(casting.lease(60, "l")).is_accepted
    assert refused(counter, casting.lease(41, "m", source=OTHER_TILL)) == "insufficient_points"
    assert refused(counter, casting.redeem(41)) == "insufficient_points"
    assert counter.tell(casting.lease(40, "m", source=OTHER_TILL)).balance == (0, 100, 0)
    assert refused(counter, casting.redeem(1)) == "insufficient_points"
    with pytest.raises(psycopg.errors.CheckViolation), psycopg.connect(database.owner_conninfo()) as owner:
        owner.execute("update loyalty_lease set spent = points + 1 where name = 'l'")


def test_what_a_lease_refuses_has_a_name(counter: Counter) -> None:
    without = casting.lease(60, "w")
    del without["data"]["proof"]
    assert refused(counter, without) == "proof_missing"
    assert refused(counter, casting.lease(1_001, "l")) == "lease_too_large"
    counter.tell(casting.lease(60, "l", seconds=3600))
    other = "/stores/330/tills/2"
    for said in (
        casting.lease_spend("l", 5, 1, source=other), casting.lease_return("l", 0, source=other),
        casting.lease_renew("l", source=other),
    ):  # fmt: skip
        assert refused(counter, said) == "lease_foreign"
    assert refused(counter, casting.lease_spend("x", 5, 1)) == "lease_unknown"
    assert refused(counter, casting.lease(5, "l")) == "lease_taken"
    assert refused(counter, casting.lease_spend("l", 61, 1)) == "lease_exceeded"
    late = {"received_at": HEARD + 3 * HOUR}
    assert refused(counter, casting.lease_spend("l", 5, 1, at=HEARD + HOUR), **late) == "lease_expired"
    assert counter.tell(casting.lease_spend("l", 5, 1, at=HEARD + HOUR - dt.timedelta(seconds=1)), **late).is_accepted
    assert refused(counter, casting.lease_spend("l", 7, 1), **late) == "lease_spend_taken"
    assert refused(counter, casting.lease_renew("l"), **late) == "lease_expired"
    assert refused(counter, casting.lease_return("l", 0), **late) == "lease_miscounted"
    assert counter.tell(casting.lease_return("l", 1), **late).balance == (95, 0, 0)
    for said in (casting.lease_spend("l", 5, 2), casting.lease_return("l", 1), casting.lease_renew("l")):
        assert refused(counter, said, **late) == "lease_closed"
    assert refused(counter, casting.lease_reconcile("l"), **late) == "lease_closed"


def test_a_lease_ends_later_when_it_is_renewed_in_time(counter: Counter) -> None:
    counter.tell(casting.lease(60, "l", seconds=3600))
    assert counter.tell(casting.lease_renew("l", seconds=7200), received_at=HEARD + HOUR / 2).balance == (40, 60, 0)
    said = casting.lease_spend("l", 5, 1, at=HEARD + 2 * HOUR)
    assert counter.tell(said, received_at=HEARD + 9 * HOUR).is_accepted


def test_what_a_lost_till_has_leased_comes_back_by_reconciliation_only(counter: Counter) -> None:
    counter.tell(casting.lease(60, "l", seconds=3600))
    assert refused(counter, casting.lease_reconcile("l")) == "lease_running"
    days = {"received_at": HEARD + 300 * HOUR}
    assert refused(counter, casting.redeem(41), **days) == "insufficient_points"
    assert counter.tell(casting.lease_spend("l", 10, 1, at=NOON + HOUR / 2), **days).is_accepted
    assert counter.tell(casting.lease_reconcile("l"), **days).balance == (90, 0, 0)
    # It turns up after all: what it had let be spent and nobody knew of is the shop's to bear, and stands in the log.
    assert refused(counter, casting.lease_spend("l", 20, 2, at=NOON + HOUR / 2), **days) == "lease_lost"
    assert counter.balance(ALICE) == (90, 0, 0)
    assert broken(counter) == {}


def test_staff_reconcile_up_to_a_number_that_the_journal_has(counter: Counter) -> None:
    counter.tell(casting.lease(60, "l", seconds=3600))
    days = {"received_at": HEARD + 300 * HOUR}
    assert counter.tell(casting.lease_reconcile("l", spends=2), **days).balance == (40, 60, 0)
    assert counter.tell(casting.lease_spend("l", 20, 2, at=NOON), **days).balance == (40, 40, 0)
    assert refused(counter, casting.lease_spend("l", 1, 3, at=NOON), **days) == "lease_closed"
    assert counter.tell(casting.lease_spend("l", 10, 1, at=NOON), **days).balance == (70, 0, 0)


def test_every_order_of_what_a_till_tells_ends_the_same(counter: Counter) -> None:
    told = [casting.lease_spend("l", 10, 1), casting.lease_spend("l", 20, 2), casting.lease_return("l", 2)]
    ends = set()
    for number, order in enumerate(itertools.permutations(range(3))):
        name = f"l{number}"
        counter.tell(casting.lease(50, name, of=BOB))
        for which in order:
            said = told[which]
            counter.tell({**said, "id": f"{name}-{which}", "data": {**said["data"], "lease": name}})
        ends.add(str(counter.shop.rows(
            "select spent, sequences, spends, status from loyalty_lease where name = %s", name
        )))  # fmt: skip
        counter.tell(casting.adjust(30, of=BOB))
        assert counter.balance(BOB) == (100, 0, 0)
    assert ends == {"[{'spent': 30, 'sequences': [1, 2], 'spends': 2, 'status': 'closed'}]"}


def test_a_lease_counts_for_what_may_be_spent_in_a_day(counter: Counter) -> None:
    counter.tell(casting.limit(of=ALICE, points_per_day=50))
    counter.tell(casting.lease(40, "l"))
    assert refused(counter, casting.redeem(11)) == "daily_limit_reached"
    assert counter.tell(casting.lease_spend("l", 5, 1)).is_accepted
    assert counter.tell(casting.lease_return("l", 1)).is_accepted
    assert counter.tell(casting.redeem(45)).balance == (50, 0, 0)


def test_cards_stay_linked_while_points_of_one_are_leased_for_the_other(counter: Counter) -> None:
    counter.tell(casting.link(ALICE, ALICE_ONLINE))
    counter.tell(casting.lease(60, "l", of=ALICE_ONLINE))
    undo = casting.undo(ALICE, ALICE_ONLINE)
    assert refused(counter, undo) == "link_in_use"
    counter.send(casting.lease_spend("l", 20, 1), casting.lease_return("l", 1))
    assert counter.balance(ALICE) == (80, 0, 0)
    assert broken(counter) == {}


def test_leases_are_made_anew_from_the_log(counter: Counter) -> None:
    counter.send(
        casting.lease(30, "open"), casting.lease(20, "closed"), casting.lease(10, "lost", seconds=1),
        casting.lease(5, "half", of=BOB), casting.lease_renew("open", seconds=9_000),
    )  # fmt: skip
    late = HEARD + HOUR
    counter.send(
        casting.lease_spend("open", 3, 2), casting.lease_spend("closed", 20, 1), casting.lease_return("closed", 1),
        casting.lease_spend("closed", 1, 2), casting.lease_reconcile("lost"), casting.lease_return("half", 1),
        received_at=late,
    )  # fmt: skip
    rows = counter.shop.rows("select name, status, spent from loyalty_lease order by 1")
    assert [tuple(each.values()) for each in rows] == [
        ("closed", "closed", 20), ("half", "open", 0), ("lost", "lost", 0), ("open", "open", 3),
    ]  # fmt: skip
    before = counter.shop.rows("select * from loyalty_lease order by name"), derived(counter.connection, [])
    assert rebuild().changed == []
    assert (counter.shop.rows("select * from loyalty_lease order by name"), derived(counter.connection, [])) == before
    assert broken(counter) == {}


def test_the_doctor_finds_a_lease_that_says_other_than_the_log(counter: Counter) -> None:
    counter.send(casting.lease(30, "l"), casting.lease_spend("l", 3, 1))
    for change, found in (
        ("spent = 4", {"held_matches_reservations", "leases_match_log"}),
        ("spent = 3, sequences = '{2}'", {"leases_match_log"}),
        ("sequences = '{1}', status = 'lost'", {"held_matches_reservations"}),
        ("status = 'open', spends = 1", {"leases_match_log"}),
    ):
        with psycopg.connect(database.owner_conninfo()) as owner:
            owner.execute(f"update loyalty_lease set {change}".encode())
        assert broken(counter).keys() == found
