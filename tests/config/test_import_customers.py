"""Customer lists come in: what their columns mean, how their rows are understood, and what stays out."""

from __future__ import annotations

import csv
import datetime as dt
import json
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from comptoir.config.command import main
from comptoir.config.listing import mapping, reading, taking
from comptoir.config.replaying.mapping import MappingError
from comptoir.config.replaying.rows import RowsError
from comptoir.vault.lists import rules
from comptoir.vault.lists.contracts import Consent, Details, Identifier
from support.gateway import running_gateway
from support.shop import Shop

FRENCH = """
    [list]
    name = "till"
    [file]
    delimiter = ";"
    encoding = "cp1252"
    [[identifiers]]
    column = "Carte"
    kind = "card"
    remove_suffix = ".0"
    [[identifiers]]
    column = "Compte web"
    kind = "account"
    [contact]
    given_name = "Prénom"
    family_name = "Nom"
    email = "Courriel"
    phone = "Tél."
    lines = ["Adresse", "Complément"]
    postcode = "CP"
    city = "Ville"
    country = "FR"
    [[consents]]
    purpose = "marketing"
    channel = "mail"
    column = "Infolettre"
    given = ["oui", "O"]
    at = "Inscrit le"
    format = "%d/%m/%Y"
    zone = "Europe/Paris"
    how = "paper form at the till"
"""
FRENCH_HEADING = "Carte;Compte web;Prénom;Nom;Courriel;Tél.;Adresse;Complément;CP;Ville;Infolettre;Inscrit le;Né(e) le"
JAPANESE = """
    [list]
    name = "members"
    [file]
    encoding = "shift_jis"
    [[identifiers]]
    column = "会員番号"
    kind = "card"
    [contact]
    name = "氏名"
    reading = "フリガナ"
    email = "メール"
    phone = "電話番号"
    lines = ["住所"]
    postcode = "郵便番号"
    country = "JP"
"""
JAPANESE_HEADING = "会員番号,氏名,フリガナ,メール,電話番号,郵便番号,住所"
ENGLISH = """
    [list]
    name = "newsletter"
    [[identifiers]]
    column = "Email"
    kind = "subscriber"
    is_email = true
    [contact]
    name = "Name"
    email = "Email"
    [[consents]]
    purpose = "marketing"
    channel = "mail"
    column = "Status"
    given = ["subscribed"]
    at = "Opted in"
    how_column = "Source"
"""
ENGLISH_HEADING = "Email,Name,Status,Opted in,Source"

CANARY = (
    "KX471.0;w-77;Zéphyrine;CANARI;zephyrine@canari.example;06 12 34 56 78;12 rue de la Paix;;75002;Paris"
    ";oui;03/07/2024;1980"
)
SECRETS = ("KX471", "w-77", "zéphyrine", "zephyrine", "canari", "612345678", "rue de la paix")


def rules_of(text: str, **changes: Any) -> mapping.ListMapping:
    members = tomllib.loads(text)
    for name, value in changes.items():
        table, _, setting = name.partition("__")
        members.setdefault(table, {})[setting] = value
    return mapping.parse(members)


def written(folder: Path, heading: str, *lines: str, encoding: str = "cp1252") -> Path:
    path = folder / "list.csv"
    path.write_bytes("\r\n".join([heading, *lines, ""]).encode(encoding))
    return path


def read(folder: Path, text: str, heading: str, *lines: str, encoding: str = "cp1252") -> reading.Reading:
    return reading.read(written(folder, heading, *lines, encoding=encoding), rules_of(text))


# -- rows ---------------------------------------------------------------------------------------------------------


def test_a_french_list_of_a_till(tmp_path: Path) -> None:
    found = read(tmp_path, FRENCH, FRENCH_HEADING, CANARY)
    [row] = found.listed
    assert row.identifiers == (Identifier("card", "KX471"), Identifier("account", "w-77"))
    assert row.details == Details(
        given_name="Zéphyrine",
        family_name="CANARI",
        email="zephyrine@canari.example",
        phone="+33612345678",
        lines=("12 rue de la Paix",),
        postcode="75002",
        city="Paris",
        country="FR",
    )
    given_at = dt.datetime(2024, 7, 2, 22, 0, tzinfo=dt.UTC)
    assert row.consents == (Consent("marketing", "mail", given_at, "paper form at the till"),)
    assert found.left_out == ["Né(e) le"]
    assert taking.read_summary(found, rules_of(FRENCH))["columns_of_birth"] == ["Né(e) le"]


