"""Counts as a list: refused by row and name, the same twice, and what is written is read again as the same."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from comptoir.config.command import main
from comptoir.config.shelving import counting
from comptoir.config.shelving.contracts import ListError
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.square.stock.contracts import LINES_MAX
from support import casting
from support.casting import NOON, WEBSHOP, Counter
from support.shop import Shop

set_up_django()

AT = NOON - dt.timedelta(hours=1)
LIST = """\
store;sku;quantity;aisle;shelf
330;tea;12;4;B
330;rice;0;;
330;tea;99;;
12;tea;;7;
12;;3;;
12;milk;x;;
12;bread;;;
12;=1+1;2;;
12;salt;3;;a\u202eb
"""


def read(path: Path) -> tuple[list[dict[str, Any]], counting.StockRead]:
    told = counting.StockRead()
    events = counting.events(path, source=WEBSHOP, at=AT, read=told)
    return [casting.event(each.type, each.data, source=each.source, at=each.time, id=each.id) for each in events], told


def test_a_list_of_counts_comes_in_and_goes_out(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "inventory.csv"
    path.write_text(LIST)
    events, told = read(path)
    assert [(each.line, each.reason, each.column) for each in told.refused] == [
        (4, "repeated", "sku"), (6, "field_invalid", "sku"), (7, "cell_invalid", "quantity"),
        (8, "cell_invalid", "quantity"), (10, "text_unfit", "shelf"),
    ]  # fmt: skip
    assert (told.rows, told.counted, told.placed, told.stores) == (9, 3, 2, 2)
    counter = Counter(shop)
    assert all(each.is_accepted for each in counter.send(*events))
    assert all(each.is_repeated for each in counter.send(*read(path)[0]))
    written = tmp_path / "out.csv"
    with shop.connect() as connection:
        assert counting.write(connection, written, passed=lambda _count: None) == 4
    with written.open() as file:
        rows = [tuple(row.values()) for row in csv.DictReader(file)]
    moment = AT.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert rows == [
        ("12", "'=1+1", "2", "", "", "0", "2", moment), ("12", "tea", "", "7", "", "", "", ""),
        ("330", "rice", "0", "", "", "0", "0", moment), ("330", "tea", "12", "4", "B", "0", "12", moment),
    ]  # fmt: skip
    again, told = read(written)
    assert told.refused == []
    before = shop.rows("select store, sku, counted, moved from stock_article order by 1, 2")
    assert all(each.is_accepted for each in counter.send(*again))
    assert shop.rows("select store, sku, counted, moved from stock_article order by 1, 2") == before
    counter.close()


def test_a_long_list_becomes_several_counts(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("store,sku,quantity\n" + "".join(f"1,s{number},1\n" for number in range(2 * LINES_MAX + 1)))
    events, _ = read(path)
    assert [len(each["data"]["lines"]) for each in events] == [LINES_MAX, LINES_MAX, 1]


@pytest.mark.parametrize("text", ["", "sku,quantity\n", "store,sku\n", "store,store,sku,quantity\n"])
def test_what_is_no_such_list_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "none.csv"
    path.write_text(text)
    with pytest.raises(ListError):
        read(path)
    told = CliRunner().invoke(main, ["import", "stock", str(path), "--dry-run"])
    assert told.exit_code == 1
    assert "none.csv" in told.output


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    path, report = tmp_path / "inventory.csv", tmp_path / "refused.csv"
    path.write_text(LIST)
    told = CliRunner().invoke(main, ["import", "stock", str(path), "--dry-run", "--report", str(report), "--json"])
    assert told.exit_code == 0, told.output
    assert '"counted": 3' in told.output
    assert len(report.read_text().splitlines()) == 6
    assert sorted(each.name for each in tmp_path.iterdir()) == ["inventory.csv", "refused.csv"]
