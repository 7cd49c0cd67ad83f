"""What signed-in customers see of their rights: who looked and why, a copy of everything. Nobody sees another's."""

from __future__ import annotations

import io
import json
import re
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from comptoir.config.serving import House
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import ROOMS, VAULT
from support.pages import words
from support.processes import free_port
from support.shop import Shop, environment
from support.vault import Visitor

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.db import connections, transaction
from django.utils import timezone

from comptoir.foundation.events import audit
from comptoir.foundation.rooms.web import views_of
from comptoir.vault.credentials.models import User
from comptoir.vault.rights import copying, views
from comptoir.vault.rights.errors import CopyTooLarge

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: What a browser of nobody may open in the vault: the entrance, proofs of an age, links that carry their own proof.
OPEN = ("/health", "/sign-in/", "/passkey/make/", "/enter/", "/continue/", "/prove/", "/freeze/", "/forgotten/",
        "/language", "/arrive/", "/inactive/", "/factors/webauthn/login/",
        "/messages/mail/")  # fmt: skip
OWN = ("/", "/contact/", "/passkeys/", "/sign-ins/", "/accesses/", "/copy/", "/forget-me/")
MENU = ["/", "/contact/", "/passkeys/", "/accesses/", "/copy/", "/continue/counter/?next=/card"]


def customer() -> tuple[Visitor, uuid.UUID]:
    """Have somebody make a passkey; returns their browser and their user."""
    with entered(VAULT):
        before = set(User.objects.values_list("id", flat=True))
    visitor = Visitor()
    assert visitor.make_passkey().status_code == 302
    with entered(VAULT):
        (user,) = set(User.objects.values_list("id", flat=True)) - before
    return visitor, user