def test_a_japanese_list_of_members(tmp_path: Path) -> None:
    line = (
        "M-1,齋藤　健,サイトウ ケン,ken@post.example,０９０-１２３４-５６７８,〒150-0001,東京都渋谷区神宮前一丁目2番3号"
    )
    rules_here = rules_of(JAPANESE.replace("shift_jis", "cp932"))
    found = reading.read(written(tmp_path, JAPANESE_HEADING, line, encoding="cp932"), rules_here).listed
    details = found[0].details
    assert (details.family_name, details.given_name, details.family_first) == ("齋藤", "健", True)
    assert details.phone == "+819012345678"
    assert rules.name_of(details) == "齋藤 健"
    spelled = rules.compared(details)
    assert (spelled.family, spelled.reading, spelled.postcode) == ("斎藤", "サイトウケン", "1500001")
    assert (spelled.words, spelled.numbers) == ("東京都渋谷区神宮前", "1-2-3")


def test_an_english_list_that_knows_people_by_their_address_only(tmp_path: Path) -> None:
    found = read(
        tmp_path, ENGLISH, ENGLISH_HEADING,
        "Alice@Example.ORG,Alice Marie Smith,subscribed,2024-07-03T09:30:00+01:00,form on the home page",
        "bob@example.org,Bob,subscribed,2024-07-03T09:30:00Z,",
        "carol@example.org,Carol Jones,subscribed,last year,form on the home page",
        "dave@example.org,Dave Brown,unsubscribed,2024-07-03T09:30:00Z,form on the home page",
        encoding="utf-8",
    )  # fmt: skip
    alice, bob, carol, dave = found.listed
    assert alice.identifiers == (Identifier("subscriber", "alice@example.org"),)
    assert (alice.details.given_name, alice.details.family_name) == ("Alice Marie", "Smith")
    assert [consent.how for consent in alice.consents] == ["form on the home page"]
    assert (bob.consents, bob.unproven) == ((), 1)
    assert (carol.consents, carol.unproven) == ((), 1)
    assert (dave.consents, dave.unproven) == ((), 0)
    assert [(note.line, note.reason, note.column) for note in found.notes] == [
        (3, "consent_without_how", "Source"),
        (4, "consent_without_time", "Opted in"),
    ]


def test_a_row_is_refused_with_its_line_and_a_cell_left_out_with_its_column(tmp_path: Path) -> None:
    found = read(
        tmp_path, FRENCH, FRENCH_HEADING,
        CANARY,  # 2
        CANARY,
        CANARY.replace("CANARI", "CANARD"),
        CANARY.replace("KX471.0", ""),
        CANARY.replace("KX471.0", "a@b.example"),  # 6
        CANARY.replace("KX471.0", "C" * 257),
        "C-2;a@b.example;Bob;;not an address;12;;;75;;oui;;",
        f"C-3;;{'B' * 201};Martin;;;;;;;;;",  # 9
        "C-4;too;few",
    )  # fmt: skip
    assert (found.rows, len(found.listed), found.repeated, found.refused) == (9, 3, 1, 5)
    assert [(note.line, note.reason, note.column, note.is_refusal) for note in found.notes] == [
        (4, "identifier_of_two_rows", "Carte", True),
        (5, "no_identifier", "Carte", True),
        (6, "identifier_is_an_address", "Carte", True),
        (7, "identifier_too_long", "Carte", True),
        (8, "identifier_is_an_address", "Compte web", False),
        (8, "not_an_email_address", "Courriel", False),
        (8, "not_a_telephone_number", "Tél.", False),
        (8, "consent_without_time", "Inscrit le", False),
        (9, "text_too_long", "Prénom", False),
        (10, "wrong_number_of_columns", None, True),
    ]


def test_a_list_that_is_too_long_is_taken_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "ROWS_MAX", 1)
    with pytest.raises(RowsError, match="in pieces"):
        read(tmp_path, FRENCH, FRENCH_HEADING, CANARY, CANARY.replace("KX471", "C-2"))


