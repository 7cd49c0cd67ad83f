"""What a thief gets: nothing before it has cooled, and a link that stops them. And the ways back for who lost all.

Alice has a passkey and an address. Victor has her session, and reads her mail.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import pytest
from django.test import override_settings

from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import COUNTER, VAULT
from support.passkeys import Device
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.core import mail
from django.core.mail import EmailMessage
from django.utils import timezone

from comptoir.counter.loyalty.cooling import cooling, cooling_of
from comptoir.counter.loyalty.errors import CoolingInvalid
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.sessions import cookie_name
from comptoir.vault.announcements.commands import send_waiting
from comptoir.vault.contacts.queries import find_by_email, is_known
from comptoir.vault.credentials import safety
from comptoir.vault.credentials.models import User
from support.vault import Counter, Visitor, asked_in, problem_of

ALICE = "alice@home.example"
VICTOR = "victor@evil.example"


@pytest.fixture
def counter() -> Iterator[Counter]:
    """Have a counter that hears what the vault tells it."""
    hearing = Counter()
    with mock.patch("comptoir.foundation.touchpoints.house.send", hearing.send):
        yield hearing


@pytest.fixture
def letters() -> Iterator[list[EmailMessage]]:
    """Have the letters that were sent, in order; the answer waits for them."""
    letters: list[EmailMessage] = []
    with (
        override_settings(EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend"),
        mock.patch("comptoir.vault.credentials.adapters.beside", lambda action: action()),
    ):
        mail.outbox = letters
        yield letters


@pytest.fixture
def alice(shop: Shop, counter: Counter, letters: list[EmailMessage]) -> Visitor:
    visitor = Visitor()
    visitor.make_passkey()
    tell_address(visitor, ALICE, letters)
    return visitor


def code_in(letter: EmailMessage) -> str:
    found = re.search(r"[A-Z0-9]{4}-[A-Z0-9]{4}", str(letter.body))
    assert found is not None
    return found[0]


def link_in(letter: EmailMessage) -> str:
    found = re.search(r"https?://\S+/freeze/\S+", str(letter.body))
    assert found is not None
    return urlsplit(found[0]).path


def tell_address(visitor: Visitor, email: str, letters: list[EmailMessage]) -> Any:
    assert visitor.send("/address/", {"email": email}).status_code == 302
    assert letters[-1].to == [email]
    return visitor.send("/address/prove/", {"code": code_in(letters[-1])})


def user() -> User:
    with entered(VAULT):
        return User.objects.get()


def signed_in_by_mail(email: str, letters: list[EmailMessage]) -> Visitor:
    visitor = Visitor()
    visitor.send("/sign-in/", {"email": email}, to="/sign-in/code/")
    visitor.send("/sign-in/code/confirm/", {"code": code_in(letters[-1])})
    return visitor


def thief_of(visitor: Visitor) -> Visitor:
    """Return somebody who has copied every cookie, and has a telephone of their own."""
    thief = Visitor(device=Device(visitor.device.origin))
    for name, morsel in visitor.client.cookies.items():
        thief.client.cookies[name] = morsel.value
    return thief


def spends(visitor: Visitor, points: str = "100") -> Any:
    answer = visitor.get(f"/spend/?points={points}")
    if answer.status_code != 200:
        return answer
    shown = visitor.device.show(asked_in(answer)["request_options"])
    form = {"credential": json.dumps(shown), "points": points, "place": ""}
    return visitor.send("/spend/", form, to="/spend/sign/", answer=answer)


def later(days: float) -> Any:
    moment = timezone.now() + dt.timedelta(days=days)
    return mock.patch("django.utils.timezone.now", return_value=moment)


# -- becoming known, and back ---------------------------------------------------------------------------------------


def test_known_and_back_to_recognised_and_to_unknown(alice: Visitor, shop: Shop, counter: Counter) -> None:
    assert is_known(user().pk)
    assert find_by_email(ALICE) == user().pk
    assert counter.heard == [
        ("closeness.changed", {"customer": {"kind": "user", "value": str(user().pk)}, "closeness": "known"})
    ]
    assert "You are known" in alice.get("/").content.decode()
    alice.send("/step-back/", {"to": "recognised"})
    assert not is_known(user().pk)
    assert counter.heard[-1][1]["closeness"] == "recognised"
    assert shop.value("SELECT count(*) FROM contacts_piece") == 0
    alice.go_to_counter()
    answer = alice.send("/step-back/", {"to": "unknown"})
    assert answer.headers["Clear-Site-Data"] == '"cache", "cookies", "storage"'
    assert alice.get("/").status_code == 302
    assert alice.get("/card", room=COUNTER).status_code == 302
    assert alice.show_passkey().status_code == 302
    assert shop.value("SELECT count(*) FROM credentials_user") == 1


def test_no_address_in_clear_in_any_table(alice: Visitor, shop: Shop, letters: list[EmailMessage]) -> None:
    signed_in_by_mail(ALICE, letters)
    Visitor().send("/sign-in/", {"email": "somebody@else.example"}, to="/sign-in/code/")
    for name, rows in shop.contents().items():
        assert not any(part in row for row in rows for part in ("alice", "home.example", "else.example")), name


def test_an_address_is_kept_when_its_code_came_back(shop: Shop, counter: Counter, letters: list[EmailMessage]) -> None:
    bob = Visitor()
    bob.make_passkey()
    bob.send("/address/", {"email": ALICE})
    with shop.unchanged("contacts_piece", "contacts_index"):
        for _ in range(3):
            assert problem_of(bob.send("/address/prove/", {"code": "AAAA-AAAA"})) == (403, "code_wrong")
        refused = bob.send("/address/prove/", {"code": code_in(letters[-1])})
        assert problem_of(refused) == (403, "code_too_old")
        assert problem_of(bob.send("/address/", {"email": "no address"})) == (422, "contact_invalid")


def test_an_address_of_somebody_else_is_not_taken(alice: Visitor, shop: Shop, letters: list[EmailMessage]) -> None:
    bob = Visitor()
    bob.make_passkey()
    with shop.unchanged("contacts_index"):
        assert problem_of(tell_address(bob, ALICE.upper(), letters)) == (409, "contact_in_use")
        assert problem_of(tell_address(bob, ALICE, letters)) == (409, "contact_in_use")


# -- a code by e-mail -----------------------------------------------------------------------------------------------


def test_a_code_goes_to_who_is_known_and_the_answer_is_the_same_for_nobody(
    alice: Visitor, shop: Shop, letters: list[EmailMessage]
) -> None:
    count = len(letters)
    answers = []
    for email in (ALICE, "nobody@home.example"):
        visitor = Visitor()
        answer = visitor.send("/sign-in/", {"email": email}, to="/sign-in/code/")
        page = visitor.get("/sign-in/code/confirm/").content.decode()
        answers.append((answer.status_code, answer.headers["Location"], re.sub(r'value="[^"]*"', "", page)))
    assert answers[0][:2] == answers[1][:2]
    assert answers[0][2].replace(ALICE, "X") == answers[1][2].replace("nobody@home.example", "X")
    assert len(letters) == count + 1
    assert letters[-1].to == [ALICE]


def test_who_came_by_a_code_signs_nothing(alice: Visitor, shop: Shop, letters: list[EmailMessage]) -> None:
    victor = signed_in_by_mail(ALICE, letters)
    assert "You came by a code" in victor.get("/").content.decode()
    with shop.unchanged("mfa_authenticator", "contacts_piece", "credentials_change"):
        for page in ("/passkeys/add/", "/address/"):
            assert victor.get(page).headers["Location"].startswith("/confirm/")
        assert problem_of(spends_with_nothing(victor)) == (400, "passkey_unreadable")


def spends_with_nothing(visitor: Visitor) -> Any:
    answer = visitor.get("/spend/?points=100")
    return visitor.send("/spend/", {"credential": "{}", "points": "100"}, to="/spend/sign/", answer=answer)


# -- the theft ------------------------------------------------------------------------------------------------------


def test_a_thief_with_session_and_mailbox_spends_nothing_before_it_has_cooled(
    alice: Visitor, shop: Shop, counter: Counter, letters: list[EmailMessage]
) -> None:
    assert spends(alice).status_code == 200
    victor = thief_of(alice)
    assert problem_of(spends_with_nothing(victor)) == (400, "passkey_unreadable")
    # The session is fresh: a passkey of his own can be added. The counter hears of it first.
    assert victor.make_passkey("/passkeys/add/").status_code == 302
    kind, said = counter.heard[-1]
    assert kind == "spending.cooled"
    assert dt.timedelta(hours=71) < dt.datetime.fromisoformat(said["until"]) - timezone.now() <= dt.timedelta(hours=72)
    assert problem_of(spends(victor)) == (403, "spending_held")
    # So it is by the mailbox: a code, a new passkey, and the same wait.
    mailed = signed_in_by_mail(ALICE, letters)
    assert mailed.make_passkey("/recover/").status_code == 302
    assert counter.kinds()[-1] == "spending.cooled"
    assert problem_of(spends(mailed)) == (403, "spending_held")
    # And what is there cannot be taken away meanwhile.
    with shop.unchanged("mfa_authenticator", "contacts_piece"):
        first = shop.value("SELECT min(id) FROM mfa_authenticator")
        assert problem_of(victor.send("/", {}, to=f"/passkeys/{first}/remove/")) == (409, "cooling_on")
        assert problem_of(tell_address(victor, VICTOR, letters)) == (409, "cooling_on")


def test_the_link_of_the_notice_stops_a_thief_without_a_sign_in(
    alice: Visitor, shop: Shop, counter: Counter, letters: list[EmailMessage]
) -> None:
    victor = thief_of(alice)
    assert tell_address(victor, VICTOR, letters).status_code == 302
    notice = letters[-1]
    assert notice.to == [ALICE], "the notice goes to the address that was there before"
    victor.make_passkey("/passkeys/add/")
    path = link_in(notice)

    somebody = Visitor()
    with shop.unchanged():
        assert somebody.get(path).status_code == 200, "looking uses nothing up"
    assert somebody.send(path, {}).status_code == 200
    assert counter.kinds()[-1] == "spending.frozen"
    assert victor.get("/").status_code == 302
    assert shop.value("SELECT count(*) FROM rooms_standing") == 0
    assert problem_of(Visitor(device=victor.device).show_passkey()) == (403, "passkey_unknown")
    count = len(letters)
    Visitor().send("/sign-in/", {"email": VICTOR}, to="/sign-in/code/")
    assert len(letters) == count, "the thief's address finds nobody"
    with shop.unchanged("credentials_freeze", "credentials_change"):
        assert problem_of(somebody.get(path)) == (403, "freeze_link_refused")
        assert problem_of(Visitor().get("/freeze/nothing/")) == (403, "freeze_link_refused")

    # Alice's own passkey is from before. It looks, and lets spending on when it has cooled.
    back = Visitor(device=alice.device)
    assert back.show_passkey().status_code == 302
    assert problem_of(spends(back)) == (403, "spending_held")
    assert problem_of(back.send("/sign-ins/", {}, to="/thaw/")) == (409, "cooling_on")
    shop.rows("UPDATE credentials_change SET cools_until = now() RETURNING id")
    assert problem_of(spends(back)) == (403, "spending_held")
    assert back.send("/sign-ins/", {}, to="/thaw/").status_code == 302
    assert counter.kinds()[-1] == "spending.thawed"
    assert spends(back).status_code == 200
    assert problem_of(back.send("/sign-ins/", {}, to="/thaw/")) == (409, "not_frozen")


def test_nothing_changes_while_the_counter_cannot_be_told(
    alice: Visitor, shop: Shop, counter: Counter, letters: list[EmailMessage]
) -> None:
    counter.is_away = True
    with shop.unchanged("mfa_authenticator", "credentials_change", "announcements_announcement", "contacts_piece"):
        assert problem_of(alice.make_passkey("/passkeys/add/")) == (503, "gateway_away")
        assert problem_of(tell_address(alice, VICTOR, letters)) == (503, "gateway_away")


def test_a_freeze_holds_at_once_and_is_told_as_soon_as_the_counter_is_back(
    alice: Visitor, shop: Shop, counter: Counter, letters: list[EmailMessage]
) -> None:
    alice.make_passkey("/passkeys/add/")
    path = link_in(letters[-1])
    counter.is_away = True
    assert Visitor().send(path, {}).status_code == 200
    assert safety.is_frozen(user())
    assert shop.value("SELECT count(*) FROM announcements_announcement") == 1
    assert send_waiting() == 0
    counter.is_away = False
    assert send_waiting() == 1
    assert counter.kinds()[-1] == "spending.frozen"
    assert shop.value("SELECT count(*) FROM announcements_announcement") == 0


def test_every_change_and_every_refusal_is_in_the_audit_chain(alice: Visitor, shop: Shop) -> None:
    alice.make_passkey("/passkeys/add/")
    Visitor().get("/freeze/nothing/")
    entries = [json.loads(row["content"]) for row in shop.rows("SELECT content FROM events_audit ORDER BY number")]
    actions = [entry["action"] for entry in entries if entry["action"].startswith("credentials.")]
    assert actions == [
        "credentials.passkey_made", "credentials.email_added", "credentials.passkey_added", "credentials.refused",
    ]  # fmt: skip
    assert entries[-1]["detail"] == {"problem": "freeze_link_refused"}
    assert entries[-1]["actor"] == "stranger"
    assert ALICE not in json.dumps(entries)


# -- an address is taken away ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "form", "what"),
    [
        ("/contact/email/remove/", {}, "The e-mail address was removed."),
        ("/contact/everything/remove/", {}, "The contact data were destroyed, and this address with them."),
        ("/step-back/", {"to": "recognised"}, "The contact data were destroyed, and this address with them."),
    ],
)
def test_whoever_takes_an_address_away_spends_nothing_and_its_holder_stops_them(
    alice: Visitor,
    shop: Shop,
    counter: Counter,
    letters: list[EmailMessage],
    page: str,
    form: dict[str, str],
    what: str,
) -> None:
    victor = thief_of(alice)
    assert victor.send(page, form).status_code == 302
    assert not is_known(user().pk)
    assert shop.value("SELECT count(*) FROM contacts_former") == 0
    assert [kind for kind in counter.kinds() if kind != "closeness.changed"] == ["spending.cooled"]
    assert counter.heard[-1][1]["closeness"] == "recognised"
    assert problem_of(spends(victor)) == (403, "spending_held")
    assert letters[-1].to == [ALICE]
    assert what in str(letters[-1].body)
    assert Visitor().send(link_in(letters[-1]), {}).status_code == 200
    assert counter.kinds()[-1] == "spending.frozen"
    assert victor.get("/").status_code == 302


@pytest.mark.parametrize("page", ["/contact/email/remove/", "/contact/everything/remove/", "/step-back/"])
def test_no_address_is_taken_away_while_something_cools_or_the_counter_is_away(
    alice: Visitor, shop: Shop, counter: Counter, letters: list[EmailMessage], page: str
) -> None:
    count = len(letters)
    with shop.unchanged("contacts_piece", "contacts_key", "credentials_change", "announcements_announcement"):
        counter.is_away = True
        assert problem_of(alice.send(page, {"to": "recognised"})) == (503, "gateway_away")
        counter.is_away = False
    alice.make_passkey("/passkeys/add/")
    with shop.unchanged("contacts_piece", "contacts_key", "credentials_change", "announcements_announcement"):
        assert problem_of(alice.send(page, {"to": "recognised"})) == (409, "cooling_on")
    assert len(letters) == count + 1, "the notice of the passkey, and no other"
    shop.rows("update credentials_change set cools_until = at returning id")
    assert alice.send(page, {"to": "recognised"}).status_code == 302
    assert not is_known(user().pk)


def test_an_address_that_was_never_proven_goes_without_a_wait(alice: Visitor, shop: Shop, counter: Counter) -> None:
    with entered(VAULT):
        from comptoir.vault.contacts.models import Index

        Index.objects.update(is_proven=False)
    count = len(counter.heard)
    assert alice.send("/contact/email/remove/", {}).status_code == 302
    assert [kind for kind, _data in counter.heard[count:]] == ["closeness.changed"]
    assert shop.value("SELECT count(*) FROM credentials_change") == 0


# -- signing an amount ----------------------------------------------------------------------------------------------


def test_what_is_signed_is_what_is_spent(alice: Visitor, shop: Shop) -> None:
    from comptoir.counter.loyalty.codes import Codes

    answer = alice.get("/spend/?points=1200&place=/stores/7")
    assert "Spend 1,200 points at /stores/7" in answer.content.decode()
    shown = alice.device.show(asked_in(answer)["request_options"])
    form = {"credential": json.dumps(shown), "points": "1200", "place": "/stores/7"}
    signed = alice.send("/spend/", form, to="/spend/sign/", answer=answer)
    found = re.search(r'class="code small">(\w+)<', signed.content.decode())
    assert found is not None
    code = Codes.of_shop().open(found[1])
    assert code is not None
    assert (code.points_max, code.place) == (1200, "/stores/7")
    again = alice.send("/spend/", form, to="/spend/sign/", answer=answer)
    assert problem_of(again) == (403, "passkey_replayed")


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"points": "1201"}, "transaction_changed"),
        ({"place": "/stores/8"}, "transaction_changed"),
        ({"place": ""}, "transaction_changed"),
        ({"points": "-1"}, "points_invalid"),
        ({"points": "1" * 30}, "points_invalid"),
        ({"place": "//x y"}, "place_invalid"),
    ],
)
def test_a_page_that_shows_one_sentence_and_sends_another_gets_nothing(
    alice: Visitor, changed: dict[str, str], name: str
) -> None:
    answer = alice.get("/spend/?points=1200&place=/stores/7")
    shown = alice.device.show(asked_in(answer)["request_options"])
    form = {"credential": json.dumps(shown), "points": "1200", "place": "/stores/7", **changed}
    refused = alice.send("/spend/", form, to="/spend/sign/", answer=answer)
    assert problem_of(refused)[1] == name


def test_a_signature_waits_a_minute_and_is_this_passkeys(alice: Visitor, shop: Shop) -> None:
    answer = alice.get("/spend/?points=5")
    shown = alice.device.show(asked_in(answer)["request_options"])
    form = {"credential": json.dumps(shown), "points": "5", "place": ""}
    with later(61 / 86_400):
        assert problem_of(alice.send("/", form, to="/spend/sign/", answer=answer)) == (403, "passkey_expired")
    bob = Visitor()
    bob.make_passkey()
    answer = alice.get("/spend/?points=5")
    foreign = bob.device.show(asked_in(answer)["request_options"])
    form = {"credential": json.dumps(foreign), "points": "5", "place": ""}
    assert problem_of(alice.send("/", form, to="/spend/sign/", answer=answer)) == (403, "passkey_unknown")


# -- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", ["0", "-1", "721", "a day", "7.5", "²"])
def test_a_cooling_time_that_is_none_is_refused(hours: str) -> None:
    with pytest.raises(CoolingInvalid):
        cooling_of(hours)


def test_the_shop_says_how_long_it_cools() -> None:
    with environment(COMPTOIR_COOLING_HOURS="24"):
        assert cooling() == dt.timedelta(hours=24)
    with environment(COMPTOIR_COOLING_HOURS=None):
        assert cooling() == dt.timedelta(hours=72)


def test_a_session_without_its_sign_in_is_nobodys(alice: Visitor) -> None:
    key = alice.client.cookies[cookie_name(VAULT)].value
    alice.send("/sign-ins/", {}, to="/sign-ins/end/")
    victor = Visitor()
    victor.client.cookies[cookie_name(VAULT)] = key
    assert victor.get("/").status_code == 302
