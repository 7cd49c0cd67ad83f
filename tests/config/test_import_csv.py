"""A shop's export becomes events, and every row that does not is named with its line."""

from __future__ import annotations

import csv
import json
import os
import textwrap
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from comptoir.config.command import main
from comptoir.config.replaying import exports, inspecting, mapping, recordings, rows
from comptoir.counter.sales.contracts import LINES_MAX
from comptoir.foundation.kernel.codec import harmless

PLAIN = """
    [sale]
    source = "/imports/{store}"
    receipt = "Receipt"
    store = "Shop"
    currency = "EUR"
    [time]
    columns = ["Day", "Hour"]
    format = "%d.%m.%Y %H:%M"
    zone = "Europe/Paris"
    [customer]
    column = "Card"
    [line]
    product = "Article"
    category = "Group"
    quantity = "Count"
    amount = "Worth"
    decimal = ","
    thousands = "."
    [returns]
    recognised_by = "negative_quantity"
    match_returns = true
    [file]
    delimiter = ";"
"""
HEADING = "Receipt;Shop;Day;Hour;Card;Article;Group;Count;Worth"


def rules(text: str = PLAIN, **changes: Any) -> mapping.Mapping:
    members = tomllib.loads(textwrap.dedent(text))
    for name, value in changes.items():
        table, _, setting = name.partition("__")
        if value is None:
            members[table].pop(setting)
        else:
            members[table][setting] = value
    return mapping.parse(members)


class Imported:
    """What became of a small file."""

    def __init__(self, path: Path, with_rules: mapping.Mapping) -> None:
        with exports.opened(path, with_rules) as export:
            self.counts = export.read()
            self.refused = list(export.refused())
            self.events = [json.loads(event.encode().raw) for event in export.events()]
            self.rows_of = export.rows_of({(event["source"], event["id"]) for event in self.events})

    @property
    def reasons(self) -> dict[int, str]:
        return {row.line: row.reason for row in self.refused}


def imported(folder: Path, *lines: str, heading: str = HEADING, **changes: Any) -> Imported:
    path = folder / "export.csv"
    path.write_bytes("\r\n".join([heading, *lines, ""]).encode())
    return Imported(path, rules(**changes))


def test_a_line_has_its_barcode_and_what_promotions_took_off(tmp_path: Path) -> None:
    result = imported(
        tmp_path,
        "17;Lyon;03.07.2026;09:30;C-1;A1;;2;3,40;4006381333931;-0,60",
        "17;Lyon;03.07.2026;09:30;C-1;A2;;1;1,00;;",
        "18;Lyon;03.07.2026;09:31;C-1;A2;;1;1,00;12345;",
        heading=HEADING + ";EAN;Off",
        line__gtin="EAN",
        line__discount="Off",
    )
    assert result.reasons == {4: "not_a_gtin"}
    assert result.events[0]["data"]["lines"] == [
        {"product": "A1", "gtin": "4006381333931", "quantity": 2, "amount": 340, "discount": 60},
        {"product": "A2", "quantity": 1, "amount": 100},
    ]


def test_rows_become_a_sale_with_its_lines(tmp_path: Path) -> None:
    result = imported(
        tmp_path,
        "17;Lyon Bellecour;03.07.2026;09:30;C-1;A1;bread;2;1.003,40",
        '18;Lyon Bellecour;03.07.2026;09:31;;"B;1 ""fine""";;1;0,00',
        "17;Lyon Bellecour;03.07.2026;09:29;C-1;A2;;0;-0,40",
        line__negative_amounts="accept",
    )
    assert result.counts == (3, 3, 0)
    assert result.events == [
        {
            "specversion": "1.0",
            "id": "sale-17",
            "source": "/imports/Lyon%20Bellecour",
            "type": "sale.closed",
            "time": "2026-07-03T07:29:00Z",
            "data": {
                "receipt": "17",
                "store": "Lyon Bellecour",
                "customer": {"kind": "card", "value": "C-1"},
                "currency": "EUR",
                "total": 100_300,
                "lines": [
                    {"product": "A1", "category": "bread", "quantity": 2, "amount": 100_340},
                    {"product": "A2", "quantity": 0, "amount": -40},
                ],
            },
        },
        {
            "specversion": "1.0",
            "id": "sale-18",
            "source": "/imports/Lyon%20Bellecour",
            "type": "sale.closed",
            "time": "2026-07-03T07:31:00Z",
            "data": {
                "receipt": "18",
                "store": "Lyon Bellecour",
                "currency": "EUR",
                "total": 0,
                "lines": [{"product": 'B;1 "fine"', "quantity": 1, "amount": 0}],
            },
        },
    ]
    assert result.rows_of == {
        ("/imports/Lyon%20Bellecour", "sale-17"): [2, 4],
        ("/imports/Lyon%20Bellecour", "sale-18"): [3],
    }