# -- mappings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "column",
    [
        "Date de naissance",
        "Né(e) le",
        "Âge",
        "birth_date",
        "DOB",
        "Birthday",
        "生年月日",
        "誕生日",
        "年齢",
        "Geburtsdatum",
    ],
)
def test_a_date_of_birth_is_refused_by_name_with_what_to_do_instead(column: str) -> None:
    with pytest.raises(MappingError, match=r"contact\.region: .*no date of birth.*keep the answer.*by consent"):
        rules_of(FRENCH, contact__region=column)
    with pytest.raises(MappingError, match=r"consents.*no date of birth"):
        mapping.parse(tomllib.loads(FRENCH) | {"consents": [{"birth_date": column}]})


@pytest.mark.parametrize("column", ["Page", "Message", "Nele", "Village", "Garage", "Ornée"])
def test_a_column_that_only_sounds_like_an_age_is_taken(column: str) -> None:
    assert not rules.names_a_birth(column)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"contact__email": "Mail"}, "contact.email: no column 'Mail'"),
        ({"contact__name": "Nom"}, "contact.name: either"),
        ({"contact__cuntry": "FR"}, "unknown field `cuntry`"),
        ({"list__name": "The Till"}, "list.name"),
        ({"identifiers": [{"column": "Courriel", "kind": "card"}]}, "nothing is linked by that"),
        ({"identifiers": [{"column": "Carte", "kind": "email"}]}, "is no kind of identifier"),
        ({"identifiers": [{"column": "Carte", "kind": "user"}]}, "is no kind of identifier"),
        ({"identifiers": [{"column": "Carte", "kind": "card"}] * 2}, "two columns have the same kind"),
        ({"identifiers": []}, "length >= 1"),
        ({"contact__country": "France"}, "contact.country"),
    ],
)
def test_a_mapping_that_contradicts_itself_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    members = tomllib.loads(FRENCH)
    for name, value in changes.items():
        table, _, setting = name.partition("__")
        if setting:
            members[table][setting] = value
        else:
            members[table] = value
    with pytest.raises(MappingError, match=message.replace("[", r"\[")):
        reading.read(written(tmp_path, FRENCH_HEADING, CANARY), mapping.parse(members))


def test_a_telephone_number_belongs_to_a_country() -> None:
    members = tomllib.loads(FRENCH)
    del members["contact"]["country"]
    with pytest.raises(MappingError, match=r"contact\.country"):
        mapping.parse(members)


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=";\"'"), max_size=40)


@given(cells=st.lists(TEXTS, min_size=13, max_size=13))
def test_whatever_a_row_says_it_is_listed_or_refused_and_no_note_repeats_it(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str]
) -> None:
    rules_here = rules_of(FRENCH.replace("cp1252", "utf-8"))
    path = written(tmp_path_factory.mktemp("list"), FRENCH_HEADING, ";".join(cells), encoding="utf-8")
    found = reading.read(path, rules_here)
    assert len(found.listed) + found.repeated + found.refused == found.rows
    for note in found.notes:
        assert note.detail == "" or note.column is None
        assert note.column is None or note.column in FRENCH_HEADING.split(";")
    for row in found.listed:
        assert {repr(row.details), repr(rules.compared(row.details))} == {"<details>", "<compared>"}


# -- the command --------------------------------------------------------------------------------------------------


def command(folder: Path, *arguments: str, text: str = FRENCH) -> tuple[int, str, dict[str, Any] | None]:
    rules_file = folder / "mapping.toml"
    rules_file.write_text(text, encoding="utf-8")
    words = ["import", "customers", str(folder / "list.csv"), "--mapping", str(rules_file), "--json", *arguments]
    result = CliRunner().invoke(main, words)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    found = json.loads(result.stdout) if result.exit_code == 0 else None
    return result.exit_code, result.stderr, found


