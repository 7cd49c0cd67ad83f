"""A backup is written while the shop is open; one that is put back forgets again, before anybody can reach it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from comptoir.config.checking import ledger_holds
from comptoir.config.command import main
from comptoir.config.rebuilding import rebuild
from comptoir.counter.customers.forgetting import list_path, note_forgotten, read_list
from comptoir.counter.customers.rules import forgotten_mark
from comptoir.foundation.kernel import shop as shop_folder
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.touchpoints import house
from support import casting, forgotten
from support.casting import BOB, EXAMPLES
from support.gateway import Gateway
from support.shop import Shop, environment

set_up_django()

# ruff: noqa: E402
from django.db import connections
from django.utils import timezone

from comptoir.counter.customers.queries import customer_of_user
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.contacts import commands as contacts
from comptoir.vault.contacts import queries
from comptoir.vault.contacts.contracts import ContactValues
from comptoir.vault.credentials.models import Kind, User
from comptoir.vault.rights import commands

CARD = {"kind": "card", "value": "canary-4711"}


@pytest.fixture
def counter(shop: Shop, gateway: Gateway) -> Iterator[Gateway]:
    """Have a gateway that hears what the vault says."""
    house.keep_key("vault", gateway.keys["vault"])
    with environment(COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")):
        yield gateway
        connections.close_all()


def run(*arguments: str) -> str:
    done = CliRunner().invoke(main, list(arguments))
    assert done.exit_code == 0, done.output
    return done.output


def customer(gateway: Gateway, email: str, card: casting.Reference, receipt: str) -> Any:
    """Return a user of the vault with contact data, who has bought with a card that is linked."""
    with entered(VAULT):
        user = User.objects.create(kind=Kind.CUSTOMER, joined_at=timezone.now()).id
    contacts.keep(user, values=ContactValues.of(email=email), purpose="parcels", actor="operator", at=timezone.now())
    gateway.post(casting.sale(receipt, 5_000, of=card))
    answer = gateway.post(casting.link({"kind": "user", "value": str(user)}, card), touchpoint="app")
    assert answer.status_code == 200, answer.text
    return user


def test_yesterdays_backup_forgets_again(shop: Shop, counter: Gateway, tmp_path: Path) -> None:
    alice = customer(counter, "alice@example.com", CARD, "1")
    bob = customer(counter, "bob@example.com", BOB, "2")
    ids = [counter.post(casting.sale(f"x{n}", 100, of=who)).json()["customer"] for n, who in enumerate((CARD, BOB))]
    totals = "select account, sum(points) as points from loyalty_programmebalance group by 1 order by 1"
    before = shop.rows(totals)
    assert "keep it apart" in run("backup", str(tmp_path / "yesterday.dump"))
    assert (tmp_path / "yesterday.dump").stat().st_mode & 0o777 == 0o600
    assert b"contacts_key" not in (tmp_path / "yesterday.dump").read_bytes().split(b"PGDMP")[0]
    commands.forget(alice, actor="operator", at=timezone.now())
    connections.close_all()
    counter.process.terminate()  # a shop is closed while it is restored
    counter.process.wait()
    told = run("restore", str(tmp_path / "yesterday.dump"), "--yes")
    assert "Forgotten again: 2 customers and 1 users" in told
    text = forgotten.dump(shop)
    assert forgotten.found_in(text, [ids[0], "alice@example.com"]) == []
    assert ids[1] in text
    with entered(VAULT):
        assert list(User.objects.values_list("id", flat=True)) == [bob]
    assert not queries.is_known(alice)
    read = queries.read(bob, fields=["email"], purpose="parcels", actor="operator", at=timezone.now())
    assert read.email is not None
    assert read.email.reveal() == "bob@example.com"
    assert shop.rows(totals) == before
    assert rebuild(keep=False).changed == []
    assert ledger_holds()


def test_yesterdays_backup_forgets_one_card_and_one_purchase_again(
    shop: Shop, counter: Gateway, tmp_path: Path
) -> None:
    """The person stays one person around the card that is gone, and keeps the points of the purchase."""
    alice = customer(counter, "alice@example.com", CARD, "1")
    online = {"kind": "user", "value": str(alice)}
    counter.post(casting.link(online, BOB), touchpoint="app")
    gone = counter.post(casting.sale("x", 100, of=CARD)).json()["customer"]
    stays = counter.post(casting.sale("secret", 700, of=BOB, lines=[casting.line(700, product="wig")])).json()
    run("backup", str(tmp_path / "yesterday.dump"))
    for said in (forgotten.forget_sale("secret", of=online), forgotten.forget_card(CARD, of=online)):
        if said["type"] == "identifier.forget":
            said["data"]["identifier"]["value"] = gone
        assert counter.post(said | {"time": timezone.now().isoformat()}, touchpoint="vault").status_code == 200
    totals = "select account, sum(points) as points from loyalty_programmebalance group by 1 order by 1"
    connections.close_all()
    counter.process.terminate()
    counter.process.wait()
    told = run("restore", str(tmp_path / "yesterday.dump"), "--yes")
    assert "Forgotten again: 1 customers" in told
    assert forgotten.found_in(forgotten.dump(shop), [gone]) == []
    assert shop.value("select customer from sales_sale where receipt = 'secret'") is None
    assert shop.value("select count(*) from customers_membership") == 2
    # Given up before, they are back with the backup: what had become of them is not on the list.
    assert shop.value("select available from loyalty_account where customer = %s", stays["customer"]) == 7
    assert shop.rows(totals) != []
    with entered(VAULT):
        assert User.objects.count() == 1
    assert rebuild(keep=False).changed == []
    assert ledger_holds()


def test_without_the_keys_nobodys_contact_data_opens(shop: Shop, counter: Gateway, tmp_path: Path) -> None:
    customer(counter, "alice@example.com", CARD, "1")
    run("backup", str(tmp_path / "a.dump"), "--keys", str(tmp_path / "elsewhere.keys"))
    connections.close_all()
    counter.process.terminate()
    counter.process.wait()
    run("restore", str(tmp_path / "a.dump"), "--yes")
    assert shop.value("select count(*) from contacts_key") == 0
    assert shop.value("select count(*) from contacts_piece") == 1


def test_a_file_that_is_no_backup_changes_nothing(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "no.dump").write_text("this is no backup")
    with shop.unchanged():
        done = CliRunner().invoke(main, ["restore", str(tmp_path / "no.dump"), "--yes"])
    assert done.exit_code == 1
    assert "nothing was changed" in done.output
    assert shop.value("select count(*) from pg_database where datname like %s", f"{shop.database}_restoring") == 0


def test_a_line_of_the_list_that_was_cut_off_is_passed_over(shop: Shop) -> None:
    note_forgotten([b"\1" * 32])
    with list_path().open("a") as file:
        file.write("0102")
    note_forgotten([b"\2" * 32])
    assert {b"\1" * 32, b"\2" * 32} <= read_list()


def test_the_audit_chain_goes_on_after_a_restore_with_what_was_lost_set_aside(
    shop_on_own_server: Shop, tmp_path: Path
) -> None:
    from comptoir.foundation.events import checkpoints
    from comptoir.foundation.kernel import database

    def sign() -> None:
        with database.connect("comptoir_office") as office:
            checkpoints.make(office, at=timezone.now())

    with entered(VAULT):
        user = User.objects.create(kind=Kind.CUSTOMER, joined_at=timezone.now()).id
    for number, name in enumerate(("Zoé", "Zoë", "Zoe")):
        contacts.keep(user, values=ContactValues.of(name=name), purpose="x", actor="operator", at=timezone.now())
        sign()
        if number == 0:
            run("backup", str(tmp_path / "yesterday.dump"))
    signed = {path.name: path.read_bytes() for path in checkpoints.notes_path().parent.iterdir()}
    connections.close_all()
    # What fails leaves the files as they were.
    (tmp_path / "no.dump").write_bytes((tmp_path / "yesterday.dump").read_bytes()[:2_000])
    assert CliRunner().invoke(main, ["restore", str(tmp_path / "no.dump"), "--yes"]).exit_code == 1
    assert {path.name: path.read_bytes() for path in checkpoints.notes_path().parent.iterdir()} == signed
    note_forgotten([forgotten_mark(shop_folder.secret("forgotten"), str(customer_of_user(user)))])
    told = run("restore", str(tmp_path / "yesterday.dump"), "--yes")
    assert "0 customers and 1 users" in told
    assert "2 signed entries were lost" in told
    sign()
    assert "The chain is as it was written" in run("audit", "verify")
    actions = [
        json.loads(row["content"])["action"]
        for row in shop_on_own_server.rows("select content from events_audit order by number")
    ]
    assert actions[1:] == ["audit.resumed", "contacts.destroy", "rights.forgotten_again"]
