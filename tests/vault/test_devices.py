"""The shop's devices: a code that a person types, tokens that read and never spend, and what ends them.

Alice is a customer with a passkey; Victor has a device of his own in mind. The kiosk stands at /stores/7.
"""

from __future__ import annotations

import base64
import datetime as dt
import re
import threading
import uuid
from collections.abc import Iterator
from typing import Any
from unittest import mock

import httpx
import pytest
from click.testing import CliRunner

from comptoir.config.command import main
from comptoir.foundation.rooms.addresses import host_of, origin_of
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER, SQUARE, VAULT
from support.casting import NOON, WEBSHOP, event, sale
from support.gateway import Gateway
from support.shop import Shop

set_up_django()

# ruff: noqa: E402
from django.db import connections
from django.test import Client
from django.utils import timezone

from comptoir.counter.loyalty.queries import wallet
from comptoir.foundation.events.queries import accesses_of
from comptoir.vault.credentials import commands as credentials
from comptoir.vault.credentials.models import User
from comptoir.vault.credentials.queries import customer_of
from comptoir.vault.devices import commands, errors, rules
from support.vault import Visitor, problem_of

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class Clock:
    """A clock that stands still until somebody moves it."""

    def __init__(self) -> None:
        self._now = timezone.now()

    def now(self) -> dt.datetime:
        return self._now

    def pass_(self, **time: float) -> None:
        self._now += dt.timedelta(**time)


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock()
    with mock.patch("comptoir.vault.devices.tokens.timezone", clock):
        yield clock


class Kiosk:
    """A device of the shop, as it talks to the vault."""

    def __init__(self, *scopes: str, name: str = "Kiosk by the door", is_shared: bool = True) -> None:
        self.number, self.key = commands.register(
            name=name, store="/stores/7", scopes=scopes or ("points:read",), is_shared=is_shared, now=timezone.now()
        )
        self.client = Client(enforce_csrf_checks=True)
        self.codes: dict[str, Any] = {}
        self.tokens: dict[str, Any] = {}

    def send(self, path: str, *, key: str | None = None, host: Any = VAULT, **form: str) -> Any:
        shown = base64.b64encode(f"{self.number}:{key or self.key}".encode()).decode()
        return self.client.post(
            f"/devices/oauth/{path}", "&".join(f"{name}={value}" for name, value in form.items()),
            content_type="application/x-www-form-urlencoded",
            headers={"host": f"{host_of(host)}:8000", "authorization": f"Basic {shown}"},
        )  # fmt: skip

    def ask(self, **more: str) -> str:
        answer = self.send("code", **more)
        assert answer.status_code == 200, answer.content
        self.codes = answer.json()
        return str(self.codes["user_code"])

    def poll(self) -> Any:
        answer = self.send("token", grant_type=DEVICE_GRANT, device_code=self.codes["device_code"])
        if answer.status_code == 200:
            self.tokens = answer.json()
        return answer

    def refresh(self, token: str | None = None, **more: str) -> Any:
        token = token or self.tokens["refresh_token"]
        return self.send("token", grant_type="refresh_token", refresh_token=token, **more)

    def read(self, what: str = "points", token: str | None = None) -> Any:
        token = token or self.tokens["access_token"]
        headers = {"host": f"{host_of(VAULT)}:8000", "authorization": f"Bearer {token}"}
        return self.client.get(f"/devices/read/{what}", headers=headers)


def recognised() -> Visitor:
    visitor = Visitor()
    assert visitor.make_passkey().status_code == 302
    return visitor


def allow(visitor: Visitor, code: str, answer: str = "allow") -> Any:
    page = visitor.send("/devices/code/", {"code": code})
    assert page.status_code == 200, page.content
    return visitor.send("/devices/code/", {"code": code, "answer": answer}, to="/devices/decide/", answer=page)


def paired(kiosk: Kiosk, visitor: Visitor) -> None:
    assert allow(visitor, kiosk.ask()).status_code == 302
    assert kiosk.poll().status_code == 200


def error_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def only_user() -> User:
    with entered(VAULT):
        return User.objects.get()


