"""Customers who sign in: by a passkey that knows no name, into the counter and nowhere else.

Alice has a telephone with a passkey. Victor has copied what he could.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, VAULT
from support.passkeys import Device
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.utils import timezone

from comptoir.foundation.rooms.sessions import RoomSession, cookie_name
from comptoir.vault.credentials.models import User
from comptoir.vault.credentials.queries import customer_of
from comptoir.vault.credentials.rules import browser_family
from support.vault import Counter, Visitor, asked_in, problem_of, ticket_in

TABLES = ("credentials_user", "mfa_authenticator", "rooms_standing", "credentials_signin")


def recognised(**more: Any) -> Visitor:
    visitor = Visitor(**more)
    answer = visitor.make_passkey()
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    return visitor


def only_user() -> User:
    with entered(VAULT):
        return User.objects.get()


# -- sign-up and sign-in --------------------------------------------------------------------------------------------


def test_a_passkey_makes_a_customer_without_a_name_or_an_address(shop: Shop) -> None:
    recognised()
    assert shop.rows("SELECT kind, name, email FROM credentials_user") == [
        {"kind": "customer", "name": "", "email": None}
    ]
    assert shop.value("SELECT count(*) FROM account_emailaddress") == 0
    assert shop.rows("SELECT type, data->>'name' AS name FROM mfa_authenticator") == [
        {"type": "webauthn", "name": "Chrome, Android"}
    ]


def test_a_passkey_is_asked_for_with_all_that_makes_it_one(shop: Shop) -> None:
    asked = asked_in(Visitor().get("/passkey/make/"))["creation_options"]["publicKey"]
    assert asked["rp"]["id"] == host_of(VAULT)
    selection = asked["authenticatorSelection"]
    assert (selection["residentKey"], selection["userVerification"]) == ("required", "required")
    assert shop.value("SELECT count(*) FROM credentials_user") == 0, "who only looks is nobody"


def test_the_passkey_finds_the_same_customer_again(shop: Shop) -> None:
    alice = recognised()
    alice.send("/", {}, to="/sign-out/")
    assert alice.get("/").status_code == 302
    later = Visitor(device=alice.device)
    answer = later.show_passkey()
    assert shop.value("SELECT count(*) FROM credentials_user") == 1
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert "You are recognised" in later.get("/").content.decode()


def test_a_customer_goes_to_the_counter_as_an_opaque_number_and_into_the_office_not_at_all(shop: Shop) -> None:
    alice = recognised()
    answer = alice.go_to_counter()
    assert (answer.status_code, answer.headers["Location"]) == (302, "/card")
    user = only_user()
    with entered(COUNTER):
        session = RoomSession(alice.client.cookies[cookie_name(COUNTER)].value, room=COUNTER)
        visit = session["visit"]
    assert visit["subject"] == str(customer_of(user)) != str(user.pk)
    assert (visit["name"], visit["means"]) == ("", ["passkey"])
    assert str(user.pk) not in "".join(shop.contents("rooms_countersession")["rooms_countersession"])
    office = alice.get("/continue/office/")
    assert office.status_code == 403
    assert ticket_in(office) is None
    assert ticket_in(alice.get("/continue/office/?next=/map")) is None
    for address in ("/factors/", "/factors/totp/activate/", "/factors/webauthn/add/"):
        assert alice.get(address).status_code == 404


def test_what_stands_in_a_session_of_the_vault_is_sealed(shop: Shop) -> None:
    alice = recognised()
    kept = "".join(shop.contents("rooms_vaultsession")["rooms_vaultsession"])
    assert "visit" not in kept
    assert only_user().pk.hex not in kept.replace("-", "")
    # Sealed for this session: what is moved to another one does not open.
    victor = recognised(device=Device(alice.device.origin))
    rows = shop.rows("SELECT digest, content FROM rooms_vaultsession ORDER BY begun_at")
    with shop.connect(VAULT.role) as vault:
        vault.execute(
            "UPDATE rooms_vaultsession SET content = %s WHERE digest = %s", (rows[0]["content"], rows[1]["digest"])
        )
    assert victor.get("/").status_code == 302


# -- what is refused, by name ---------------------------------------------------------------------------------------


def answered(visitor: Visitor, shown: object, **form: str) -> Any:
    text = shown if isinstance(shown, str) else json.dumps(shown)
    return visitor.send("/sign-in/", {"credential": text, **form}, to="/sign-in/passkey/")


def asked(visitor: Visitor) -> dict[str, Any]:
    options: dict[str, Any] = visitor.get("/sign-in/passkey/").json()["request_options"]
    return options


def test_an_answer_is_taken_once(shop: Shop) -> None:
    alice = recognised()
    victor = Visitor(device=alice.device)
    shown = victor.device.show(asked(victor))
    assert answered(victor, shown).status_code == 302
    victor.send("/", {}, to="/sign-out/")
    with shop.unchanged(*TABLES):
        assert problem_of(answered(victor, shown)) == (403, "passkey_replayed")


def test_an_answer_is_no_answer_to_another_question(shop: Shop) -> None:
    alice = recognised()
    stolen = alice.device.show(asked(Visitor()))
    victor = Visitor()
    asked(victor)
    with shop.unchanged(*TABLES):
        assert problem_of(answered(victor, stolen)) == (403, "passkey_replayed")
        assert problem_of(answered(Visitor(), stolen)) == (403, "passkey_replayed")


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://evil.safe.localhost:8000", "http://my.localhost:8000", "http://safe.localhost:81"],
)
def test_a_passkey_that_was_shown_to_another_site_opens_nothing(shop: Shop, origin: str) -> None:
    alice = recognised()
    alice.device.origin = origin
    victor = Visitor(device=alice.device)
    with shop.unchanged(*TABLES):
        assert problem_of(answered(victor, victor.device.show(asked(victor)))) == (403, "passkey_origin_wrong")
        assert problem_of(Visitor(device=Device(origin)).make_passkey()) == (403, "passkey_origin_wrong")


def test_an_answer_that_was_changed_opens_nothing(shop: Shop) -> None:
    alice = recognised()
    for part in ("signature", "authenticatorData"):
        victor = Visitor()
        shown = alice.device.show(asked(victor))
        text = shown["response"][part]
        place = 60 if part == "signature" else 3
        shown["response"][part] = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        with shop.unchanged(*TABLES):
            assert problem_of(answered(victor, shown)) in {(403, "passkey_tampered"), (400, "passkey_unreadable")}
    victor = Visitor()
    with shop.unchanged(*TABLES):
        unverified = alice.device.show(asked(victor), flags=0x01)
        assert problem_of(answered(victor, unverified)) == (403, "passkey_tampered")
        made = alice.device.show(asked(victor), kind="webauthn.create")
        assert problem_of(answered(victor, made)) == (403, "passkey_tampered")


def test_a_passkey_of_somebody_else_or_of_nobody_is_unknown(shop: Shop) -> None:
    alice, bob = recognised(), recognised()
    swapped = alice.device.passkeys[0]
    swapped.handle = bob.device.passkeys[0].handle
    stranger = Device(alice.device.origin)
    stranger.make(asked_in(Visitor().get("/passkey/make/"))["creation_options"])
    for device in (alice.device, stranger):
        victor = Visitor(device=device)
        with shop.unchanged(*TABLES):
            assert problem_of(answered(victor, device.show(asked(victor)))) == (403, "passkey_unknown")


def test_a_question_waits_five_minutes(shop: Shop) -> None:
    alice = recognised()
    victor = Visitor(device=alice.device)
    shown = victor.device.show(asked(victor))
    page = victor.get("/sign-in/")
    late = timezone.now() + dt.timedelta(minutes=5)
    with shop.unchanged(*TABLES), mock.patch("comptoir.vault.credentials.passkeys.timezone.now", return_value=late):
        refused = victor.send("/sign-in/", {"credential": json.dumps(shown)}, to="/sign-in/passkey/", answer=page)
        assert problem_of(refused) == (403, "passkey_expired")


def test_a_passkey_that_counts_back_is_refused(shop: Shop) -> None:
    alice = recognised()
    alice.device.counts = True
    copied = alice.device.passkeys[0].counter
    assert Visitor(device=alice.device).show_passkey().status_code == 302
    alice.device.passkeys[0].counter = copied
    with shop.unchanged(*TABLES):
        assert problem_of(Visitor(device=alice.device).show_passkey()) == (403, "passkey_copied")


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{}", '"x"', "{" * 5000, '{"rawId": 7}', '{"rawId": "AA", "response": {}}', "x" * 40_000,
     '{"rawId": "AA", "response": {"clientDataJSON": "e30", "authenticatorData": "AA", "signature": "AA"}}'],
)  # fmt: skip
def test_what_is_no_answer_at_all_is_unreadable(shop: Shop, text: str) -> None:
    victor = Visitor()
    asked(victor)
    with shop.unchanged(*TABLES):
        assert problem_of(answered(victor, text)) == (400, "passkey_unreadable")
        victor.get("/passkey/make/")
        refused = victor.send("/passkey/make/", {"credential": text})
        assert problem_of(refused) == (400, "passkey_unreadable")


# -- passkeys -------------------------------------------------------------------------------------------------------


@pytest.fixture
def counter() -> Iterator[Counter]:
    """Have a counter that hears what the vault tells it."""
    hearing = Counter()
    with mock.patch("comptoir.foundation.touchpoints.house.send", hearing.send):
        yield hearing


def test_a_second_passkey_finds_the_same_points_and_the_last_one_stays(shop: Shop, counter: Counter) -> None:
    alice = recognised()
    tablet = Device(alice.device.origin)
    telephone, alice.device = alice.device, tablet
    assert alice.make_passkey("/passkeys/add/", name="Tablet").status_code == 302
    assert Visitor(device=tablet).show_passkey().status_code == 302
    assert shop.value("SELECT count(*) FROM credentials_user") == 1
    first, second = (row["id"] for row in shop.rows("SELECT id FROM mfa_authenticator ORDER BY id"))
    assert problem_of(alice.send("/passkeys/", {}, to=f"/passkeys/{first}/remove/")) == (409, "cooling_on")
    shop.rows("UPDATE credentials_change SET cools_until = now() RETURNING id")
    assert alice.send("/passkeys/", {}, to=f"/passkeys/{first}/remove/").status_code == 302
    assert problem_of(Visitor(device=telephone).show_passkey()) == (403, "passkey_unknown")
    bob = recognised()
    with shop.unchanged("mfa_authenticator"):
        assert problem_of(alice.send("/", {}, to=f"/passkeys/{second}/remove/")) == (409, "last_passkey")
        assert problem_of(bob.send("/", {}, to=f"/passkeys/{second}/remove/")) == (403, "passkey_unknown")


def test_what_changes_who_one_is_wants_the_passkey_again(shop: Shop) -> None:
    alice = recognised()
    later = timezone.now() + dt.timedelta(minutes=6)
    with mock.patch("comptoir.vault.credentials.web.timezone.now", return_value=later):
        for page in ("/passkeys/add/",):
            answer = alice.get(page)
            assert (answer.status_code, answer.headers["Location"]) == (302, "/confirm/?next=%2Fpasskeys%2Fadd%2F")
        with shop.unchanged("mfa_authenticator"):
            assert alice.send("/", {}, to="/passkeys/1/remove/").status_code == 302
    assert alice.confirm("/passkeys/add/").headers["Location"] == "/passkeys/add/"
    assert alice.get("/passkeys/add/").status_code == 200


# -- sign-ins, in every room ----------------------------------------------------------------------------------------


def at_the_counter(visitor: Visitor) -> bool:
    return bool(visitor.get("/card", room=COUNTER).status_code == 200)


def test_signing_out_everywhere_ends_the_visits_in_every_room(shop: Shop) -> None:
    alice = recognised()
    elsewhere = Visitor(device=alice.device)
    elsewhere.show_passkey()
    for each in (alice, elsewhere):
        each.go_to_counter()
        assert at_the_counter(each)
    bob = recognised()
    bob.go_to_counter()
    assert alice.send("/sign-ins/", {}, to="/sign-ins/end/").status_code == 302
    for each in (alice, elsewhere):
        assert not at_the_counter(each)
        assert each.get("/").status_code == 302
    assert at_the_counter(bob)
    assert shop.value("SELECT count(*) FROM rooms_standing") == 1
    assert shop.value("SELECT count(*) FROM rooms_presence") == 2


def test_one_browser_is_signed_out_and_the_other_stays(shop: Shop) -> None:
    alice = recognised()
    elsewhere = Visitor(device=alice.device, browser="Mozilla/5.0 (Windows NT 10.0; rv:130.0) Firefox/130.0")
    elsewhere.show_passkey()
    elsewhere.go_to_counter()
    page = alice.get("/sign-ins/").content.decode()
    assert "Firefox, Windows" in page
    assert "Chrome, Android" in page
    number = shop.value("SELECT id FROM credentials_signin WHERE browser = 'Firefox, Windows'")
    bob = recognised()
    with shop.unchanged(*TABLES):
        assert problem_of(bob.send("/sign-ins/", {}, to=f"/sign-ins/{number}/end/")) == (404, "no_such_sign_in")
        assert problem_of(alice.send("/sign-ins/", {}, to=f"/sign-ins/{uuid.uuid4()}/end/"))[1] == "no_such_sign_in"
    assert alice.send("/sign-ins/", {}, to=f"/sign-ins/{number}/end/").status_code == 302
    assert not at_the_counter(elsewhere)
    assert alice.get("/").status_code == 200


def test_signing_out_in_the_vault_signs_out_at_the_counter(shop: Shop) -> None:
    alice = recognised()
    alice.go_to_counter()
    alice.send("/", {}, to="/sign-out/")
    assert not at_the_counter(alice)


def test_a_room_sees_of_a_sign_in_a_number_and_cannot_end_it(shop: Shop) -> None:
    alice = recognised()
    alice.go_to_counter()
    columns = shop.rows(
        "SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'rooms_standing'"
    )
    assert {column["name"] for column in columns} == {"sign_in", "expires_at"}
    for room in (COUNTER, OFFICE):
        for verb in ("INSERT", "UPDATE", "DELETE"):
            allowed = shop.value("SELECT has_table_privilege(%s, 'rooms_standing', %s)", room.role, verb)
            assert allowed is False
        assert shop.value("SELECT has_table_privilege(%s, 'credentials_signin', 'SELECT')", room.role) is False


@pytest.mark.parametrize(
    ("said", "called"),
    [
        ("", ""),
        ("curl/8", ""),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Mobile Safari/604.1", "Safari, iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/130.0 Safari/537.36 Edg/130.0", "Edge, Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko Firefox/130.0", "Firefox, Linux"),
    ],
)
def test_a_browser_is_called_coarsely(said: str, called: str) -> None:
    assert browser_family(said) == called