def test_every_row_that_is_refused_has_its_line_and_its_reason(tmp_path: Path) -> None:
    result = imported(
        tmp_path,
        "1;L;03.07.2026;09:30;C-1;A1;;1;1,00",  # 2: the one good row
        "1;L;03.07.2026;09:30;C-1;A1;;1",
        "1;L;2026-07-03;09:30;C-1;A1;;1;1,00",
        "1;L;29.03.2026;02:30;C-1;A1;;1;1,00",  # 5: an hour that Paris left out
        "1;L;03.07.2026;09:30;C-1;A1;;one;1,00",
        "1;L;03.07.2026;09:30;C-1;A1;;1,5;1,00",
        "1;L;03.07.2026;09:30;C-1;A1;;1;1.00 EUR",
        "1;L;03.07.2026;09:30;C-1;;;1;1,00",
        "1;L;03.07.2026;09:30;C-1;A1;;1;-1,00",  # 10
        ";L;03.07.2026;09:30;C-1;A1;;1;1,00",
        f"1;L;03.07.2026;09:30;C-1;{'A' * 65};;1;1,00",
        "1;L;03.07.2026;09:30;C-1;A\x011;;1;1,00",
        "1;L;03.07.2026;09:30;C-1;A1;;99999999999;1,00",
        "1;L;03.07.2026;09:30;C-1;A1;;1;99.999.999.999,00",  # 15
        "",
        '1;L;03.07.2026;09:30;C-1;"A1;;1;1,00',
        '1;L;03.07.2026;09:30;C-1;"A"1;;1;1,00',
        "1;L;03.07.2026;09:30;C-1;A" + "1" * rows.ROW_CHARACTERS_MAX + ";;1;1,00",
        "2;L;03.07.2026;09:30;C-1;A1;;1;1,00",  # 20: two customers
        "2;L;03.07.2026;09:30;C-2;A1;;1;1,00",
        "3;L;03.07.2026;09:30;C-1;A1;;-1;-1,00",  # 22: the customer has not bought two
        "3;L;03.07.2026;09:31;C-1;A1;;-1;-1,00",
        "4;L;03.07.2026;09:31;;A1;;-1;-1,00",
        "5;L;01.07.2026;09:31;C-1;A1;;-1;-1,00",  # 25: before the sale
        "6;L;03.07.2026;09:31;C-1;A1;;-1;1,00",
    )
    assert result.reasons == {
        3: "wrong_number_of_columns",
        4: "not_a_time",
        5: "not_a_time",
        6: "not_a_number",
        7: "quantity_not_whole",
        8: "not_a_number",
        9: "empty_cell",
        10: "negative_amount",
        11: "empty_cell",
        12: "text_too_long",
        13: "control_character",
        14: "quantity_too_large",
        15: "amount_too_large",
        17: "malformed_quotes",
        18: "malformed_quotes",
        19: "row_too_long",
        20: "receipt_of_two_customers",
        21: "receipt_of_two_customers",
        23: "return_larger_than_sale",
        24: "return_of_a_guest",
        25: "return_without_sale",
        26: "return_below_zero",
    }
    assert result.counts == (24, 2, 22)
    assert [event["type"] for event in result.events] == ["sale.closed", "sale.returned"]


