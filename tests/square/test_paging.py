"""A long conversation has pages: every post stands once, an address leads to its page, what helped is on the first."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser

from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import SQUARE, Assurance
from comptoir.foundation.touchpoints import house
from comptoir.square.community.queries import PAGE_POSTS, page_of
from support import casting, talking
from support.gateway import Gateway
from support.pages import Pages, accepted, running_pages, sale
from support.shop import environment
from support.talking import post_of, staff_wrote, wrote

POSTS = 2 * PAGE_POSTS + 20
HELPED = POSTS - 5
PAGE_BYTES_MAX = 60_000


class Long:
    """A conversation over three pages: its id, its posts in order, who asked, and somebody else."""

    def __init__(self, gateway: Gateway) -> None:
        now = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
        accepted(gateway.post([sale("1000", 90, receipt="1"), sale("1001", 30, receipt="2")]))
        self.personas = {}
        for name, number in (("Wren", "1000"), ("Finch", "1001")):
            chosen = casting.persona(name, of={"kind": "card", "value": number}, at=now)
            accepted(gateway.post([chosen], touchpoint="storefront"))
            self.personas[name] = str(chosen["data"]["persona"])
        accepted(gateway.post([talking.opened("rye", en="Rye & bread", at=now)], touchpoint="console"))
        asked = wrote(self.personas["Wren"], "How long does it keep?", topic="rye", at=now)
        accepted(gateway.post([asked], touchpoint="square"))
        self.id = post_of(asked)
        told = [
            staff_wrote(f"Reply number {number}, about crusts.", thread=self.id, at=now + dt.timedelta(seconds=number))
            for number in range(2, POSTS)
        ]
        for first in range(0, len(told), 50):
            accepted(gateway.post(told[first : first + 50], touchpoint="console"))
        own = wrote(self.personas["Wren"], "Mine is hard already.", kind="reply", thread=self.id,
                    at=now + dt.timedelta(minutes=4))  # fmt: skip
        accepted(gateway.post([own], touchpoint="square"))
        self.posts = [self.id, *map(post_of, told), post_of(own)]
        helped = talking.said(
            "answer.accepted",
            {"persona": self.personas["Wren"], "thread": self.id, "answer": self.posts[HELPED - 1]},
            at=now + dt.timedelta(minutes=4),
        )
        accepted(gateway.post([helped], touchpoint="square"))

    def cookie(self, name: str) -> dict[str, str]:
        """Begin a session on the square under a public name."""
        set_up_django()
        from comptoir.foundation.rooms.sessions import RoomSession, cookie_name
        from comptoir.foundation.rooms.visits import Visit

        visit = Visit(self.personas[name], Assurance.RECOGNISED, ("persona",), dt.datetime.now(dt.UTC), name)
        with entered(SQUARE):
            session = RoomSession(room=SQUARE)
            session["visit"] = msgspec.to_builtins(visit)
            session.save()
        return {cookie_name(SQUARE): str(session.session_key)}


@pytest.fixture
def pages(gateway: Gateway, tmp_path: Path) -> Iterator[Pages]:
    house.keep_key(house.SQUARE, gateway.keys[house.SQUARE])
    with environment(COMPTOIR_GATEWAY_URL=gateway.url), running_pages(tmp_path, gateway) as running:
        yield running
    house.key_path(house.SQUARE).unlink()


@pytest.fixture
def long(pages: Pages) -> Long:
    return Long(pages.gateway)


@pytest.fixture
def client(pages: Pages) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=pages.url(SQUARE), timeout=30) as asking:
        yield asking


def numbers(page: str) -> list[int]:
    """Return the numbers of the posts on a page, in order."""
    return [int(number) for number in re.findall(r'<article class="post[^"]*" id="p(\d+)"', page)]


def test_every_post_stands_on_one_page_and_an_address_leads_there(long: Long, client: httpx.Client) -> None:
    places: list[int] = []
    for number in (1, 2, 3):
        answer = client.get(f"/en/threads/{long.id}", params={"page": number})
        assert (answer.status_code, dict(client.cookies), len(answer.content) < PAGE_BYTES_MAX) == (200, {}, True)
        shown = numbers(answer.text)
        assert len(set(shown)) == len(shown)
        if number == 1:
            shown.remove(HELPED)
        places += shown
        assert f"Page {number} of 3" in answer.text
        assert ('rel="prev"' in answer.text, 'rel="next"' in answer.text) == (number > 1, number < 3)
    assert places == list(range(1, POSTS + 1))
    for number in (1, PAGE_POSTS, PAGE_POSTS + 1, POSTS):
        led = client.get(f"/en/posts/{long.posts[number - 1]}")
        page = page_of(number)
        query = f"?page={page}" if page > 1 else ""
        assert led.headers["location"] == f"/en/threads/{long.id}{query}#p{number}"
        assert number in numbers(client.get(led.headers["location"]).text)
    for wrong in ("0", "4", "9999999"):
        assert client.get(f"/en/threads/{long.id}", params={"page": wrong}).status_code == 404
    assert client.get(f"/en/threads/{long.id}", params={"page": "two"}).text.count("Page 1 of 3") == 1
    assert client.get(f"/en/posts/{talking.new()}").status_code == 404


def test_what_helped_is_on_the_first_page_and_once_in_its_place(long: Long, client: httpx.Client) -> None:
    first, second, third = (client.get(f"/en/threads/{long.id}", params={"page": number}).text for number in (1, 2, 3))
    assert numbers(first)[:2] == [1, HELPED]
    assert [page.count("this helped") for page in (first, second, third)] == [1, 0, 1]
    assert f'href="/en/threads/{long.id}?page=3#p{HELPED}"' in first
    assert f'"acceptedAnswer":{{"@type":"Answer","text":"Reply number {HELPED}, about crusts."' in first
    entry = client.get("/en/topics/rye/feed.atom").text
    assert entry.count("<entry>") == 1
    assert f"/en/threads/{long.id}" in entry


def test_nothing_of_one_reader_is_on_the_page_of_another(long: Long, client: httpx.Client, pages: Pages) -> None:
    """What pages have in common is remembered; names, forms' secrets and what is typed are not."""
    path = f"/en/threads/{long.id}"
    secrets = set()
    for name, other in (("Wren", "Finch"), ("Finch", "Wren")):
        with httpx.Client(base_url=pages.url(SQUARE), cookies=long.cookie(name), timeout=30) as member:
            answer = member.get(path)
            assert len(answer.content) < PAGE_BYTES_MAX
            assert f"Here you are {name}." in answer.text
            assert f"you are {other}" not in answer.text
            assert "Cookie" in answer.headers["vary"]
            secrets |= set(re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', answer.text))
            fresh = re.findall(r'name="post" value="([^"]+)"', answer.text + member.get(path).text)
            assert len(set(fresh)) == 2
    assert len(secrets) == 2
    reader = client.get(path).text
    assert "Here you are" not in reader
    assert "csrfmiddlewaretoken" not in reader
    japanese = client.get(f"/ja/threads/{long.id}?x='\"<script>").text
    assert f"/fr/threads/{long.id}?x=&#x27;%22%3Cscript%3E" in japanese
    assert "3ページ中1ページ" in japanese


def test_who_writes_edits_or_votes_stays_on_the_page(long: Long, browser: Browser, pages: Pages) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    context.add_cookies([
        {"name": name, "value": value, "url": pages.url(SQUARE)} for name, value in long.cookie("Wren").items()
    ])  # fmt: skip
    page = context.new_page()
    page.goto(pages.url(SQUARE, f"/en/threads/{long.id}"))
    page.get_by_role("link", name="Last page").first.click()
    own = page.locator(f"#p{POSTS}")
    own.get_by_role("link", name="Edit").click()
    page.get_by_label("Text").fill("Mine is hard already, and stale.")
    page.get_by_role("button", name="Save").click()
    own.get_by_text("and stale").wait_for()
    assert page.url.endswith(f"/en/threads/{long.id}?page=3#p{POSTS}")
    page.locator(f"#p{HELPED}").get_by_role("button", name="Good").click()
    page.locator(f'#p{HELPED} button[aria-pressed="true"]').wait_for()
    assert page.url.endswith(f"?page=3#p{HELPED}")
    page.get_by_role("link", name="First page").first.click()
    page.locator("#p2").get_by_role("button", name="This helped me").click()
    page.locator("#p2").get_by_text("this helped").wait_for()
    assert page.locator(f"#p{HELPED}").count() == 0
    page.get_by_label("Text").fill("Then I toast it.")
    page.get_by_role("button", name="Send").click()
    page.locator(f"#p{POSTS + 1}").get_by_text("Then I toast it.").wait_for()
    assert page.url.endswith(f"?page=3#p{POSTS + 1}")
