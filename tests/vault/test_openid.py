"""Signing in with the shop's identity provider, and a provider that lies: each lie is refused by name, and recorded.

Camille works for the shop and has an account at its provider. Victor has one there too, and works for nobody.
"""

from __future__ import annotations

import datetime as dt
import html
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import OFFICE, VAULT
from support.openid import Hostile, declare, hostile, key
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.utils import timezone

from comptoir.foundation.kernel import outbound
from comptoir.foundation.rooms.sessions import cookie_name
from comptoir.vault.credentials import commands
from comptoir.vault.credentials.openid import checking, declared, talking
from comptoir.vault.credentials.openid import commands as openid
from comptoir.vault.credentials.openid.errors import OpenidInvalid, OpenidLinkedAlready
from support.vault import Visitor, problem_of, ticket_in

CAMILLE = "camille@shop.example"
BEGIN, OFFICE_PAGE = "/sign-in/with/shop/", "/continue/office/?next=/health"


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Hostile]:
    with hostile() as provider:
        where = declare(tmp_path, issuer=provider.issuer, amr=["mfa"])
        with environment(COMPTOIR_OPENID=str(where)):
            yield provider


@pytest.fixture
def camille(shop: Shop, provider: Hostile) -> Shop:
    """Have a staff member whose account at the provider is linked."""
    commands.take_on(name="Camille", email=CAMILLE, now=timezone.now())
    openid.link_member(email=CAMILLE, provider=declared.provider_named("shop"), subject="camille", now=timezone.now())
    return shop


def led_to(visitor: Visitor, page: str = BEGIN) -> str:
    answer = visitor.get(page)
    assert answer.status_code == 302, (problem_of(answer), answer.content.decode())
    return str(answer.headers["Location"])


def comes_in(visitor: Visitor, provider: Hostile, **more: str) -> Any:
    return visitor.get(provider.consent(led_to(visitor), **more))


def entries(shop: Shop) -> list[dict[str, Any]]:
    return [json.loads(row["content"]) for row in shop.rows("SELECT content FROM events_audit ORDER BY number")]


def is_signed_in(visitor: Visitor) -> bool:
    return bool(visitor.get("/").status_code == 200)


# -- coming in ----------------------------------------------------------------------------------------------------


def test_who_is_linked_comes_in_and_goes_on_with_the_factor_of_the_provider(camille: Shop, provider: Hostile) -> None:
    provider.claims = {"amr": ["pwd", "mfa"], "sid": "s-1"}
    visitor = Visitor()
    where = led_to(visitor, f"{BEGIN}?next=/sign-ins/")
    answer = visitor.get(provider.consent(where))
    assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-ins/")
    ticket = ticket_in(visitor.get(OFFICE_PAGE))
    assert ticket is not None
    assert visitor.post("/arrive/", {"ticket": ticket}, room=OFFICE).status_code == 302
    assert camille.value("select means from credentials_signin") == "identity-provider identity-provider-factor"
    vouched = [each for each in entries(camille) if each["action"] == "credentials.provider_vouched"]
    assert [each["detail"] for each in vouched] == [{"provider": "shop"}]
    assert vouched[0]["actor"].startswith("staff:")


def test_what_is_asked_binds_the_answer_to_this_session(camille: Shop, provider: Hostile) -> None:
    first, second = led_to(Visitor()), led_to(Visitor())
    for name in ("state=", "nonce=", "code_challenge=", "code_challenge_method=S256", "scope=openid"):
        assert name in first
    assert "redirect_uri=http%3A%2F%2Fsafe.localhost%3A8000%2Fsign-in%2Fwith%2Fshop%2Fback%2F" in first
    assert first != second


