"""Invitations: only who agreed, at most fifty, a reminder at most once, and nobody outside the vault learns who."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from comptoir.config.rebuilding import rebuild
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.touchpoints import house
from support import casting, talking
from support.casting import Counter
from support.gateway import EXAMPLES, Gateway
from support.mailbox import Mailbox
from support.pages import Pages, running_pages
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402

from comptoir.config.worker import Jobs
from comptoir.doors.gateway.reading import Reader
from comptoir.foundation.kernel.clock import FixedClock
from comptoir.foundation.kernel.shop import secret
from comptoir.vault.contacts import commands
from comptoir.vault.contacts.contracts import ContactValues
from comptoir.vault.invitations.jobs import REMINDER_AFTER, send_invitations

NOW = dt.datetime(2024, 3, 11, 9, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
TEXT = "We open a square for questions about bread, and you know a lot about it."
AGAIN = "The first questions are there, and they wait for you."


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    one = counter_of(shop)
    yield one
    assert rebuild(keep=False).changed == []
    one.close()


def user(number: int) -> uuid.UUID:
    return uuid.UUID(int=0xA0000 + number)


def of(number: int) -> casting.Reference:
    return {"kind": "user", "value": str(user(number))}


def counter_of(shop: Shop) -> Counter:
    """Have a counter that makes ids with the shop's own key, as the vault does."""
    one = Counter(shop)
    one._reader = Reader(
        one._reader.map, key=secret("identifiers"), codes=casting.CODES, confirmations=casting.CONFIRMATIONS
    )
    return one


def address(number: int) -> str:
    return f"canary{number}@example.org"


def tell(counter: Counter, event: casting.Event) -> None:
    heard = dt.datetime.fromisoformat(event["time"]) + dt.timedelta(seconds=1)
    answer = counter.tell(event, received_at=heard)
    assert answer.problem is None, answer.problem


def settle(counter: Counter, number: int, *, bought: int = 0, agrees: bool = True, name: str | None = None) -> None:
    """Let somebody be known, buy so many times, and agree to be written to."""
    values = {"email": address(number)} | ({"name": name} if name else {})
    commands.keep(
        user(number), values=ContactValues.of(**values), purpose="sign_in", actor="customer", at=NOW, proven=["email"]
    )
    for sale in range(max(bought, 1)):
        at = NOW - 2 * DAY if bought else NOW - 700 * DAY
        tell(counter, casting.sale(f"{number}-{sale}", 100, of=of(number), at=at))
    if agrees:
        tell(counter, casting.consented("marketing", "mail", of=of(number), at=NOW - DAY))


def said(kind: str, *, at: dt.datetime = NOW, **data: Any) -> casting.Event:
    return talking.said(f"invitation.{kind}", {**talking.STAFF, **data}, source=talking.CONSOLE, at=at)


def written(name: str = "first-fifty", *, limit: int = 50, at: dt.datetime = NOW, **more: Any) -> casting.Event:
    data = {
        "invitation": name, "order": "often", "limit": limit, "language": "en", "subject": "Would you begin with us?",
        "text": TEXT, **more,
    }  # fmt: skip
    return said("written", at=at, **data)


def reached(mailbox: Mailbox) -> list[str]:
    return sorted(recipient for recipients, _letter in mailbox.letters for recipient in recipients)


def test_only_who_agreed_is_written_to_and_who_bought_most_first(
    shop: Shop, counter: Counter, mailbox: Mailbox
) -> None:
    settle(counter, 1, bought=1, name="Alice")
    settle(counter, 2, bought=3)
    settle(counter, 3, bought=9, agrees=False)
    settle(counter, 4, bought=2)
    settle(counter, 5, bought=8)
    tell(counter, casting.persona("Wren", of=of(5), at=NOW))  # takes part already
    settle(counter, 6)
    tell(counter, written(limit=3))
    assert send_invitations(now=NOW) == 3
    assert reached(mailbox) == [address(1), address(2), address(4)]
    assert send_invitations(now=NOW + dt.timedelta(minutes=5)) == 0, "once is enough"
    letter = next(letter for recipients, letter in mailbox.letters if recipients == [address(1)])
    text = letter.get_content()
    assert letter["subject"] == "Would you begin with us?"
    assert text.startswith("Hello Alice,")
    assert TEXT in text
    assert "/who" in text
    assert "/terms" in text
    tell(counter, written("second", limit=50, at=NOW + DAY))
    assert send_invitations(now=NOW + DAY) == 1, "who was asked once is not asked by another invitation"
    assert reached(mailbox)[-1] == address(6)


def test_a_round_has_fifty_at_most(shop: Shop, counter: Counter, mailbox: Mailbox) -> None:
    for number in range(53):
        settle(counter, number)
    tell(counter, written(limit=50))
    assert send_invitations(now=NOW) == 50
    assert send_invitations(now=NOW) == 0
    with pytest.raises(AssertionError, match="refused at the door"):
        tell(counter, written("more", limit=51))


