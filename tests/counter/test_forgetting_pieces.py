"""One card or one purchase of a person is forgotten: nothing leads back to it, and the person and the books stay.

Alice has signed in (``SELF``), with her card and her account in the web shop linked. Bob's card is somebody else's.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections import Counter as Counting
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from comptoir.config.checking import ledger_holds
from comptoir.config.rebuilding import rebuild
from comptoir.counter.assembly import EVENT_TYPES
from comptoir.counter.customers.forgetting import read_list
from comptoir.counter.customers.rules import Link, Statement, persons, rejoined
from comptoir.counter.loyalty import rules
from comptoir.counter.loyalty.rules import Moved
from support import casting, forgotten, invariants
from support.casting import ALICE, ALICE_ONLINE, BOB, CHARLIE, HEARD, NOON, Counter, Reference, identify
from support.forgotten import forget, forget_card, forget_sale
from support.shop import Shop

SELF: Reference = {"kind": "user", "value": "0198a7c2-alice"}
DAY = dt.timedelta(days=1)
OLD = NOON - 60 * DAY
WIG = [casting.line(300, product="wig"), casting.line(200)]
#: What the account of one customer says, but for the place of the last event.
ACCOUNT = "select available, lot_days, lot_points from loyalty_account where customer = %s"
LEDGER = ("loyalty_account", "loyalty_transfer", "loyalty_programmebalance", "loyalty_reservation", "sales_sale")


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    counter = Counter(shop)
    yield counter
    invariants.check(counter.connection)
    assert rebuild(keep=False).changed == []
    assert ledger_holds()
    counter.close()


def joined(counter: Counter, *others: Reference, around: Reference = SELF) -> None:
    for each in others:
        assert counter.tell(casting.link(around, each)).is_accepted


def totals(shop: Shop) -> Any:
    """Return what the programme owes, and what was issued and spent in each month."""
    return (
        shop.rows("select account, sum(points) as p from loyalty_programmebalance group by 1 order by 1"),
        Counting(
            {
                (row["month"], row["account"]): row["points"]
                for row in shop.rows(
                    "select month, account, sum(points)::bigint as points from ("
                    " select date_trunc('month', occurred_at at time zone 'UTC') as month, credit as account, points"
                    " from loyalty_transfer where credit > 10 union all"
                    " select date_trunc('month', occurred_at at time zone 'UTC'), debit, -points"
                    " from loyalty_transfer where debit > 10) moved group by 1, 2 having sum(points) <> 0"
                )
            }
        ),
        shop.value("select sum(available) from loyalty_account"),
        shop.rows("select source, receipt, total_minor, occurred_at from sales_sale order by 1, 2"),
    )


def wallet(counter: Counter) -> int:
    """Return what Alice can spend with her card and signed in, less what she owes."""
    balances = [counter.balance(each) for each in (SELF, ALICE)]
    return sum(available - owed for available, _, owed in balances)


def person_of(shop: Shop, who: Reference) -> set[str]:
    rows = shop.rows(
        "select customer from customers_membership where person ="
        " (select person from customers_membership where customer = %s)", identify(who),
    )  # fmt: skip
    return {str(row["customer"]) for row in rows}


# -- one card -----------------------------------------------------------------------------------------------------


def test_a_card_goes_with_its_history_and_the_others_stay_one_person(shop: Shop, counter: Counter) -> None:
    counter.send(
        casting.sale("1", 500, of=ALICE, id="first"),
        casting.sale("2", 300, of=ALICE_ONLINE, source=casting.WEBSHOP),
        casting.sale("3", 70, of=SELF, source=casting.WEBSHOP),
        casting.limit(of=ALICE, points_per_day=10_000),
        casting.seen(18, of=ALICE),
    )
    joined(counter, ALICE, ALICE_ONLINE)
    before = totals(shop)
    answer = counter.tell(forget_card(ALICE, of=SELF, id="please"))
    assert answer.is_accepted
    assert answer.balance == (370, 0, 0)
    assert totals(shop) == before
    text = forgotten.dump(shop)
    assert forgotten.found_in(text, [identify(ALICE)]) == []
    assert person_of(shop, SELF) == {identify(SELF), identify(ALICE_ONLINE)}
    assert json.loads(shop.value("select data::text from events_event where id = 'please'")) == {
        "customer": {"kind": "user", "value": identify(SELF)},
        "named": [{"kind": "web_account", "value": identify(ALICE_ONLINE)}],
    }
    # Its points are nobody's: they stay in the books until they expire.
    assert shop.value("select available from loyalty_account where customer not in (%s, %s)",
                      identify(SELF), identify(ALICE_ONLINE)) == 500  # fmt: skip
    late = counter.tell(casting.sale("late", 10, of=ALICE))
    assert (late.problem, "customer" in late.outcome) == ("customer_forgotten", False)
    again = counter.tell(casting.sale("1", 500, of=ALICE, id="first"))
    assert again.problem == "customer_forgotten"
    assert len(read_list()) >= 1
    assert shop.value("select count(*) from customers_forgotten") == 1
    with shop.unchanged("customers_link", "customers_membership", *LEDGER):
        assert counter.tell(forget_card(ALICE, of=SELF)).problem == "piece_unknown"
    repeat = counter.tell(forget_card(ALICE, of=SELF, id="please"))
    assert (repeat.is_repeated, repeat.outcome) == (True, answer.outcome)


def test_who_was_linked_by_that_card_alone_is_linked_still(shop: Shop, counter: Counter) -> None:
    """The card is in the middle: signed in, linked with the card; the card linked with two others that never bought."""
    counter.send(casting.sale("1", 500, of=ALICE))
    joined(counter, ALICE)
    for other in (ALICE_ONLINE, BOB):
        counter.tell(casting.link(other, ALICE))
    counter.tell(casting.link(BOB, CHARLIE))
    counter.send(casting.sale("2", 40, of=CHARLIE))
    answer = counter.tell(forget_card(ALICE, of=SELF))
    assert answer.balance == (40, 0, 0)
    assert person_of(shop, SELF) == {identify(each) for each in (SELF, ALICE_ONLINE, BOB, CHARLIE)}
    assert rebuild(keep=False).changed == []
    # What holds them together now can be undone like any other link.
    assert counter.tell(casting.undo(SELF, ALICE_ONLINE, at=NOON + DAY), received_at=HEARD + DAY).is_accepted
    assert person_of(shop, SELF) == {identify(each) for each in (SELF, BOB, CHARLIE)}
    assert rebuild(keep=False).changed == []
    # Then another piece of the same person, and then everybody.
    assert counter.tell(forget_card(BOB, of=SELF, at=NOON + DAY), received_at=HEARD + DAY).is_accepted
    assert person_of(shop, SELF) == {identify(SELF), identify(CHARLIE)}
    assert rebuild(keep=False).changed == []
    assert counter.tell(forget(SELF)).is_accepted
    text = forgotten.dump(shop)
    assert forgotten.found_in(text, [identify(each) for each in (SELF, ALICE, BOB, CHARLIE)]) == []
    # Nobody can tell from the requests that those who are nobody now were one person.
    for row in shop.rows("select data::text from events_event where type = 'identifier.forget'"):
        values = {each["value"] for each in _references(json.loads(row["data"]))}
        assert len(values - {"00000000-0000-0000-0000-000000000000", identify(ALICE_ONLINE)}) == 1


def _references(data: dict[str, Any]) -> list[dict[str, str]]:
    return [data["customer"], *data.get("joined", []), *data.get("named", [])]


def test_what_was_agreed_with_the_card_goes_and_what_the_others_said_holds(shop: Shop, counter: Counter) -> None:
    counter.send(casting.sale("1", 5, of=ALICE), casting.sale("2", 5, of=SELF, source=casting.WEBSHOP))
    joined(counter, ALICE)
    counter.send(
        casting.consented("marketing", "mail", of=ALICE),
        casting.consented("marketing", "app", of=SELF),
        casting.persona("Amsel", of=ALICE),
        casting.persona("Drossel", of=SELF),
    )
    assert permitted(shop, "mail")
    counter.tell(forget_card(ALICE, of=SELF))
    assert (permitted(shop, "mail"), permitted(shop, "app")) == (False, True)
    assert [row["name"] for row in shop.rows("select name from community_persona")] == ["Drossel"]


def permitted(shop: Shop, channel: str) -> bool:
    return bool(shop.value("select customers_permits(%s, 'marketing', %s)", identify(SELF), channel))


@pytest.mark.parametrize(
    ("gone", "of", "problem"),
    [
        (BOB, SELF, "piece_unknown"),
        (SELF, SELF, "piece_unknown"),
        (CHARLIE, SELF, "piece_unknown"),
        (ALICE, BOB, "piece_unknown"),
        (ALICE, CHARLIE, "piece_unknown"),
    ],
)
def test_what_is_not_theirs_is_not_forgotten(
    shop: Shop, counter: Counter, gone: Reference, of: Reference, problem: str
) -> None:
    counter.send(casting.sale("1", 500, of=ALICE), casting.sale("2", 10, of=BOB))
    joined(counter, ALICE)
    with shop.unchanged("customers_link", "customers_membership", "customers_forgotten", *LEDGER):
        assert counter.tell(forget_card(gone, of=of)).problem == problem
    assert identify(gone) not in shop.value("select data::text from events_event where type = 'identifier.forget'") or (
        gone == of
    )


def test_a_card_with_something_open_waits(shop: Shop, counter: Counter) -> None:
    counter.send(casting.sale("1", 500, of=ALICE), casting.sale("2", 10, of=SELF, source=casting.WEBSHOP))
    joined(counter, ALICE)
    counter.send(casting.reserve(505, "basket", of=SELF, source=casting.WEBSHOP))
    with shop.unchanged("customers_link", "customers_membership", "customers_forgotten", *LEDGER):
        assert counter.tell(forget_card(ALICE, of=SELF)).problem == "piece_in_use"
        assert counter.tell(forget_sale("1", of=SELF)).problem == "piece_in_use"
    counter.send(casting.post("basket", source=casting.WEBSHOP))
    counter.send(casting.goods_back("R1", sale="1", lines=[(1, 1, 200)]))
    with shop.unchanged("customers_link", "customers_membership", "customers_forgotten", *LEDGER):
        answer = counter.tell(forget_card(ALICE, of=SELF))
    assert answer.problem == "piece_in_use"
    assert "owed" in answer.outcome["problem"]["detail"]
    counter.send(casting.sale("3", 200, of=ALICE))
    assert counter.tell(forget_card(ALICE, of=SELF)).is_accepted


def test_somebody_who_was_only_ever_linked_with_it_by_mistake_is_nobody_afterwards(
    shop: Shop, counter: Counter
) -> None:
    joined(counter, ALICE)
    counter.tell(casting.link(CHARLIE, ALICE))
    counter.tell(casting.unlink(CHARLIE, ALICE, at=NOON + dt.timedelta(minutes=1)))
    assert counter.tell(forget_card(ALICE, of=SELF)).is_accepted
    assert shop.value("select count(*) from customers_customer where customer = %s", identify(CHARLIE)) == 0


# -- one purchase -------------------------------------------------------------------------------------------------


def a_purchase(counter: Counter, *, at: dt.datetime = OLD) -> None:
    """A purchase with everything that can be said about it: goods back, paid with points, told of twice."""
    joined(counter, ALICE)
    counter.send(
        casting.sale("0", 400, of=ALICE, at=at - DAY),
        casting.sale(
            "secret", lines=[casting.line(300, product="wig"), casting.line(200)], of=ALICE, at=at, id="the-one"
        ),
        casting.sale("secret", 500, of=ALICE, at=at, id="told-twice"),
        casting.sale("after", 30, of=SELF, source=casting.WEBSHOP, at=at + DAY),
    )
    paid = casting.redeem(50, of=ALICE, at=at)
    paid["data"]["receipt"] = "secret"
    counter.send(paid)
    counter.send(casting.goods_back("back", sale="secret", lines=[(1, 1, 100)], at=at + DAY))
    counter.send(casting.goods_back("too-much", sale="secret", lines=[(1, 9, 100)], at=at + DAY))


def test_a_purchase_is_nobodys_and_the_points_stay(shop: Shop, counter: Counter) -> None:
    a_purchase(counter)
    before, balance = totals(shop), (wallet(counter), 0, 0)
    account = shop.rows(
        "select available, lot_days, lot_points from loyalty_account where customer = %s", identify(ALICE)
    )
    answer = counter.tell(forget_sale("secret", of=SELF, points="kept", id="please"))
    assert answer.is_accepted, answer.outcome
    assert (answer.outcome["points"], answer.balance) == (0, balance)
    assert totals(shop) == before
    assert account == shop.rows(ACCOUNT, identify(ALICE))
    assert leads_back(shop) == []
    assert shop.value("select customer from sales_sale where receipt = 'secret'") is None
    assert json.loads(shop.value("select data::text from events_event where id = 'please'")) == {
        "customer": {"kind": "card", "value": identify(ALICE)}
    }
    # Told once more it is refused, as what it was and as something new; and it leaves nothing.
    for each in (
        casting.sale(
            "secret", lines=[casting.line(300, product="wig"), casting.line(200)], of=ALICE, at=OLD, id="the-one"
        ),
        casting.sale("secret", 500, of=ALICE, at=OLD, id="new"),
        casting.sale("secret", 500, of=ALICE, at=OLD, id="new"),
    ):
        with shop.unchanged(*LEDGER):
            late = counter.tell(each)
        assert late.problem == "sale_forgotten"
        assert not {"customer", "balance"} & set(late.outcome)
    assert leads_back(shop) == []
    # Whoever has the receipt can bring the goods back; that moves nobody's points.
    with shop.unchanged("loyalty_account", "loyalty_transfer", "loyalty_programmebalance"):
        back = counter.tell(casting.goods_back("later", sale="secret", lines=[(1, 0, 150)]))
    assert (back.is_accepted, "customer" in back.outcome) == (True, False)
    with shop.unchanged(*LEDGER):
        assert counter.tell(forget_sale("secret", of=SELF)).problem == "piece_unknown"
    repeat = counter.tell(forget_sale("secret", of=SELF, points="kept", id="please"))
    assert (repeat.is_repeated, repeat.outcome) == (True, answer.outcome)


def leads_back(shop: Shop) -> list[str]:
    """Return every row of the log and the ledger in which both Alice and her purchase stand."""
    whom = [identify(ALICE), identify(SELF)]
    words = ['"secret"', "\tsecret\t", "wig"]
    found = [
        line
        for line in forgotten.dump(shop).splitlines()
        if forgotten.found_in(line, whom) and forgotten.found_in(line, words)
    ]
    places = {
        str(row["position"])
        for row in shop.rows(
            "select position from events_event where data->>'receipt' = 'secret' or data->'sale'->>'receipt' = 'secret'"
        )
    }
    assert places
    for table in ("events_event", "loyalty_transfer", "loyalty_account", "sales_sale"):
        rows = shop.contents(table)[table]
        found += [row for row in rows if forgotten.found_in(row, whom) and forgotten.found_in(row, places)]
    return found


def test_points_that_are_given_up_go_with_a_purchase_that_can_still_be_returned(shop: Shop, counter: Counter) -> None:
    a_purchase(counter, at=NOON - 2 * DAY)
    available = wallet(counter)
    with shop.unchanged(*LEDGER, "customers_forgotten"):
        answer = counter.tell(forget_sale("secret", of=SELF, points="kept"))
    assert answer.problem == "sale_still_returnable"
    assert answer.outcome["problem"]["detail"].startswith(f"From {(NOON + 28 * DAY).date()} on")
    answer = counter.tell(forget_sale("secret", of=SELF))
    assert answer.is_accepted
    assert (answer.outcome["points"], answer.balance) == (-400, (available - 400, 0, 0))
    assert leads_back(shop) == []
    with shop.unchanged("loyalty_account", "loyalty_transfer", "loyalty_programmebalance"):
        assert counter.tell(casting.goods_back("all", sale="secret", lines=[(2, 1, 200)])).is_accepted


def test_points_that_were_spent_are_owed_when_they_are_given_up(shop: Shop, counter: Counter) -> None:
    joined(counter, ALICE)
    counter.send(casting.sale("1", 500, of=ALICE), casting.redeem(450, of=ALICE))
    assert counter.tell(forget_sale("1", of=SELF)).balance == (0, 0, 450)


def test_a_shop_says_for_how_long_goods_come_back(
    shop: Shop, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined(counter, ALICE)
    counter.send(*(casting.sale(str(number), 10, of=ALICE, at=NOON - 10 * DAY) for number in range(4)))
    for number, (days, is_kept) in enumerate((("10", True), ("11", False), ("never", False), ("0", True))):
        monkeypatch.setenv("COMPTOIR_RETURN_DAYS", days)
        answer = counter.tell(forget_sale(str(number), of=SELF, points="kept"))
        assert answer.is_accepted == is_kept, days


@pytest.mark.parametrize("of", [SELF, BOB, CHARLIE])
def test_somebody_elses_purchase_or_none_is_not_forgotten(shop: Shop, counter: Counter, of: Reference) -> None:
    joined(counter, ALICE)
    counter.send(casting.sale("1", 5, of=ALICE), casting.sale("2", 5, of=BOB), casting.sale("guest", 5, of=None))
    for receipt in ("1", "2", "guest", "none"):
        if (of == SELF and receipt == "1") or (of == BOB and receipt == "2"):
            continue
        with shop.unchanged(*LEDGER, "customers_forgotten", "sales_return"):
            assert counter.tell(forget_sale(receipt, of=of)).problem == "piece_unknown"
    # What was asked in vain is not kept either.
    assert (
        shop.value("select count(*) from events_event where type = 'sale.forget' and data::text like '%%receipt%%'")
        == 0
    )


def test_a_purchase_without_points_and_one_whose_points_all_went_back(shop: Shop, counter: Counter) -> None:
    joined(counter, ALICE)
    counter.send(casting.sale("free", 0, of=ALICE, at=OLD))
    counter.send(casting.sale("back", 100, of=ALICE, at=OLD))
    counter.send(casting.goods_back("R", sale="back", lines=[(1, 1, 100)], at=OLD))
    for receipt in ("free", "back"):
        assert counter.tell(forget_sale(receipt, of=SELF, points="kept")).is_accepted
    assert shop.value("select count(*) from loyalty_transfer") == 0
    assert shop.value("select count(*) from loyalty_account") == 0


def test_goods_come_back_in_the_same_batch(shop: Shop, counter: Counter) -> None:
    joined(counter, ALICE)
    answers = counter.send(
        casting.sale("1", 500, of=ALICE),
        casting.goods_back("R1", sale="1", lines=[(1, 0, 100)]),
        forget_sale("1", of=SELF, id="w"),
        casting.goods_back("R2", sale="1", lines=[(1, 0, 100)]),
        forget_sale("1", of=SELF, id="w"),
        casting.sale("2", 10, of=ALICE),
    )
    assert [each.problem for each in answers] == [None] * 6
    assert (answers[4].is_repeated, "customer" in answers[3].outcome) == (True, False)
    assert counter.balance(ALICE) == (10, 0, 0)


# -- whatever happens ---------------------------------------------------------------------------------------------


CAST: tuple[Reference, ...] = (SELF, ALICE, ALICE_ONLINE, BOB)


@st.composite
def lives(draw: st.DrawFn) -> list[casting.Event]:
    """Links, purchases, returns, spending, and requests to forget pieces, of four customers."""
    said: list[casting.Event] = []
    sales: list[tuple[str, int]] = []
    numbers = itertools.count()
    for kind in draw(st.lists(st.sampled_from("ssllrrpxchk"), min_size=4, max_size=16)):
        number = next(numbers)
        who, other = draw(st.sampled_from(CAST)), draw(st.sampled_from(CAST))
        at = NOON - draw(st.integers(0, 70)) * DAY
        if kind == "s":
            amount = draw(st.integers(0, 300))
            said.append(casting.sale(f"s{number}", amount, of=who, at=at))
            sales.append((f"s{number}", amount))
        elif kind == "l" and who != other:
            said.append(casting.link(who, other, at=NOON))
        elif kind == "r" and sales:
            receipt, amount = draw(st.sampled_from(sales))
            said.append(casting.goods_back(f"b{number}", sale=receipt, lines=[(1, 0, draw(st.integers(0, amount)))]))
        elif kind == "p":
            said.append(casting.redeem(draw(st.integers(1, 200)), of=who))
        elif kind == "h":
            said.append(casting.reserve(draw(st.integers(1, 50)), f"h{number}", of=who))
        elif kind == "k":
            said.append(casting.consented("marketing", draw(st.sampled_from(("mail", "app"))), of=who))
        elif kind == "c" and who != other:
            said.append(forget_card(who, of=other))
        elif kind == "x" and sales:
            points = draw(st.sampled_from(("kept", "given_up")))
            said.append(forget_sale(draw(st.sampled_from(sales))[0], of=who, points=points))
    return said


@given(said=lives())
@settings(
    max_examples=60,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_is_forgotten_the_books_hold_and_a_rebuild_makes_the_same(
    shop: Shop, said: list[casting.Event]
) -> None:
    counter = Counter(shop)
    with counter.connection as connection:
        empty(shop)
        for each in said:
            kind = each["type"]
            before = totals(shop)
            answer = counter.tell(each)
            if kind == "identifier.forget" or (kind == "sale.forget" and each["data"]["points"] == "kept"):
                assert totals(shop) == before, "whatever is forgotten, the books stay"
            if answer.is_accepted and kind == "sale.forget":
                assert shop.value(
                    "select customer from sales_sale where receipt = %s", each["data"]["sale"]["receipt"]
                ) is None  # fmt: skip
        invariants.check(connection)
        assert rebuild(keep=False).changed == []


def empty(shop: Shop) -> None:
    """Begin anew in the same database: what an example has written goes."""
    import psycopg

    from comptoir.foundation.kernel import database

    with psycopg.connect(database.administrator_conninfo(), autocommit=True) as connection:
        connection.execute(
            "truncate events_event, events_identity, events_outbox, customers_customer, customers_link,"
            " customers_membership, customers_choice, customers_permission, customers_forgotten, sales_sale,"
            " sales_return, loyalty_account, loyalty_transfer, loyalty_reservation, loyalty_programmebalance,"
            " loyalty_usedcode, loyalty_standing"
        )


@given(
    pairs=st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda pair: pair[0] < pair[1])),
    gone=st.integers(1, 6),
)
def test_a_person_is_the_same_without_one_of_them(pairs: set[tuple[int, int]], gone: int) -> None:
    said = Statement(NOON, "s", "i", "e")
    links = [Link(str(low), str(high), said) for low, high in pairs]
    person = persons(links)
    members = sorted(each for each in person if person[each] == person.get("0")) or ["0"]
    if str(gone) not in members:
        return
    others = rejoined(links, members, gone=str(gone), around="0")
    left = [each for each in links if str(gone) not in (each.low, each.high)]
    after = persons([*left, *(Link("0", each, said) for each in others)])
    assert {each for each in after if after[each] == after.get("0")} | {"0"} == {*members} - {str(gone)}
    for each in others:  # and no link more than it takes
        fewer = persons([*left, *(Link("0", one, said) for one in others if one != each)])
        assert fewer.get(each, each) != fewer.get("0", "0")


@given(
    moves=st.lists(
        st.tuples(
            st.integers(0, 70), st.sampled_from(((11, 1), (1, 11), (3, 15), (15, 3))), st.integers(1, 99),
            st.sampled_from((dt.date(2025, 1, 1), dt.date(2025, 2, 1))),
        ),
        max_size=12,
    )
)  # fmt: skip
def test_restated_points_do_the_same_in_fewer_words(moves: list[tuple[int, tuple[int, int], int, dt.date]]) -> None:
    moved = [Moved(NOON - days * DAY, *pair, points, day) for days, pair, points, day in moves]
    transfers = rules.restated("c", moved)

    def sums(rows: Any) -> Counting[Any]:
        found: Counting[Any] = Counting()
        for month, debit, credit, points, day in rows:
            for account, signed in ((debit, -points), (credit, points)):
                found[month, account, day] += signed
        return Counting({key: each for key, each in found.items() if each})

    assert sums((each.occurred_at, each.debit, each.credit, each.points, each.day) for each in transfers) == sums(
        (each.occurred_at.replace(day=1, hour=0, minute=0, second=0), *each[1:]) for each in moved
    )
    keys = [(each.occurred_at, frozenset((each.debit, each.credit)), each.day) for each in transfers]
    assert len(keys) == len(set(keys))
    assert rules.worth(transfers) == sum(
        points * ((pair[1] == 1) - (pair[0] == 1) - (pair[1] == 3) + (pair[0] == 3)) for _, pair, points, _ in moves
    )


def test_both_may_be_said_in_the_vault_alone() -> None:
    assert {EVENT_TYPES[name].only_from for name in ("identifier.forget", "sale.forget")} == {"vault"}
