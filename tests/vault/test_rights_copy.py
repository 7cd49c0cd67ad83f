"""A copy of everything: what the CNIL asks of loyalty programmes, nothing of anybody else, nothing that opens anything.

Alice has a card and signs in; Bob has a card. What is expected stands here, not in the code that makes the copy.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
import tracemalloc
import uuid
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from comptoir.config.command import main
from comptoir.foundation.rooms import personal
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.rooms.personal import Export
from support import casting, drawn, talking
from support.casting import BOB, EXAMPLES, NOON, TILL, WEBSHOP, event, sale
from support.gateway import Gateway
from support.pages import accepted
from support.shop import Shop, environment

set_up_django()

# ruff: noqa: E402
from comptoir.foundation.events.queries import accesses_of
from comptoir.foundation.kernel.codec import from_cell
from comptoir.vault.contacts import commands as contacts
from comptoir.vault.contacts.contracts import ContactValues, PostalAddress
from comptoir.vault.credentials.models import Kind, User
from comptoir.vault.lists import commands as lists
from comptoir.vault.lists.contracts import Details, Identifier, Listed
from comptoir.vault.rights import copying, rules
from comptoir.vault.rights.errors import CopyTooLarge, CopyTooOften, HolderNotKnown
from comptoir.vault.rights.sections import SECTIONS

NOW = dt.datetime(2026, 3, 1, 9, 0, tzinfo=dt.UTC)
CARD = {"kind": "card", "value": "2613"}
TEA, CUP = "4006381333931", "96385074"


def customer() -> uuid.UUID:
    with entered(VAULT):
        return User.objects.create(kind=Kind.CUSTOMER, joined_at=NOW).id


def copied(user: uuid.UUID, *, at: dt.datetime = NOW) -> zipfile.ZipFile:
    with environment(COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")):
        copy = copying.copy_of(user, actor=f"customer:{user}", purpose="my own request", at=at)
    return zipfile.ZipFile(io.BytesIO(b"".join(copying.as_bytes(copy))))


def as_json(archive: zipfile.ZipFile, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(archive.read(f"{name}.json"))
    return found


def as_csv(archive: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    text = archive.read(f"{name}.csv").decode("utf-8-sig")
    assert text.count("\r\n") >= 1
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    return [{key: from_cell(value) for key, value in row.items()} for row in rows]


def everything(gateway: Gateway, user: uuid.UUID) -> None:
    """Let Alice buy with her card and online, bring something back, spend, subscribe; let Bob buy as well."""
    online = {"kind": "user", "value": str(user)}
    lines = [
        {"product": "tea", "category": "TEA", "gtin": TEA, "quantity": 2, "amount": 1_700, "discount": 300},
        {"product": "cup", "gtin": CUP, "quantity": 1, "amount": 800},
    ]
    first = sale("0001", of=CARD, lines=lines, at=NOON)
    first["data"]["store"] = "330"
    back = {"receipt": "R-1", "sale": {"receipt": "0001"}, "currency": "USD", "total": 850, "store": "330",
            "lines": [{"line": 1, "quantity": 1, "amount": 850}]}  # fmt: skip
    hour = dt.timedelta(hours=1)
    told = [
        ("till", first),
        ("till", sale("0002", 4_000, of=BOB, at=NOON)),
        ("till", event("sale.returned", back, source=TILL, at=NOON + hour)),
        ("webshop", sale("W-1", 2_500, of=online, source=WEBSHOP, at=NOON + 2 * hour)),
        ("webshop", event("identifier.linked", {"identifier": online, "customer": CARD, "evidence": "shown"},
                          source=WEBSHOP, at=NOON + 3 * hour)),
        ("newsletter", event("newsletter.subscribed", {"customer": online}, source="/newsletter", at=NOON + 4 * hour)),
    ]  # fmt: skip
    for touchpoint, each in told:
        outcome = gateway.post(each, touchpoint=touchpoint)
        assert outcome.status_code == 200, outcome.text
        assert outcome.json()["status"] == "accepted", outcome.text


def test_what_the_cnil_asks_of_loyalty_programmes_is_in_it(shop: Shop, gateway: Gateway) -> None:
    # https://cnil.fr/fr/programmes-de-fidelite-la-cnil-precise-lapplication-du-droit-la-portabilite-des-donnees
    user = customer()
    everything(gateway, user)
    archive = copied(user)
    lines = as_json(archive, "sale-lines")
    facts = ("kind", "receipt", "product", "gtin", "quantity", "price_before_promotion", "promotion_amount",
             "price_paid", "store", "channel")  # fmt: skip
    assert [tuple(line[name] for name in facts) for line in lines] == [
        ("sale", "0001", "tea", TEA, 2, "20.00", "3.00", "17.00", "330", "store"),
        ("sale", "0001", "cup", CUP, 1, None, None, "8.00", "330", "store"),
        ("return", "R-1", "tea", TEA, 1, None, None, "8.50", "330", "store"),
        ("sale", "W-1", "bread", None, 1, None, None, "25.00", None, "web"),
    ]
    assert lines[0]["time"] == "2024-03-04T17:00:00Z"
    assert lines[0]["currency"] == "USD"
    receipts = {row["receipt"]: row for row in as_json(archive, "receipts")}
    moves = as_json(archive, "points")
    balance = {row["account"]: row["points"] for row in as_json(archive, "balance") if row["points"] is not None}
    assert set(receipts) == {"0001", "R-1", "W-1"}
    assert receipts["0001"]["points"] > 0 > receipts["R-1"]["points"]
    counted = sum(row["points"] for row in receipts.values())
    earned = sum(row["points"] for row in moves if row["from_account"] == "issued")
    taken = sum(row["points"] for row in moves if row["to_account"] == "issued")
    assert balance["available"] == earned - taken == counted + 50  # the newsletter
    assert {row["reason"] for row in moves if row["receipt"] is None} == {"newsletter"}
    # Not the way in which a promotion is calculated, and nothing of Bob.
    whole = b"".join(archive.read(name) for name in archive.namelist())
    assert b"0002" not in whole


def test_json_and_csv_say_the_same_and_every_column_is_explained(shop: Shop, gateway: Gateway) -> None:
    user = customer()
    everything(gateway, user)
    archive = copied(user)
    about = json.loads(archive.read("about.json"))
    names = {name.rpartition(".")[0] for name in archive.namelist() if name not in {"about.json", "README.txt"}}
    assert set(about["files"]) == names
    for name in names:
        rows, cells = as_json(archive, name), as_csv(archive, name)
        assert len(rows) == len(cells) == about["files"][name]["rows"]
        for row, written in zip(rows, cells, strict=True):
            assert set(row) == set(written) == set(about["files"][name]["columns"])
            for column, value in row.items():
                text = written[column]
                if value is None:
                    assert text == ""
                elif isinstance(value, str):
                    assert text == value
                else:
                    assert json.loads(text) == value
    assert all(about["files"][name]["columns"].values() for name in names)


def test_every_table_of_the_map_is_in_the_copy_or_said_to_be_left_out(shop: Shop) -> None:
    user = customer()
    archive = copied(user)
    about = json.loads(archive.read("about.json"))
    sections = set()
    for table, declared in personal.personal_tables().items():
        if table in about["withheld"]:
            assert about["withheld"][table]
        elif declared.exported is Export.TOLD:
            sections.add(declared.section)
        else:
            of_customers = declared.whose in (personal.Whose.CUSTOMER, personal.Whose.PERSONA)
            assert f"tables/{table}" in about["files"] or of_customers, table
    assert sections == set(SECTIONS), "a section that no table names, or a table whose section nobody tells"
    assert {each.name for name in sections for each in SECTIONS[name]} <= set(about["files"])
    assert as_json(archive, "tables/credentials_user")[0]["id"] == str(user)
    for name, file in about["files"].items():
        assert not {"password", "wrapped", "sealed", "digest", "data"} & set(file["columns"]) or name == "events"


def test_contact_data_are_opened_for_it_and_the_chain_says_so(shop: Shop) -> None:
    alice, bob = customer(), customer()
    home = PostalAddress(lines=("12 rue des Lilas",), postcode="21000", city="Dijon", country="FR")
    for user, name in ((alice, "Alice Öztürk"), (bob, "Bob")):
        values = ContactValues.of(name=name, addresses=(home,))
        contacts.keep(user, values=values, purpose="delivery", actor=f"customer:{user}", at=NOW)
    archive = copied(alice)
    rows = {row["field"]: row for row in as_json(archive, "contact")}
    assert rows["name"]["value"] == "Alice Öztürk"
    assert rows["addresses"]["value"][0]["city"] == "Dijon"
    assert rows["name"]["purpose"] == "delivery"
    assert b"Bob" not in b"".join(archive.read(name) for name in archive.namelist())
    assert "rights.copied" in {row["what"] for row in as_json(copied(alice), "accesses")}
    last = shop.rows("select subject, content::json as entry from events_audit order by number desc limit 1")[0]
    assert last["subject"] == alice
    assert last["entry"]["action"] == "rights.copied"
    assert last["entry"]["purpose"] == "my own request"


def test_who_is_not_there_gets_nothing_and_nothing_is_written(shop: Shop) -> None:
    with shop.unchanged(), pytest.raises(HolderNotKnown):
        copied(uuid.uuid4())


def test_copies_are_limited_within_a_day(shop: Shop) -> None:
    user = customer()
    for minute in range(copying.COPIES_A_DAY_MAX):
        copied(user, at=NOW + dt.timedelta(minutes=minute))
    with shop.unchanged(), pytest.raises(CopyTooOften):
        copied(user, at=NOW + dt.timedelta(hours=1))
    assert copied(user, at=NOW + dt.timedelta(days=1, minutes=1)).testzip() is None


def test_a_copy_has_a_limit(shop: Shop, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    user = customer()
    everything(gateway, user)
    monkeypatch.setattr(copying, "EVENTS_MAX", 3)
    with shop.unchanged(), pytest.raises(CopyTooLarge):
        copied(user)


def test_a_long_history_takes_little_memory(shop: Shop, gateway: Gateway) -> None:
    user = customer()
    of = {"kind": "user", "value": str(user)}
    lines = [{"product": f"p{n}", "quantity": 1, "amount": 100, "gtin": TEA} for n in range(40)]
    for batch in range(4):
        events = [sale(f"L{batch}-{n}", of=of, lines=lines, source=WEBSHOP) for n in range(500)]
        assert gateway.post(events, touchpoint="webshop").status_code == 200
    tracemalloc.start()
    archive = copied(user)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    about = json.loads(archive.read("about.json"))
    assert about["files"]["sale-lines"]["rows"] == 80_000
    written = sum(each.file_size for each in archive.infolist())
    assert written > 30_000_000
    assert peak < 30_000_000  # a portion of the log and the packed file


# -- cells --------------------------------------------------------------------------------------------------------

BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠", "'")


@given(st.one_of(st.text(), st.builds(str.__add__, st.sampled_from(BEGINNINGS), st.text())))
def test_no_cell_is_a_formula_and_none_loses_anything(text: str) -> None:
    written = rules.row([text, "end"])
    ((cell, end),) = csv.reader(io.StringIO(written, newline=""), strict=True)
    assert end == "end"
    assert from_cell(cell) == text
    is_number = text.lstrip("-").replace(".", "", 1).isdigit() and text.isascii()
    assert is_number or not cell.startswith(BEGINNINGS[:-1])


@pytest.mark.parametrize(
    "attack", ["=1+1", "=cmd|' /C calc'!A0", "+1-1", "-2+3+cmd|' /C calc'!A0", "@SUM(1,1)", "\t=1", "＝1＋1", "|x"]
)  # fmt: skip
def test_known_attacks_are_harmless(attack: str) -> None:
    assert rules.cell(attack).startswith("\"'")


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9))
def test_a_number_stays_one(value: Any) -> None:
    assert rules.cell(f"{value:f}") == f'"{value:f}"'


def test_values_of_every_kind_are_written() -> None:
    user = uuid.UUID(int=7)
    assert rules.cell(None) == ""
    assert rules.cell("") == '""'
    assert rules.cell(value=True) == '"true"'
    assert rules.cell(-3) == '"-3"'
    assert rules.cell(user) == f'"{user}"'
    assert rules.cell(dt.date(2026, 3, 1)) == '"2026-03-01"'
    assert rules.cell(NOW) == '"2026-03-01T09:00:00Z"'
    assert rules.cell([1, {"a": "b"}]) == '"[1,{""a"":""b""}]"'
    assert rules.as_json(b"\x00\xff") == "AP8="
    assert rules.amount(349, "USD") == "3.49"
    assert rules.amount(-349, "JPY") == "-349"
    assert rules.amount(None, "JPY") is None


def test_a_copys_name_says_nothing_of_who_it_is() -> None:
    user = uuid.uuid4()
    assert str(user) not in copying.file_name(user, NOW)


def test_the_operator_needs_a_purpose_and_the_person_sees_it(shop: Shop, tmp_path: Path) -> None:
    user, path = customer(), tmp_path / "copy.zip"
    run = CliRunner().invoke
    without = run(main, ["rights", "copy", str(user), "--to", str(path)])
    assert without.exit_code == 2
    done = run(main, ["rights", "copy", str(user), "--purpose", "letter of 3 March", "--to", str(path)])
    assert done.exit_code == 0, done.output
    assert path.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(path) as archive:
        assert as_json(archive, "tables/credentials_user")[0]["id"] == str(user)
    with entered(VAULT):
        entry = accesses_of(user)[0].entry
    assert (entry.actor, entry.action, entry.purpose) == ("operator", "rights.copied", "letter of 3 March")
    again = run(main, ["rights", "copy", str(user), "--purpose", "again", "--to", str(path)])
    assert again.exit_code == 1
    nobody = run(main, ["rights", "copy", str(uuid.uuid4()), "--purpose", "x", "--to", str(tmp_path / "b.zip")])
    assert "no user with this id" in nobody.output
    assert not (tmp_path / "b.zip").exists()


def test_what_old_lists_say_is_in_it_and_what_only_may_be_theirs_is_not(shop: Shop, gateway: Gateway) -> None:
    """The till's list names Alice's card, another one Bob's and Alice's in one row, which nobody has confirmed."""
    user = customer()
    everything(gateway, user)
    own = Listed(2, (Identifier("card", CARD["value"]),), Details(family_name="Amsel", phone="+33612345678"))
    other = Listed(
        2, (Identifier("card", BOB["value"]), Identifier("card", CARD["value"])), Details(family_name="Drossel")
    )
    for name, row in (("till", own), ("newsletter", other)):
        [noted] = lists.enter([row], name=name, at=NOW)
        lists.keep([(noted.entry, row)], replaces=False, actor="operator", at=NOW)
    archive = copied(user)
    told = [(row["face"], row["field"], row["value"], row["purpose"]) for row in as_json(archive, "contact")]
    assert told == [
        ("list till", "name", "Amsel", "customer_list"),
        ("list till", "phone", "+33612345678", "customer_list"),
    ]
    assert [row["value"] for row in as_csv(archive, "contact")] == ["Amsel", "+33612345678"]
    assert [(row["list"], row["kind"]) for row in as_json(archive, "tables/lists_entry")] == [("till", "card")]
    assert "Drossel" not in "".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())


def test_pictures_of_ones_posts_are_in_it_and_nobody_elses(shop: Shop, gateway: Gateway) -> None:
    user = customer()
    now = dt.datetime.now(dt.UTC)
    mine, theirs = drawn.kept(shop), drawn.kept(shop, drawn.loaf(300, 300))
    for name, of, picture in (("Wren", {"kind": "user", "value": str(user)}, mine), ("Finch", BOB, theirs)):
        chosen = casting.persona(name, of=of, at=now)
        accepted(gateway.post([chosen], touchpoint="storefront"))
        told = talking.wrote(chosen["data"]["persona"], pictures=[picture], at=now)
        accepted(gateway.post([told], touchpoint="square"))
    archive = copied(user)
    assert [name for name in archive.namelist() if name.startswith("pictures/")] == [f"pictures/{mine['digest']}.webp"]
    assert hashlib.sha256(archive.read(f"pictures/{mine['digest']}.webp")).hexdigest() == mine["digest"]
    assert json.loads(as_json(archive, "tables/community_post")[0]["pictures"]) == [mine]
