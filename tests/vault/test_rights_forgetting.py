"""Somebody has themselves forgotten in the vault: every step once, whatever breaks in between, and a receipt for it.

Alice has a telephone with a passkey, a card, and has told the shop her name. Victor has the receipt and a pencil.
"""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from comptoir.config.checking import ledger_holds
from comptoir.config.rebuilding import rebuild
from comptoir.counter.customers.rules import customer_id
from comptoir.foundation.kernel import shop as shops
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.touchpoints import house
from support import casting, forgotten
from support.casting import EXAMPLES
from support.gateway import Gateway
from support.shop import Shop, environment

set_up_django()

# ruff: noqa: E402
from django.core.mail import EmailMessage
from django.utils import timezone

from comptoir.vault.contacts import commands as contacts
from comptoir.vault.contacts.contracts import ContactValues
from comptoir.vault.credentials.mail import FolderBackend
from comptoir.vault.credentials.models import Kind, User
from comptoir.vault.lists import commands as lists
from comptoir.vault.lists.contracts import Details, Identifier, Listed
from comptoir.vault.rights import commands, forgetting, receipts
from comptoir.vault.rights.errors import ForgettingUnderWay, NobodyToForget, ReceiptNotGenuine
from support.vault import Visitor

CARD = {"kind": "card", "value": "canary-4711"}
#: Tables that keep the vault's own random id of somebody, which leads to nothing else any more.
KNOW_THE_SUBJECT = {"public.events_audit", "public.contacts_tombstone"}
NAME, EMAIL = "Zwetschgenbaum", "zwetschgenbaum@example.com"


