"""What leads out of the square: feeds, what search engines are told, and the strip in a shop's own page."""

from __future__ import annotations

import datetime as dt
import html
import http.server
import json
import re
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.foundation.rooms.headers import StripOriginInvalid, strip_origins
from support import casting, talking
from support.gateway import Gateway
from support.pages import Pages, accepted, complaints, running_pages, sale
from support.processes import free_port
from support.shop import environment
from support.talking import post_of, voted, wrote

ATOM = "{http://www.w3.org/2005/Atom}"
TRICK = "Rye </script><script>alert(1)</script> & more"


@pytest.fixture
def shop_page() -> Iterator[tuple[str, dict[str, str]]]:
    """A page of the shop's own, of another origin, that frames whatever its test says."""
    said: dict[str, str] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(said["page"].encode())

        def log_message(self, *_: Any) -> None:
            pass

    port = free_port()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{port}", said
    server.shutdown()
    server.server_close()


@pytest.fixture
def pages(gateway: Gateway, tmp_path: Path, shop_page: tuple[str, dict[str, str]]) -> Iterator[Pages]:
    with (
        environment(COMPTOIR_STRIP_ORIGINS=f"https://shop.example {shop_page[0]}"),
        running_pages(tmp_path, gateway) as running,
    ):
        yield running


@pytest.fixture
def said(gateway: Gateway) -> dict[str, str]:
    """Somebody asks about a product, somebody else helps and rates it; return the posts."""
    now = dt.datetime.now(dt.UTC)
    accepted(gateway.post([sale("1000", 90, receipt="1"), sale("1001", 30, receipt="2")]))
    personas = []
    for name, number in (("Wren", "1000"), ("Finch", "1001")):
        chosen = casting.persona(name, of={"kind": "card", "value": number}, at=now)
        accepted(gateway.post([chosen], touchpoint="storefront"))
        personas.append(str(chosen["data"]["persona"]))
    wren, finch = personas
    opened = talking.opened("rye", kind="product", en="Rye & bread", ja="ライ麦パン", reference="0412", at=now)
    accepted(gateway.post([opened], touchpoint="console"))
    asked = wrote(wren, "How long does it keep?", title=TRICK, topic="rye", at=now)
    answer = wrote(finch, "Five days, in a <cloth>.", kind="answer", thread=post_of(asked), at=now)
    review = wrote(finch, "A good crust.", kind="review", topic="rye", rating=4, at=now)
    helped = talking.said(
        "answer.accepted", {"persona": wren, "thread": post_of(asked), "answer": post_of(answer)}, at=now
    )
    everything = [asked, answer, review, voted(wren, post_of(answer), at=now), helped]
    accepted(gateway.post(everything, touchpoint="square"))
    return {"asked": post_of(asked), "answer": post_of(answer), "review": post_of(review)}


