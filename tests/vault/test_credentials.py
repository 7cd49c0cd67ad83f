"""Signing in: no passwords, a second factor before the office, one-time links that work once.

Camille works for the shop; Victor has read her mail.
"""

from __future__ import annotations

import base64
import datetime as dt
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import pytest
from django.test import Client, override_settings

from comptoir.foundation.kernel import shop as shop_folder
from comptoir.foundation.rooms.addresses import host_of, origin_of
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, SQUARE, VAULT, Assurance
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from cryptography.exceptions import InvalidTag
from django.core import mail
from django.core.mail import EmailMessage
from django.db import connections

from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.sessions import cookie_name
from comptoir.foundation.rooms.tickets import admit
from comptoir.vault.credentials import commands
from comptoir.vault.credentials.adapters import FactorAdapter
from comptoir.vault.credentials.errors import LinkRefused, NoSuchStaffMember
from comptoir.vault.credentials.models import OneTimeLink, User

CAMILLE = "camille@shop.example"
NOW = dt.datetime(2026, 3, 1, 9, 0, tzinfo=dt.UTC)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Browser:
    """A browser in the vault: keeps cookies, sends forms with their token and their origin."""

    def __init__(self) -> None:
        self.client = Client(enforce_csrf_checks=True)

    def get(self, address: str, **more: str) -> Any:
        return self.client.get(address, headers={"host": f"{host_of(VAULT)}:8000", **more})

    def send(self, page: str, form: dict[str, str], *, to: str | None = None, answer: Any = None) -> Any:
        answer = answer or self.get(page)
        token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', answer.content.decode())[0]
        headers = {"host": f"{host_of(VAULT)}:8000", "origin": origin_of(VAULT)}
        return self.client.post(to or page, {**form, "csrfmiddlewaretoken": token}, headers=headers)

    def ticket(self) -> str | None:
        answer = self.get("/continue/office/?next=/health")
        found = re.findall(r'name="ticket" value="([^"]+)"', answer.content.decode())
        return found[0] if found else None

    def knock(self, ticket: str) -> Any:
        headers = {"host": f"{host_of(OFFICE)}:8000", "origin": origin_of(VAULT)}
        return self.client.post("/arrive/", {"ticket": ticket}, headers=headers)


@pytest.fixture
def camille(shop: Shop) -> Shop:
    commands.take_on(name="Camille", email=CAMILLE, now=now())
    return shop


def signed_in_by_link() -> Browser:
    browser = Browser()
    link = urlsplit(commands.one_time_link(email=CAMILLE, now=now())).path
    answer = browser.send(link, {})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    return browser


def code_for(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time())))))


def enrol_app(browser: Browser) -> str:
    page = browser.get("/factors/totp/activate/")
    secret: str = re.findall(r'class="secret">(\w+)<', page.content.decode())[0]
    answer = browser.send("/factors/totp/activate/", {"code": code_for(secret)}, answer=page)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/factors/recovery-codes/")
    return secret