# -- pairing --------------------------------------------------------------------------------------------------------


def test_a_device_reads_what_its_person_has_and_nothing_of_who_that_is(
    shop: Shop, gateway: Gateway, clock: Clock
) -> None:
    alice, kiosk = recognised(), Kiosk("points:read", "answers:read")
    user = str(only_user().pk)
    online = {"kind": "user", "value": user}
    bought = sale("W-1", 2_500, of=online, source=WEBSHOP, at=NOON)
    assert gateway.post(bought, touchpoint="webshop").json()["status"] == "accepted"
    code = kiosk.ask()
    assert kiosk.codes["verification_uri"] == origin_of(VAULT) + "/devices/code/"
    assert (kiosk.codes["expires_in"], kiosk.codes["interval"]) == (600, 5)
    assert "verification_uri_complete" not in kiosk.codes
    assert error_of(kiosk.poll()) == (400, "authorization_pending")
    assert error_of(kiosk.poll()) == (400, "slow_down")
    assert allow(alice, code.lower().replace("-", " ")).status_code == 302
    clock.pass_(seconds=5)
    assert kiosk.poll().status_code == 200
    assert (kiosk.tokens["expires_in"], kiosk.tokens["refresh_expires_in"]) == (600, 900)
    assert kiosk.tokens["scope"].split() == ["points:read", "answers:read"]
    points = kiosk.read().json()
    with entered(VAULT):
        assert points == {"available": wallet((customer_of(only_user()),)).available}
    assert points["available"] > 0
    assert kiosk.read("answers").json() == {"answers": []}
    assert error_of(kiosk.poll()) == (400, "invalid_grant"), "a device code gives one pairing"
    told = str(kiosk.tokens) + str(points)
    assert user not in told
    assert shop.value("SELECT count(*) FROM devices_pairing") == 1


def test_the_page_says_which_device_where_for_what_and_that_it_never_spends(shop: Shop) -> None:
    alice, kiosk = recognised(), Kiosk("points:read", "answers:read")
    code = kiosk.ask(scope="points:read")
    page = alice.send("/devices/code/", {"code": code}).content.decode()
    for said in ("Kiosk by the door", "/stores/7", "how many points you have", "spend points, change anything"):
        assert said in page
    assert "over 18" not in page, "what was not asked for is not named"
    # The code is always typed: what an address carries is not looked at, and confirms nothing.
    carried = alice.get(f"/devices/code/?code={code}&user_code={code}").content.decode()
    assert code not in carried
    assert "Kiosk by the door" not in carried
    assert alice.get("/devices/decide/").status_code == 405
    assert error_of(kiosk.poll()) == (400, "authorization_pending")
    assert (
        alice.get("/devices/code/").headers["Content-Security-Policy"]
        == alice.get("/").headers["Content-Security-Policy"]
    )


def test_who_refuses_is_refused_for_and_a_code_is_answered_once(shop: Shop, clock: Clock) -> None:
    alice, kiosk = recognised(), Kiosk()
    code = kiosk.ask()
    page = alice.send("/devices/code/", {"code": code})
    alice.send("", {"code": code, "answer": "anything else"}, to="/devices/decide/", answer=page)
    assert error_of(kiosk.poll()) == (400, "access_denied")
    with shop.unchanged("devices_pairingrequest", "devices_pairing", "allauth_idp_oidc_token"):
        again = alice.send("", {"code": code, "answer": "allow"}, to="/devices/decide/", answer=page)
        assert problem_of(again) == (403, "device_code_refused")


def test_an_old_code_and_a_guessed_one_are_refused_and_guesses_are_counted(shop: Shop, clock: Clock) -> None:
    alice, kiosk = recognised(), Kiosk()
    code = kiosk.ask()
    clock.pass_(minutes=11)
    with shop.unchanged("devices_pairing", "allauth_idp_oidc_token"):
        with mock.patch("comptoir.vault.devices.views.timezone", clock):
            assert problem_of(alice.send("/devices/code/", {"code": code})) == (403, "device_code_refused")
        assert error_of(kiosk.poll()) == (400, "expired_token")
        answers = [alice.send("/devices/code/", {"code": f"AAAA-{each:04}"}).status_code for each in range(12)]
    assert answers[:8] == [403] * 8
    assert answers[-1] == 429


