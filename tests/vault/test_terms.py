"""Whoever has a passkey signs what was agreed, too; forgetting them severs it."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import COUNTER, ROOMS, VAULT
from support.gateway import EXAMPLES, Gateway
from support.pages import words
from support.passkeys import telephone, watched
from support.processes import free_port
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.config.rebuilding import rebuild
from comptoir.config.serving import House
from comptoir.counter.customers import records
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.touchpoints import house
from comptoir.vault.credentials.models import User
from support.vault import Visitor, asked_in, problem_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LOGGED = "select data from events_event where type = 'terms.signed' order by position"


@pytest.fixture
def gate(shop: Shop, gateway: Gateway) -> Iterator[Gateway]:
    for name in (house.VAULT, house.STOREFRONT):
        house.keep_key(name, gateway.keys[name])
    with environment(COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")):
        yield gateway
    for name in (house.VAULT, house.STOREFRONT):
        house.key_path(name).unlink(missing_ok=True)


@pytest.fixture
def alice(gate: Gateway) -> Visitor:
    """Alice has a passkey, is known at the counter by it, and is there."""
    visitor = Visitor()
    visitor.make_passkey()
    say("closeness.changed", closeness="recognised")
    assert visitor.go_to_counter().status_code == 302
    return visitor


def user() -> uuid.UUID:
    with entered(VAULT):
        found: uuid.UUID = User.objects.get().pk
    return found


def say(kind: str, **data: str) -> None:
    said = {"customer": {"kind": "user", "value": str(user())}, **data}
    answer = house.send(kind, said, request=uuid.uuid4(), at=dt.datetime.now(dt.UTC))
    assert answer.problem is None, answer.problem


def proffer(visitor: Visitor, term: str = "SD-BASE") -> None:
    form = {"request": str(uuid.uuid4()), "term": term}
    page = visitor.get("/terms", room=COUNTER)
    token = page.content.decode().partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    sent = visitor.post("/terms/proffer", {**form, "csrfmiddlewaretoken": token}, room=COUNTER, origin=COUNTER)
    assert sent.status_code == 302, sent.content


def sign(visitor: Visitor, change: Callable[[dict[str, Any]], Any] = lambda shown: shown) -> Any:
    page = visitor.get("/terms/")
    shown = change(visitor.device.show(asked_in(page)["request_options"]))
    return visitor.send("/terms/", {"credential": json.dumps(shown)}, to="/terms/sign/", answer=page)


def test_both_sign_the_same_text_and_both_keep_it(alice: Visitor, shop: Shop) -> None:
    assert "Nothing is agreed yet." in words(alice.get("/terms/").content.decode())
    proffer(alice)
    assert "So far the shop has signed it." in words(alice.get("/terms", room=COUNTER).content.decode())
    alone = records.verify(alice.get("/terms/record", room=COUNTER).content.decode())
    assert isinstance(alone, records.Agreement)
    assert alone.agreed_by == "passkey"
    assert sign(alice).headers["Location"] == "/terms/"
    assert "signed by both" in words(alice.get("/terms/").content.decode())
    assert "You have signed it too, with your passkey." in words(alice.get("/terms", room=COUNTER).content.decode())
    both = alice.get("/terms/record", room=COUNTER).content.decode()
    said = records.verify(both)
    assert isinstance(said, records.SignedAgreement)
    assert records.agreement_in(said) == alone
    [logged] = shop.rows(LOGGED)
    assert logged["data"]["record"] == both, "the same to the byte"
    held = records.text_of(both).decode()
    passkey = alice.device.passkeys[0]
    for secret in (str(user()), passkey.handle.decode(), passkey.identifier.hex(), written_of(passkey.identifier)):
        assert secret not in held, "neither who it is nor which passkey it was"
    assert rebuild().changed == []
    actions = {row["content"] for row in shop.rows("select content from events_audit")}
    assert any("credentials.terms_signed" in content for content in actions)
    page = alice.get("/terms", room=COUNTER).content.decode()
    token = page.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    form = {"record": both, "request": str(uuid.uuid4()), "csrfmiddlewaretoken": token}
    checked = alice.post("/terms/check", form, room=COUNTER, origin=COUNTER)
    assert "The shop and the customer have signed exactly this." in words(checked.content.decode())


def written_of(content: bytes) -> str:
    from comptoir.counter.customers.signatures import written

    return written(content)


def test_other_terms_meanwhile_are_not_signed_by_it(alice: Visitor, shop: Shop) -> None:
    """What was shown is what is signed: a page that is still open signs nothing else."""
    proffer(alice)
    page = alice.get("/terms/")
    shown = alice.device.show(asked_in(page)["request_options"])
    proffer(alice, "SD-BASE-DP")
    answer = alice.send("/terms/", {"credential": json.dumps(shown)}, to="/terms/sign/", answer=page)
    assert problem_of(answer)[1] == "transaction_changed"
    assert shop.rows(LOGGED) == []
    sign(alice)
    proffer(alice)
    assert "So far the shop has signed it." in words(alice.get("/terms", room=COUNTER).content.decode())


def test_what_is_no_answer_of_this_passkey_signs_nothing(alice: Visitor, shop: Shop) -> None:
    proffer(alice)

    def tampered(shown: dict[str, Any]) -> dict[str, Any]:
        signature = shown["response"]["signature"]
        shown["response"]["signature"] = (
            signature[:-6] + ("AAAA" if signature[-6:-2] != "AAAA" else "BBBB") + signature[-2:]
        )
        return shown

    with shop.unchanged("customers_choice", "events_event"):
        assert problem_of(sign(alice, tampered))[1] == "passkey_tampered"
        assert problem_of(sign(alice, lambda _shown: {}))[1] == "passkey_unreadable"
        page = alice.get("/terms/")
        shown = json.dumps(alice.device.show(asked_in(page)["request_options"]))
        stranger = Visitor()
        stranger.make_passkey()
        answer = stranger.send("/terms/", {"credential": shown}, to="/terms/sign/", answer=stranger.get("/"))
        assert problem_of(answer)[1] == "passkey_replayed"


def test_the_counter_takes_no_record_that_both_have_not_signed(alice: Visitor, gate: Gateway, shop: Shop) -> None:
    proffer(alice)
    record = alice.get("/terms/record", room=COUNTER).content.decode()
    said = records.verify(record)
    assert isinstance(said, records.Agreement)
    for data in (
        {"proffer": said.agreement, "record": record},
        {"proffer": said.agreement, "record": "x"},
    ):
        whole = {"customer": {"kind": "user", "value": str(user())}, **data}
        answer = house.send("terms.signed", whole, request=uuid.uuid4(), at=dt.datetime.now(dt.UTC))
        assert answer.problem is not None
        assert (answer.problem.name, answer.problem.field) == ("record_changed", "data.record")
    assert shop.value("select count(*) from customers_choice where matter = 'signature'") == 0


def test_forgetting_severs_the_signature(alice: Visitor, shop: Shop) -> None:
    proffer(alice)
    sign(alice)
    both = alice.get("/terms/record", room=COUNTER).content.decode()
    say("customer.forgotten")
    assert [row["data"]["record"] for row in shop.rows(LOGGED)] == [""]
    assert both not in str(shop.contents("events_event", "customers_choice"))
    assert isinstance(records.verify(both), records.SignedAgreement), "what the customer holds stays good"
    assert rebuild().changed == []


# -- in a browser -------------------------------------------------------------------------------------------------


@pytest.fixture
def pages(gate: Gateway, tmp_path: Path) -> Iterator[House]:
    port = free_port()
    with environment(COMPTOIR_PORT=str(port)), House(ROOMS, port=port, log_folder=tmp_path) as running:
        yield running
    print((tmp_path / "pages.log").read_text())  # noqa: T201 - shown when the test failed


@pytest.mark.parametrize("language", ["en", "fr", "ja"])
def test_the_terms_are_signed_with_the_browsers_passkey(
    shop: Shop, pages: House, browser: Browser, photograph: Callable[[Page, str], list[Path]], language: str
) -> None:
    context = browser.new_context(locale=language)
    page = context.new_page()
    complaints = watched(page)
    telephone(page)
    vault, counter = f"http://safe.localhost:{pages.port}", f"http://my.localhost:{pages.port}"
    page.goto(f"{vault}/passkey/make/")
    page.locator("[data-passkey]").click()
    page.locator("form[action*=arrive] button").click()
    page.wait_for_url(f"{counter}/card")
    page.goto(f"{vault}/terms/")
    photograph(page, f"vault-no-terms-{language}")
    say("closeness.changed", closeness="recognised")
    page.goto(f"{counter}/terms")
    page.locator("input[value='SD-BASE-DP']").check()
    page.locator("form:has(input[value='SD-BASE-DP']) button").click()
    assert page.locator("a[href$='/terms/']").get_attribute("href") == f"{vault}/terms/"
    page.goto(f"{vault}/terms/")
    page.locator("summary").click()
    photograph(page, f"vault-sign-terms-{language}")
    page.locator("#show_passkey").click()
    page.locator(".mark.good").wait_for()
    photograph(page, f"vault-signed-terms-{language}")
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto(f"{counter}/terms")
    photograph(page, f"terms-signed-{language}")
    with page.expect_download() as download:
        page.locator("a[href$='/terms/record']").click()
    assert isinstance(records.verify(download.value.path().read_text()), records.SignedAgreement)
    assert [text for text in complaints if "Content Security Policy" in text or "Trusted" in text] == []
    context.close()