def looked(user: uuid.UUID, *, actor: str = "staff:7", purpose: str = "parcel 4711", times: int = 1) -> None:
    """Have somebody open contact data of a user."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        for _each in range(times):
            audit.append(
                connections[VAULT.name], room=VAULT, actor=actor, action="contacts.read", subject=user,
                purpose=purpose, at=timezone.now(), detail={"fields": "name email"},
            )  # fmt: skip


def said(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status, answer.content.decode()[:2000]
    return words(answer.content.decode())


def test_every_page_of_the_vault_has_the_same_menu_and_says_where_one_is(shop: Shop) -> None:
    visitor, _user = customer()
    marked = {"/sign-ins/": "/passkeys/", "/forget-me/": None}
    for path in OWN:
        page = visitor.get(path).content.decode()
        menu = page.partition('<nav class="mine"')[2].partition("</nav>")[0]
        assert re.findall(r'href="([^"]+)"', menu) == MENU, path
        here = marked.get(path, path)
        assert re.findall(r'href="([^"]+)" aria-current="page"', menu) == ([here] if here else [])
        assert page.count("<h1") == 1
    assert '<nav class="mine"' not in Visitor().get("/sign-in/").content.decode()


def test_who_looked_is_told_in_words_and_ones_own_acts_apart(shop: Shop) -> None:
    visitor, user = customer()
    assert "Nobody has looked." in said(visitor.get("/accesses/"))
    looked(user)
    looked(user, actor="worker", purpose="notice of a change")
    page = said(visitor.get("/accesses/"))
    assert "Opened contact data: name, e-mail address Somebody who works here · parcel 4711" in page
    assert "The shop's software, by itself · to tell you of a change" in page
    assert "Made a passkey" not in page
    own = said(visitor.get("/accesses/?own"))
    assert "Made a passkey You · you wanted it" in own
    assert "parcel 4711" not in own


def test_who_pretends_to_be_somebody_in_a_purpose_stands_under_their_own_name(shop: Shop) -> None:
    visitor, user = customer()
    looked(user, purpose=f'x","actor":"customer:{user}')
    assert "Somebody who works here" in said(visitor.get("/accesses/"))
    assert "Somebody who works here" not in said(visitor.get("/accesses/?own"))


def test_many_accesses_are_paged_without_a_gap(shop: Shop) -> None:
    visitor, user = customer()
    for number in range(2 * views.ACCESSES_SHOWN + 1):
        looked(user, purpose=f"parcel {number:03}")
    seen, path = [], "/accesses/"
    for _page in range(5):
        page = visitor.get(path).content.decode()
        seen += re.findall(r"parcel (\d{3})", page)
        found = re.search(r'href="(/accesses/\?before=\d+)"', page)
        if found is None:
            break
        path = found[1]
    assert seen == [f"{number:03}" for number in reversed(range(2 * views.ACCESSES_SHOWN + 1))]
    for wrong in ("x", "-1", "9" * 30, "٣"):
        assert "parcel 050" in said(visitor.get(f"/accesses/?before={wrong}"))
    assert "Nothing earlier." in said(visitor.get("/accesses/?before=1"))


def _own_routes() -> list[str]:
    found = [path for path, _view in views_of(VAULT) if not path.startswith(OPEN)]
    fill = {"<int:number>": "1", "<slug:field>": "name", "<uuid:sign_in>": str(uuid.uuid4()), "<int:pk>": "1"}
    for name, value in fill.items():
        found = [path.replace(name, value) for path in found]
    return found


def test_a_stranger_is_led_to_the_entrance_from_every_page_of_the_vault(shop: Shop) -> None:
    routes = _own_routes()
    assert set(OWN) <= set(routes)
    with shop.unchanged("credentials_user", "contacts_piece"):
        for path in routes:
            answer = Visitor().get(path)
            assert answer.status_code in {302, 401, 403, 404, 405}, (path, answer.status_code)
            if path in OWN:
                assert answer.headers["Location"].split("?")[0].endswith("/sign-in/"), path
    # Nothing is noted but that a stranger was refused: somebody tried a link that is none.
    assert shop.rows('select content from events_audit where content not like \'%%"actor":"stranger"%%\'') == []


def test_nobody_sees_what_is_another_customers(shop: Shop) -> None:
    alice, user = customer()
    looked(user, purpose="parcel 4711")
    assert "parcel 4711" in said(alice.get("/accesses/"))
    bob, _other = customer()
    marks = ("parcel 4711", str(user), user.hex)
    for path in _own_routes():
        for query in ("", f"?user={user}", f"?subject={user}", "?before=999999"):
            text = bob.get(path + query).content.decode()
            assert [mark for mark in marks if mark in text] == [], path


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")
def test_a_copy_is_given_after_the_passkey_and_ten_times_a_day(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor, user = customer()
    answer = visitor.send("/copy/", {})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/zip")
    assert re.fullmatch(
        r'attachment; filename="my-data-[\d-]+-[0-9a-f]{6}\.zip"', answer.headers["Content-Disposition"]
    )
    archive = zipfile.ZipFile(io.BytesIO(b"".join(iter(answer))))
    assert json.loads(archive.read("about.json"))["user"] == str(user)
    assert "Made a copy of everything You · you asked for it" in said(visitor.get("/accesses/?own"))
    monkeypatch.setattr(copying, "COPIES_A_DAY_MAX", 2)
    second = visitor.send("/copy/", {})
    assert second.status_code == 200
    second.close()
    with shop.unchanged("events_audit"):
        page = said(visitor.send("/copy/", {}), 429)
    assert "You have made 2 copies within a day." in page
    monkeypatch.setattr(copying, "EVENTS_MAX", -1)  # whatever there is, is too much
    monkeypatch.setattr(copying, "COPIES_A_DAY_MAX", 10)
    with shop.unchanged("events_audit"):
        assert "There is more about you than fits" in said(visitor.send("/copy/", {}), CopyTooLarge.status)


def test_a_copy_wants_the_passkey_shown_just_now(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from comptoir.vault.credentials import web

    visitor, _user = customer()
    monkeypatch.setattr(web, "is_freshly_confirmed", lambda _request: False)
    with shop.unchanged("events_audit"):
        for answer in (visitor.get("/copy/"), visitor.send("/accesses/", {}, to="/copy/")):
            assert (answer.status_code, answer.headers["Location"]) == (302, "/confirm/?next=%2Fcopy%2F")
    assert visitor.get("/accesses/").status_code == 200


# -- in a browser -------------------------------------------------------------------------------------------------


@pytest.fixture
def house(shop: Shop, tmp_path: Path) -> Iterator[House]:
    port = free_port()
    with environment(COMPTOIR_PORT=str(port)), House(ROOMS, port=port, log_folder=tmp_path) as house:
        yield house
    print((tmp_path / "pages.log").read_text())  # noqa: T201 - shown when the test failed


def _telephone(page: Page) -> None:
    device: Any = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
               "isUserVerified": True, "automaticPresenceSimulation": True}  # fmt: skip
    device.send("WebAuthn.addVirtualAuthenticator", {"options": options})


@pytest.mark.parametrize("language", ["en", "fr", "ja"])
def test_the_vaults_pages_are_walked_by_keyboard_on_every_screen(
    shop: Shop, house: House, browser: Browser, language: str, photograph: Callable[[Page, str], list[Path]]
) -> None:
    context = browser.new_context(locale=language, viewport={"width": 390, "height": 844})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    _telephone(page)
    at = f"http://safe.localhost:{house.port}"
    page.goto(f"{at}/passkey/make/")
    page.locator("[data-passkey]").first.click()
    page.wait_for_url(f"{at}/")
    with entered(VAULT):
        user = User.objects.get().pk
    looked(user, times=2)
    looked(user, actor="worker", purpose="notice of a change")
    for path in MENU[:-1]:
        page.keyboard.press("Tab")
        for _each in range(12):
            page.keyboard.press("Tab")
            if page.locator(f'nav.mine a[href="{path}"]:focus').count():
                break
        # The first of them leads to where one is already.
        with page.expect_navigation(url=at + path):
            page.keyboard.press("Enter")
        assert page.locator('nav.mine a[aria-current="page"]').get_attribute("href") == path
        _fits(page)
        photograph(page, f"vault{path.replace('/', '-').rstrip('-') or '-home'}-{language}")
        page.set_viewport_size({"width": 390, "height": 844})
    with page.expect_download() as downloading:
        page.locator("form[action='/copy/'] button").click()
    assert zipfile.is_zipfile(downloading.value.path())
    page.goto(f"{at}/forget-me/")
    _fits(page)
    photograph(page, f"vault-forget-me-{language}")
    assert [text for text in complaints if "Content Security Policy" in text or "Trusted" in text] == []
    context.close()


def _fits(page: Page) -> None:
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