def test_a_dry_run_keeps_nothing_and_reports_lines_and_columns_without_values(shop: Shop, tmp_path: Path) -> None:
    written(tmp_path, FRENCH_HEADING, CANARY, CANARY.replace("KX471.0", ""), CANARY.replace("06 12 34 56 78", "12"))
    report = tmp_path / "report.csv"
    with shop.unchanged():
        code, said, found = command(tmp_path, "--dry-run", "--report", str(report))
    assert code == 0
    assert found is not None
    assert (found["rows"], found["listed"], found["refused"]) == (3, 1, 2)
    assert "dry run: nothing was kept" in said
    assert "Né(e) le" in said
    rows = list(csv.DictReader(report.read_text(encoding="utf-8").splitlines()))
    assert [(row["line"], row["reason"], row["field"]) for row in rows] == [
        ("3", "no_identifier", "Carte"),
        ("4", "not_a_telephone_number", "Tél."),
        ("4", "identifier_of_two_rows", "Carte"),
    ]
    told = report.read_text(encoding="utf-8").lower() + said.lower()
    assert [secret for secret in SECRETS if secret.lower() in told] == []


def test_a_list_is_kept_sealed_and_joins_nobody(shop: Shop, tmp_path: Path) -> None:
    written(tmp_path, FRENCH_HEADING, CANARY, CANARY.replace("KX471.0;w-77", "C-9;w-99"))
    with shop.unchanged("customers_link", "customers_membership"):
        code, said, found = command(tmp_path)
    assert code == 0, said
    assert found is not None
    # Two rows that name two accounts each, and two entries that say the same.
    assert (found["new"], found["same"], found["proposals"]) == (2, 0, 1)
    assert shop.value("select count(*) from lists_proposal") == 3
    everything = json.dumps(shop.contents()).lower()
    hidden = [secret for secret in SECRETS if secret.lower() in everything or secret.encode().hex() in everything]
    assert hidden == []
    with shop.unchanged():
        code, _, found = command(tmp_path)
        assert code == 0
        assert found is not None
        assert (found["new"], found["same"], found["proposals"], found["opened_to_compare"]) == (0, 2, 0, 0)


def test_a_changed_row_is_reported_or_replaces_by_the_rule(shop: Shop, tmp_path: Path) -> None:
    written(tmp_path, FRENCH_HEADING, CANARY)
    command(tmp_path)
    written(tmp_path, FRENCH_HEADING, CANARY.replace("12 rue de la Paix", "13 rue de la Paix"))
    report = tmp_path / "report.csv"
    with shop.unchanged():
        _, said, found = command(tmp_path, "--report", str(report))
    assert found is not None
    assert (found["changed_and_kept"], found["changed_and_replaced"]) == (1, 0)
    assert "row_changed" in report.read_text(encoding="utf-8")
    assert "what was there stays" in said
    _, _, found = command(tmp_path, text=FRENCH.replace('name = "till"', 'name = "till"\n    changed = "replace"'))
    assert found is not None
    assert (found["changed_and_kept"], found["changed_and_replaced"]) == (0, 1)
    assert shop.value("select count(*) from contacts_key") == 1
    with shop.unchanged():
        command(tmp_path)


def test_equal_addresses_of_two_lists_make_no_customer_of_two(shop: Shop, tmp_path: Path) -> None:
    written(tmp_path, ENGLISH_HEADING, "alice@example.org,Alice Smith,no,,", encoding="utf-8")
    assert command(tmp_path, text=ENGLISH)[0] == 0
    other = ENGLISH.replace('"newsletter"\n    [[ident', '"webshop"\n    [[ident')
    with shop.unchanged():
        code, said, _ = command(tmp_path, text=other)
    assert code == 1
    assert "belongs to alone" in said


