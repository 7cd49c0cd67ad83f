"""A shop with a domain and no mail server, or no provider of text messages: what is due waits, and says why."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from html import unescape

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support.casting import Counter
from support.mailbox import running_mailbox
from support.pages import staff_client
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.test import override_settings

from comptoir.config import checking
from comptoir.counter.messages.contracts import TemplateText
from comptoir.doors.console import campaigning, drafting, reporting
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.vault.messages.ports import lacks
from support.mailing import counter_of, decide, dispatched, final, outcomes, send, settle

PHONE = "+33612345601"
PRODUCTION = {"COMPTOIR_DOMAIN": "shop.example"}


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"):
        one = counter_of(shop)
        yield one
        one.close()


def waits(counter: Counter, channel: str) -> uuid.UUID:
    number = 1 if channel == "mail" else 2
    to = settle(counter, number, channel=channel, phone=PHONE)
    said = {"en": TemplateText("Hi")} if channel == "message" else None
    (one,) = decide(dispatched(channel=channel, texts=said), [to], occurrence=channel)
    return one


def verdict() -> int:
    name = "messages_have_somebody_who_takes_them"
    (found,) = [each for each in checking.check_house().checks if each.name == name]
    assert found.holds == (found.broken == 0)
    assert "COMPTOIR_MAIL_URL" in found.meaning
    return found.broken


@pytest.mark.parametrize(("channel", "why"), [("mail", "no_server"), ("message", "no_provider")])
def test_what_nobody_takes_waits_with_its_reason_and_no_address_is_opened(
    shop: Shop, counter: Counter, channel: str, why: str
) -> None:
    one = waits(counter, channel)
    before = {path.name for place in ("mail", "texts") for path in (shop.folder / place).glob("*")}
    read = "select count(*) from events_audit where content::json->>'action' = 'contacts.read'"
    opened = shop.value(read)
    with environment(**PRODUCTION):
        for _ in range(2):
            assert send(channel) == 0
        assert outcomes(shop) == {}, "nothing counts as handed over"
        assert shop.rows("select tries, taken_by, why from messages_waiting") == [
            {"tries": 0, "taken_by": None, "why": why}
        ]
        assert shop.value(read) == opened
        assert {path.name for place in ("mail", "texts") for path in (shop.folder / place).glob("*")} == before
        assert verdict() == 1
        campaign = shop.value("select campaign from messages_decision")
        with entered(OFFICE):
            ((_, words, count),) = campaigning.outcomes_of(campaign)
        assert (words, count) == (reporting.outcomes()[f"waiting {why}"], "1")
    # Once there is somebody, it leaves.
    with running_mailbox() as box:
        mail = {
            "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend", "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": box.port, "EMAIL_USE_TLS": False, "EMAIL_HOST_USER": "",
        }  # fmt: skip
        with override_settings(**mail) if channel == "mail" else environment():
            send(channel)
    assert final(shop) == {one: "accepted"}
    assert verdict() == 0


def test_the_demo_writes_into_its_folder(shop: Shop, counter: Counter) -> None:
    one = waits(counter, "mail")
    assert lacks("mail") == lacks("message") == ""
    send()
    assert final(shop) == {one: "accepted"}


def test_the_form_of_a_campaign_offers_what_the_shop_has_and_says_what_it_lacks(shop: Shop) -> None:
    client = staff_client(str(uuid.UUID(int=0xA1)))
    page = unescape(client.get("/campaigns/new").content.decode())
    assert '<option value="message"' in page
    assert "COMPTOIR_TEXTS_URL" not in page
    with environment(**PRODUCTION):
        offered = dict(drafting.offered("web"))
        assert list(offered) == ["app", "web"]
        assert dict(drafting.offered("message"))["message"] == "Text message", "what was chosen before stays"
        (mail, what), (texts, whom) = drafting.lacking()
        assert (mail, texts) == ("E-mail", "Text message")
        assert "COMPTOIR_MAIL_URL" in what
        assert "COMPTOIR_TEXTS_URL" in whom
        with environment(COMPTOIR_TEXTS_URL="https://provider.example/"):
            assert [title for title, _ in drafting.lacking()] == ["E-mail"]
        with environment(COMPTOIR_ROOMS="office"):
            assert drafting.lacking() == [], "what the vault has, the office alone does not know"