def test_without_a_factor_there_the_house_asks_for_its_own(camille: Shop, provider: Hostile) -> None:
    provider.claims = {"amr": ["pwd"], "acr": "mfa"}
    visitor = Visitor()
    assert comes_in(visitor, provider).status_code == 302
    # Nothing is enrolled here: in the vault, and no further.
    assert is_signed_in(visitor)
    assert ticket_in(visitor.get(OFFICE_PAGE)) is None
    assert b"A second factor is needed" in visitor.get(OFFICE_PAGE).content
    # Somebody who has one is asked for it before they are signed in at all.
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

    from comptoir.foundation.rooms.current import entered
    from comptoir.vault.credentials.models import User

    with entered(VAULT):
        TOTP.activate(User.objects.get(), generate_totp_secret())
    visitor = Visitor()
    answer = comes_in(visitor, provider)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/factors/authenticate/")
    assert not is_signed_in(visitor)
    # And is not asked twice when the provider has done it.
    provider.claims = {"amr": ["mfa"]}
    assert is_signed_in_after(provider)


def is_signed_in_after(provider: Hostile) -> bool:
    visitor = Visitor()
    comes_in(visitor, provider)
    return is_signed_in(visitor)


def test_the_browser_that_comes_from_another_site_shows_no_cookie_and_is_led_on(
    camille: Shop, provider: Hostile
) -> None:
    visitor = Visitor()
    path = provider.consent(led_to(visitor))
    with camille.unchanged("rooms_vaultsession", "rooms_standing", "credentials_signin", "events_audit"):
        arrived = Visitor().get(path)
        assert arrived.status_code == 200
        assert cookie_name(VAULT) not in arrived.cookies
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', arrived.content.decode())
    assert found is not None
    onward = html.unescape(found[1])
    assert problem_of(Visitor().get(onward)) == (403, "openid_state_unknown")
    assert visitor.get(onward).status_code == 302
    assert is_signed_in(visitor)


def test_of_what_the_provider_says_nothing_is_kept_but_issuer_and_a_digest(camille: Shop, provider: Hostile) -> None:
    provider.claims = {"email": "private@home.example", "phone_number": "+33600000000", "sid": "session-of-hers"}
    comes_in(Visitor(), provider, sub="camille")
    texts = ("private@home", "+336", "Camille M.", "session-of-hers", 'camille"')
    for name, rows in camille.contents().items():
        assert not any(text in row for row in rows for text in texts), name
    assert camille.value("select issuer from credentials_providerlink") == provider.issuer
    assert len(camille.value("select digest from credentials_providerlink")) == 32


def test_nobody_is_made_and_nobody_is_joined_by_an_equal_address(camille: Shop, provider: Hostile) -> None:
    provider.claims = {"email": CAMILLE, "email_verified": True, "amr": ["mfa"]}
    victor = Visitor()
    with camille.unchanged("credentials_user", "credentials_providerlink", "rooms_standing", "credentials_signin"):
        assert problem_of(comes_in(victor, provider, sub="victor")) == (403, "openid_not_linked")
        assert not is_signed_in(victor)
    assert entries(camille)[-1]["detail"] == {"problem": "openid_not_linked"}


def test_who_was_let_go_stays_out(camille: Shop, provider: Hostile) -> None:
    commands.let_go(email=CAMILLE)
    assert problem_of(comes_in(Visitor(), provider)) == (403, "openid_not_linked")


# -- the lies -----------------------------------------------------------------------------------------------------


def _lie(**values: Any) -> Callable[[Hostile], None]:
    def tell(provider: Hostile) -> None:
        for name, value in values.items():
            setattr(provider, name, value)

    return tell


def _now() -> int:
    return int(time.time())