def test_without_splink_the_import_works_and_says_that_it_proposes_nothing(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from comptoir.vault.lists import matching

    written(tmp_path, FRENCH_HEADING, CANARY, CANARY.replace("KX471.0;w-77", "C-9;w-99"))
    with monkeypatch.context() as patch:
        patch.setattr(matching, "is_available", lambda: False)
        code, said, found = command(tmp_path)
    assert code == 0
    assert found is not None
    assert (found["new"], found["proposals"], found["proposals_missing"]) == (2, None, "matching")
    assert "install the extra `matching`" in said
    _, _, found = command(tmp_path)
    assert found is not None
    assert (found["new"], found["proposals"], found["compared"]) == (0, 1, 2)


@pytest.mark.exclusive
def test_an_import_that_is_killed_goes_on_where_it_stood(shop: Shop, tmp_path: Path) -> None:
    lines = [CANARY.replace("KX471.0;w-77", f"C-{n};") for n in range(700)]
    written(tmp_path, FRENCH_HEADING, *lines)
    rules_file = tmp_path / "mapping.toml"
    rules_file.write_text(FRENCH, encoding="utf-8")
    script = "from comptoir.config.command import main; main()"
    words = ["import", "customers", str(tmp_path / "list.csv"), "--mapping", str(rules_file)]
    running = subprocess.Popen([sys.executable, "-c", script, *words], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not 100 <= shop.value("select count(*) from contacts_key") < 700:
            assert running.poll() is None, "it ended before it could be killed"
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()
    there = shop.value("select count(*) from contacts_key")
    assert 100 <= there < 700
    _, _, found = command(tmp_path)
    assert found is not None
    assert (found["new"], found["same"]) == (700 - there, there)
    assert shop.value("select count(*) from lists_entry where compared_at is null") == 0
    with shop.unchanged():
        command(tmp_path)


def test_who_was_forgotten_is_not_taken_in_again(shop: Shop, tmp_path: Path) -> None:
    from comptoir.counter.customers.rules import customer_id, forgotten_mark
    from comptoir.foundation.kernel import shop as kernel_shop

    customer = customer_id(kernel_shop.secret("identifiers"), "account", "w-77")
    with shop.connect() as connection:
        mark = forgotten_mark(kernel_shop.secret("forgotten"), customer)
        connection.execute("insert into customers_forgotten (mark) values (%s)", (mark,))
    written(tmp_path, FRENCH_HEADING, CANARY)
    report = tmp_path / "report.csv"
    with shop.unchanged("contacts_piece", "contacts_key", "lists_entry", "lists_proposal"):
        code, said, found = command(tmp_path, "--report", str(report))
    assert code == 0
    assert found is not None
    assert (found["listed"], found["new"], found["forgotten"]) == (1, 0, 1)
    assert "asked to be forgotten" in said
    assert "customer_forgotten" in report.read_text(encoding="utf-8")


def test_the_counter_is_told_once_and_knows_identifiers_without_contact_data(shop: Shop, tmp_path: Path) -> None:
    written(tmp_path, FRENCH_HEADING, CANARY, CANARY.replace("KX471.0;w-77", "C-9;"))
    with running_gateway(tmp_path) as gateway:
        words = ("--send", "--gateway", gateway.url, "--key", gateway.keys["lists"])
        code, said, found = command(tmp_path, *words)
        assert code == 0, said
        assert found is not None
        # Three identifiers, and what two of the customers had consented to.
        assert (found["sent"]["accepted"], found["sent"]["refused"]) == (5, 0)
        [consent] = shop.rows(
            "select matter, value, said_source, said_at from customers_choice where matter <> 'closeness'"
            " group by 1, 2, 3, 4"
        )
        assert consent["said_source"] == "/lists/till"
        assert consent["said_at"] == dt.datetime(2024, 7, 2, 22, 0, tzinfo=dt.UTC)
        assert shop.value(
            "select data::jsonb ->> 'evidence' from events_event where type = 'consent.given' limit 1"
        ) == ("paper form at the till")
        kinds = shop.rows("select kind, count(*) from customers_customer group by 1 order by 1")
        assert kinds == [{"kind": "account", "count": 1}, {"kind": "card", "count": 2}]
        assert shop.value("select count(*) from customers_choice where value = 'known'") == 3
        with shop.unchanged("events_event", "customers_customer", "customers_choice", "lists_entry"):
            _, _, found = command(tmp_path, *words)
            assert found is not None
            assert (found["sent"]["accepted"], found["sent"]["duplicates"]) == (0, 2)
        # Told in vain, the list is in the vault all the same, and is told the next time.
        written(tmp_path, FRENCH_HEADING, CANARY.replace("KX471.0;w-77", "C-10;"))
        assert command(tmp_path, "--send", "--gateway", gateway.url, "--key", "ctp_lists_wrong")[0] == 1
        assert shop.value("select count(*) from lists_entry where told_at is null") == 1
        assert command(tmp_path, *words)[0] == 0
        assert shop.value("select count(*) from lists_entry where told_at is null") == 0
    everything = json.dumps(shop.contents()).lower()
    assert [secret for secret in SECRETS if secret.lower() in everything] == []