@pytest.fixture
def counter(shop: Shop, gateway: Gateway) -> Iterator[Gateway]:
    """Have a gateway that hears what the vault says."""
    house.keep_key("vault", gateway.keys["vault"])
    with environment(COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")):
        yield gateway


def alice(gateway: Gateway, user: uuid.UUID | None = None) -> uuid.UUID:
    """Return somebody of the vault with a linked card, points and contact data."""
    if user is None:
        with entered(VAULT):
            user = User.objects.create(kind=Kind.CUSTOMER, joined_at=timezone.now()).id
    values = ContactValues.of(name=NAME, email=EMAIL)
    contacts.keep(user, values=values, purpose="parcels", actor=f"customer:{user}", at=timezone.now())
    online = {"kind": "user", "value": str(user)}
    for touchpoint, said in (
        ("till", casting.sale("1", 5_000, of=CARD)),
        ("webshop", casting.sale("2", 2_000, of=online, source=casting.WEBSHOP)),
        ("app", casting.link(online, CARD)),
    ):
        assert gateway.post(said, touchpoint=touchpoint).status_code == 200
    row = Listed(2, (Identifier(CARD["kind"], CARD["value"]),), Details(family_name=NAME, email=EMAIL))
    [entered_row] = lists.enter([row], name="till", at=timezone.now())
    lists.keep([(entered_row.entry, row)], replaces=False, actor="operator", at=timezone.now())
    return user


def leads_back(shop: Shop, user: uuid.UUID) -> list[str]:
    """Return the lines of a dump that lead to Alice; the audit chain keeps the vault's own random id, and only that."""
    key = shops.secret("identifiers")
    ids = [customer_id(key, "user", str(user)), customer_id(key, "card", CARD["value"])]
    found, table = [], ""
    for line in forgotten.dump(shop).splitlines():
        table = line.split()[1] if line.startswith("COPY ") else table
        is_about = str(user) in line and table not in KNOW_THE_SUBJECT
        if is_about or forgotten.found_in(line, [*ids, NAME, EMAIL, CARD["value"]]):
            found.append(line)
    return found


def check(shop: Shop, user: uuid.UUID) -> None:
    assert leads_back(shop, user) == []
    assert shop.value("select count(*) from rights_forgetting") == 0
    assert shop.value("select count(*) from rights_receipt") == 1
    assert shop.value("select count(*) from customers_forgotten") == 2
    assert shop.value("select count(*) from credentials_user") == 0
    assert shop.value("select count(*) from lists_entry") == 0
    assert shop.value("select sum(points) from loyalty_transfer where debit = 11") == 70
    assert rebuild(keep=False).changed == []
    assert ledger_holds()


def test_forgotten_with_a_receipt(shop: Shop, counter: Gateway) -> None:
    user = alice(counter)
    assert leads_back(shop, user)
    # A shop without a mail server has its letters in its folder.
    letters = FolderBackend()
    assert letters.send_messages([EmailMessage("A code", "123456", "shop@example.org", [EMAIL])]) == 1
    assert list((shops.folder() / "mail").iterdir())
    text = commands.forget(user, actor=f"customer:{user}", at=timezone.now())
    check(shop, user)
    assert list((shops.folder() / "mail").iterdir()) == []
    receipt = receipts.read(text)
    assert receipt.keys_destroyed == 1
    assert commands.receipt_of(receipt.wish) == text
    assert not forgotten.found_in(text, [str(user), NAME, EMAIL, CARD["value"]])
    assert counter.post(casting.sale("3", 100, of=CARD)).status_code == 410
    said = [line for line in forgotten.dump(shop).splitlines() if str(user) in line and "rights.forgot" in line]
    assert len(said) == 1, "that it was done; the wish is another entry"


def test_while_the_counter_is_away_the_wish_is_kept_and_finished_later(shop: Shop, counter: Gateway) -> None:
    user = alice(counter)
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"):
        with pytest.raises(ForgettingUnderWay):
            commands.forget(user, actor="operator", at=timezone.now())
        wish = commands.ask(user, actor="operator", at=timezone.now())
        assert commands.is_under_way(wish)
        assert commands.receipt_of(wish) is None
        assert forgetting.finish_all(at=timezone.now()) == (0, 1)
    assert forgetting.finish_all(at=timezone.now()) == (1, 0)
    check(shop, user)
    assert commands.receipt_of(wish) is not None
    assert forgetting.finish_all(at=timezone.now()) == (0, 0)


def with_a_passkey(gateway: Gateway) -> tuple[Visitor, uuid.UUID]:
    """Return the browser of somebody with a passkey, who has everything that Alice has."""
    visitor = Visitor()
    assert visitor.make_passkey().status_code == 302
    with entered(VAULT):
        user = User.objects.get().id
    return visitor, alice(gateway, user)


def test_the_page_says_it_in_plain_words_and_does_it_once_somebody_is_sure(shop: Shop, counter: Gateway) -> None:
    browser, user = with_a_passkey(counter)
    assert "It cannot be undone" in browser.get("/forget-me/").content.decode()
    with shop.unchanged("credentials_user", "events_event", "contacts_key", "rights_forgetting"):
        assert browser.send("/forget-me/", {}).status_code == 422
    answer = browser.send("/forget-me/", {"sure": "yes"})
    assert answer.status_code == 302
    check(shop, user)
    place = answer.headers["Location"]
    shown = browser.get(place)
    assert (shown.status_code, "You are forgotten" in shown.content.decode()) == (200, True)
    given = browser.get(f"{place}receipt.txt")
    assert given.headers["Content-Disposition"].startswith("attachment")
    assert receipts.read(given.content.decode().strip()).keys_destroyed == 1
    assert browser.get("/forget-me/").status_code == 302, "nobody is signed in any more"
    assert shop.value("select count(*) from rooms_standing") == 0


def test_the_page_while_a_part_of_the_house_is_away(shop: Shop, counter: Gateway) -> None:
    browser, _ = with_a_passkey(counter)
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"):
        place = browser.send("/forget-me/", {"sure": "yes"}).headers["Location"]
    assert browser.get(place).status_code == 202
    assert forgetting.finish_all(at=timezone.now()) == (1, 0)
    assert browser.get(place).status_code == 200
    assert browser.get(f"/forgotten/{uuid.uuid4()}/").status_code == 404
    assert browser.get(f"/forgotten/{uuid.uuid4()}/receipt.txt").status_code == 404


_DIES = """
import os, signal, sys, uuid, datetime as dt
from comptoir.foundation.rooms.commands import set_up_django
set_up_django()
from comptoir.vault.rights import commands, forgetting
user, step, when = uuid.UUID(sys.argv[1]), sys.argv[2], sys.argv[3]
place, name = (forgetting.contacts, "destroy") if step == "destroy" else (forgetting, step)
whole = getattr(place, name)
def dies(*arguments, **named):
    if when == "after":
        whole(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(place, name, dies)
commands.forget(user, actor="operator", at=dt.datetime.now(dt.UTC))
"""


@pytest.mark.parametrize(
    ("step", "when"),
    [("end_all_sign_ins", "before"), ("_sever", "before"), ("_sever", "after"), ("destroy", "before"),
     ("destroy", "after"), ("_delete_rows", "before"), ("_delete_rows", "after"), ("_note", "before")],
)  # fmt: skip
def test_killed_at_any_step_it_is_finished_later(shop: Shop, counter: Gateway, step: str, when: str) -> None:
    user = alice(counter)
    done = subprocess.run([sys.executable, "-c", _DIES, str(user), step, when], check=False, capture_output=True)
    assert done.returncode == -9, done.stderr.decode()
    if step == "_note":  # the wish itself was not written down, so it was never made
        assert shop.value("select count(*) from rights_forgetting") == 0
        commands.forget(user, actor="operator", at=timezone.now())
    else:
        assert forgetting.finish_all(at=timezone.now()) == (1, 0)
    check(shop, user)


def test_who_is_nobody_cannot_be_forgotten(shop: Shop, counter: Gateway) -> None:
    with shop.unchanged(), pytest.raises(NobodyToForget):
        commands.forget(uuid.uuid4(), actor="operator", at=timezone.now())


def test_a_receipt_with_one_byte_changed_is_none(shop: Shop) -> None:
    now = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    text = receipts.write(uuid.uuid4(), asked_at=now, done_at=now, keys=1, rows={"a": 1}, days=35)
    assert receipts.read(text).backups_expire_on == dt.date(2026, 4, 5)
    for at in range(len(text)):
        other = "A" if text[at] != "A" else "B"
        with pytest.raises(ReceiptNotGenuine):
            receipts.read(text[:at] + other + text[at + 1 :])


def test_the_counter_refuses_for_a_reason_and_nothing_is_lost(shop: Shop, counter: Gateway) -> None:
    user = alice(counter)
    house.keep_key("vault", "ctp_vault_unknown")
    with pytest.raises(ForgettingUnderWay):
        commands.forget(user, actor="operator", at=timezone.now())
    house.keep_key("vault", counter.keys["vault"])
    assert forgetting.finish_all(at=timezone.now()) == (1, 0)
    check(shop, user)
