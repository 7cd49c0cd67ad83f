"""What must hold in a shop's tables at any moment, in the plainest SQL and Python, apart from the house's doctor.

The words of the design: an outcome that was sent is in the log; one identity has one event; no balance is negative;
every account is the sum of its transfers; every entry has its counter-entry; nobody keeps points for goods that went
back. Not here: what a particular story should lead to.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter, defaultdict
from typing import Any

import psycopg

#: The accounts' codes, said here a second time: a changed code would silently change what the tables mean.
AVAILABLE, HELD, OWED, ISSUED, REDEEMED, EXPIRED, ADJUSTED, CLAIMS = 1, 2, 3, 11, 12, 13, 14, 15


def check(connection: psycopg.Connection) -> None:
    """Assert everything that must always hold."""
    check_log(connection)
    check_ledger(connection)
    check_reservations(connection)
    check_persons(connection)
    check_sales(connection)
    check_offers(connection)


def _none(connection: psycopg.Connection, what: str, query: str) -> None:
    found = connection.execute(query.encode()).fetchall()
    assert not found, f"{what}: {found[:5]}"


def check_log(connection: psycopg.Connection) -> None:
    """One event for each identity and the other way round; the stored outcome tells of its own event."""
    _none(
        connection,
        "events and identities do not match",
        "select coalesce(e.position, i.position) from events_event e full join events_identity i"
        " on i.position = e.position and i.source = e.source and i.id = e.id"
        " where e.position is null or i.position is null",
    )
    _none(connection, "an identity twice", "select source, id from events_event group by 1, 2 having count(*) > 1")
    _none(
        connection,
        "events and outbox do not match",
        "select coalesce(e.position, o.position) from events_event e full join"
        " (select unnest(positions) as position from events_outbox) o on o.position = e.position"
        " where e.position is null or o.position is null",
    )
    for position, source, id_, status, outcome in connection.execute(
        "select position, source, id, status, outcome::text from events_event"
    ):
        told = json.loads(outcome)
        assert (told["source"], told["id"], told["status"]) == (source, id_, status)
        assert uuid.UUID(told["event"]) == position
        assert ("problem" in told) == (status == "refused")


def check_ledger(connection: psycopg.Connection) -> None:
    """Accounts are the sums of their transfers, lots add up, the programme has the counter-entries of all of it."""
    accounts: Counter[Any] = Counter()
    lots: Counter[Any] = Counter()
    for customer, debit, credit, points, day in connection.execute(
        "select customer, debit, credit, points, day from loyalty_transfer order by position, ordinal"
    ):
        assert points > 0
        for account, signed in ((debit, -points), (credit, points)):
            accounts[customer if account <= OWED else None, account] += signed
            if account == AVAILABLE:
                lots[customer, day] += signed
    known = set()
    for customer, available, held, owed, days, points in connection.execute(
        "select customer, available, held, owed, lot_days, lot_points from loyalty_account"
    ):
        known.add(customer)
        figures = (available, held, owed)
        assert figures == tuple(accounts[customer, each] for each in (AVAILABLE, HELD, OWED)), f"{customer}: {figures}"
        assert min(figures) >= 0
        assert not (available and owed), f"{customer} has points and owes points"
        assert sum(points) == available
        assert days == sorted(set(days))
        assert all(each > 0 for each in points)
        assert dict(zip(days, points, strict=True)) == {
            day: points for (whose, day), points in lots.items() if whose == customer and points
        }
    assert {customer for customer, _ in accounts if customer is not None} <= known
    assert sum(accounts.values()) == 0
    programme: Counter[Any] = Counter(
        dict(
            connection.execute(
                "select account, sum(points)::bigint from loyalty_programmebalance group by 1"
            ).fetchall()
        )
    )
    for account in (ISSUED, REDEEMED, EXPIRED, ADJUSTED, CLAIMS):
        assert programme[account] == accounts[None, account], f"the programme's account {account}"
    _none(
        connection,
        "a transfer without its event",
        "select t.position from loyalty_transfer t left join events_event e on e.position = t.position"
        " left join events_event c on c.position = t.cause where e.position is null or c.position is null"
        " or e.status <> 'accepted'",
    )
    _none(
        connection,
        "an account has not seen its last transfer",
        "select a.customer from loyalty_account a where exists"
        " (select from loyalty_transfer t where t.customer = a.customer and t.position > a.last_position)",
    )
    _check_decisions(connection)


def _check_decisions(connection: psycopg.Connection) -> None:
    """The log says what was decided, and that is what the ledger has."""
    written = defaultdict(list)
    for position, customer, debit, credit, points, day, reason, cause in connection.execute(
        "select position, customer, debit, credit, points, day, reason, cause from loyalty_transfer"
        " order by position, ordinal"
    ):
        written[position].append((customer, debit, credit, points, day and day.isoformat(), reason, cause))
    for position, decision in connection.execute(
        "select position, decision::text from events_event where decision is not null"
        " and type not in ('spending.limited', 'post.published', 'coupon.redeem', 'coupon.reserve', 'coupon.redeemed')"
        " and type not like 'gift_card.%'"
    ):
        logged = [
            (uuid.UUID(row[0]), *row[1:6], uuid.UUID(row[6]) if row[6] else position) for row in json.loads(decision)
        ]
        assert logged == written.pop(position, None), f"the log and the ledger differ at {position}"
    assert not written, "the ledger has what the log does not"


def check_reservations(connection: psycopg.Connection) -> None:
    """What is held is the sum of the open reservations' draws."""
    held: Counter[Any] = Counter()
    for points, draws, status, posted in connection.execute(
        "select points, draws, status, posted from loyalty_reservation"
    ):
        assert sum(draw[2] for draw in draws) == points
        assert 0 <= posted <= points
        assert (posted > 0) == (status == "posted")
        if status == "held":
            for customer, _, drawn in draws:
                held[uuid.UUID(customer)] += drawn
    booked: dict[Any, int] = dict(
        connection.execute("select customer, held from loyalty_account where held > 0").fetchall()
    )
    assert booked == dict(held)


