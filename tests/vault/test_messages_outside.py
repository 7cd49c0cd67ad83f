"""Mail providers (django-anymail) and push services in a process of their own: slow, twice, never, nonsense, away.

Whatever they answer, each message is answered for once; what may have been taken is not sent again, and what certainly
was not is.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterator

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support import processes
from support.casting import Counter
from support.provider import Provider, running_provider
from support.push_service import Device
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.test import override_settings

from comptoir.counter.messages.contracts import TemplateText
from comptoir.vault.contacts import subscriptions, webpush
from comptoir.vault.messages import sending
from support.mailing import NOW, address, counter_of, customer, decide, dispatched, outcomes, send, settle

HOUR = dt.timedelta(hours=1)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as one:
        yield one


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"):
        one = counter_of(shop)
        yield one
        one.close()


def postmark(origin: str, mode: str) -> override_settings:
    given = {"REQUESTS_TIMEOUT": 1.2, "POSTMARK_SERVER_TOKEN": "token", "POSTMARK_API_URL": f"{origin}/{mode}/"}
    return override_settings(
        EMAIL_BACKEND="anymail.backends.postmark.EmailBackend", MAIL_PROVIDER="postmark", ANYMAIL=given,
        DEFAULT_FROM_EMAIL="shop@shop.example",
    )  # fmt: skip


#: What becomes of a message: how it ends, or ``again`` for one that waits.
BY_PROVIDER = {
    "ok": "accepted",
    "slow": "accepted",
    "twice": "accepted",
    "never": "unknown",
    "gone": "unknown",
    "noise": "unknown",
    "nonsense": "unknown",
    "other": "unknown",
    "odd": "unknown",
    "failed": "unknown",
}


def test_a_mail_provider_that_answers_badly_gets_nothing_twice(
    shop: Shop, counter: Counter, provider: Provider
) -> None:
    """Two people in each: after a bad answer to the first the second is not answered by what was left over."""
    people = [settle(counter, number) for number in (1, 2)]
    for mode, ended in BY_PROVIDER.items():
        decisions = decide(dispatched(), people, occurrence=mode)
        with postmark(provider.origin, mode):
            send(count=1)
            send(count=1, now=NOW + HOUR)
        mine = [json.loads(each["body"]) for each in provider.got() if each["mode"] == mode]
        told = outcomes(shop)
        assert [ended in told[each] for each in decisions] == [True, True], (mode, told)
        sent = [each["Metadata"]["decision"] for each in mine]
        assert sorted(sent) == sorted(map(str, decisions)), f"{mode}: each once"
        assert {each["To"] for each in mine} == {address(1), address(2)}
        assert not any("canary" in str(told[each]) for each in decisions), "what a provider said is kept nowhere"
    assert shop.value("select count(*) from messages_waiting") == 0


def test_a_mail_provider_that_is_away_is_asked_again(
    shop: Shop, counter: Counter, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_AWAY_SECONDS", (0.0,))
    (one,) = decide(dispatched(), [settle(counter, 1)])
    with postmark(f"http://127.0.0.1:{processes.free_port()}", "ok"):
        send(count=1)
    assert outcomes(shop)[one] == {"attempted": ""}, "nobody was connected with: it has certainly not left"
    assert shop.value("select tries from messages_waiting where taken_by is null") == 1
    before = len(provider.got())
    with postmark(provider.origin, "ok"):
        send(count=1, now=NOW + HOUR)
    assert "accepted" in outcomes(shop)[one]
    assert len(provider.got()) == before + 1


def test_a_message_that_cannot_be_written_for_the_provider_is_refused(
    shop: Shop, counter: Counter, provider: Provider
) -> None:
    (one,) = decide(dispatched(), [settle(counter, 1)])
    before = len(provider.got())
    with postmark(provider.origin, "ok"), override_settings(DEFAULT_FROM_EMAIL="nobody"):
        send(count=1)
    assert outcomes(shop)[one] == {"attempted": "", "refused": "anymailinvalidaddress"}
    assert len(provider.got()) == before


BY_PUSH = {
    "ok": "accepted",
    "slow": "accepted",
    "twice": "accepted",
    "never": "unknown",
    "gone": "unknown",
    "noise": "unknown",
    "nonsense": "unknown",
    "failed": "unknown",
}


def test_a_push_service_that_answers_badly_gets_nothing_twice(
    shop: Shop, counter: Counter, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webpush, "SECONDS_MAX", 1.2)
    texts = {"en": TemplateText("20 % off.", "Coffee")}
    numbers = {mode: number for number, mode in enumerate(BY_PUSH, 1)}
    with environment(COMPTOIR_PUSH_SERVICES=provider.origin):
        for mode, number in numbers.items():
            settle(counter, number, channel="app")
            to = webpush.read(Device(f"{provider.origin}/{mode}/device").subscription())
            subscriptions.keep(uuid.uuid4(), customer=customer(number), to=to, at=NOW)
        decisions = decide(dispatched(channel="app", texts=texts), [customer(each) for each in numbers.values()])
        send("app")
        send("app", now=NOW + HOUR)
    told = outcomes(shop)
    for (mode, ended), one in zip(BY_PUSH.items(), decisions, strict=True):
        assert ended in told[one], (mode, told[one])
        assert sum(each["mode"] == mode and each["path"] == "device" for each in provider.got()) == 1, mode
    assert shop.value("select count(*) from messages_waiting") == 0
    assert all("20 %" not in each["body"] for each in provider.got() if each["path"] == "device"), "it is sealed"
