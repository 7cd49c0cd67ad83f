"""One card or one purchase is forgotten from the vault: on the page, by letter, and after whatever has broken.

Alice has a telephone with a passkey and a card; Bob has another one.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from comptoir.config.command import main
from comptoir.config.rebuilding import rebuild
from comptoir.config.serving import House
from comptoir.counter.customers.rules import customer_id
from comptoir.foundation.kernel import shop as shops
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import ROOMS, VAULT
from comptoir.foundation.touchpoints import house
from support import casting, forgotten
from support.casting import EXAMPLES
from support.gateway import Gateway
from support.pages import words
from support.processes import free_port
from support.shop import Shop, environment

set_up_django()

# ruff: noqa: E402
from django.db import connections
from django.utils import timezone

from comptoir.counter.customers.errors import PieceUnknown
from comptoir.counter.customers.queries import customer_of_user
from comptoir.vault.credentials import web
from comptoir.vault.credentials.models import Kind, User
from comptoir.vault.lists import commands as lists
from comptoir.vault.lists.contracts import Details, Identifier, Listed
from comptoir.vault.rights import commands, pieces, receipts
from comptoir.vault.rights.errors import ForgettingUnderWay, NobodyToForget, PieceNotForgotten, ReceiptNotGenuine
from support.vault import Visitor

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CARD = {"kind": "card", "value": "canary-4711"}
OTHER = {"kind": "card", "value": "canary-0815"}
NAME = "Zwetschgenbaum"
OLD = dt.timedelta(days=60)
PERSON = ("customers_link", "customers_membership", "customers_forgotten", "sales_sale", "loyalty_account",
          "lists_entry", "rights_receipt")  # fmt: skip


@pytest.fixture
def counter(shop: Shop, gateway: Gateway) -> Iterator[Gateway]:
    """Have a gateway that hears what the vault says."""
    house.keep_key("vault", gateway.keys["vault"])
    with environment(COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")):
        yield gateway


def somebody(gateway: Gateway, *, card: casting.Reference = CARD, user: uuid.UUID | None = None) -> uuid.UUID:
    """Return a user with a card that has bought twice, once long ago, and that a list of the shop names."""
    if user is None:
        with entered(VAULT):
            user = User.objects.create(kind=Kind.CUSTOMER, joined_at=timezone.now()).id
    now, number = timezone.now(), receipt_of(card)
    online = {"kind": "user", "value": str(user)}
    for touchpoint, said in (
        ("till", casting.sale(f"old-{number}", lines=[casting.line(5_000, product="wig")], of=card, at=now - OLD)),
        ("till", casting.sale(f"new-{number}", 3_000, of=card, at=now)),
        ("webshop", casting.sale(f"web-{number}", 2_000, of=online, source=casting.WEBSHOP, at=now)),
        ("app", casting.link(online, card)),
    ):
        answer = gateway.post(said, touchpoint=touchpoint)
        assert answer.status_code == 200, answer.text
    row = Listed(2, (Identifier(card["kind"], card["value"]),), Details(family_name=NAME))
    [noted] = lists.enter([row], name="till", at=now)
    lists.keep([(noted.entry, row)], replaces=False, actor="operator", at=now)
    return user


def receipt_of(card: casting.Reference = CARD) -> str:
    """Return what is in the numbers of a card's receipts, which say nothing of the card."""
    return "a" if card == CARD else "b"


def opaque(card: casting.Reference = CARD) -> uuid.UUID:
    return uuid.UUID(customer_id(shops.secret("identifiers"), card["kind"], card["value"]))