def test_a_second_mail_goes_to_whoever_has_not_come_and_still_agrees_and_there_is_no_third(
    shop: Shop, counter: Counter, mailbox: Mailbox
) -> None:
    for number in range(4):
        settle(counter, number)
    tell(counter, written())
    assert send_invitations(now=NOW) == 4
    tell(counter, casting.persona("Wren", of=of(0), at=NOW + DAY))
    tell(counter, casting.consented("marketing", "mail", of=of(1), holds=False, at=NOW + DAY))
    tell(counter, said("reminded", invitation="first-fifty", text=AGAIN, at=NOW + DAY))
    assert send_invitations(now=NOW + 2 * DAY) == 0, "a week has to go by"
    assert send_invitations(now=NOW + REMINDER_AFTER) == 2
    assert send_invitations(now=NOW + 2 * REMINDER_AFTER) == 0
    again = [recipients[0] for recipients, letter in mailbox.letters if AGAIN in letter.get_content()]
    assert sorted(again) == [address(2), address(3)]
    third = said("reminded", invitation="first-fifty", text=AGAIN, at=NOW + DAY)
    assert counter.tell(third, received_at=NOW + 2 * DAY).problem == "invitation_reminded_already"
    other = said("reminded", invitation="nothing", text=AGAIN, at=NOW + DAY)
    assert counter.tell(other, received_at=NOW + 2 * DAY).problem == "invitation_unknown"
    assert counter.tell(written(), received_at=NOW + DAY).problem == "invitation_taken"


def test_a_consent_taken_back_before_it_goes_out_counts_and_so_does_the_switch(
    shop: Shop, counter: Counter, mailbox: Mailbox
) -> None:
    settle(counter, 1)
    settle(counter, 2)
    tell(counter, written())
    tell(counter, casting.consented("marketing", "mail", of=of(1), holds=False, at=NOW + DAY))
    off = {"element": "invitations", "is_on": False, "reason": "Too early."}
    tell(counter, talking.said("programme.switched", {**talking.STAFF, **off}, source=talking.CONSOLE, at=NOW))
    assert send_invitations(now=NOW + DAY) == 0
    tell(
        counter,
        talking.said(
            "programme.switched", {**talking.STAFF, **off, "is_on": True}, source=talking.CONSOLE, at=NOW + DAY
        ),
    )
    assert send_invitations(now=NOW + DAY) == 1
    assert reached(mailbox) == [address(2)]


def test_a_mail_server_that_is_away_costs_nobody_anything(shop: Shop, counter: Counter, mailbox: Mailbox) -> None:
    settle(counter, 1)
    tell(counter, written())
    mailbox.refuses = True
    assert send_invitations(now=NOW) == 0
    assert shop.value("select count(*) from invitations_invited") == 0
    mailbox.refuses = False
    assert send_invitations(now=NOW) == 1


def test_the_steward_sees_how_many_and_never_who(
    shop: Shop, gateway: Gateway, mailbox: Mailbox, tmp_path: Path, browser: Browser,
    photograph: Callable[[Page, str], list[Path]],
) -> None:  # fmt: skip
    counter = counter_of(shop)
    now = dt.datetime.now(dt.UTC)
    for number in range(6):
        settle(counter, number, bought=1)
    counter.close()
    for name in (house.CONSOLE, house.VAULT):
        house.keep_key(name, gateway.keys[name])
    try:
        with (
            environment(COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")),
            running_pages(tmp_path, gateway) as pages,
        ):
            _see(pages, browser, shop, photograph, now)
    finally:
        for name in (house.CONSOLE, house.VAULT):
            house.key_path(name).unlink(missing_ok=True)
    log = str(shop.rows("select data from events_event"))
    assert "canary" not in log
    told = shop.rows("select data from events_event where type = 'invitation.counted'")
    assert [row["data"] for row in told] == [{"invitation": "first-fifty", "sent": 6, "reminded": 0}]
    assert len(mailbox.letters) == 6
    assert rebuild(keep=False).changed == []


def _see(
    pages: Pages, browser: Browser, shop: Shop, photograph: Callable[[Page, str], list[Path]], now: dt.datetime
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    pages.sign_in(page, "Akiko")
    page.goto(pages.url(OFFICE, "/community"))
    page.get_by_role("link", name="Invitations").click()
    page.get_by_text("6 customers agree to be written to by mail.").wait_for()
    page.get_by_label("Name").fill("first-fifty")
    page.get_by_label("Subject").fill("Would you begin with us?")
    page.get_by_label("Text").fill(TEXT)
    page.get_by_role("button", name="Send it").click()
    page.get_by_text("0 of 50").wait_for()
    with shop.connect() as connection:
        Jobs(clock=FixedClock(now)).send_invitations(connection)
    page.reload()
    page.get_by_text("6 of 50").wait_for()
    photograph(page, "console-invitations")
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert "canary" not in page.content()
    page.get_by_text("Remind", exact=True).click()
    page.get_by_label("A second word, and the last").fill(AGAIN)
    page.get_by_role("button", name="Remind whoever has not come").click()
    page.get_by_text("Remind whoever has not come").wait_for(state="detached")
    context.close()
