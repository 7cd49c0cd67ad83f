"""Messages to browsers as the standards have them: sealed (RFC 8291), signed (RFC 8292), and only to known services."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from comptoir.vault.contacts import webpush
from comptoir.vault.contacts.errors import PushServicesInvalid, PushServiceUnknown, SubscriptionInvalid
from support.push_service import claims, data, opened, running_push_service, text
from support.shop import environment

NOW = dt.datetime(2026, 11, 26, 9, tzinfo=dt.UTC)
#: The example of RFC 8291, section 5 and appendix A.
EXAMPLE = {
    "plain": b"When I grow up, I want to be a watermelon",
    "sender": "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw",
    "receiver": "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94",
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    "salt": "DGv6ra1nlYgDCS1FRnbzlw",
    "sealed": (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3"
        "jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    ),
}


@pytest.fixture(autouse=True)
def _shop(tmp_path: Path) -> object:
    with environment(COMPTOIR_DATA=str(tmp_path)):
        yield


def key(written: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(data(written), "big"), ec.SECP256R1())


def example() -> webpush.Subscription:
    keys = webpush.Keys(str(EXAMPLE["p256dh"]), str(EXAMPLE["auth"]))
    return webpush.Subscription("https://fcm.googleapis.com/wp/1", keys)


def test_a_message_is_sealed_as_the_standards_example_is() -> None:
    plain = EXAMPLE["plain"]
    assert isinstance(plain, bytes)
    sealed = webpush.seal(
        example(), plain, plain_bytes=len(plain), key=key(str(EXAMPLE["sender"])), salt=data(str(EXAMPLE["salt"]))
    )
    assert text(sealed) == EXAMPLE["sealed"]
    assert opened(sealed, private=key(str(EXAMPLE["receiver"])), auth=data(str(EXAMPLE["auth"]))) == plain


def test_every_message_has_the_same_size_and_no_two_are_alike() -> None:
    sealed = [webpush.seal(example(), said) for said in (b"", b"a", b"a", b"b" * webpush.PLAIN_BYTES)]
    assert {len(each) for each in sealed} == {len(sealed[0])}
    assert len(sealed[0]) <= 4_096, "what every service takes"
    assert len(set(sealed)) == 4
    private, auth = key(str(EXAMPLE["receiver"])), data(str(EXAMPLE["auth"]))
    assert [opened(each, private=private, auth=auth) for each in sealed[:2]] == [b"", b"a"]


def test_the_shop_says_who_it_is_and_to_whom() -> None:
    header = webpush.authorization("https://fcm.googleapis.com/wp/1", subject="https://www.shop.example", now=NOW)
    said = claims(header, endpoint_origin="https://fcm.googleapis.com")
    assert said["sub"] == "https://www.shop.example"
    assert NOW.timestamp() < said["exp"] <= (NOW + dt.timedelta(hours=24)).timestamp()
    assert said["k"] == webpush.public_key(), "what the page gave to the browser"
    assert len(data(said["k"])) == 65


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com/fcm/send/a:b",
        "https://updates.push.services.mozilla.com/wpush/v2/x",
        "https://web.push.apple.com/QA",
        "https://wns2-par02p.notify.windows.com/w/?token=B%2b",
        "https://fcm.googleapis.com:443/wp/1",
    ],
)
def test_the_services_of_the_common_browsers_are_known(endpoint: str) -> None:
    assert webpush.service_of(endpoint).has(endpoint)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://fcm.googleapis.com/wp/1", "https://fcm.googleapis.com:8443/wp/1", "https://example.org/wp/1",
        "https://fcm.googleapis.com.example.org/", "https://example.org/fcm.googleapis.com", "https://push.apple.com/",
        "https://fcm.googleapis.com@example.org/", "https://me@fcm.googleapis.com/", "https://xpush.apple.com/",
        "https://[::1]/", "https://127.0.0.1/", "file:///etc/passwd", "https://fcm.googleapis.com:x/", "", "https://",
        "http://127.0.0.1:1/", "https://fcm.googleapis.cｏm/", "https://fcm.googleapis.com.:443/",
    ],
)  # fmt: skip
def test_no_other_address_is_asked(endpoint: str) -> None:
    with pytest.raises(PushServiceUnknown):
        webpush.service_of(endpoint)


def test_the_shop_names_services_of_its_own_or_none() -> None:
    with environment(COMPTOIR_PUSH_SERVICES="push.example.org:8443 *.push.example.net"):
        assert webpush.service_of("https://push.example.org:8443/1").written == "push.example.org:8443"
        assert webpush.service_of("https://eu.push.example.net/1").written == "*.push.example.net"
        for other in ("https://push.example.org/1", "https://fcm.googleapis.com/1"):
            with pytest.raises(PushServiceUnknown):
                webpush.service_of(other)
    with environment(COMPTOIR_PUSH_SERVICES="none"):
        assert webpush.services() == ()
    wrong = ("https://push.example.org", "*", "*.", "a b/c", "http://10.0.0.1:80", "http://127.0.0.1.example.org:80")
    for each in wrong:
        with environment(COMPTOIR_PUSH_SERVICES=each), pytest.raises(PushServicesInvalid):
            webpush.services()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"keys": {"p256dh": EXAMPLE["p256dh"]}}, "subscription"),
        ({"endpoint": "https://fcm.googleapis.com/" + "x" * 1_000}, "subscription"),
        ({"endpoint": "https://example.org/1"}, "subscription.endpoint"),
        ({"keys": {"p256dh": text(b"\x04" + bytes(64)), "auth": EXAMPLE["auth"]}}, "subscription.keys.p256dh"),
        ({"keys": {"p256dh": "é" * 80, "auth": EXAMPLE["auth"]}}, "subscription.keys.p256dh"),
        ({"keys": {"p256dh": EXAMPLE["p256dh"], "auth": text(bytes(15))}}, "subscription.keys.auth"),
    ],
)
def test_what_is_no_subscription_is_refused_by_its_field(change: dict[str, object], field: str) -> None:
    good = {
        "endpoint": "https://fcm.googleapis.com/wp/1",
        "keys": {"p256dh": EXAMPLE["p256dh"], "auth": EXAMPLE["auth"]},
    }
    assert webpush.read(json.dumps(good)) == example()
    with pytest.raises((SubscriptionInvalid, PushServiceUnknown)) as refused:
        webpush.read(json.dumps({**good, **change}))
    assert refused.value.field == field


def test_a_known_name_that_leads_inside_is_not_asked() -> None:
    with running_push_service() as service:
        port = service.origin.rpartition(":")[2]
        with environment(COMPTOIR_PUSH_SERVICES=f"localhost:{port}"):
            to = webpush.Subscription(f"https://localhost:{port}/1", example().keys)
            fate = webpush.push(to, b"", subject="x", life=dt.timedelta(days=1), urgency="low", now=NOW)
        assert fate == ("failed", "address")
        assert service.messages == []