LIES: dict[str, tuple[Callable[[Hostile], None], int, str]] = {
    "issuer": (_lie(claims={"iss": "https://evil.example"}), 403, "openid_issuer_wrong"),
    "audience": (_lie(claims={"aud": "another"}), 403, "openid_audience_wrong"),
    "audiences": (_lie(claims={"aud": ["comptoir", "another"]}), 403, "openid_audience_wrong"),
    "party": (_lie(claims={"azp": "another"}), 403, "openid_audience_wrong"),
    "expired": (_lie(claims={"exp": _now() - 3_600}), 403, "openid_expired"),
    "kept": (_lie(claims={"iat": _now() - 3_600}), 403, "openid_expired"),
    "future": (_lie(claims={"iat": _now() + 86_400}), 403, "openid_expired"),
    "not yet": (_lie(claims={"nbf": _now() + 86_400}), 403, "openid_expired"),
    "time": (_lie(claims={"exp": "tomorrow"}), 403, "openid_token_wrong"),
    "nonce": (_lie(claims={"nonce": "another"}), 403, "openid_nonce_wrong"),
    "no nonce": (_lie(without={"nonce"}), 403, "openid_nonce_wrong"),
    "no subject": (_lie(without={"sub"}), 403, "openid_token_wrong"),
    "subject": (_lie(claims={"sub": 7}), 403, "openid_token_wrong"),
    "unsigned": (_lie(algorithm="none"), 403, "openid_algorithm_refused"),
    "public key": (_lie(algorithm="HS256"), 403, "openid_algorithm_refused"),
    "other key": (_lie(signing=key("second")), 403, "openid_signature_wrong"),
    "key's number": (
        _lie(published=[{**key("second").as_dict(private=False), "kid": "first"}]), 403, "openid_signature_wrong",
    ),
    "no keys": (_lie(published=[]), 403, "openid_signature_wrong"),
    "many keys": (_lie(published=[{"kty": "RSA"}] * 51), 502, "openid_too_large"),
    "giant keys": (_lie(padding=300_000), 502, "openid_too_large"),
    "redirect": (_lie(redirect="http://169.254.169.254/"), 502, "openid_address_refused"),
    "keys inside": (_lie(discovery={"jwks_uri": "http://10.0.0.1/keys"}), 502, "openid_address_refused"),
    "token inside": (_lie(discovery={"token_endpoint": "http://[fd00::1]/token"}), 502, "openid_address_refused"),
    "keys in a file": (_lie(discovery={"jwks_uri": "file:///etc/passwd"}), 502, "openid_discovery_wrong"),
    "other issuer": (_lie(discovery={"issuer": "https://evil.example"}), 502, "openid_discovery_wrong"),
    "one key only": (
        _lie(discovery={"id_token_signing_alg_values_supported": ["HS256"]}), 502, "openid_discovery_wrong",
    ),
    "no PKCE": (_lie(discovery={"code_challenge_methods_supported": ["plain"]}), 502, "openid_discovery_wrong"),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_provider_that_lies_is_refused_by_name_and_nothing_is_half_done(
    camille: Shop, provider: Hostile, lie: str
) -> None:
    tell, status, name = LIES[lie]
    visitor = Visitor()
    back = provider.consent(led_to(visitor))
    tell(provider)
    with camille.unchanged("credentials_user", "credentials_providerlink", "credentials_signin", "rooms_standing"):
        assert problem_of(visitor.get(back)) == (status, name)
        assert not is_signed_in(visitor)
    last = entries(camille)[-1]
    assert (last["action"], last["detail"], last["actor"]) == ("credentials.refused", {"problem": name}, "stranger")
    # The question was used up: the same answer, told truly now, is none.
    assert problem_of(visitor.get(f"{back}&again=1")) == (403, "openid_state_unknown")


def test_a_slow_provider_holds_nobody_up(camille: Shop, provider: Hostile) -> None:
    visitor = Visitor()
    back = provider.consent(led_to(visitor))
    provider.seconds = 1.0
    with mock.patch.object(talking, "SECONDS_MAX", 0.3):
        began = time.monotonic()
        assert problem_of(visitor.get(back)) == (503, "openid_away")
        assert time.monotonic() - began < 1.0
        assert problem_of(visitor.get(BEGIN)) == (503, "openid_away")


def test_an_answer_is_taken_once_and_in_its_own_session(camille: Shop, provider: Hostile) -> None:
    visitor, victor = Visitor(), Visitor()
    back = provider.consent(led_to(visitor))
    led_to(victor)
    # Victor has caught the answer, or would have Camille's browser take his.
    assert problem_of(victor.get(back)) == (403, "openid_state_unknown")
    assert visitor.get(back).status_code == 302
    # Once more, and by the same code under a state of his own.
    assert problem_of(victor.get(f"{back}&again=1")) == (403, "openid_state_unknown")
    where = led_to(victor)
    state = dict(part.split("=") for part in urlsplit(where).query.split("&"))["state"]
    code = dict(part.split("=") for part in urlsplit(back).query.split("&"))["code"]
    stolen = f"{urlsplit(back).path}?code={code}&state={state}&iss={provider.issuer}"
    assert problem_of(victor.get(stolen)) == (403, "openid_code_refused")


def test_an_answer_of_another_provider_is_none(camille: Shop, provider: Hostile, tmp_path: Path) -> None:
    with hostile() as other:
        declare(tmp_path, issuer=other.issuer, name="other", title="Other")
        visitor = Visitor()
        assert problem_of(comes_in(visitor, provider, iss=other.issuer)) == (403, "openid_issuer_mixed")
        assert problem_of(comes_in(visitor, provider, iss="")) == (403, "openid_issuer_mixed")
        back = provider.consent(led_to(visitor)).replace("/shop/", "/other/")
        assert problem_of(visitor.get(back)) == (403, "openid_issuer_mixed")
        # One that never says who it is has a redirect address of its own.
        provider.discovery = {"authorization_response_iss_parameter_supported": False}
        assert comes_in(visitor, provider, iss="").status_code == 302


def test_who_says_no_there_or_takes_too_long_begins_anew(camille: Shop, provider: Hostile) -> None:
    visitor = Visitor()
    assert problem_of(comes_in(visitor, provider, error="access_denied", code="")) == (403, "openid_denied")
    back = provider.consent(led_to(visitor))
    with mock.patch("django.utils.timezone.now", return_value=timezone.now() + dt.timedelta(minutes=11)):
        assert problem_of(visitor.get(f"{back}&again=1"))[1] in {"openid_late", "openid_state_unknown"}


def test_keys_are_changed_while_people_sign_in(camille: Shop, provider: Hostile) -> None:
    for number in ("first", "second", "third"):
        provider.signing = key(number)
        provider.published = [key(number).as_dict(private=False)]
        assert comes_in(Visitor(), provider).status_code == 302
    # Without a number the only key that fits is tried.
    del provider.published[0]["kid"]
    with mock.patch.object(Hostile, "signed", _without_number):
        assert comes_in(Visitor(), provider).status_code == 302


def _without_number(provider: Hostile, claims: Any) -> str:
    from joserfc import jws

    return jws.serialize_compact({"alg": "RS256"}, json.dumps(claims).encode(), provider.signing)


def test_a_wrong_secret_is_the_operators_to_hear(shop: Shop, provider: Hostile, tmp_path: Path) -> None:
    (tmp_path / "shop-secret").write_text("another")
    assert problem_of(comes_in(Visitor(), provider)) == (502, "openid_client_refused")


# -- links --------------------------------------------------------------------------------------------------------


def with_passkey() -> Visitor:
    visitor = Visitor()
    link = urlsplit(commands.one_time_link(email=CAMILLE, now=timezone.now())).path
    assert visitor.send(link, {}).status_code == 302
    from allauth.mfa.webauthn.internal.auth import WebAuthn
    from django.test import RequestFactory

    from comptoir.foundation.rooms.current import entered
    from comptoir.vault.credentials import passkeys
    from comptoir.vault.credentials.models import User

    request = RequestFactory().get("/")
    request.session = {}  # type: ignore[assignment]
    with entered(VAULT):
        user = User.objects.get(email=CAMILLE)
        options = passkeys.ask_for_new(request, user=user.pk, shown_as="Camille")
        made = visitor.device.make(json.loads(json.dumps(options["creation_options"], default=dict)))
        WebAuthn.add(user, "Passkey", made)
    return visitor


def test_a_staff_member_links_their_own_account_once_and_only_just_confirmed(shop: Shop, provider: Hostile) -> None:
    commands.take_on(name="Camille", email=CAMILLE, now=timezone.now())
    camille = with_passkey()
    page = "/providers/shop/link/"
    assert camille.get(page).headers["Location"].startswith("/confirm/")
    camille.confirm(page)
    assert camille.get(provider.consent(led_to(camille, page), sub="c-1")).status_code == 302
    assert shop.value("select count(*) from credentials_providerlink") == 1
    assert entries(shop)[-1]["action"] == "credentials.provider_linked"
    with shop.unchanged("credentials_providerlink"):
        again = camille.get(provider.consent(led_to(camille, page), sub="c-2"))
        assert problem_of(again) == (409, "openid_linked_already")
    assert comes_in(Visitor(), provider, sub="c-1").status_code == 302
    # Nobody links the account of somebody else to themselves.
    commands.take_on(name="Victor", email="victor@shop.example", now=timezone.now())
    with shop.unchanged("credentials_providerlink"), pytest.raises(OpenidLinkedAlready):
        openid.link_member(
            email="victor@shop.example", provider=declared.provider_named("shop"), subject="c-1", now=timezone.now()
        )
    assert openid.unlink_member(email=CAMILLE, now=timezone.now()) == 1
    assert not is_signed_in(camille)
    assert problem_of(comes_in(Visitor(), provider, sub="c-1")) == (403, "openid_not_linked")


def test_customers_link_nothing(shop: Shop, provider: Hostile) -> None:
    bob = Visitor()
    bob.make_passkey()
    for page in ("/providers/shop/link/", "/confirm/with/shop/?next=/"):
        assert bob.get(page).status_code == 404


# -- confirming ---------------------------------------------------------------------------------------------------


def test_the_provider_confirms_anew_for_what_matters(camille: Shop, provider: Hostile) -> None:
    from comptoir.vault.credentials.web import is_freshly_confirmed

    provider.claims = {"amr": ["mfa"]}
    visitor = Visitor()
    comes_in(visitor, provider)
    page = "/confirm/with/shop/?next=/sign-ins/"
    # To have come in with it just now is not to be asked anew.
    assert visitor.get("/providers/shop/link/").headers["Location"].startswith("/confirm/")
    assert "Confirm with Shop login" in visitor.get("/confirm/?next=/").content.decode()
    where = led_to(visitor, page)
    assert "prompt=login" in where
    assert "max_age=0" in where
    for claims, name in (
        ({"amr": ["mfa"], "auth_time": _now() - 3_600}, "openid_sign_in_old"),
        ({"amr": ["pwd"]}, "openid_factor_missing"),
    ):
        provider.claims = claims
        assert problem_of(visitor.get(provider.consent(led_to(visitor, page)))) == (403, name)
    provider.claims = {"amr": ["mfa"]}
    provider.without = {"auth_time"}
    assert problem_of(visitor.get(provider.consent(led_to(visitor, page)))) == (403, "openid_sign_in_old")
    provider.without = set()
    other = visitor.get(provider.consent(led_to(visitor, page), sub="victor"))
    assert problem_of(other) == (403, "openid_not_linked")
    answer = visitor.get(provider.consent(led_to(visitor, page)))
    assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-ins/")
    assert visitor.get("/providers/shop/link/").headers["Location"].startswith(provider.issuer)
    assert is_freshly_confirmed is not None


# -- being signed out there ---------------------------------------------------------------------------------------


def told(token: str, name: str = "shop") -> Any:
    from django.test import Client

    from comptoir.foundation.rooms.addresses import host_of

    path = f"/sign-in/with/{name}/signed-out/"
    return Client(enforce_csrf_checks=True).post(
        path, {"logout_token": token}, headers={"host": f"{host_of(VAULT)}:8000"}
    )


def test_who_is_dismissed_there_is_out_here_in_every_room(camille: Shop, provider: Hostile) -> None:
    provider.claims = {"amr": ["mfa"], "sid": "s-1"}
    visitor = Visitor()
    comes_in(visitor, provider)
    ticket = ticket_in(visitor.get(OFFICE_PAGE))
    visitor.post("/arrive/", {"ticket": ticket}, room=OFFICE)
    token = provider.logout_token(sub="camille", sid="s-1")
    assert told(token).status_code == 200
    assert not is_signed_in(visitor)
    assert camille.value("select count(*) from rooms_standing") == 0
    last = entries(camille)[-1]
    assert (last["action"], last["actor"]) == ("credentials.signed_out_by_provider", "provider")
    with camille.unchanged("credentials_signin", "credentials_spenttoken"):
        again = told(token)
        assert again.status_code == 400
        assert again.json()["type"] == "urn:comptoir:problem:logout_token_replayed"


def test_a_session_that_ends_there_ends_here_alone(camille: Shop, provider: Hostile) -> None:
    first, second = Visitor(), Visitor()
    for visitor, session in ((first, "s-1"), (second, "s-2")):
        provider.claims = {"amr": ["mfa"], "sid": session}
        comes_in(visitor, provider)
    assert told(provider.logout_token(sid="s-1")).status_code == 200
    assert (is_signed_in(first), is_signed_in(second)) == (False, True)


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"nonce": "n"}, "logout_token_wrong"),
        ({"events": {}}, "logout_token_wrong"),
        ({"events": None}, "logout_token_wrong"),
        ({"jti": None}, "logout_token_wrong"),
        ({"sub": None}, "logout_token_wrong"),
        ({"aud": "another"}, "openid_audience_wrong"),
        ({"iss": "https://evil.example"}, "openid_issuer_wrong"),
        ({"iat": 1_600_000_000}, "openid_expired"),
        ({"exp": 1_600_000_000}, "openid_expired"),
    ],
)
def test_a_logout_token_that_is_none_signs_nobody_out(
    camille: Shop, provider: Hostile, claims: dict[str, Any], name: str
) -> None:
    visitor = Visitor()
    comes_in(visitor, provider)
    with camille.unchanged("credentials_signin", "rooms_standing", "credentials_spenttoken"):
        answer = told(provider.logout_token(**{"sub": "camille", **claims}))
    assert answer.json()["type"] == f"urn:comptoir:problem:{name}"
    assert entries(camille)[-1]["detail"] == {"problem": name}