@pytest.fixture
def letters() -> Iterator[list[EmailMessage]]:
    """Have the letters that were sent; the workers of a run share the folder in which they would lie."""
    letters: list[EmailMessage] = []
    with override_settings(EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend"):
        mail.outbox = letters
        # Letters are sent beside the answer; here the answer waits for them.
        with mock.patch("comptoir.vault.credentials.adapters.beside", lambda action: action()):
            yield letters


def code_in(letters: list[EmailMessage]) -> str:
    found: list[str] = re.findall(r"^([A-Z0-9]{4}-[A-Z0-9]{4})$", str(letters[-1].body), re.MULTILINE)
    return found[0]


# -- one-time links -----------------------------------------------------------------------------------------------


def test_a_one_time_link_leads_into_the_console(camille: Shop) -> None:
    browser = signed_in_by_link()
    ticket = browser.ticket()
    assert ticket is not None
    answer = browser.knock(ticket)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/health")
    assert cookie_name(OFFICE) in browser.client.cookies


def test_the_ticket_says_who_and_by_what(camille: Shop) -> None:
    ticket = signed_in_by_link().ticket()
    assert ticket is not None
    with entered(OFFICE):
        visit = admit(ticket, room=OFFICE, now=now()).visit
    assert (visit.name, visit.assurance, visit.means) == ("Camille", Assurance.STAFF, ("one-time-link",))
    assert CAMILLE not in base64.urlsafe_b64decode(ticket).decode(errors="replace")


def test_looking_at_a_link_does_not_use_it_up(camille: Shop) -> None:
    link = urlsplit(commands.one_time_link(email=CAMILLE, now=now())).path
    with camille.unchanged("credentials_onetimelink", "credentials_user"):
        for _ in range(3):
            assert b"Good day, Camille" in Browser().get(link).content
    assert Browser().send(link, {}).status_code == 302


def test_a_link_works_once(camille: Shop) -> None:
    link = urlsplit(commands.one_time_link(email=CAMILLE, now=now())).path
    first, second = Browser(), Browser()
    second.get(link)
    assert first.send(link, {}).status_code == 302
    with camille.unchanged("credentials_onetimelink", "rooms_vaultsession"):
        headers = {"host": f"{host_of(VAULT)}:8000", "origin": origin_of(VAULT)}
        token = second.client.cookies["comptoir-form"].value
        again = second.client.post(link, {"csrfmiddlewaretoken": token}, headers=headers)
        assert again.status_code == 403
        assert second.get(link).status_code == 403
    assert second.get("/").status_code == 302


def test_a_link_is_used_once_by_many_at_once(camille: Shop) -> None:
    secret = commands.one_time_link(email=CAMILLE, now=NOW).rsplit("/", 2)[1]
    outcomes, barrier = [], threading.Barrier(6)

    def use() -> None:
        barrier.wait()
        try:
            outcomes.append(commands.use_one_time_link(secret=secret, now=NOW).name)
        except LinkRefused:
            outcomes.append("refused")
        connections.close_all()

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["Camille", *["refused"] * 5]


def test_a_link_ends_after_ten_minutes_and_with_the_next_one(camille: Shop) -> None:
    first = commands.one_time_link(email=CAMILLE, now=NOW).rsplit("/", 2)[1]
    assert (
        commands.who_is_let_in(secret=first, now=NOW + commands.LINK_LIFE - dt.timedelta(seconds=1)).name == "Camille"
    )
    for late in (NOW + commands.LINK_LIFE, NOW - dt.timedelta(seconds=1)):
        with pytest.raises(LinkRefused):
            commands.use_one_time_link(secret=first, now=late)
    second = commands.one_time_link(email=CAMILLE, now=NOW).rsplit("/", 2)[1]
    with pytest.raises(LinkRefused):
        commands.use_one_time_link(secret=first, now=NOW)
    assert commands.use_one_time_link(secret=second, now=NOW).name == "Camille"


def test_a_link_is_kept_as_a_digest(camille: Shop) -> None:
    secret = commands.one_time_link(email=CAMILLE, now=NOW).rsplit("/", 2)[1]
    assert secret not in "".join(camille.contents("credentials_onetimelink")["credentials_onetimelink"])


def test_whoever_was_let_go_gets_in_no_more(camille: Shop) -> None:
    link = commands.one_time_link(email=CAMILLE, now=now())
    commands.let_go(email=CAMILLE)
    assert Browser().get(urlsplit(link).path).status_code == 403
    with pytest.raises(NoSuchStaffMember):
        commands.one_time_link(email=CAMILLE, now=now())
    commands.take_on(name="Camille", email=CAMILLE.upper(), now=now())
    with entered(VAULT):
        assert User.objects.count() == 1
        assert OneTimeLink.objects.count() == 0
    signed_in_by_link()


def test_a_visit_in_the_vault_ends_when_somebody_is_let_go(camille: Shop) -> None:
    browser = signed_in_by_link()
    commands.let_go(email=CAMILLE)
    assert browser.ticket() is None


# -- second factors -----------------------------------------------------------------------------------------------


def test_an_app_is_enrolled_and_asked_for_the_next_time(camille: Shop) -> None:
    secret = enrol_app(signed_in_by_link())
    browser = Browser()
    link = urlsplit(commands.one_time_link(email=CAMILLE, now=now())).path
    answer = browser.send(link, {})
    assert answer.headers["Location"] == "/factors/authenticate/"
    assert browser.ticket() is None
    wrong = browser.send("/factors/authenticate/", {"code": "000000"})
    assert wrong.status_code == 200
    assert browser.ticket() is None
    assert browser.send("/factors/authenticate/", {"code": code_for(secret)}).status_code == 302
    assert browser.ticket() is not None


def test_a_code_by_mail_and_the_app_open_the_office(camille: Shop, letters: list[EmailMessage]) -> None:
    secret = enrol_app(signed_in_by_link())
    browser = Browser()
    assert browser.send("/sign-in/", {"email": CAMILLE}, to="/sign-in/code/").status_code == 302
    answer = browser.send("/sign-in/code/confirm/", {"code": code_in(letters)})
    assert answer.headers["Location"] == "/factors/authenticate/"
    assert browser.ticket() is None
    assert browser.send("/factors/authenticate/", {"code": code_for(secret)}).status_code == 302
    ticket = browser.ticket()
    assert ticket is not None
    with entered(OFFICE):
        assert admit(ticket, room=OFFICE, now=now()).visit.means == ("e-mail-code", "authenticator-app")


def test_a_code_by_mail_alone_opens_nothing_and_enrols_nothing(camille: Shop, letters: list[EmailMessage]) -> None:
    """Victor reads Camille's mail. He is signed in, and can do nothing with it."""
    victor = Browser()
    victor.send("/sign-in/", {"email": CAMILLE}, to="/sign-in/code/")
    assert victor.send("/sign-in/code/confirm/", {"code": code_in(letters)}).status_code == 302
    with camille.unchanged("mfa_authenticator"):
        assert victor.get("/continue/office/").status_code == 403
        for address in ("/factors/", "/factors/totp/activate/", "/factors/webauthn/add/", "/factors/recovery-codes/"):
            answer = victor.get(address)
            assert answer.status_code == 403
            assert b"A second factor is needed" in answer.content
        assert b'name="ticket"' not in victor.get("/").content


def test_recovery_codes_are_shown_once_and_one_stands_in_for_the_app(camille: Shop) -> None:
    browser = signed_in_by_link()
    enrol_app(browser)
    codes = re.findall(r"\b\d{8}\b", browser.get("/factors/recovery-codes/").content.decode())
    assert len(codes) == 10
    assert re.findall(r"\b\d{8}\b", browser.get("/factors/recovery-codes/").content.decode()) == []
    for attempt in (1, 2):
        later = Browser()
        later.send(urlsplit(commands.one_time_link(email=CAMILLE, now=now())).path, {})
        later.send("/factors/authenticate/", {"code": codes[0]})
        assert (later.ticket() is not None) is (attempt == 1)


def test_the_last_factor_stays(camille: Shop) -> None:
    browser = signed_in_by_link()
    enrol_app(browser)
    with entered(VAULT):
        member = User.objects.get()
        app = Authenticator.objects.get(user=member, type="totp")
        assert FactorAdapter().can_delete_authenticator(app) is False
        Authenticator.objects.create(user=member, type="webauthn", data={})
        assert FactorAdapter().can_delete_authenticator(app) is True


def test_forgotten_factors_can_be_enrolled_again(camille: Shop) -> None:
    enrol_app(signed_in_by_link())
    assert commands.forget_factors(email=CAMILLE) == 2  # the app, and the recovery codes that came with it
    enrol_app(signed_in_by_link())


def test_the_secret_of_an_app_is_sealed(camille: Shop) -> None:
    secret = enrol_app(signed_in_by_link())
    assert secret not in "".join(camille.contents("mfa_authenticator")["mfa_authenticator"])
    sealed = FactorAdapter().encrypt("value")
    assert FactorAdapter().decrypt(sealed) == "value"
    with pytest.raises(InvalidTag):
        FactorAdapter().decrypt(("A" if sealed[0] != "A" else "B") + sealed[1:])


def test_a_passkey_is_made_for_the_vaults_host_alone(camille: Shop) -> None:
    page = signed_in_by_link().get("/factors/webauthn/add/").content.decode()
    assert '"rp": {"name": "Comptoir", "id": "safe.localhost"}' in page or '"id": "safe.localhost"' in page
    assert '"userVerification": "required"' in page


# -- what there is not --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["/signup/", "/accounts/signup/", "/password/reset/", "/password/change/", "/login/", "/admin/", "/email/"],
)
def test_there_is_no_sign_up_and_no_password(camille: Shop, address: str) -> None:
    assert Browser().get(address).status_code == 404