def test_an_article_comes_back_to_the_latest_sale_with_enough_of_it(tmp_path: Path) -> None:
    result = imported(
        tmp_path,
        "1;L;01.07.2026;09:30;C-1;A1;;5;5,00",
        "2;L;02.07.2026;09:30;C-1;A1;;2;2,00",
        "9;L;03.07.2026;09:30;C-1;A1;;-2;-2,00",
        "9;L;03.07.2026;09:30;C-1;A1;;-2;-2,00",
        "9;L;03.07.2026;09:30;C-1;A1;;-1;-0,90",
        "3;L;04.07.2026;09:30;C-1;A1;;9;9,00",
        "8;L;05.07.2026;09:30;C-1;A1;;-1;-2,00",
    )
    returns = [event["data"] for event in result.events if event["type"] == "sale.returned"]
    assert returns == [
        {
            "receipt": "9/1",
            "sale": {"receipt": "1"},
            "store": "L",
            "currency": "EUR",
            "total": 290,
            "lines": [{"line": 1, "quantity": 3, "amount": 290}],
        },
        {
            "receipt": "9/2",
            "sale": {"receipt": "2"},
            "store": "L",
            "currency": "EUR",
            "total": 200,
            "lines": [{"line": 1, "quantity": 2, "amount": 200}],
        },
        {
            "receipt": "8/3",
            "sale": {"receipt": "3"},
            "store": "L",
            "currency": "EUR",
            "total": 200,
            "lines": [{"line": 1, "quantity": 1, "amount": 200}],
        },
    ]


def test_a_return_that_names_its_receipt_needs_no_customer(tmp_path: Path) -> None:
    heading = HEADING + ";Of"
    result = imported(
        tmp_path,
        "1;L;01.07.2026;09:30;;A1;;5;5,00;",
        "R1;M;02.07.2026;09:30;;A1;;2;2,00;1",
        "R2;M;02.07.2026;09:30;;A1;;2;9,00;1",
        "R3;M;02.07.2026;09:30;;A2;;2;2,00;1",
        heading=heading,
        returns__recognised_by="receipt_prefix",
        returns__prefix="R",
        returns__quantities="positive",
        returns__match_returns=None,
        returns__sale_receipt="Of",
    )
    assert result.reasons == {4: "return_worth_more_than_sale", 5: "return_without_sale"}
    assert result.events[1]["source"] == "/imports/M"
    assert result.events[1]["data"]["sale"] == {"receipt": "1", "source": "/imports/L"}


def test_a_column_can_say_what_a_return_is(tmp_path: Path) -> None:
    result = imported(
        tmp_path,
        "1;L;01.07.2026;09:30;C;A1;;5;5,00;sale",
        "2;L;02.07.2026;09:30;C;A1;;-2;-2,00;refund",
        "3;L;02.07.2026;09:30;C;A1;;-2;-2,00;correction",
        heading=HEADING + ";Kind",
        returns__recognised_by="column",
        returns__column="Kind",
        returns__values=["refund"],
    )
    assert [event["id"] for event in result.events] == ["sale-1", "return-2/1"]
    assert result.reasons == {4: "negative_quantity"}


def test_repeated_rows_are_kept_or_refused_as_the_mapping_says(tmp_path: Path) -> None:
    lines = ["1;L;01.07.2026;09:30;C;A1;;1;5,00"] * 3
    assert imported(tmp_path, *lines).events[0]["data"]["total"] == 1500
    result = imported(tmp_path, *lines, line__duplicates="refuse")
    assert result.events[0]["data"]["total"] == 500
    assert [row.detail for row in result.refused] == ["says the same as line 2"] * 2


def test_amounts_are_rounded_or_refused_as_the_mapping_says(tmp_path: Path) -> None:
    lines = ["1;L;01.07.2026;09:30;C;A1;;3;0,335", "2;L;01.07.2026;09:30;C;A1;;1,5;1"]
    by_unit: dict[str, Any] = {"line__amount": None, "line__unit_price": "Worth"}
    result = imported(tmp_path, *lines, **by_unit, line__fractional_quantities="one")
    assert [event["data"]["total"] for event in result.events] == [101, 150]
    assert result.events[1]["data"]["lines"][0]["quantity"] == 1
    result = imported(tmp_path, *lines, **by_unit, line__rounding="refuse")
    assert result.reasons == {2: "amount_not_in_minor_units", 3: "quantity_not_whole"}