def test_an_id_token_or_a_strangers_signature_signs_nobody_out(camille: Shop, provider: Hostile) -> None:
    comes_in(Visitor(), provider)
    with camille.unchanged("credentials_signin", "rooms_standing", "credentials_spenttoken"):
        for lie in ("none", "HS256"):
            provider.algorithm = lie
            assert told(provider.logout_token(sub="camille")).json()["type"].endswith("openid_algorithm_refused")
        provider.algorithm, provider.signing = "RS256", key("second")
        assert told(provider.logout_token(sub="camille")).json()["type"].endswith("openid_signature_wrong")
        assert told("").json()["type"].endswith("logout_token_wrong")
        assert told("x" * 20_000).json()["type"].endswith("logout_token_wrong")
        assert told("a.b.c", "nobody").json()["type"].endswith("openid_unknown")


# -- by no other way ----------------------------------------------------------------------------------------------


def test_who_comes_by_the_provider_only_comes_by_no_passkey(camille: Shop, provider: Hostile, tmp_path: Path) -> None:
    with_passkey_of = with_passkey()
    assert is_signed_in(with_passkey_of)
    assert Visitor(device=with_passkey_of.device).show_passkey().status_code == 302
    where = tmp_path / "openid.toml"
    where.write_text(where.read_text() + "only = true\n")
    visitor = Visitor(device=with_passkey_of.device)
    with camille.unchanged("rooms_standing", "credentials_signin"):
        assert problem_of(visitor.show_passkey()) == (403, "openid_only")
        assert not is_signed_in(visitor)
    assert comes_in(visitor, provider).status_code == 302
    # The operator's link is the way in while the provider is away; customers are not concerned.
    link = urlsplit(commands.one_time_link(email=CAMILLE, now=timezone.now())).path
    assert Visitor().send(link, {}).status_code == 302
    assert Visitor().make_passkey().status_code == 302