@pytest.mark.parametrize("code", ["", "\0", "%00", "🫖" * 30, "A" * 5_000, "' OR 1=1 --"])
def test_odd_codes_are_refused_by_name(shop: Shop, code: str) -> None:
    alice = recognised()
    assert problem_of(alice.send("/devices/code/", {"code": code})) == (403, "device_code_refused")


def test_a_customer_who_came_without_a_passkey_lets_no_device_in(shop: Shop, clock: Clock) -> None:
    alice, kiosk = recognised(), Kiosk()
    code = kiosk.ask()
    page = alice.send("/devices/code/", {"code": code})
    with mock.patch("comptoir.vault.credentials.web.is_freshly_confirmed", return_value=False):
        for path in ("/devices/code/", "/devices/decide/"):
            answer = alice.send("", {"code": code, "answer": "allow"}, to=path, answer=page)
            assert "/confirm/?next=" in answer.headers["Location"]
    stranger = Visitor()
    assert "/sign-in/?next=" in stranger.get("/devices/code/").headers["Location"]
    assert "/sign-in/?next=" in stranger.get("/devices/").headers["Location"]


# -- only devices of the shop ---------------------------------------------------------------------------------------


def test_only_a_registered_device_with_its_key_asks_for_anything(shop: Shop) -> None:
    kiosk = Kiosk()
    kiosk.ask()
    with shop.unchanged("devices_pairingrequest"):
        for key in ("wrong", kiosk.key[:-1], "x" * 5_000):
            for path in ("code", "token", "revoke"):
                assert error_of(kiosk.send(path, key=key)) == (401, "invalid_client")
        number, kiosk.number = kiosk.number, "nobody"
        assert error_of(kiosk.send("code")) == (401, "invalid_client")
        kiosk.number = number
        host = f"{host_of(VAULT)}:8000"
        for shown in ("", "Basic", "Basic !!!", "Basic 4pi6", "Bearer abc"):
            answer = kiosk.client.post("/devices/oauth/code", headers={"host": host, "authorization": shown})
            assert error_of(answer) == (401, "invalid_client")
        assert error_of(kiosk.send("code?scope=points:read")) == (400, "invalid_request")
        assert error_of(kiosk.send("code", scope="points:redeem")) == (400, "invalid_scope")
        assert error_of(kiosk.send("code", scope="openid")) == (400, "invalid_scope")
        assert error_of(kiosk.send("token", grant_type="password")) == (400, "unsupported_grant_type")
        assert error_of(kiosk.send("token", grant_type="client_credentials")) == (400, "unsupported_grant_type")
        assert error_of(kiosk.send("token", grant_type=DEVICE_GRANT, device_code="x" * 600)) == (400, "invalid_request")


def test_another_device_gets_nothing_for_a_code_or_a_token(shop: Shop, clock: Clock) -> None:
    alice, kiosk, other = recognised(), Kiosk(), Kiosk(name="Kiosk at the back")
    code = kiosk.ask()
    assert allow(alice, code).status_code == 302
    other.codes = kiosk.codes
    assert error_of(other.poll()) == (400, "invalid_grant")
    assert kiosk.poll().status_code == 200
    assert error_of(other.refresh(kiosk.tokens["refresh_token"])) == (400, "invalid_grant")
    assert other.send("revoke", token=kiosk.tokens["refresh_token"]).status_code == 200
    assert kiosk.read().status_code == 200, "another device ends nothing"


