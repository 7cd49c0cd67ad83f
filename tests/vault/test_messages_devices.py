"""Notifications of campaigns: in the hours in which they may ring, with their reason and the way out."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support import processes
from support.casting import Counter
from support.push_service import Device, PushService, running_push_service
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.counter.messages.contracts import TemplateText
from comptoir.counter.messages.leaving import decision_of
from comptoir.foundation.rooms.addresses import origin_of
from comptoir.foundation.rooms.declaration import COUNTER
from comptoir.vault.contacts import subscriptions, webpush
from support.mailing import NOW, agree, counter_of, customer, decide, dispatched, final, send, settle


@pytest.fixture
def service() -> Iterator[PushService]:
    with running_push_service() as one, environment(COMPTOIR_PUSH_SERVICES=one.origin):
        yield one


@pytest.fixture
def device(shop: Shop, service: PushService) -> Iterator[Device]:
    """The device of canary1, who agreed to notifications."""
    counter: Counter = counter_of(shop)
    settle(counter, 1, channel="app")
    one = service.device("/alice")
    subscriptions.keep(uuid.uuid4(), customer=customer(1), to=webpush.read(one.subscription()), at=NOW)
    yield one
    counter.close()


def test_it_says_why_it_came_in_the_readers_language_and_leads_to_the_way_out(
    shop: Shop, service: PushService, device: Device
) -> None:
    texts = {"en": TemplateText("20 % off.", "Coffee"), "fr": TemplateText("20 % de moins.", "Café")}
    number = dispatched(channel="app", texts=texts, because={"fr": "vous aimez le café"})
    (one,) = decide(number, [customer(1)], values={"language": "fr"})
    send("app")
    assert final(shop) == {one: "accepted"}
    (shown,) = service.shown(device)
    assert (shown["title"], shown["language"]) == ("Café", "fr")
    assert shown["body"] == "20 % de moins.\nVous recevez ceci parce que vous aimez le café, le 3 mai 2024."
    assert shown["url"].startswith(f"{origin_of(COUNTER)}/messages/why/")
    assert decision_of(shown["url"].rpartition("/")[2]) == one


@pytest.mark.parametrize("text", ["あ" * 600, '"\\' * 300, "😀" * 600])
def test_a_long_text_is_cut_and_its_reason_is_not(shop: Shop, service: PushService, device: Device, text: str) -> None:
    (one,) = decide(dispatched(channel="app", texts={"en": TemplateText(text, "あ" * 80)}), [customer(1)])
    send("app")
    assert final(shop) == {one: "accepted"}
    body = service.shown(device)[0]["body"]
    assert body.endswith("\nYou get this because you asked for offers on coffee, on May 3, 2024.")
    assert text.startswith(body.partition("\n")[0])
    assert len(body) > 300


@pytest.mark.parametrize("channel", ["app", "web"])
def test_no_device_rings_at_night(shop: Shop, service: PushService, device: Device, channel: str) -> None:
    if channel == "web":
        counter = counter_of(shop)
        agree(counter, 1, channel="web")
        counter.close()
    texts = {"en": TemplateText("20 % off.", "Coffee")}
    hours = dispatched(channel=channel, texts=texts, hours=(17, 20), zone="Europe/Paris")
    (one,) = decide(hours, [customer(1)])
    send(channel)
    assert (service.messages, final(shop)) == ([], {})
    assert shop.value("select due_at from messages_waiting") == dt.datetime(2024, 5, 6, 15, 0, tzinfo=dt.UTC)
    send(channel, now=NOW + dt.timedelta(hours=6))
    assert final(shop) == {one: "accepted"}
    assert len(service.messages) == (channel == "app")


@pytest.mark.parametrize("status", [429, 503])
def test_a_service_with_too_much_to_do_is_asked_again(
    shop: Shop, service: PushService, device: Device, status: int
) -> None:
    service.statuses["/alice"] = status
    (one,) = decide(dispatched(channel="app", texts={"en": TemplateText("20 % off.", "Coffee")}), [customer(1)])
    send("app")
    assert final(shop) == {}
    assert shop.value("select tries from messages_waiting") == 1
    del service.statuses["/alice"]
    send("app", now=NOW + dt.timedelta(minutes=2))
    assert final(shop) == {one: "accepted"}


def test_a_service_that_was_away_and_comes_back_gets_it(shop: Shop) -> None:
    """While it is away nothing listens at its address, and the offer waits."""
    counter: Counter = counter_of(shop)
    settle(counter, 1, channel="app")
    port = processes.free_port()
    with environment(COMPTOIR_PUSH_SERVICES=f"http://127.0.0.1:{port}"):
        one = Device(f"http://127.0.0.1:{port}/alice")
        subscriptions.keep(uuid.uuid4(), customer=customer(1), to=webpush.read(one.subscription()), at=NOW)
        (offer,) = decide(dispatched(channel="app", texts={"en": TemplateText("20 % off.", "Coffee")}), [customer(1)])
        send("app")
        assert final(shop) == {}
        assert shop.value("select tries from messages_waiting") == 1
        with running_push_service(port=port) as service:
            send("app", now=NOW + dt.timedelta(minutes=2))
            assert final(shop) == {offer: "accepted"}
            assert len(service.shown(one)) == 1
    counter.close()


def test_what_one_device_has_is_not_sent_again_because_of_another(
    shop: Shop, service: PushService, device: Device
) -> None:
    other = service.device("/bob")
    subscriptions.keep(uuid.uuid4(), customer=customer(1), to=webpush.read(other.subscription()), at=NOW)
    service.statuses["/bob"] = 503
    (one,) = decide(dispatched(channel="app", texts={"en": TemplateText("20 % off.", "Coffee")}), [customer(1)])
    send("app")
    assert final(shop) == {one: "accepted"}


def test_what_a_service_may_have_taken_is_not_sent_again(shop: Shop, service: PushService, device: Device) -> None:
    service.statuses["/alice"] = 500
    (one,) = decide(dispatched(channel="app", texts={"en": TemplateText("20 % off.", "Coffee")}), [customer(1)])
    send("app")
    assert final(shop) == {one: "unknown"}