# -- what the operator writes -------------------------------------------------------------------------------------


WHOLE = "[provider.shop]\ntitle='S'\nissuer='https://a.example'\nclient_id='c'\n"
TWICE = WHOLE + WHOLE.replace(".shop", ".twin")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("x", None),
        ("other = 1", "other"),
        ("[provider.Shop]\nissuer='https://a.example'", "provider.Shop"),
        ("[provider.shop]\nissuer='https://a.example'\nclient_id='c'", "provider.shop.title"),
        ("[provider.shop]\ntitle='S'\nissuer='http://a.example'\nclient_id='c'", "provider.shop.issuer"),
        ("[provider.shop]\ntitle='S'\nissuer='https://u:p@a.example'\nclient_id='c'", "provider.shop.issuer"),
        ("[provider.shop]\ntitle='S'\nissuer='https://a.example?x=1'\nclient_id='c'", "provider.shop.issuer"),
        (WHOLE + "acrs=[]", "provider.shop.acrs"),
        (WHOLE + "networks=['x']", "provider.shop.networks"),
        (WHOLE + "secret='gone'", "provider.shop.secret"),
        (WHOLE + "secret='open'", "provider.shop.secret"),
        (TWICE, "provider.twin.issuer"),
    ],
)  # fmt: skip
def test_what_is_declared_wrongly_is_named(tmp_path: Path, text: str, field: str | None) -> None:
    (tmp_path / "open").write_text("a secret that everybody may read")
    (tmp_path / "open").chmod(0o644)
    with pytest.raises(OpenidInvalid) as refused:
        declared.read_providers(text.encode(), folder=tmp_path)
    assert refused.value.field == field


