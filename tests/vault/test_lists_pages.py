"""Staff look at likely duplicates: closed until they say why, joined by their word alone, and parted again.

Camille works for the shop. Alice's till card and web account are in two lists; Bob is her brother.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
import pytest

from comptoir.config.equipping import equip_pages
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.errors import GatewayAway
from support.gateway import EXAMPLES, Gateway
from support.pages import Pages, complaints, running_pages
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.counter.customers import queries as customers
from comptoir.vault.contacts import queries as contacts
from comptoir.vault.contacts.contracts import FIELDS
from comptoir.vault.lists import commands, comparing, deciding, queries
from comptoir.vault.lists.contracts import Details, Identifier, Listed
from comptoir.vault.lists.errors import AnswerNotPossible, LinkNotMade, ProposalUnknown, ReasonMissing

if TYPE_CHECKING:
    from playwright.sync_api import Page

NOW = dt.datetime(2026, 3, 4, 12, 0, tzinfo=dt.UTC)
CAMILLE = uuid.UUID(int=0xCA)
ALICE = Details(
    given_name="Alice",
    family_name="Canari",
    email="alice@canari.example",
    phone="+33612345678",
    lines=("12 rue de la Paix",),
    postcode="75002",
    city="Paris",
    country="FR",
)
CARD, ACCOUNT, OTHERS = Identifier("card", "KX471"), Identifier("account", "w-77"), Identifier("account", "w-78")


def imported(name: str, *rows: tuple[tuple[Identifier, ...], Details]) -> None:
    listed = [Listed(line, identifiers, details) for line, (identifiers, details) in enumerate(rows, 2)]
    found = commands.enter(listed, name=name, at=NOW)
    pairs = [(each.entry, row) for each, row in zip(found, listed, strict=True)]
    commands.keep(pairs, replaces=False, actor="operator", at=NOW)
    comparing.compare(listed, name=name, threshold=None, actor="operator", at=NOW)


def two_lists() -> queries.ProposalWords:
    """Import Alice from the till and from the web shop; return the one proposal."""
    imported("till", ((CARD,), ALICE))
    bob = msgspec.structs.replace(ALICE, given_name="Bob")
    mine = msgspec.structs.replace(ALICE, family_name="CANARI", phone="")
    imported("webshop", ((ACCOUNT,), mine), ((OTHERS,), bob))
    [proposal], has_more = queries.proposals("open", page=1)
    assert not has_more
    return proposal


@pytest.fixture
def at_the_counter(gateway: Gateway, shop: Shop) -> Iterator[None]:
    """Have a gateway that the vault has a key for, and both of Alice's identifiers known at the counter."""
    for touchpoint in house.HOUSE:
        house.key_path(touchpoint).unlink(missing_ok=True)
    with environment(COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml"), COMPTOIR_GATEWAY_URL=gateway.url):
        equip_pages(lambda _line: None)
        for identifier in (CARD, ACCOUNT):
            data = {"customer": {"kind": identifier.kind, "value": identifier.value}, "closeness": "known"}
            assert house.send("closeness.changed", data, request=uuid.uuid4(), at=NOW).problem is None
        yield
    for touchpoint in house.HOUSE:
        house.key_path(touchpoint).unlink(missing_ok=True)


def decide(proposal: queries.ProposalWords, answer: str, *, minutes: int = 1, reason: str = "she showed both") -> None:
    at = NOW + dt.timedelta(minutes=minutes)
    deciding.decide(proposal.id, answer=answer, reason=reason, staff=CAMILLE, at=at)  # type: ignore[arg-type]


def are_one(proposal: queries.ProposalWords) -> bool:
    with entered(VAULT):
        persons = customers.persons_of({proposal.one.customer, proposal.other.customer})
    return len(set(persons.values())) == 1


def open_now() -> int:
    return len(queries.proposals("open", page=1)[0])


# -- decisions ----------------------------------------------------------------------------------------------------


def test_staff_say_that_two_are_one_and_take_it_back(at_the_counter: None, shop: Shop) -> None:
    proposal = two_lists()
    assert set(proposal.agreements) == {"name_same", "email_same", "address_same"}
    before = shop.contents("customers_membership")
    with shop.unchanged("contacts_piece", "contacts_key", "lists_entry"):
        decide(proposal, "one_person")
    assert are_one(proposal)
    assert open_now() == 0
    evidence = shop.value("select linked_evidence from customers_link")
    assert evidence == "staff+staff: she showed both"
    decided = queries.proposal(proposal.id)
    assert [(said.answer, said.is_told) for said in decided.decisions] == [("one_person", True)]
    with shop.unchanged():
        decide(proposal, "one_person", minutes=2)
        with pytest.raises(AnswerNotPossible):
            decide(proposal, "two_persons", minutes=2)
    decide(proposal, "undone", minutes=3, reason="it was her sister's card")
    assert not are_one(proposal)
    assert shop.contents("customers_membership") == before
    assert open_now() == 1


def test_two_persons_and_later_join_nobody_and_tell_nobody(at_the_counter: None, shop: Shop) -> None:
    proposal = two_lists()
    with shop.unchanged("events_event", "customers_link", "customers_membership"):
        decide(proposal, "later")
        assert queries.counts() == {"open": 0, "later": 1, "decided": 0}
        decide(proposal, "two_persons", minutes=2)
        assert queries.counts() == {"open": 0, "later": 0, "decided": 1}
        # Said once, it is not proposed again.
        imported("webshop", ((ACCOUNT,), ALICE))
        assert open_now() == 0


def test_a_gateway_that_is_away_hears_of_it_later_and_once(at_the_counter: None, shop: Shop) -> None:
    proposal = two_lists()
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"), pytest.raises(GatewayAway):
        decide(proposal, "one_person")
    assert not are_one(proposal)
    assert [said.is_told for said in queries.proposal(proposal.id).decisions] == [False]
    decide(proposal, "one_person", minutes=2)
    assert are_one(proposal)
    assert shop.value("select count(*) from lists_decision") == 1
    assert shop.value("select count(*) from events_event where type = 'identifier.linked'") == 1


def test_a_link_that_the_counter_refuses_is_no_decision(at_the_counter: None, shop: Shop) -> None:
    imported("till", ((Identifier("card", "never-seen"),), ALICE))
    imported("webshop", ((ACCOUNT,), ALICE))
    [proposal], _ = queries.proposals("open", page=1)
    with shop.unchanged("customers_link", "customers_membership", "lists_decision"), pytest.raises(LinkNotMade):
        decide(proposal, "one_person")
    assert open_now() == 1


def test_when_the_customer_has_proven_both_the_proposal_is_gone_by_itself(at_the_counter: None, shop: Shop) -> None:
    two_lists()
    data = {
        "identifier": {"kind": "card", "value": CARD.value},
        "customer": {"kind": "account", "value": ACCOUNT.value},
        "evidence": "card_link+passkey",
    }
    assert house.send("identifier.linked", data, request=uuid.uuid4(), at=NOW).problem is None
    assert open_now() == 0
    assert queries.counts()["open"] == 0


@pytest.mark.parametrize("reason", ["", "  ", "ab", "x" * 161, "line\x00end"])
def test_nothing_is_opened_or_decided_without_a_reason(shop: Shop, reason: str) -> None:
    proposal = two_lists()
    with shop.unchanged():
        with pytest.raises(ReasonMissing):
            decide(proposal, "two_persons", reason=reason)
        with pytest.raises(ReasonMissing):
            deciding.open_both(proposal.id, reason=reason, staff=CAMILLE, at=NOW)
        with pytest.raises(ProposalUnknown):
            deciding.open_both(uuid.uuid4(), reason="she asked", staff=CAMILLE, at=NOW)


def test_every_opening_is_in_the_audit_chain_of_both(shop: Shop) -> None:
    proposal = two_lists()
    before = shop.value("select count(*) from events_audit")
    _, one, other = deciding.open_both(proposal.id, reason="she asked at the till", staff=CAMILLE, at=NOW)
    assert {one.email, other.email} == {ALICE.email}
    entries = [json.loads(row["content"]) for row in shop.rows("select content from events_audit order by number")]
    opened = entries[before:]
    assert {(each["action"], each["purpose"], each["actor"]) for each in opened} == {
        ("contacts.read", "she asked at the till", f"staff:{CAMILLE}")
    }
    assert {each["subject"] for each in opened} == {str(proposal.one.entry), str(proposal.other.entry)}
    assert "canari" not in str(shop.contents("events_audit")).lower()


def test_forgetting_a_customer_takes_entry_contact_data_and_proposal_along(shop: Shop) -> None:
    proposal = two_lists()
    assert commands.forget([proposal.one.customer], actor="house", at=NOW) == 1
    assert contacts.read(proposal.one.entry, fields=FIELDS, purpose="test", actor="house", at=NOW).given() == {}
    assert queries.counts() == {"open": 0, "later": 0, "decided": 0}
    assert shop.value("select count(*) from lists_entry") == 2
    with shop.unchanged():
        assert commands.forget([proposal.one.customer], actor="house", at=NOW) == 0


# -- pages --------------------------------------------------------------------------------------------------------


@pytest.fixture
def pages(at_the_counter: None, gateway: Gateway, tmp_path: Path) -> Iterator[Pages]:
    with running_pages(tmp_path, gateway) as running:
        yield running


def prepare() -> None:
    """Import the lists in a process of their own, since Django and Playwright do not share a thread."""
    script = "import sys; sys.path.insert(0, sys.argv[1]); from vault import test_lists_pages as t; t.two_lists()"
    subprocess.run([sys.executable, "-c", script, str(Path(__file__).parent.parent)], check=True)


def sign_in(page: Page, pages: Pages) -> None:
    script = "from comptoir.config.command import main; main()"
    words = ["staff", "add", "camille@shop.example", "--name", "Camille"]
    done = subprocess.run([sys.executable, "-c", script, *words], check=True, capture_output=True, text=True)
    page.goto(vault(pages, urlsplit(done.stdout.strip()).path))
    page.get_by_role("button").filter(has_text="Sign in").click()


def vault(pages: Pages, path: str) -> str:
    return f"http://safe.localhost:{pages.port}{path}"


def test_strangers_find_nothing(pages: Pages, page: Page) -> None:
    page.goto(vault(pages, "/lists/"))
    assert "/sign-in/" in page.url


@pytest.mark.parametrize("width", [390, 1280])
def test_the_pages_of_staff(
    pages: Pages, page: Page, photograph: Callable[[Page, str], list[Path]], shop: Shop, width: int
) -> None:
    prepare()
    heard = complaints(page)
    sign_in(page, pages)
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(vault(pages, "/lists/"))
    photograph(page, "lists-proposals")
    page.set_viewport_size({"width": width, "height": 844})
    page.get_by_role("link", name="Look at it").click()
    text = page.inner_text("main")
    assert "the same e-mail address" in text
    assert "canari" not in text.lower()
    assert page.get_by_text("closed", exact=True).count() == 7
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_label("What do you open them for?").fill("she asked at the till")
    page.get_by_role("button", name="Open both").click()
    assert "alice@canari.example" in page.inner_text("main")
    photograph(page, "lists-proposal-opened")
    page.set_viewport_size({"width": width, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_label("Why?").fill("she showed both cards")
    page.get_by_role("button", name="One person").click()
    assert "Taken as one person" in page.inner_text("main")
    assert "canari" not in page.inner_text("main").lower()
    assert shop.value("select count(*) from customers_membership") == 2
    photograph(page, "lists-proposal-decided")
    page.get_by_label("Why?").fill("a mistake of mine")
    page.get_by_role("button", name="Part them again").click()
    assert "parted again" in page.inner_text("main")
    assert shop.value("select count(*) from customers_membership") == 0
    assert heard == []