def test_a_receipt_with_too_many_lines_is_refused_as_a_whole(tmp_path: Path) -> None:
    lines = [f"1;L;01.07.2026;09:30;C;A{n};;1;1,00" for n in range(LINES_MAX + 1)]
    result = imported(tmp_path, *lines, "2;L;01.07.2026;09:30;C;A;;1;1,00")
    assert Counter(row.reason for row in result.refused) == {"too_many_lines": LINES_MAX + 1}
    assert [event["id"] for event in result.events] == ["sale-2"]


def test_bytes_outside_the_encoding_cost_their_row_alone(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    good = "1;Châlon;01.07.2026;09:30;C;A1;;1;1,00"
    path.write_bytes(b"\xef\xbb\xbf" + f"{HEADING}\n{good}\n".encode() + good.encode("latin-1"))
    result = Imported(path, rules())
    assert result.counts == (2, 1, 1)
    assert result.reasons == {3: "not_in_encoding"}


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("sale__source", "imports", "sale.source"),
        ("sale__currency", None, "sale.currency"),
        ("sale__currency_column", "Money", "sale.currency"),
        ("line__unit_price", "Price", "line.amount"),
        ("time__zone", "Europe/Atlantis", "time.zone"),
        ("time__format", "dd.mm.yyyy", "time.format"),
        ("line__thousands", ",", "line.thousands"),
        ("line__colour", "red", "colour"),
        ("returns__sale_receipt", "Of", "returns.sale_receipt"),
        ("returns__recognised_by", "receipt_prefix", "returns.prefix"),
        ("returns__recognised_by", "column", "returns.column"),
        ("returns__quantities", "positive", "returns.quantities"),
    ],
)
def test_a_mapping_that_contradicts_itself_is_refused(setting: str, value: Any, message: str) -> None:
    with pytest.raises(mapping.MappingError, match=message):
        rules(**{setting: value})


def test_a_mapping_names_only_columns_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(mapping.MappingError, match=r"line\.amount: no column 'Worth'"):
        imported(tmp_path, heading=HEADING.replace("Worth", "Value"))
    with pytest.raises(rows.RowsError, match="two columns have the name 'Card'"):
        imported(tmp_path, heading=HEADING.replace("Worth", "Card"))
    (tmp_path / "empty.csv").touch()
    with pytest.raises(rows.RowsError, match="the file is empty"):
        Imported(tmp_path / "empty.csv", rules())