def test_an_unknown_address_gets_the_same_answer(camille: Shop) -> None:
    answers = [
        Browser().send("/sign-in/", {"email": email}, to="/sign-in/code/") for email in (CAMILLE, "nobody@shop.example")
    ]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert set(answers[0].cookies) == set(answers[1].cookies)


def test_guessing_codes_ends(camille: Shop) -> None:
    browser = Browser()
    browser.send("/sign-in/", {"email": CAMILLE}, to="/sign-in/code/")
    guesses = [browser.send("/sign-in/code/confirm/", {"code": "AAA-AAA"}) for _ in range(3)]
    assert guesses[-1].status_code == 302
    assert browser.get("/sign-in/code/confirm/").headers["Location"] == "/sign-in/code/"


def test_staff_are_known_in_the_vault_alone(camille: Shop) -> None:
    browser = signed_in_by_link()
    for room in (SQUARE, COUNTER, OFFICE):
        answer = browser.client.get("/health", headers={"host": f"{host_of(room)}:8000"})
        assert not answer.wsgi_request.user.is_authenticated


def test_signing_out_ends_the_session(camille: Shop) -> None:
    browser = signed_in_by_link()
    key = browser.client.cookies[cookie_name(VAULT)].value
    assert browser.send("/", {}, to="/sign-out/").status_code == 302
    thief = Browser()
    thief.client.cookies[cookie_name(VAULT)] = key
    assert thief.get("/").status_code == 302


def test_a_page_of_the_vault_carries_no_script_from_elsewhere_and_none_inline(camille: Shop) -> None:
    browser = signed_in_by_link()
    pages = ["/", "/factors/", "/factors/totp/activate/", "/factors/webauthn/add/", "/factors/webauthn/", "/sign-out/"]
    for address in pages:
        answer = browser.get(address)
        assert answer.status_code == 200, address
        text = answer.content.decode()
        for script in re.findall(r"<script([^>]*)>", text):
            assert 'type="application/json"' in script or 'src="/static/' in script, (address, script)
        assert not re.search(r"\son\w+=|javascript:|<style|\sstyle=", text), address
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//(?!office\.localhost)', text), address
        assert 'src="data:' not in text


def test_mail_lies_in_the_shops_folder_for_its_owner_only(camille: Shop) -> None:
    Browser().send("/sign-in/", {"email": CAMILLE}, to="/sign-in/code/")
    folder: Path = shop_folder.folder() / "mail"
    assert folder.stat().st_mode & 0o077 == 0


def test_links_of_production_are_https(camille: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPTOIR_DOMAIN", "shop.example")
    with override_settings():
        assert commands.one_time_link(email=CAMILLE, now=NOW).startswith("https://safe.shop.example/enter/")
