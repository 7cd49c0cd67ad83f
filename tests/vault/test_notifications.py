"""Notifications on devices, from the square to a push service: as letters are, and nobody learns whose a name is.

Alice and Bob have devices; a push service of this machine takes what is sent, and only their devices open it.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import threading
import time
import uuid
import zipfile
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from comptoir.foundation.rooms.addresses import host_of, origin_of, public_port
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import COUNTER, VAULT, Assurance, Room
from support.gateway import EXAMPLES, Gateway
from support.newsworthy import ALICE, BOB, Turning, answered, conversation, reference, wants
from support.pages import accepted, event
from support.push_service import Device, PushService, claims, running_push_service
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.test import Client

from comptoir.config.rebuilding import rebuild
from comptoir.config.worker import Jobs
from comptoir.counter.customers.queries import customer_of_user
from comptoir.counter.letters import composing, rules
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.sessions import RoomSession, cookie_name
from comptoir.foundation.rooms.visits import Visit
from comptoir.foundation.touchpoints import house
from comptoir.vault.contacts import notifications, rotation, subscriptions, webpush

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)
QUARTER = dt.timedelta(minutes=15)


@pytest.fixture(autouse=True)
def _begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of all tests takes longer than a notification that is due at once; the shop's morning is half a day off."""
    monkeypatch.setattr(sys.modules[__name__], "NOW", dt.datetime.now(dt.UTC))
    monkeypatch.setattr(rules, "HOUR", (NOW.hour + 12) % 24)
    monkeypatch.setattr(composing, "_SETTLED", dt.timedelta(0))


@pytest.fixture
def service() -> Iterator[PushService]:
    with running_push_service() as one, environment(COMPTOIR_PUSH_SERVICES=one.origin):
        yield one