def test_of_the_library_nothing_else_has_an_address(shop: Shop) -> None:
    visitor = recognised()
    for path in (
        "/.well-known/openid-configuration", "/.well-known/jwks.json", "/identity/o/authorize", "/identity/o/device",
        "/identity/o/api/token", "/identity/o/api/device/code", "/identity/o/api/userinfo",
    ):  # fmt: skip
        assert visitor.get(path).status_code == 404
    for room in (SQUARE, COUNTER):
        assert Kiosk().send("code", host=room).status_code == 404


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": " "}, errors.DeviceNameInvalid),
        ({"name": "x" * 61}, errors.DeviceNameInvalid),
        ({"name": "Till\n2"}, None),
        ({"name": "Till \u202e2"}, errors.DeviceNameInvalid),
        ({"store": "stores/7"}, errors.DeviceStoreInvalid),
        ({"store": "/stores 7"}, errors.DeviceStoreInvalid),
        ({"scopes": []}, errors.DeviceScopesInvalid),
        ({"scopes": ["points:read", "points:redeem"]}, errors.DeviceScopesInvalid),
        ({"scopes": ["points:read", "name:read"]}, errors.DeviceScopesInvalid),
    ],
)
def test_a_device_is_registered_with_a_name_a_store_and_scopes_of_one_kind(
    shop: Shop, change: dict[str, Any], problem: type[Exception] | None
) -> None:
    said = {"name": "Till 2", "store": "/stores/7", "scopes": ["points:read"], "is_shared": True, "now": NOON}
    if problem is None:
        commands.register(**{**said, **change})
        assert shop.value("SELECT name FROM allauth_idp_oidc_client") == "Till 2"
        return
    with shop.unchanged(), pytest.raises(problem):
        commands.register(**{**said, **change})


def test_no_scope_spends_or_changes() -> None:
    assert all(scope.endswith(":read") for scope in rules.SCOPES)


def test_the_operator_registers_lists_and_removes_devices(shop: Shop, clock: Clock) -> None:
    run = CliRunner().invoke
    said = run(main, ["device", "register", "Till 2", "--store", "/stores/7", "--scope", "points:read"]).output
    number = re.findall(r"number: (\w+)", said)[0]
    key = re.findall(r"key: +(\S+)", said)[0]
    assert key not in str(shop.contents("devices_device", "allauth_idp_oidc_client"))
    assert f"{number}  /stores/7  Till 2  points:read" in run(main, ["device", "list"]).output
    alice, kiosk = recognised(), Kiosk()
    paired(kiosk, alice)
    assert "1 people" in run(main, ["device", "remove", kiosk.number]).output
    assert kiosk.read().status_code == 401
    assert error_of(kiosk.refresh()) == (401, "invalid_client")
    assert "No device of the shop has this number" in run(main, ["device", "remove", kiosk.number]).output
    assert run(main, ["device", "register", "x", "--store", "7", "--scope", "points:read"]).exit_code == 1


# -- the victim confirms the attacker's code ------------------------------------------------------------------------


def test_who_confirmed_an_attackers_code_sees_it_loses_no_point_and_ends_it_with_one_tap(
    shop: Shop, gateway: Gateway, clock: Clock
) -> None:
    alice, victor = recognised(), Kiosk()
    mine = {"kind": "user", "value": str(only_user().pk)}
    bought = sale("W-1", 2_500, of=mine, source=WEBSHOP, at=NOON)
    assert gateway.post(bought, touchpoint="webshop").json()["status"] == "accepted"
    paired(victor, alice)
    assert victor.read().json()["available"] > 0
    stolen = victor.tokens["access_token"]
    with shop.unchanged("loyalty_transfer", "loyalty_account", "events_event", "credentials_user"):
        assert problem_of(victor.read("answers")) == (401, "token_refused")
        assert problem_of(victor.read("name")) == (401, "token_refused")
        bearer = {"host": f"{host_of(VAULT)}:8000", "authorization": f"Bearer {stolen}"}
        for path in ("/", "/contact/", "/passkeys/", "/devices/", "/spend/", "/sign-ins/"):
            assert "/sign-in/" in victor.client.get(path, headers=bearer).headers["Location"], path
        redeem = event("points.redeem", {"customer": mine, "points": 10, "redemption": "r-1"}, source=WEBSHOP, at=NOON)
        answer = httpx.post(f"{gateway.url}/v1/events", json=redeem, headers={"Authorization": f"Bearer {stolen}"})
        assert answer.status_code == 401
    page = alice.get("/devices/").content.decode()
    assert "Kiosk by the door" in page
    ends = re.findall(r'action="(/devices/[-\w]+/end/)"', page)
    assert len(ends) == 1
    assert alice.send("/devices/", {}, to=ends[0]).status_code == 302
    assert problem_of(victor.read()) == (401, "token_refused")
    assert error_of(victor.refresh()) == (400, "invalid_grant")
    assert "No device reads anything of you" in alice.get("/devices/").content.decode()
    assert shop.value("SELECT count(*) FROM allauth_idp_oidc_token") == 0
    with entered(VAULT):
        seen = [entry.entry.action for entry in accesses_of(only_user().pk, before=None, limit=10)]
    assert [action for action in seen if action.startswith("devices.")] == ["devices.ended", "devices.allowed"]


