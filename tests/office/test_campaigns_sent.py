"""From a campaign and a journey to the letter that somebody gets: what was tried out is what is sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support.campaigning import STAFF, Segments, drawn_alike, version
from support.casting import Counter
from support.mailbox import Mailbox
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402

from comptoir.counter.messages import commands as messages
from comptoir.counter.messages import queries as messaging
from comptoir.counter.messages.contracts import TemplateText
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.office.campaigns import commands
from comptoir.office.campaigns.contracts import Variant, Window
from comptoir.office.journeys import commands as journeys
from comptoir.office.journeys import travelling
from comptoir.office.journeys.contracts import Say
from support.mailing import NOW, counter_of, final, send, settle
from support.travelling import Hands, heard, journey

OFFER = TemplateText("{{ percent }} % off until {{ until }}.", "{{ percent }} % off")
ANY_HOUR = Window(0, 24)


@pytest.fixture
def counter(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    drawn_alike(monkeypatch)
    one = counter_of(shop)
    yield one
    one.close()


def offer(channel: str = "mail") -> str:
    messages.write_template(
        f"offer-{channel}", channel=channel, texts={"en": OFFER}, by=STAFF, at=NOW,
        examples={"percent": 20, "until": "Sunday"},
    )  # fmt: skip
    return f"offer-{channel}"


def test_a_template_with_values_of_its_own_is_sent_with_them(shop: Shop, counter: Counter, mailbox: Mailbox) -> None:
    people = [settle(counter, number) for number in range(12)]
    with entered(OFFICE):
        content = version(variants=(Variant("a", offer()),), window=ANY_HOUR, holdout=0.05)
        campaign = commands.write(content, campaign=None, after=0, by=STAFF, at=NOW)
        commands.launch(campaign, 1, by=STAFF, at=NOW)
        counts = commands.freeze(campaign, 1, now=NOW, segments=Segments(people))
    assert counts is not None
    assert counts.sent > 6
    send()
    assert set(final(shop).values()) == {"accepted"}
    assert {letter["Subject"] for _, letter in mailbox.letters} == {"20 % off"}
    assert all("20 % off until Sunday." in letter.get_content() for _, letter in mailbox.letters)


def test_a_journeys_message_has_the_values_of_its_template(shop: Shop, counter: Counter, mailbox: Mailbox) -> None:
    people = [settle(counter, number) for number in range(8)]
    with entered(OFFICE):
        content = journey(steps=(Say("mail", offer()),), window=ANY_HOUR, holdout=0.05, exit_events=())
        made = journeys.write(content, journey=None, after=0, by=STAFF, at=NOW - travelling.SETTLED * 3)
        journeys.switch_on(made, 1, by=STAFF, at=NOW - travelling.SETTLED * 3)
        heard(shop, *(("basket.left", each, NOW - travelling.SETTLED * 2) for each in people))
        travelling.enter(now=NOW)
        travelling.advance(now=NOW, segments=Segments(), hands=Hands())
        assert sum(each.verdict == "send" for each in messaging.decisions_of(made)) > 4
    send()
    assert set(final(shop).values()) == {"accepted"}
    assert {letter["Subject"] for _, letter in mailbox.letters} == {"20 % off"}


def test_the_customers_own_page_shows_them_too(shop: Shop, counter: Counter, mailbox: Mailbox) -> None:
    people = [settle(counter, number, channel="web") for number in range(8)]
    with entered(OFFICE):
        content = version(channel="web", variants=(Variant("a", offer("web")),), window=ANY_HOUR, holdout=0.05)
        campaign = commands.write(content, campaign=None, after=0, by=STAFF, at=NOW)
        commands.launch(campaign, 1, by=STAFF, at=NOW)
        commands.freeze(campaign, 1, now=NOW, segments=Segments(people))
    send(channel="web")
    with entered(OFFICE):
        shown = messaging.shown_to(people, language="en", shop="Shop", now=NOW)
    assert len(shown) > 4
    assert {each.text for each in shown} == {"20 % off until Sunday."}