def check_persons(connection: psycopg.Connection) -> None:
    """Memberships are what the active links make, walked along one by one."""
    neighbours = defaultdict(set)
    for low, high in connection.execute(
        "select low, high from customers_link where linked_at is not null"
        " and (unlinked_at is null or linked_at > unlinked_at)"
    ):
        neighbours[low].add(high)
        neighbours[high].add(low)
    expected = {}
    for customer in neighbours:
        found, edge = {customer}, [customer]
        while edge:
            new = neighbours[edge.pop()] - found
            found |= new
            edge += new
        expected[customer] = min(found)
    told: dict[Any, Any] = dict(connection.execute("select customer, person from customers_membership").fetchall())
    assert told == expected, "the persons are not what the links make"


def check_sales(connection: psycopg.Connection) -> None:
    """No more came back than was sold; a return waits only while its sale is missing."""
    _none(
        connection,
        "a return that waits for a sale that is there, or counts without one",
        "select r.source, r.receipt, r.status from sales_return r left join sales_sale s"
        " on s.source = r.sale_source and s.receipt = r.sale_receipt"
        " where (s.source is null) <> (r.status = 'waiting')",
    )
    back: Counter[Any] = Counter()
    for source, receipt, lines in connection.execute(
        "select sale_source, sale_receipt, lines from sales_return where status = 'applied'"
    ):
        for line in lines:
            back[source, receipt, line["line"], "quantity"] += line["quantity"]
            back[source, receipt, line["line"], "amount"] += line["amount"]
    for source, receipt, total, lines in connection.execute(
        "select s.source, s.receipt, s.total_minor, e.data->'lines' from sales_sale s"
        " join events_event e on e.position = s.position"
    ):
        assert total == sum(line["amount"] for line in lines)
        for number, line in enumerate(lines, start=1):
            assert back[source, receipt, number, "quantity"] <= line["quantity"]
            assert back[source, receipt, number, "amount"] <= max(0, line["amount"])
    _none(
        connection,
        "a sale without its event",
        "select s.source from sales_sale s left join events_event e on e.position = s.position"
        " where e.status is distinct from 'accepted'",
    )


def check_offers(connection: psycopg.Connection) -> None:
    """No use and no turn twice, nothing oftener than it may be, budgets counted as they were given, codes nowhere."""
    given = defaultdict(list)
    uses: Counter[Any] = Counter()
    for promotion, coupon, use, turn, customer, discount in connection.execute(
        "select promotion, coupon, use, turn, customer, discount from offers_redemption"
        " where status in ('held', 'redeemed')"
    ):
        given[promotion].append(discount)
        if coupon is not None:
            uses[coupon, use] += 1
        if turn is not None:
            uses[promotion, customer, turn] += 1
    assert all(count == 1 for count in uses.values()), f"a use twice: {uses}"
    for promotion, definition, redemptions, discount in connection.execute(
        "select id, definition, redemptions, discount from offers_promotion"
    ):
        budget, found = definition.get("budget", {}), given[promotion]
        assert len(found) <= budget.get("redemptions_max", len(found))
        assert sum(found) <= budget.get("discount_max", sum(found))
        if {"redemptions_max", "discount_max"} & budget.keys():
            assert (redemptions, discount) == (len(found), sum(found)), promotion
        most = definition.get("uses_max", 1)
        _none(
            connection,
            "a use that there is not",
            f"select r.coupon from offers_redemption r where r.promotion = '{promotion}' and r.use > {int(most)}",
        )
