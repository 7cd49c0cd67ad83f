"""Recovery in person: who lost every passkey leaves the counter with a new one; an insider leaves with nothing.

Alice has a passkey and a card that is linked with it. Camille works for the shop; Victor does too, and means ill.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from collections.abc import Iterator
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import pytest
from django.test import override_settings

from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import VAULT
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.core import mail
from django.utils import timezone

from comptoir.counter.customers.queries import Member, Person, customer_of_user
from comptoir.counter.customers.rules import customer_id
from comptoir.foundation.kernel import shop as shop_folder
from comptoir.foundation.rooms.current import entered
from comptoir.vault.contacts import commands as contacts
from comptoir.vault.contacts.contracts import ContactValues
from comptoir.vault.credentials import commands, recovery
from comptoir.vault.credentials.errors import RecoveriesInvalid, RecoveriesMany
from comptoir.vault.credentials.models import Kind, User
from support.vault import Counter, Visitor, asked_in, problem_of

CARD, REASON = "1000", "lost her telephone, shows her card"
STAFF, HER = "camille@shop.example", "alice@home.example"


@pytest.fixture
def counter() -> Iterator[Counter]:
    hearing = Counter()
    with (
        mock.patch("comptoir.foundation.touchpoints.house.send", hearing.send),
        override_settings(EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend"),
    ):
        mail.outbox = []
        yield hearing


def customer() -> User:
    with entered(VAULT):
        return User.objects.get(kind=Kind.CUSTOMER)


@pytest.fixture
def alice(shop: Shop, counter: Counter) -> Iterator[Visitor]:
    """Have Alice, whose card is one person with her passkey, and whose address is known."""
    visitor = Visitor()
    visitor.make_passkey()
    user = customer().pk
    contacts.keep(
        user, values=ContactValues.of(email=HER), purpose="x", actor="house", at=timezone.now(), proven=["email"]
    )
    card = uuid.UUID(customer_id(shop_folder.secret("identifiers"), "card", CARD))
    person = Person(card, (Member(card, "card"), Member(customer_of_user(user), "user")))
    with mock.patch("comptoir.vault.credentials.recovery.person_of", lambda each: person if each == card else None):
        yield visitor


@pytest.fixture
def camille(shop: Shop) -> Visitor:
    commands.take_on(name="Camille", email=STAFF, now=timezone.now())
    return at_the_counter(STAFF)


def at_the_counter(email: str) -> Visitor:
    """Return a staff member who has signed in, with a passkey that was shown just now."""
    from allauth.mfa.webauthn.internal.auth import WebAuthn
    from django.test import RequestFactory

    from comptoir.vault.credentials import passkeys

    visitor = Visitor()
    request = RequestFactory().get("/")
    request.session = {}  # type: ignore[assignment]
    with entered(VAULT):
        user = User.objects.get(email=email)
        options = passkeys.ask_for_new(request, user=user.pk, shown_as="x")
        WebAuthn.add(
            user, "Passkey", visitor.device.make(json.loads(json.dumps(options["creation_options"], default=dict)))
        )
    assert visitor.show_passkey().status_code == 302
    return visitor


def allows(visitor: Visitor, *, card: str = CARD, reason: str = REASON) -> Any:
    return visitor.send("/recoveries/", {"card": card, "reason": reason})


def link_in(answer: Any) -> str:
    found = re.search(r'class="secret">([^<]+)<', answer.content.decode())
    assert found is not None, answer.content.decode()
    return urlsplit(found[1]).path


def spends(visitor: Visitor) -> Any:
    answer = visitor.get("/spend/?points=100")
    if answer.status_code != 200:
        return answer
    shown = visitor.device.show(asked_in(answer)["request_options"])
    form = {"credential": json.dumps(shown), "points": "100", "place": ""}
    return visitor.send("/spend/", form, to="/spend/sign/", answer=answer)


def entries(shop: Shop) -> list[dict[str, Any]]:
    return [json.loads(row["content"]) for row in shop.rows("SELECT content FROM events_audit ORDER BY number")]


def test_who_lost_every_passkey_leaves_with_a_new_one(
    alice: Visitor, camille: Visitor, shop: Shop, counter: Counter
) -> None:
    made = allows(camille)
    page = made.content.decode()
    assert "<svg" in page
    assert HER not in page
    assert str(customer().pk) not in page
    path = link_in(made)
    fresh = Visitor()
    with shop.unchanged("credentials_recovery", "mfa_authenticator", "credentials_change"):
        assert fresh.get(path).status_code == 200
    assert fresh.make_passkey(path).status_code == 302
    assert fresh.get("/").status_code == 200
    assert counter.kinds()[-1] == "spending.cooled"
    assert problem_of(spends(fresh)) == (403, "spending_held")
    # The old one is where it was, and cannot be taken away before it has cooled.
    assert shop.value("select count(*) from mfa_authenticator where user_id = %s", customer().pk) == 2
    first = shop.value("select min(id) from mfa_authenticator where user_id = %s", customer().pk)
    fresh.confirm("/passkeys/")
    assert problem_of(fresh.send("/", {}, to=f"/passkeys/{first}/remove/")) == (409, "cooling_on")
    shop.rows("update credentials_change set cools_until = at returning id")
    assert spends(fresh).status_code == 200
    assert fresh.send("/", {}, to=f"/passkeys/{first}/remove/").status_code == 302


def test_an_insider_spends_nothing_before_it_has_cooled_and_the_freeze_link_stops_them(
    alice: Visitor, camille: Visitor, shop: Shop, counter: Counter
) -> None:
    victor = Visitor()
    assert victor.make_passkey(link_in(allows(camille))).status_code == 302
    assert problem_of(spends(victor)) == (403, "spending_held")
    letter = mail.outbox[-1]
    assert letter.to == [HER]
    assert "A passkey was added at the counter" in str(letter.body)
    found = re.search(r"https?://\S+(/freeze/\S+)", str(letter.body))
    assert found is not None
    assert Visitor().send(found[1], {}).status_code == 200
    assert counter.kinds()[-1] == "spending.frozen"
    assert victor.get("/").status_code == 302
    assert problem_of(Visitor(device=victor.device).show_passkey()) == (403, "passkey_unknown")
    # And no further link is made: everything was stopped.
    with shop.unchanged("credentials_recovery"):
        assert problem_of(allows(camille)) == (403, "spending_held")
    # Alice's own passkey still finds everything, and she reads who it was.
    back = Visitor(device=alice.device)
    assert back.show_passkey().status_code == 302
    read = back.get("/accesses/").content.decode()
    assert REASON in read
    assert "Somebody who works here" in read


def test_it_is_in_the_audit_chain_with_who_and_why(alice: Visitor, camille: Visitor, shop: Shop) -> None:
    path = link_in(allows(camille))
    Visitor().make_passkey(path)
    found = [each for each in entries(shop) if "recover" in each["action"]]
    assert [each["action"] for each in found] == ["credentials.recovery_allowed", "credentials.recovered_in_person"]
    with entered(VAULT):
        staff = User.objects.get(email=STAFF)
    assert (found[0]["actor"], found[0]["purpose"]) == (f"staff:{staff.pk}", REASON)
    assert {each["subject"] for each in found} == {str(customer().pk)}
    assert CARD not in json.dumps(found[0]["detail"])


def test_a_link_is_good_once_for_a_quarter_of_an_hour_and_until_the_next(
    alice: Visitor, camille: Visitor, shop: Shop
) -> None:
    first, second = link_in(allows(camille)), link_in(allows(camille))
    assert problem_of(Visitor().get(first)) == (403, "recovery_refused")
    with mock.patch("django.utils.timezone.now", return_value=timezone.now() + dt.timedelta(minutes=15)):
        assert problem_of(Visitor().get(second)) == (403, "recovery_refused")
    one, other = Visitor(), Visitor()
    asked = other.get(second)
    assert one.make_passkey(second).status_code == 302
    made = other.device.make(asked_in(asked)["creation_options"])
    with shop.unchanged("mfa_authenticator", "credentials_change", "credentials_recovery"):
        late = other.send(second, {"credential": json.dumps(made)}, answer=asked)
        assert problem_of(late) == (403, "recovery_refused")
        assert problem_of(Visitor().get("/recover/nothing/")) == (403, "recovery_refused")


def test_not_for_oneself(alice: Visitor, camille: Visitor, shop: Shop, counter: Counter) -> None:
    path = link_in(allows(camille))
    with shop.unchanged("mfa_authenticator", "credentials_recovery"):
        assert problem_of(camille.get(path)) == (403, "recovery_own")
        # Alice works here too, with the address that the shop knows of her as a customer.
    commands.take_on(name="Alice", email=HER, now=timezone.now())
    with shop.unchanged("credentials_recovery"):
        assert problem_of(allows(at_the_counter(HER))) == (403, "recovery_own")


def test_so_many_a_day_and_no_more(alice: Visitor, camille: Visitor, shop: Shop) -> None:
    with environment(COMPTOIR_RECOVERIES_A_DAY="2"):
        allows(camille)
        allows(camille)
        with shop.unchanged("credentials_recovery"):
            assert problem_of(allows(camille)) == (429, "recoveries_many")
    with entered(VAULT):
        staff = User.objects.get(email=STAFF)
    with environment(COMPTOIR_RECOVERIES_A_DAY="0"), pytest.raises(RecoveriesMany):
        recovery.allow(staff=staff, card=CARD, reason=REASON, now=timezone.now())
    for text in ("-1", "x", "101", "٣"):
        with environment(COMPTOIR_RECOVERIES_A_DAY=text), pytest.raises(RecoveriesInvalid):
            recovery.a_day()


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"reason": "x"}, (422, "recovery_reason_missing")),
        ({"reason": "x" * 161}, (422, "recovery_reason_missing")),
        ({"card": "9999"}, (404, "recovery_unknown")),
        ({"card": " "}, (404, "recovery_unknown")),
    ],
)
def test_what_makes_no_link(
    alice: Visitor, camille: Visitor, shop: Shop, form: dict[str, str], problem: tuple[int, str]
) -> None:
    with shop.unchanged("credentials_recovery", "credentials_change"):
        assert problem_of(allows(camille, **form)) == problem


def test_only_staff_who_have_just_shown_a_factor(alice: Visitor, camille: Visitor, shop: Shop) -> None:
    assert alice.get("/recoveries/").status_code == 404
    assert Visitor().get("/recoveries/").status_code == 302
    later = timezone.now() + dt.timedelta(minutes=6)
    with mock.patch("django.utils.timezone.now", return_value=later):
        assert camille.get("/recoveries/").headers["Location"].startswith("/confirm/")


def test_while_the_counter_is_away_nothing_is_half_done(
    alice: Visitor, camille: Visitor, shop: Shop, counter: Counter
) -> None:
    path = link_in(allows(camille))
    counter.is_away = True
    with shop.unchanged(
        "mfa_authenticator", "credentials_change", "credentials_recovery", "announcements_announcement"
    ):
        assert problem_of(Visitor().make_passkey(path)) == (503, "gateway_away")
    counter.is_away = False
    assert Visitor().make_passkey(path).status_code == 302