def test_a_card_is_forgotten_with_a_receipt_and_what_a_list_said_of_it(shop: Shop, counter: Gateway) -> None:
    user, now = somebody(counter), timezone.now()
    assert [(each.kind, each.points, each.purchases) for each in pieces.cards_of(user)] == [("card", 80, 2)]
    wish = pieces.forget_card(user, opaque(), actor=f"customer:{user}", at=now)
    text = commands.receipt_of(wish)
    assert text is not None
    receipt = receipts.read_piece(text)
    assert (receipt.what, receipt.wish) == ("card", wish)
    assert not forgotten.found_in(text, [str(user), str(opaque())])
    with pytest.raises(ReceiptNotGenuine):
        receipts.read(text)
    with pytest.raises(ReceiptNotGenuine):
        receipts.read_piece(text.replace("card", "cart"))
    assert forgotten.found_in(forgotten.dump(shop), [str(opaque()), CARD["value"], NAME]) == []
    assert shop.value("select count(*) from lists_entry") == shop.value("select count(*) from contacts_key") == 0
    assert shop.value("select count(*) from rights_piecewish") == 0
    assert counter.post(casting.sale("3", 100, of=CARD)).status_code == 410
    assert pieces.cards_of(user) == []
    told = shop.rows("select content from events_audit where subject = %s", user)
    assert [row for row in told if '"rights.card_forgotten"' in row["content"]]
    assert rebuild(keep=False).changed == []
    with shop.unchanged(*PERSON, "rights_piecewish"), pytest.raises(PieceUnknown):
        pieces.forget_card(user, opaque(), actor="operator", at=now)
    # And then everything.
    commands.forget(user, actor="operator", at=timezone.now())
    assert shop.value("select count(*) from customers_membership") == 0


def test_a_purchase_is_forgotten_with_its_points_kept(shop: Shop, counter: Gateway) -> None:
    user, now = somebody(counter), timezone.now()
    before = pieces.cards_of(user)[0].points
    shown, has_more = pieces.purchases_of(user, page=1)
    assert ([each.receipt for each in shown][-1], len(shown), has_more) == (f"old-{receipt_of()}", 3, False)
    seen = pieces.bought(user, shown[-1].position)
    assert (seen.points, seen.purchase.lines[0].product) == (50, "wig")
    wish = pieces.forget_purchase(
        user, source=casting.TILL, receipt=shown[-1].receipt, points="kept", actor="operator", at=now
    )
    text = commands.receipt_of(wish)
    assert text is not None
    assert receipts.read_piece(text).what == "purchase"
    assert not forgotten.found_in(text, [str(user), shown[-1].receipt])
    assert pieces.cards_of(user)[0].points == before
    assert len(pieces.purchases_of(user, page=1)[0]) == 2
    with pytest.raises(PieceUnknown):
        pieces.bought(user, shown[-1].position)
    assert rebuild(keep=False).changed == []


def test_what_the_counter_refuses_changes_nothing_and_is_not_asked_again(shop: Shop, counter: Gateway) -> None:
    user, now = somebody(counter), timezone.now()
    bob = somebody(counter, card=OTHER)
    held = casting.reserve(10, "b", of={"kind": "user", "value": str(user)}, source=casting.WEBSHOP, at=now)
    for receipt, points, reason in (
        (f"new-{receipt_of()}", "kept", "sale_still_returnable"),
        (f"old-{receipt_of(OTHER)}", "kept", "piece_unknown"),
        ("none", "given_up", "piece_unknown"),
    ):
        with shop.unchanged(*PERSON, "rights_piecewish"), pytest.raises(PieceNotForgotten) as caught:
            pieces.forget_purchase(
                user, source=casting.TILL, receipt=receipt, points=points, actor="operator", at=now,  # type: ignore[arg-type]
            )  # fmt: skip
        assert caught.value.reason == reason
    assert counter.post(held, touchpoint="webshop").status_code == 200
    with shop.unchanged(*PERSON, "rights_piecewish"), pytest.raises(PieceNotForgotten) as caught:
        pieces.forget_card(user, opaque(), actor="operator", at=now)
    assert caught.value.reason == "piece_in_use"
    for whom, gone, problem in (
        (bob, opaque(), PieceUnknown),
        (user, customer_of_user(user), PieceUnknown),
        (uuid.uuid4(), opaque(), PieceUnknown),
    ):
        with shop.unchanged(*PERSON, "rights_piecewish"), pytest.raises(problem):
            pieces.forget_card(whom, gone, actor="operator", at=now)
    with shop.unchanged(), pytest.raises(NobodyToForget):
        pieces.forget_purchase(uuid.uuid4(), source="/x", receipt="1", points="kept", actor="operator", at=now)