def test_a_fault_in_the_file_takes_the_button_away_and_nothing_else(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "openid.toml").write_text("nonsense")
    with environment(COMPTOIR_OPENID=str(tmp_path / "openid.toml")):
        answer = Visitor().get("/sign-in/")
        assert answer.status_code == 200
        assert "/sign-in/with/" not in answer.content.decode()
        assert problem_of(Visitor().get(BEGIN)) == (422, "openid_invalid")
    with environment(COMPTOIR_OPENID=str(tmp_path / "none.toml")):
        assert problem_of(Visitor().get(BEGIN)) == (404, "openid_unknown")


def test_the_check_says_what_is_wrong_in_plain_words(provider: Hostile, tmp_path: Path) -> None:
    found = list(checking.check(declared.provider_named("shop")))
    assert all(each.is_good for each in found)
    assert any("/sign-in/with/shop/back/" in each.sentence for each in found)
    provider.discovery = {"issuer": provider.issuer + "/"}
    wrong = [each.sentence for each in checking.check(declared.provider_named("shop")) if not each.is_good]
    assert len(wrong) == 1
    assert wrong[0].endswith("It calls itself by another issuer than the one declared.")
    provider.discovery = {}
    provider.published = []
    assert [each.sentence for each in checking.check(declared.provider_named("shop")) if not each.is_good] == [
        "It has 0 keys that fit."
    ]
    where = tmp_path / "openid.toml"
    where.write_text(where.read_text().replace('networks = ["127.0.0.0/8"]\n', ""))
    assert "not allowed" in [each.sentence for each in checking.check(declared.provider_named("shop"))][-1]


def test_the_secret_is_no_part_of_what_is_asked_in_the_browser(provider: Hostile, shop: Shop) -> None:
    assert "secret" not in led_to(Visitor())
    assert outbound.networks_of(["127.0.0.0/8"])
