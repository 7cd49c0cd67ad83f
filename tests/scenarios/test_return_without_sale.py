"""``return-without-sale``: a real shop's returns, of which many have no sale, or had one later.

The file is online_retail_II (Chen, D., UCI Machine Learning Repository 502, CC BY 4.0), looked for in
``COMPTOIR_TEST_DATA``, else beside the project in ``shared/data``. Of 9,839 cancelled lines of members, most follow a
sale of that article to that member, 481 precede one, 1,216 have none. Here each invoice is a sale, and each cancelled
line comes back from the member's latest invoice that still has that much of the article, else from their next one, and
else from an invoice that nobody has ever seen. Nothing may break, no balance may go below zero, and what is owed is
explained by its entries.
"""

from __future__ import annotations

import collections
import datetime as dt
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support import casting, invariants
from support.casting import Counter
from support.shop import Shop

_FOLDER = Path(os.environ.get("COMPTOIR_TEST_DATA") or Path(__file__).parents[3] / "shared" / "data")
FILE = _FOLDER / "online_retail_II" / "online_retail_II_2009-2010.parquet"
#: Of the members, as many: whole histories, chosen by their number. All of them with COMPTOIR_TEST_MEMBERS=4383.
MEMBERS = int(os.environ.get("COMPTOIR_TEST_MEMBERS", "250"))


def rows() -> list[dict[str, Any]]:
    """Return the lines of some members, in the order of the file."""
    if not FILE.exists():
        pytest.skip(f"{FILE.name} is not here: no real shop's returns were tried (set COMPTOIR_TEST_DATA)")
    pa, pc, pq = map(pytest.importorskip, ("pyarrow", "pyarrow.compute", "pyarrow.parquet"))
    table = pq.read_table(FILE)
    member = pc.cast(table["Customer ID"], "string")
    table = table.set_column(table.schema.get_field_index("Customer ID"), "Customer ID", member)
    counts = table.filter(pc.starts_with(pc.cast(table["Invoice"], "string"), "C"))["Customer ID"].value_counts()
    chosen = sorted(each["values"] for each in counts.to_pylist() if each["values"])[:MEMBERS]
    return list(table.filter(pc.is_in(table["Customer ID"], pc.cast(pa.array(chosen), "string"))).to_pylist())


def told(lines: list[dict[str, Any]]) -> tuple[list[casting.Event], collections.Counter[str]]:
    """Return the file as events in its own order, and how many returned lines follow, precede or lack a sale."""
    invoices: dict[str, list[dict[str, Any]]] = {}
    for each in lines:
        invoices.setdefault(str(each["Invoice"]), []).append(each)
    sales = {number: group for number, group in invoices.items() if not number.startswith("C")}
    left: dict[tuple[str, str], list[list[Any]]] = collections.defaultdict(list)
    for number, group in sales.items():
        for place, each in enumerate(group, start=1):
            if each["Quantity"] > 0:
                amount = max(0, round(each["Quantity"] * each["Price"] * 100))
                left[each["Customer ID"], str(each["StockCode"])].append(
                    [each["InvoiceDate"], number, place, each["Quantity"], amount]
                )
    events = []
    kinds: collections.Counter[str] = collections.Counter()
    for number, group in invoices.items():
        at = group[0]["InvoiceDate"].replace(tzinfo=dt.UTC) + dt.timedelta(days=3000)
        who = {"kind": "card", "value": group[0]["Customer ID"]}
        if number in sales:
            sold = [
                casting.line(
                    round(each["Quantity"] * each["Price"] * 100),
                    quantity=max(0, each["Quantity"]),
                    product=str(each["StockCode"]),
                )
                for each in group
            ]
            events.append(casting.sale(number, of=who, lines=sold, at=at, id=number))
            continue
        for place, each in enumerate(group, start=1):
            quantity, amount = -each["Quantity"], round(-each["Quantity"] * each["Price"] * 100)
            bought = [
                one
                for one in left[each["Customer ID"], str(each["StockCode"])]
                if one[3] >= quantity and one[4] >= amount
            ]
            before = [one for one in bought if one[0] <= each["InvoiceDate"]]
            found = before[-1] if before else bought[0] if bought else None
            kinds["follow" if before else "precede" if bought else "lack"] += 1
            if found:
                found[3] -= quantity
                found[4] -= amount
            back = (found[2] if found else 1, quantity, amount)
            events.append(
                casting.goods_back(
                    f"{number}/{place}", sale=found[1] if found else f"never-{number}", lines=[back], at=at,
                    id=f"{number}/{place}",
                )
            )  # fmt: skip
    return events, kinds


def test_a_real_shops_returns_break_nothing(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    events, kinds = told(rows())
    lasting = msgspec.structs.replace(casting.PROGRAMME, expires_after_months=None)
    counter = Counter(shop, casting.versions(lasting))
    problems: collections.Counter[str | None] = collections.Counter()
    heard = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    for start in range(0, len(events), 400):
        batch = events[start : start + 400]
        answers = counter.send(*batch, received_at=heard)
        problems.update(each.problem for each in answers)
        # Every third buyer spends all there is, so that goods come back whose points are gone.
        wallets = {
            each["data"]["customer"]["value"]: answer.balance
            for each, answer in zip(batch, answers, strict=True)
            if each["type"] == "sale.closed" and answer.balance
        }
        spending = [
            casting.redeem(balance[0], of={"kind": "card", "value": who})
            for who, balance in sorted(wallets.items())[::3]
            if balance[0]
        ]
        counter.send(*spending, received_at=heard)
    assert kinds["follow"] > kinds["lack"] > 0
    assert kinds["precede"] > 0
    assert set(problems) == {None}
    assert shop.value("select count(*) from sales_return where status = 'waiting'") == kinds["lack"]
    assert (
        shop.value("select count(*) from sales_return where status = 'applied'") == kinds["follow"] + kinds["precede"]
    )
    assert shop.value("select count(*) from loyalty_account where owed > 0") > 0
    invariants.check(counter.connection)
    # What is owed is explained line by line: each point of it was claimed back for goods, or paid since.
    assert (
        shop.rows(
            "select a.customer from loyalty_account a where a.owed <> (select coalesce(sum(case when t.credit = 3"
            " then t.points else -t.points end), 0) from loyalty_transfer t join events_event e on e.position = t.cause"
            " where t.customer = a.customer and 3 in (t.credit, t.debit)"
            " and (t.debit = 3 or e.type = 'sale.returned'))"
        )
        == []
    )
    counter.close()
    with capsys.disabled():
        print(f"\nreturns: {len(events)} events of {MEMBERS} members; returned lines {dict(kinds)}")  # noqa: T201 - the verdict