def test_while_the_counter_is_away_the_wish_is_kept_and_finished_later(shop: Shop, counter: Gateway) -> None:
    user, now = somebody(counter), timezone.now()
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"):
        for _each in range(2):
            with shop.unchanged(*PERSON), pytest.raises(ForgettingUnderWay):
                pieces.forget_card(user, opaque(), actor="operator", at=now)
        assert shop.value("select count(*) from rights_piecewish") == 1
        assert pieces.finish_all(at=now) == (0, 1)
    assert pieces.finish_all(at=now) == (1, 0)
    assert shop.value("select count(*) from rights_receipt") == 1
    assert pieces.cards_of(user) == []
    assert pieces.finish_all(at=now) == (0, 0)


@pytest.mark.parametrize("step", ["lists", "receipts"])
def test_broken_off_after_the_counter_agreed_it_is_finished_later(
    shop: Shop, counter: Gateway, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, now = somebody(counter), timezone.now()

    class BrokenOffError(Exception):
        pass

    def breaks(*_arguments: Any, **_named: Any) -> None:
        raise BrokenOffError

    with monkeypatch.context() as patched:
        place, name = (lists, "forget") if step == "lists" else (receipts, "write_piece")
        patched.setattr(place, name, breaks)
        with pytest.raises(BrokenOffError):
            pieces.forget_card(user, opaque(), actor="operator", at=now)
    assert shop.value("select count(*) from rights_piecewish") == 1
    assert pieces.finish_all(at=now) == (1, 0)
    assert shop.value("select count(*) from lists_entry") == 0
    assert shop.value("select count(*) from rights_receipt") == 1
    assert forgotten.found_in(forgotten.dump(shop), [str(opaque()), NAME]) == []
    assert rebuild(keep=False).changed == []


# -- pages --------------------------------------------------------------------------------------------------------


def visitor(gateway: Gateway) -> tuple[Visitor, uuid.UUID]:
    browser = Visitor()
    assert browser.make_passkey().status_code == 302
    with entered(VAULT):
        user = User.objects.get().id
    return browser, somebody(gateway, user=user)


def said(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status, answer.content.decode()[:2000]
    return words(answer.content.decode())


def test_the_pages_say_what_follows_and_do_it_once_somebody_is_sure(shop: Shop, counter: Gateway) -> None:
    browser, _user = visitor(counter)
    page = browser.get("/forget/")
    assert "Loyalty card 2 purchases · 80 points" in said(page)
    places = re.findall(r'href="(/forget/purchase/[^"]+)"', page.content.decode())
    assert len(places) == 3
    card = f"/forget/card/{opaque()}/"
    assert "Its points: 80." in said(browser.get(card))
    with shop.unchanged(*PERSON, "rights_piecewish"):
        for path in (card, places[-1]):
            assert "Say that you are sure" in said(browser.send(path, {"points": "kept"}), 422)
        new = next(path for path in places if "possible from" in browser.get(path).content.decode())
        assert "the points cannot be kept yet" in said(browser.send(new, {"points": "kept", "sure": "yes"}), 409)
        for path in (f"/forget/card/{uuid.uuid4()}/", f"/forget/purchase/{uuid.uuid4()}/"):
            assert browser.get(path).status_code == 404
    answer = browser.send(places[-1], {"points": "kept", "sure": "yes"})
    assert answer.status_code == 302
    assert "The purchase is a stranger's now." in said(browser.get(answer.headers["Location"]))
    assert browser.get(places[-1]).status_code == 404
    answer = browser.send(card, {"sure": "yes"})
    assert "The card leads to nobody any more." in said(browser.get(answer.headers["Location"]))
    given = browser.get(f"{answer.headers['Location']}receipt.txt")
    assert receipts.read_piece(given.content.decode().strip()).what == "card"
    assert "No card is linked with you." in said(browser.get("/forget/"))
    own = said(browser.get("/accesses/?own"))
    assert "Had one card forgotten" in own
    assert "Had one purchase forgotten" in own
    for page_number in ("2", "0", "-1", "x", "99999", "٣"):
        assert browser.get(f"/forget/?page={page_number}").status_code == 200


def test_the_passkey_is_shown_just_before_and_somebody_elses_is_not_there(
    shop: Shop, counter: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, user = visitor(counter)
    place = pieces.purchases_of(user, page=1)[0][0].position
    stranger = Visitor()
    assert stranger.make_passkey().status_code == 302
    for path in (f"/forget/card/{opaque()}/", f"/forget/purchase/{place}/"):
        assert stranger.get(path).status_code == 404
    assert "No purchase is remembered." in said(stranger.get("/forget/"))
    monkeypatch.setattr(web, "is_freshly_confirmed", lambda _request: False)
    with shop.unchanged(*PERSON):
        for path in (f"/forget/card/{opaque()}/", f"/forget/purchase/{place}/"):
            for answer in (browser.get(path), browser.send("/copy/", {}, to=path, answer=browser.get("/passkeys/"))):
                assert answer.headers["Location"].startswith("/confirm/")


def test_the_page_while_the_counter_is_away(shop: Shop, counter: Gateway) -> None:
    browser, user = visitor(counter)
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"):
        assert "It is written down" in said(browser.send(f"/forget/card/{opaque()}/", {"sure": "yes"}), 202)
    assert pieces.finish_all(at=timezone.now()) == (1, 0)
    assert pieces.cards_of(user) == []


# -- by letter ----------------------------------------------------------------------------------------------------


def test_staff_do_it_for_who_writes_a_letter(shop: Shop, counter: Gateway, tmp_path: Path) -> None:
    user = somebody(counter)

    def run(*arguments: str, typed: str = "") -> Any:
        done = CliRunner().invoke(main, ["rights", *arguments], input=typed)
        connections.close_all()
        return done

    to = tmp_path / "receipt.txt"
    purchase = ("forget-purchase", str(user), "--receipt", f"old-{receipt_of()}", "--source", casting.TILL)
    done = run(*purchase, "--points", "kept", "--to", str(to), "--yes")
    assert done.exit_code == 0, done.output
    assert receipts.read_piece(to.read_text().strip()).what == "purchase"
    with shop.unchanged(*PERSON):
        done = run(*purchase, "--points", "kept", "--to", str(to), "--yes")
        assert (done.exit_code, "none of" in done.output or "no such" in done.output) == (1, True), done.output
        assert run("forget-card", str(user), "--number", "nobody's", "--to", str(to), "--yes").exit_code == 1
        assert run("forget-card", str(user), "--number", CARD["value"], "--to", str(to), typed="n\n").exit_code == 1
    done = run("forget-card", str(user), "--to", str(to), "--yes", typed=f"{CARD['value']}\n")
    assert done.exit_code == 0, done.output
    assert CARD["value"] not in done.output
    assert receipts.read_piece(to.read_text().strip()).what == "card"


# -- in a browser -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "fr", "ja"])
def test_a_purchase_and_a_card_are_forgotten_in_a_browser_by_keyboard(
    shop: Shop,
    counter: Gateway,
    browser: Browser,
    language: str,
    tmp_path: Path,
    photograph: Callable[[Page, str], list[Path]],
) -> None:
    port = free_port()
    with environment(COMPTOIR_PORT=str(port)), House(ROOMS, port=port, log_folder=tmp_path):
        context = browser.new_context(locale=language, viewport={"width": 390, "height": 844})
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        device: Any = page.context.new_cdp_session(page)
        device.send("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
                   "isUserVerified": True, "automaticPresenceSimulation": True}  # fmt: skip
        device.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        at = f"http://safe.localhost:{port}"
        page.goto(f"{at}/passkey/make/")
        page.locator("[data-passkey]").first.click()
        page.wait_for_url(f"{at}/")
        with entered(VAULT):
            somebody(counter, user=User.objects.get().pk)
        page.goto(f"{at}/forget/")
        _looks(page, f"vault-forget-{language}", photograph)
        page.locator("a[href^='/forget/purchase/']").last.click()
        _looks(page, f"vault-forget-purchase-{language}", photograph)
        page.locator("input[name=sure]").focus()
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{at}/forgotten/**")
        _looks(page, f"vault-piece-forgotten-{language}", photograph)
        page.goto(f"{at}/forget/card/{opaque()}/")
        _looks(page, f"vault-forget-card-{language}", photograph)
        page.locator("input[name=sure]").check()
        page.locator("button.danger").click()
        page.wait_for_url(f"{at}/forgotten/**")
        assert [text for text in complaints if "Content Security Policy" in text or "Trusted" in text] == []
        context.close()


def _looks(page: Page, name: str, photograph: Callable[[Page, str], list[Path]]) -> None:
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    photograph(page, name)
    page.set_viewport_size({"width": 390, "height": 844})