def test_nobody_ends_anothers_pairing(shop: Shop, clock: Clock) -> None:
    alice, kiosk = recognised(), Kiosk()
    paired(kiosk, alice)
    pairing = shop.value("SELECT id FROM devices_pairing")
    victor = recognised()
    with shop.unchanged("devices_pairing", "allauth_idp_oidc_token"):
        answer = victor.send("/devices/code/", {}, to=f"/devices/{pairing}/end/")
        assert problem_of(answer) == (404, "no_such_pairing")
        assert problem_of(victor.send("/devices/code/", {}, to=f"/devices/{uuid.uuid4()}/end/")) == (
            404,
            "no_such_pairing",
        )
    assert kiosk.read().status_code == 200


# -- tokens ---------------------------------------------------------------------------------------------------------


def test_a_refresh_token_that_is_used_twice_ends_its_whole_family(shop: Shop, clock: Clock) -> None:
    alice, kiosk = recognised(), Kiosk()
    paired(kiosk, alice)
    first = kiosk.tokens
    second = kiosk.refresh().json()
    third = kiosk.refresh(second["refresh_token"]).json()
    assert kiosk.read(token=third["access_token"]).status_code == 200
    # Somebody uses the first one again: two hold it.
    assert error_of(kiosk.refresh(first["refresh_token"])) == (400, "invalid_grant")
    for each in (first, second, third):
        assert problem_of(kiosk.read(token=each["access_token"])) == (401, "token_refused")
        assert error_of(kiosk.refresh(each["refresh_token"])) == (400, "invalid_grant")
    assert shop.rows("SELECT ended_by FROM devices_pairing") == [{"ended_by": "reuse"}]
    assert shop.value("SELECT count(*) FROM allauth_idp_oidc_token") == 0


def test_of_two_who_refresh_at_the_same_moment_one_gets_tokens_that_are_over(shop: Shop, clock: Clock) -> None:
    alice, kiosk = recognised(), Kiosk()
    paired(kiosk, alice)
    answers: list[Any] = []
    start = threading.Barrier(2)

    def refresh() -> None:
        start.wait()
        answers.append(kiosk.refresh())
        connections.close_all()

    threads = [threading.Thread(target=refresh) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200, 400]
    won = next(answer.json() for answer in answers if answer.status_code == 200)
    assert kiosk.read(token=won["access_token"]).status_code == 401
    assert shop.value("SELECT ended_by FROM devices_pairing") == "reuse"


def test_a_refresh_that_fails_uses_nothing_up(shop: Shop, clock: Clock) -> None:
    alice, kiosk = recognised(), Kiosk()
    paired(kiosk, alice)
    with shop.unchanged("devices_issuedtoken", "allauth_idp_oidc_token"):
        assert error_of(kiosk.refresh(scope="points:read answers:read")) == (400, "invalid_scope")
    assert kiosk.refresh().status_code == 200