def test_a_dry_run_shows_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(f"{HEADING}\n1;L;01.07.2026;09:30;C;A1;;1;1,00\n2;L;01.07.2026;09:30;C;=cmd;;x;1,00\n")
    (tmp_path / "mapping.toml").write_text(textwrap.dedent(PLAIN))
    before = sorted(tmp_path.iterdir())
    arguments = ["import", "csv", str(path), "--mapping", str(tmp_path / "mapping.toml"), "--dry-run", "--json"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert sorted(tmp_path.iterdir()) == before
    assert json.loads(result.stdout) == {
        "rows": 2,
        "rows_in_events": 1,
        "rows_refused": 1,
        "refused_by_reason": {"not_a_number": 1},
        "events": 1,
        "events_by_type": {"sale.closed": 1},
    }
    assert '"receipt": "1"' in result.stderr
    assert "line 3: not_a_number Count x" in result.stderr


def test_the_report_lists_every_refused_row_and_holds_no_formula(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(f"{HEADING}\n1;L;01.07.2026;09:30;C;A1;;=1+1;1,00\n2;L;01.07.2026;09:30;C;A;;1;1,00\n")
    (tmp_path / "mapping.toml").write_text(textwrap.dedent(PLAIN))
    arguments = ["--mapping", str(tmp_path / "mapping.toml"), "--report", str(tmp_path / "report.csv")]
    arguments += ["--out", str(tmp_path / "out.jsonl.gz")]
    result = CliRunner().invoke(main, ["import", "csv", str(path), *arguments])
    assert result.exit_code == 0, result.output
    with (tmp_path / "report.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [
            {
                "file": "export.csv",
                "line": "2",
                "refused_by": "import",
                "reason": "not_a_number",
                "field": "Count",
                "detail": "'=1+1",
                "event": "",
            }
        ]
    assert [entry.id for entry in recordings.read(tmp_path / "out.jsonl.gz")] == ["sale-2"]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1+1", "@A1", "\t=1", "\r=1", "＝1", " =1+1", "|x", "%x"])
def test_no_cell_of_a_report_is_a_formula(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"
    assert harmless(f"a{cell}") == f"a{cell}"


def test_a_new_mapping_is_one_that_works(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(
        "Invoice date;Invoice;Customer;SKU;Units;Price;Shop\n"
        "31/01/2026 10:00;77;8;A;2;1,50;North\n"
        "01/02/2026 11:00;C78;8;A;-1;1,50;North\n",
        encoding="cp1252",
    )
    text = inspecting.new_mapping(path)
    guessed = mapping.parse(tomllib.loads(text))
    assert guessed.time == mapping.TimeColumns(["Invoice date"], "%d/%m/%Y %H:%M", "UTC")
    assert guessed.returns == mapping.ReturnRules("receipt_prefix", prefix="C", match_returns=True)
    result = Imported(path, guessed)
    assert [event["type"] for event in result.events] == ["sale.closed", "sale.returned"]
    assert result.events[1]["data"]["total"] == 150


# -- a real export ------------------------------------------------------------------------------------------------

RETAIL = """
    [sale]
    source = "/imports/online-retail"
    receipt = "Invoice"
    currency = "GBP"
    [time]
    columns = ["InvoiceDate"]
    zone = "Europe/London"
    [customer]
    column = "Customer ID"
    remove_suffix = ".0"
    [line]
    product = "StockCode"
    quantity = "Quantity"
    unit_price = "Price"
    [returns]
    recognised_by = "receipt_prefix"
    prefix = "C"
    match_returns = true
"""
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def online_retail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A year of an online retailer (UCI 502) as the CSV that its makers published."""
    folder = Path(os.environ.get("COMPTOIR_TEST_DATA") or ROOT.parent / "shared" / "data")
    source = folder / "online_retail_II" / "online_retail_II_2009-2010.parquet"
    if not source.exists():
        pytest.skip(f"{source} is missing: no real export was imported")
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet

    path = tmp_path_factory.mktemp("online-retail") / "export.csv"
    table = parquet.ParquetFile(source).read()
    moments = table.column("InvoiceDate").cast("timestamp[s]").cast("string")
    table = table.set_column(table.schema.get_field_index("InvoiceDate"), "InvoiceDate", moments)
    arrow_csv.write_csv(table, path)
    yield path
    path.unlink()


def test_a_real_year_is_imported_and_no_row_is_lost(online_retail: Path) -> None:
    with exports.opened(online_retail, rules(RETAIL)) as export:
        counts = export.read()
        reasons = export.reasons()
        kinds: Counter[str] = Counter()
        rows_in_events = sold = returned = 0
        for event in export.events():
            kinds[event.type] += 1
            if event.type == "sale.closed":
                sold += event.data["total"]
            else:
                returned += event.data["total"]
        assert len({row.line for row in export.refused()}) == counts.refused
        rows_in_events = counts.in_events
    assert counts.read == 525_461
    assert rows_in_events + counts.refused == 525_461
    # The largest invoice has 675 lines, and none is cut.
    assert "too_many_lines" not in reasons
    # 2,121 counts of the stock, three bad debts, one cancellation without goods: exact, whatever else is refused.
    assert reasons["negative_quantity"] == 2_121
    assert reasons["negative_amount"] == 3
    assert reasons["return_without_quantity"] == 1
    assert reasons["return_of_a_guest"] == 366
    # Cancellations that precede their sale or have none, or that take back more than is left.
    unmatched = sum(count for reason, count in reasons.items() if reason.startswith("return_"))
    assert sum(reasons.values()) == counts.refused
    assert 10_206 - unmatched > 7_900
    assert kinds["sale.closed"] > 22_000
    assert 0 < returned < sold