def test_feeds_are_atom_and_answer_304(pages: Pages, said: dict[str, str]) -> None:
    with httpx.Client(headers={"host": f"localhost:{pages.port}"}, base_url=f"http://127.0.0.1:{pages.port}") as client:
        answer = client.get("/feed.atom")
        assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
        assert "set-cookie" not in answer.headers
        feed = ET.fromstring(answer.content)  # noqa: S314 - our own
        # RFC 4287, 4.1.1 and 4.1.2: what a feed and an entry must have, each exactly once.
        for element, wanted in ((feed, ("id", "title", "updated")), *((each, ("id", "title", "updated", "author"))
                                for each in feed.iter(f"{ATOM}entry"))):  # fmt: skip
            assert all(len(element.findall(ATOM + name)) == 1 for name in wanted), element
            assert dt.datetime.fromisoformat(element.findtext(f"{ATOM}updated") or "").tzinfo is not None
        links = {each.get("rel"): each.get("href") for each in feed.findall(f"{ATOM}link")}
        assert links["self"] == f"http://localhost:{pages.port}/feed.atom"
        ids = [each.findtext(f"{ATOM}id") for each in feed.iter(f"{ATOM}entry")]
        assert sorted(ids, key=str) == sorted(f"urn:uuid:{said[name]}" for name in ("asked", "review"))
        titles = {each.findtext(f"{ATOM}title") for each in feed.iter(f"{ATOM}entry")}
        assert TRICK in titles
        again = client.get("/feed.atom", headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        japanese = ET.fromstring(client.get("/ja/topics/rye/feed.atom").content)  # noqa: S314
        assert (japanese.findtext(f"{ATOM}title") or "").startswith("ライ麦パン · ")
        assert len(japanese.findall(f"{ATOM}entry")) == 2
        assert client.get("/topics/nothing/feed.atom").status_code == 404


def test_strangers_are_told_no_time_finer_than_a_minute(pages: Pages, said: dict[str, str], gateway: Gateway) -> None:
    now = dt.datetime.now(dt.UTC)
    # An hour ago, two and forty within one minute, so that a list ends within it, and each at a second of its own.
    begun = (now - dt.timedelta(hours=1)).replace(second=1, microsecond=654_321)
    told = [
        talking.staff_wrote(f"Story {number}", kind="story", title=f"Story {number}", topic="rye",
                            at=begun + dt.timedelta(seconds=number))
        for number in range(42)
    ]  # fmt: skip
    for start in range(0, 42, 20):
        accepted(gateway.post(told[start : start + 20], touchpoint="console"))
    with httpx.Client(headers={"host": f"localhost:{pages.port}"}, base_url=f"http://127.0.0.1:{pages.port}") as client:
        for path in ("/feed.atom", "/ja/topics/rye/feed.atom"):
            answer = client.get(path)
            times = re.findall(rb"<(?:updated|published)>([^<]+)<", answer.content)
            assert len(times) == 41
            assert {dt.datetime.fromisoformat(time.decode()).second for time in times} == {0}
        for path in ("/en/?kind=", "/ja/?kind=", "/fr/topics/rye?"):
            listed, following = [], f"{path}&before="
            while following:
                page = client.get(following).text
                listed += re.findall(r'class="talk-title" href="/\w\w/threads/([0-9a-f-]{36})', page)
                assert re.search(rf"T{begun:%H}:{begun:%M}:\d\d", page) is None
                more = re.search(r'rel="next" href="([^"]+)"', page)
                following = f"{path.partition('?')[0]}{html.unescape(more[1])}" if more else ""
            assert sorted(listed) == sorted([said["asked"], said["review"], *map(post_of, told)]), "each exactly once"
        # Who asks for what is older than a second learns what is older than its minute.
        answers = [
            client.get("/en/", params={"before": (begun + dt.timedelta(seconds=late)).isoformat()}).text
            for late in (3, 40)
        ]
        assert all("Story" not in answer for answer in answers)
        for post in (said["asked"], said["review"]):
            described = json.loads(re.findall(r"ld\+json\">(.*?)</script>", client.get(f"/threads/{post}").text)[0])
            times = re.findall(r"T\d\d:\d\d:(\d\d[.\d]*)", json.dumps(described))
            assert set(times) == {"00"}
            assert times


def test_a_thread_describes_itself_and_nothing_runs(pages: Pages, said: dict[str, str], browser: Browser) -> None:
    page = browser.new_context().new_page()
    heard = complaints(page)
    page.goto(pages.url(SQUARE, f"/threads/{said['asked']}"))
    text = page.locator('script[type="application/ld+json"]').text_content() or ""
    described = json.loads(text)
    question = described["mainEntity"]
    assert (described["@type"], question["name"]) == ("QAPage", TRICK)
    answer = question["acceptedAnswer"]
    assert (answer["text"], answer["upvoteCount"], answer["author"]["name"]) == ("Five days, in a <cloth>.", 1, "Finch")
    assert answer["url"].endswith(f"/posts/{said['answer']}")
    page.goto(pages.url(SQUARE, f"/fr/threads/{said['review']}"))
    review = json.loads(page.locator('script[type="application/ld+json"]').text_content() or "")
    assert (review["@type"], review["reviewRating"]["ratingValue"]) == ("Review", 4)
    assert review["itemReviewed"]["name"] == "Rye & bread"
    assert heard == []


def test_the_strip_stands_in_the_shops_own_page_and_nowhere_else(
    pages: Pages, said: dict[str, str], browser: Browser, shop_page: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    origin, page_of = shop_page
    strip = pages.url(SQUARE, "/ja/strip/0412")
    page_of["page"] = f'<!doctype html><title>Rye</title><iframe src="{strip}" width="360" height="420"></iframe>'
    page = browser.new_context(viewport={"width": 390, "height": 700}).new_page()
    page.goto(origin)
    frame = page.frame_locator("iframe")
    frame.get_by_text("A good crust.").first.wait_for()
    assert "4.0" in frame.locator("header").inner_text()
    assert frame.locator("script").count() == 0
    assert page.context.cookies() == []
    page.screenshot(path=str(tmp_path / "strip.png"))
    page_of["page"] = page_of["page"].replace(strip, pages.url(SQUARE, "/ja/"))
    with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        page.goto(origin)
    assert page.frame_locator("iframe").get_by_role("main").count() == 0, "no other page stands in a frame"
    for _ in range(2):  # the second one is kept from the first
        kept = httpx.get(f"http://127.0.0.1:{pages.port}/ja/strip/0412", headers={"host": f"localhost:{pages.port}"})
        assert "x-frame-options" not in kept.headers
    headers = httpx.get(
        f"http://127.0.0.1:{pages.port}/strip/0412", headers={"host": f"localhost:{pages.port}"}
    ).headers
    assert f"frame-ancestors https://shop.example {origin};" in headers["content-security-policy"]
    assert not {"x-frame-options", "set-cookie"} & headers.keys()
    plain = httpx.get(f"http://127.0.0.1:{pages.port}/ideas", headers={"host": f"localhost:{pages.port}"}).headers
    assert (plain["x-frame-options"], "frame-ancestors 'none'" in plain["content-security-policy"]) == ("DENY", True)


@pytest.mark.parametrize("named", ["shop.example", "https://*", "https://a.example/path", "'none'", "https://a.b;x"])
def test_an_origin_that_is_none_is_refused(named: str) -> None:
    with environment(COMPTOIR_STRIP_ORIGINS=named), pytest.raises(StripOriginInvalid, match="is not an origin"):
        strip_origins()
    with environment(COMPTOIR_STRIP_ORIGINS=None):
        assert strip_origins() == ()