def test_on_a_shared_screen_tokens_are_over_within_a_quarter_of_an_hour_and_the_pairing_within_one(
    shop: Shop, clock: Clock
) -> None:
    alice, kiosk = recognised(), Kiosk()
    paired(kiosk, alice)
    clock.pass_(minutes=10, seconds=30)
    assert kiosk.read().status_code == 401
    with mock.patch("django.utils.timezone.now", clock.now):
        for _ in range(5):
            kiosk.tokens = kiosk.refresh().json()
            assert kiosk.read().status_code == 200
            clock.pass_(minutes=9)
        kiosk.tokens = kiosk.refresh().json()
    assert kiosk.tokens["refresh_expires_in"] == 270, "55 minutes and a half are over"
    clock.pass_(minutes=5)
    assert kiosk.read().status_code == 401
    assert error_of(kiosk.refresh()) == (400, "invalid_grant")
    idle = Kiosk()
    paired(idle, recognised())
    clock.pass_(minutes=15)
    with mock.patch("django.utils.timezone.now", clock.now):
        assert error_of(idle.refresh()) == (400, "invalid_grant")


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer ", "Basic abc", "Bearer \t", "Bearer " + "x" * 5_000])
def test_odd_tokens_are_refused_by_name(shop: Shop, shown: str) -> None:
    client = Client()
    answer = client.get("/devices/read/points", headers={"host": f"{host_of(VAULT)}:8000", "authorization": shown})
    assert problem_of(answer) == (401, "token_refused")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_token_in_an_address_or_a_cookie_opens_nothing(shop: Shop, clock: Clock) -> None:
    alice, kiosk = recognised(), Kiosk()
    paired(kiosk, alice)
    token = kiosk.tokens["access_token"]
    client = Client()
    host = {"host": f"{host_of(VAULT)}:8000"}
    assert client.get(f"/devices/read/points?access_token={token}", headers=host).status_code == 401
    assert alice.get("/devices/read/points").status_code == 401, "a signed-in browser is not a device"
    refresh = {**host, "authorization": f"Bearer {kiosk.tokens['refresh_token']}"}
    assert client.get("/devices/read/points", headers=refresh).status_code == 401


def test_the_device_itself_ends_its_pairing(shop: Shop, clock: Clock) -> None:
    alice, kiosk = recognised(), Kiosk()
    paired(kiosk, alice)
    assert kiosk.send("revoke", token=kiosk.number).status_code == 200
    assert kiosk.read().status_code == 200
    assert kiosk.send("revoke", token=kiosk.tokens["access_token"]).status_code == 200
    assert kiosk.read().status_code == 401
    assert error_of(kiosk.refresh()) == (400, "invalid_grant")


def test_signing_out_everywhere_ends_devices_too_even_those_that_have_not_fetched_yet(shop: Shop, clock: Clock) -> None:
    alice, kiosk, slow = recognised(), Kiosk(), Kiosk(name="Slow")
    paired(kiosk, alice)
    assert allow(alice, slow.ask()).status_code == 302
    credentials.end_all_sign_ins(user=only_user())
    assert kiosk.read().status_code == 401
    assert error_of(slow.poll()) == (400, "invalid_grant")


# -- staff ----------------------------------------------------------------------------------------------------------


def test_staff_let_a_till_know_what_they_are_called_and_no_customers_device_in(shop: Shop, clock: Clock) -> None:
    credentials.take_on(name="Camille", email="camille@shop.example", now=timezone.now())
    link = credentials.one_time_link(email="camille@shop.example", now=timezone.now())
    camille = Visitor()
    path = "/" + link.split("/", 3)[3]
    assert camille.send(path, {}).status_code == 302
    till, kiosk = Kiosk("name:read", name="Till 2"), Kiosk()
    paired(till, camille)
    assert till.read("name").json() == {"name": "Camille"}
    assert till.read().status_code == 401
    code = kiosk.ask()
    with shop.unchanged("devices_pairingrequest", "devices_pairing"):
        assert problem_of(camille.send("/devices/code/", {"code": code})) == (403, "device_not_for_you")
    assert problem_of(recognised().send("/devices/code/", {"code": till.ask()})) == (403, "device_not_for_you")
    credentials.let_go(email="camille@shop.example")
    assert till.read("name").status_code == 401