@pytest.fixture
def gate(shop: Shop, gateway: Gateway, service: PushService) -> Iterator[Gateway]:
    for touchpoint in (house.STOREFRONT, house.VAULT):
        house.keep_key(touchpoint, gateway.keys[touchpoint])
    with environment(COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")):
        yield gateway
    for touchpoint in (house.STOREFRONT, house.VAULT):
        house.key_path(touchpoint).unlink(missing_ok=True)


class Worker:
    """The worker's job, at moments of the test's own. It has looked once, long ago."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._clock = Turning(NOW)
        self._jobs = Jobs(clock=self._clock)
        self.at(NOW - 10 * DAY)

    def at(self, moment: dt.datetime) -> None:
        self._clock.at = moment
        with self._shop.connect() as connection:
            self._jobs.send_notifications(connection)


@pytest.fixture
def worker(shop: Shop, gate: Gateway) -> Worker:
    return Worker(shop)


class Browser:
    """Somebody's browser at the counter, and what its script sends."""

    def __init__(self, user: uuid.UUID) -> None:
        self.customer = customer_of_user(user)
        visit = Visit(str(self.customer), Assurance.RECOGNISED, ("card_link",), dt.datetime.now(dt.UTC))
        with entered(COUNTER):
            session = RoomSession(room=COUNTER)
            session["visit"] = msgspec.to_builtins(visit)
            session.save()
        self._client = Client()
        self._client.cookies[cookie_name(COUNTER)] = session.session_key or ""

    def at(self, room: Room, path: str, form: dict[str, str] | None = None, **headers: str) -> Any:
        headers = {"host": f"{host_of(room)}:{public_port()}", "accept": "text/html", **headers}
        if form is None:
            return self._client.get(path, headers=headers)
        return self._client.post(path, form, headers=headers)

    def ticket(self) -> dict[str, str]:
        return dict(self.at(COUNTER, "/letters/devices/ticket", {}).json())

    def says(self, reached: Device, rhythm: str = "daily", *, language: str = "en", **changed: str) -> Any:
        """Send the form to the vault, as the page's script does; returns the answer."""
        form = {
            **self.ticket(), "subscription": reached.subscription(),
            "rhythm": rhythm, "device": "phone", "language": language,
        }  # fmt: skip
        headers = {"origin": changed.pop("origin", origin_of(COUNTER)), "accept": changed.pop("accept", "text/html")}
        return self.at(VAULT, "/notifications/", {**form, **changed}, **headers)

    def subscribes(self, reached: Device, rhythm: str = "daily", **said: str) -> str:
        """Let a device show what is new; returns its number."""
        number = str(uuid.uuid4())
        answer = self.says(reached, rhythm, number=number, **said)
        assert (answer.status_code, answer.headers["Location"].partition("?")[2]) == (303, "kept=1#devices")
        return number


def openings(shop: Shop, number: str) -> int:
    read = "select count(*) from events_audit where content like '%%contacts.read%%' and content like %s"
    found: int = shop.value(read, f"%{number}%")
    return found


def choices(shop: Shop) -> list[str]:
    rows = shop.rows("select value from customers_choice where matter like 'notifications:%' order by value")
    return [row["value"] for row in rows]


@pytest.fixture
def alice(gate: Gateway) -> Browser:
    wants(gate, ALICE, "never")  # the counter knows her
    return Browser(ALICE)


@pytest.fixture
def bob(gate: Gateway) -> Browser:
    wants(gate, BOB, "never")
    return Browser(BOB)


def test_a_device_shows_how_much_is_new_once_and_for_whom(
    shop: Shop, gate: Gateway, worker: Worker, service: PushService, alice: Browser
) -> None:
    device = service.device("/alice")
    alice.subscribes(device, language="fr")
    _wren, finch, thread = conversation(gate)
    answered(gate, finch, thread)
    worker.at(NOW + DAY)
    (shown,) = service.shown(device)
    assert shown["body"] == "Wren : 2 nouveautés"
    assert shown["url"].endswith("/fr/news")
    assert set(shown) == {"title", "body", "url", "language"}
    ((_path, headers, body),) = service.messages
    assert {name: headers[name] for name in ("TTL", "Urgency", "Content-Encoding")} == {
        "TTL": "86400", "Urgency": "low", "Content-Encoding": "aes128gcm",
    }  # fmt: skip
    assert claims(headers["Authorization"], endpoint_origin=service.origin)["k"] == webpush.public_key()
    assert len(body) == 86 + webpush.PLAIN_BYTES + 17, "every message has the same size"
    worker.at(NOW + DAY)
    worker.at(NOW + 2 * DAY)
    assert len(service.messages) == 1, "nothing is told twice"
    assert rebuild(keep=False).changed == []


def test_each_device_has_a_rhythm_of_its_own_and_ends_by_itself(
    shop: Shop, gate: Gateway, worker: Worker, service: PushService, alice: Browser
) -> None:
    worker.at(NOW)  # this week's looking is done
    phone, laptop = service.device("/phone"), service.device("/laptop")
    first = alice.subscribes(phone, "at_once")
    second = alice.subscribes(laptop, "weekly", device="computer")
    _wren, finch, thread = conversation(gate)
    worker.at(dt.datetime.now(dt.UTC))
    assert [len(service.shown(each)) for each in (phone, laptop)] == [1, 0]
    assert service.messages[0][1]["Urgency"] == "normal"
    assert alice.at(COUNTER, "/letters/devices", {"number": second, "rhythm": "at_once"}).status_code == 302
    assert alice.at(COUNTER, "/letters/devices", {"number": first, "end": "1"}).status_code == 302
    assert choices(shop) == ["at_once en computer", "never en phone"]
    answered(gate, finch, thread)
    worker.at(dt.datetime.now(dt.UTC))
    assert [len(service.shown(each)) for each in (phone, laptop)] == [1, 1]
    worker.at(NOW + DAY)
    assert [str(row["id"]) for row in shop.rows("select id from contacts_subscription")] == [second]
    assert shop.value("select count(*) from contacts_key") == 1, "the key of what was ended is gone"
    assert rebuild(keep=False).changed == []
    for form in ({"number": first, "rhythm": "daily"}, {"number": second, "rhythm": "hourly"}, {}):
        with shop.unchanged():
            assert alice.at(COUNTER, "/letters/devices", form).status_code == 404


def test_a_device_that_is_gone_gets_nothing_more_and_ends_on_the_next_monday(
    shop: Shop, gate: Gateway, worker: Worker, service: PushService, alice: Browser
) -> None:
    worker.at(NOW)  # this week's looking is done
    service.statuses["/old"] = 410
    alice.subscribes(service.device("/old"), "at_once")
    _wren, finch, thread = conversation(gate)
    worker.at(dt.datetime.now(dt.UTC))
    assert len(service.messages) == 1
    with shop.unchanged("customers_choice", "contacts_subscription"):
        answered(gate, finch, thread)
        worker.at(dt.datetime.now(dt.UTC))
    assert len(service.messages) == 1, "its service is not asked again"
    shop.rows("update letters_round set at = at - interval '7 days' where rhythm = 'devices' returning at")
    worker.at(dt.datetime.now(dt.UTC))
    assert choices(shop) == ["never en phone"]
    assert shop.value("select count(*) from contacts_subscription") == 0
    assert len(service.messages) == 1
    assert rebuild(keep=False).changed == []


def test_a_service_that_is_slow_or_fails_holds_up_nobody_and_is_not_asked_again(
    gate: Gateway, service: PushService, alice: Browser, monkeypatch: pytest.MonkeyPatch, worker: Worker
) -> None:
    monkeypatch.setattr(webpush, "SECONDS_MAX", 0.5)
    service.holding["/slow"] = threading.Event()
    service.statuses["/failing"] = 500
    paths = ("/slow", "/failing", "/good")
    for path in paths:
        alice.subscribes(service.device(path), "daily")
    conversation(gate)
    worker.at(NOW + DAY)
    assert sorted(path for path, _headers, _body in service.messages) == sorted(paths)
    worker.at(NOW + DAY)
    worker.at(NOW + 2 * DAY)
    assert len(service.messages) == 3, "what did not arrive is not sent again; it stands on the page"


def test_a_service_that_takes_nothing_gets_no_more_in_a_round(
    gate: Gateway, service: PushService, alice: Browser, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "_FAILED_MAX", 2)
    monkeypatch.setattr(notifications, "_AT_ONCE", 1)
    for number in range(5):
        service.statuses[f"/{number}"] = 503
        alice.subscribes(service.device(f"/{number}"))
    conversation(gate)
    worker.at(NOW + DAY)
    assert len(service.messages) == 2


def test_a_round_has_an_end(gate: Gateway, service: PushService, alice: Browser, monkeypatch: pytest.MonkeyPatch,
                            worker: Worker) -> None:  # fmt: skip
    service.holding["/slow"] = threading.Event()
    alice.subscribes(service.device("/slow"))
    conversation(gate)
    monkeypatch.setattr(notifications, "ROUND_SECONDS_MAX", 0.3)
    began = time.monotonic()
    worker.at(NOW + DAY)
    assert time.monotonic() - began < webpush.SECONDS_MAX, "nobody waited for it"


def test_neither_tables_nor_log_nor_audit_tell_whose_a_name_is_or_where_a_device_is(
    shop: Shop, gate: Gateway, worker: Worker, service: PushService, alice: Browser, bob: Browser
) -> None:
    number = alice.subscribes(service.device("/canary-alice"))
    other = bob.subscribes(service.device("/canary-bob"))
    wren, _finch, _thread = conversation(gate)
    worker.at(NOW + DAY)
    assert [path for path, _headers, _body in service.messages] == ["/canary-alice"]
    # Both were opened, though only one of the two had news.
    assert (openings(shop, number), openings(shop, other)) == (1, 1)
    who = {str(ALICE), str(alice.customer), number}
    everything = shop.contents()
    joining = {
        name for name, rows in everything.items() for row in rows
        if wren in str(row) and any(each in str(row) for each in who)
    }  # fmt: skip
    assert joining == {"customers_personaholder", "events_event"}, "the counter's own, and the wish for the name"
    assert "canary" not in str({name: [repr(row) for row in rows] for name, rows in everything.items()})
    audited = shop.value("select string_agg(content, ' ') from events_audit where content like %s", f"%{number}%")
    assert str(alice.customer) not in audited
    assert str(ALICE) not in audited
    types = shop.rows("select distinct type from events_event where data::text like %s", f"%{alice.customer}%")
    assert {row["type"] for row in types} == {"persona.choose", "letters.chosen", "notifications.chosen"}


def test_devices_that_hear_at_once_are_opened_once_a_day(
    shop: Shop, gate: Gateway, worker: Worker, service: PushService, alice: Browser
) -> None:
    number = alice.subscribes(service.device("/alice"), "at_once")
    midnight = NOW.replace(hour=0, minute=0, second=0, microsecond=0) + DAY
    for quarter in range(4):
        worker.at(midnight + quarter * QUARTER)
    assert openings(shop, number) == 1
    worker.at(midnight + DAY)
    assert openings(shop, number) == 2


def test_whoever_is_forgotten_has_no_device_any_more(
    shop: Shop, gate: Gateway, worker: Worker, service: PushService, alice: Browser
) -> None:
    alice.subscribes(service.device("/alice"))
    conversation(gate)
    accepted(gate.post([event("customer.forgotten", {"customer": reference(ALICE)}, source="/vault")],
                       touchpoint="vault"))  # fmt: skip
    worker.at(NOW + DAY)
    assert service.messages == []
    assert choices(shop) == []
    assert shop.value("select count(*) from contacts_subscription") == 0
    assert shop.value("select count(*) from contacts_key") == 0
    assert rebuild(keep=False).changed == []


def test_forgetting_and_the_copy_know_of_devices(shop: Shop, gate: Gateway, service: PushService) -> None:
    from comptoir.vault.credentials.models import Kind, User
    from comptoir.vault.rights import copying, forgetting

    with entered(VAULT):
        user = User.objects.create(id=ALICE, kind=Kind.CUSTOMER, joined_at=NOW).id
    wants(gate, ALICE, "never")
    browser = Browser(user)
    number = browser.subscribes(service.device("/canary-alice"))
    copy = copying.copy_of(user, actor=f"customer:{user}", purpose="the person asked for it", at=NOW)
    with copy, zipfile.ZipFile(copy) as archive:
        contact, accesses = (json.loads(archive.read(f"{name}.json")) for name in ("contact", "accesses"))
    (row,) = contact
    assert (row["face"], row["field"]) == (f"device {number}", "device")
    assert "canary-alice" in str(row["value"])
    assert {"contacts.keep", "contacts.read"} <= {each["what"] for each in accesses}
    forgetting.finish(forgetting.ask(user, actor="operator", at=NOW), at=NOW)
    assert shop.value("select count(*) from contacts_subscription") == 0
    assert shop.value("select count(*) from contacts_key") == 0


def test_the_vault_takes_a_device_only_from_the_counters_page_with_its_ticket(
    shop: Shop, gate: Gateway, service: PushService, alice: Browser, bob: Browser
) -> None:
    device = service.device("/alice")
    used, number = alice.ticket()["ticket"], str(uuid.uuid4())
    assert alice.says(device, ticket=used, number=number).status_code == 303
    bad: list[tuple[dict[str, str], int, str, str]] = [
        ({"ticket": used}, 403, "ticket_refused", ""),
        ({"ticket": "x"}, 403, "ticket_refused", ""),
        ({"origin": "http://elsewhere.example"}, 403, "ticket_refused", "ticket"),
        ({"rhythm": "never"}, 422, "subscription_invalid", "rhythm"),
        ({"language": "de"}, 422, "subscription_invalid", "language"),
        ({"number": str(uuid.uuid1())}, 422, "subscription_invalid", "number"),
        ({"number": "x"}, 422, "subscription_invalid", "number"),
        ({"subscription": "{}"}, 422, "subscription_invalid", "subscription"),
        ({"subscription": Device("https://example.org/1").subscription()}, 422, "push_service_unknown",
         "subscription.endpoint"),
        ({"subscription": Device("http://127.0.0.1:1/").subscription()}, 422, "push_service_unknown",
         "subscription.endpoint"),
    ]  # fmt: skip
    with shop.unchanged("contacts_subscription", "contacts_key", "customers_choice", "events_event", "events_audit"):
        for changed, status, name, field in bad:
            answer = alice.says(device, accept="application/json", **changed)
            problem = answer.json()
            assert (answer.status_code, problem["type"].rpartition(":")[2], problem.get("field", "")) == (
                status, name, field,
            ), changed  # fmt: skip
            assert not answer.cookies
        # Somebody else's device is not taken over by its number.
        answer = bob.says(service.device("/bob"), number=number)
        assert answer.headers["Location"].endswith("/letters?problem=subscription_invalid#devices")
        # Whom the counter does not know has no device.
        assert Browser(uuid.uuid4()).says(device, accept="application/json").json()["field"] == "customer"


def test_a_person_has_so_many_devices(shop: Shop, gate: Gateway, service: PushService, alice: Browser) -> None:
    numbers = [alice.subscribes(service.device(f"/{each}")) for each in range(subscriptions.DEVICES_MAX)]
    with shop.unchanged("contacts_subscription", "contacts_key", "customers_choice"):
        answer = alice.says(service.device("/more"))
        assert answer.headers["Location"].endswith("/letters?problem=too_many_devices#devices")
    page = alice.at(COUNTER, "/letters?problem=too_many_devices").content.decode()
    assert "You have as many devices as one can have" in page
    assert page.count("data-number=") == subscriptions.DEVICES_MAX
    # The same one again replaces what was kept.
    assert alice.says(service.device("/anew"), number=numbers[0]).status_code == 303
    assert shop.value("select version from contacts_subscription where id = %s", numbers[0]) == 2


def test_what_the_counter_does_not_hear_of_is_not_kept(
    shop: Shop, gate: Gateway, service: PushService, alice: Browser
) -> None:
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"):
        answer = alice.says(service.device("/alice"))
    assert answer.headers["Location"].endswith("/letters?problem=gateway_away#devices")
    assert shop.value("select count(*) from contacts_subscription") == 0
    assert shop.value("select count(*) from contacts_key") == 0


def test_a_new_key_of_the_vault_opens_devices_too(
    shop: Shop, gate: Gateway, worker: Worker, service: PushService, alice: Browser
) -> None:
    device = service.device("/alice")
    alice.subscribes(device)
    rotation.rotate(at=NOW, with_data_keys=True)
    conversation(gate)
    worker.at(NOW + DAY)
    assert len(service.shown(device)) == 1


def test_the_page_says_so_where_the_shop_sends_none(shop: Shop, gate: Gateway, alice: Browser) -> None:
    with environment(COMPTOIR_PUSH_SERVICES="none"):
        page = alice.at(COUNTER, "/letters").content.decode()
    assert "This shop sends none." in page
    assert "data-subscribe" not in page
    assert "devices.js" not in page
