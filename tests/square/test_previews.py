"""Cards for what posts link to: pages elsewhere are asked for a few words, and cannot harm or hold up the house."""

from __future__ import annotations

import datetime as dt
import socket
import time
from collections.abc import Collection, Iterator
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir.foundation.kernel import database, outbound
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.rooms.declaration import COUNTER, SQUARE
from comptoir.square.community import jobs, previews
from comptoir.square.community.previews import Preview, decoded, first_link, preview_of
from support import forgotten, talking
from support.casting import ALICE
from support.casting import Counter as AtTheCounter
from support.forgotten import forget
from support.gateway import EXAMPLES, Gateway
from support.pages import running_pages
from support.shop import Shop, environment
from support.sites import HTML, Site, head, standing
from support.talking import later, post_of, wrote

PAGE = """<!doctype html><html><head><title>The mill – rye</title>
<meta property="og:title" content="Rye &amp; spelt"><meta name="description" content="Flour, ground  today.">
<meta property="og:site_name" content="The mill"><meta property="og:image" content="https://x.example/spy.png">
</head><body><h1>no</h1></body></html>"""
SHOWN = Preview("Rye & spelt", "Flour, ground today.", "The mill")
SOON = later(1)


@pytest.fixture
def site() -> Iterator[Site]:
    with standing() as one:
        yield one


def everybody(_connection: Connection, personas: Collection[Id]) -> Collection[Id]:
    return personas


def nobody(_connection: Connection, _personas: Collection[Id]) -> Collection[Id]:
    return ()


def fetched(*, at: dt.datetime = SOON, trusted: jobs.Trusted = everybody, networks: str = "127.0.0.0/8") -> int:
    """Do what the worker does each minute; returns how many pages were asked."""
    with (
        environment(COMPTOIR_SQUARE_PREVIEW_NETWORKS=networks),
        Connection.connect(database.conninfo(COUNTER.role)) as connection,
    ):
        return jobs.fetch_previews(connection, now=at, trusted=trusted)


def known(shop: Shop) -> dict[str, tuple[str, str]]:
    rows = shop.rows("select url, title, why from community_preview")
    return {row["url"].rpartition("/")[2]: (row["title"], row["why"]) for row in rows}


def linked(counter: AtTheCounter, persona: str, *urls: str) -> list[str]:
    """Let somebody link to pages; return the posts."""
    posts = []
    for url in urls:
        told = wrote(persona, f"Look at {url}, it is good.")
        assert counter.tell(told).problem is None
        posts.append(post_of(told))
    return posts


# -- asking -------------------------------------------------------------------------------------------------------


def test_a_page_is_asked_once_for_its_words_and_again_when_they_are_old(
    shop: Shop, counter: AtTheCounter, wren: str, finch: str, site: Site
) -> None:
    site.says("/rye", PAGE.encode())
    linked(counter, wren, site.url("/rye"))
    linked(counter, finch, site.url("/rye"))
    assert fetched() == 1
    row = shop.rows("select title, description, site, failures, until from community_preview")[0]
    assert (row["title"], row["description"], row["site"]) == (SHOWN.title, SHOWN.description, SHOWN.site)
    assert (row["failures"], row["until"]) == (0, later(1) + dt.timedelta(days=jobs.KEPT_DAYS))
    assert fetched(at=later(2)) == 0
    assert fetched(at=later(2) + dt.timedelta(days=jobs.KEPT_DAYS)) == 1
    assert site.asked == ["/rye", "/rye"]  # and nothing else of the page, its picture least of all


def test_a_link_into_the_house_gets_no_request_at_all(shop: Shop, counter: AtTheCounter, wren: str, site: Site) -> None:
    site.says("/rye", PAGE.encode())
    linked(counter, wren, site.url("/rye"), "http://localhost.localdomain/", "http://169.254.169.254/latest/meta-data")
    assert fetched(networks="") == 3
    assert site.asked == []
    assert {why for _, why in known(shop).values()} <= {"address", "away"}
    # One that leads there from a page that is allowed is judged like the first.
    site.answers["/away"] = lambda connection: connection.sendall(head("302 Found", "Location: http://10.0.0.1:1/"))
    linked(counter, wren, site.url("/away"))
    assert fetched() == 1
    assert known(shop)["away"] == ("", "address")


def test_other_ports_than_those_of_pages_are_not_asked(shop: Shop, counter: AtTheCounter, wren: str) -> None:
    linked(counter, wren, "https://example.com:22/")
    assert fetched(networks="") == 1
    assert shop.value("select why from community_preview") == "address"


def test_a_page_can_lead_on_but_not_for_ever(shop: Shop, counter: AtTheCounter, wren: str, site: Site) -> None:
    site.says("/rye", PAGE.encode())
    site.answers["/old"] = lambda connection: connection.sendall(head("301 Moved", "Location: /rye"))
    site.answers["/round"] = lambda connection: connection.sendall(head("302 Found", "Location: /round"))
    site.answers["/file"] = lambda connection: connection.sendall(head("302 Found", "Location: file:///etc/passwd"))
    linked(counter, wren, site.url("/old"), site.url("/round"), site.url("/file"))
    assert fetched() == 3
    assert known(shop) == {"old": ("Rye & spelt", ""), "round": ("", "redirect"), "file": ("", "redirect")}
    assert site.asked.count("/round") == jobs.REDIRECTS_MAX + 1


def test_large_endless_and_slow_pages_hold_nobody_up(
    shop: Shop, counter: AtTheCounter, wren: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "PAGE_SECONDS_MAX", 1.0)
    site.says("/large", PAGE.encode() + b"x" * 10_000_000)

    def endless(connection: socket.socket) -> None:
        connection.sendall(head())
        while True:
            connection.sendall(b"<p>" * 10_000)

    def slow(connection: socket.socket) -> None:
        connection.sendall(head())
        for letter in PAGE.encode():
            connection.sendall(bytes([letter]))
            time.sleep(0.05)

    site.answers |= {"/endless": endless, "/slow": slow}
    linked(counter, wren, site.url("/large"), site.url("/endless"), site.url("/slow"))
    began = time.monotonic()
    assert fetched() == 3
    assert time.monotonic() - began < 10
    assert known(shop) == {"large": ("Rye & spelt", ""), "endless": ("", "nothing"), "slow": ("", "slow")}


def test_who_is_new_has_no_card_and_one_server_is_asked_a_few_times(
    shop: Shop, counter: AtTheCounter, wren: str, site: Site
) -> None:
    for number in range(5):
        site.says(f"/{number}", PAGE.encode())
    linked(counter, wren, *(site.url(f"/{number}") for number in range(5)))
    assert fetched(trusted=nobody) == 0
    assert fetched() == jobs.PAGES_OF_A_HOST
    with environment(COMPTOIR_SQUARE_PREVIEWS="off"):
        assert fetched() == 0
    assert fetched() == 5 - jobs.PAGES_OF_A_HOST
    told = talking.staff_wrote(f"See {site.url('/shop')}", kind="story", title="The mill")
    assert counter.tell(told).problem is None
    assert fetched(trusted=nobody) == 1


def test_a_page_that_does_not_answer_is_left_alone_longer_and_longer(
    shop: Shop, counter: AtTheCounter, wren: str, site: Site
) -> None:
    linked(counter, wren, site.url("/gone"))
    now = later(1)
    for days in (*jobs.AGAIN_DAYS, jobs.KEPT_DAYS):
        assert fetched(at=now) == 1
        assert shop.value("select until from community_preview") == now + dt.timedelta(days=days)
        now += dt.timedelta(days=days, minutes=1)


def test_what_is_known_of_a_page_goes_with_the_last_post_that_links_to_it(
    shop: Shop, counter: AtTheCounter, wren: str, finch: str, site: Site
) -> None:
    site.says("/rye", PAGE.encode())
    [post] = linked(counter, wren, site.url("/rye"))
    [other] = linked(counter, finch, site.url("/rye"))
    fetched()
    withdrawn = {"persona": finch, "post": other}
    assert counter.tell(talking.said("post.withdrawn", withdrawn, at=later(2))).problem is None
    assert len(known(shop)) == 1
    edited = {"persona": wren, "post": post, "version": 1, "text": "No link.", "title": "No link"}
    assert counter.tell(talking.said("post.edited", edited, at=later(3))).problem is None
    fetched(at=later(4))
    assert known(shop) == {}
    site.says("/mine", PAGE.encode())
    linked(counter, wren, site.url("/mine"))
    fetched(at=later(5))
    assert counter.tell(forget(ALICE)).problem is None
    assert known(shop) == {}
    assert forgotten.found_in(forgotten.dump(shop), [site.url("/mine")]) == []


def test_a_card_stands_below_its_post(gateway: Gateway, shop: Shop, site: Site, tmp_path: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    attack = '<title>"&gt;&lt;script&gt;alert(1)&lt;/script&gt; \u202eevil</title>'
    site.says("/rye", PAGE.encode())
    site.says("/attack", attack.encode())
    posts = []
    for path in ("/rye", "/attack"):
        told = talking.staff_wrote(f"See {site.url(path)}", kind="story", title="The mill", at=now)
        gateway.post([told], touchpoint="console")
        posts.append(post_of(told))
    assert fetched(at=now, trusted=nobody) == 2
    with environment(COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")), running_pages(tmp_path, gateway) as pages:
        page = httpx.get(pages.url(SQUARE, f"/threads/{posts[0]}"))
        assert page.status_code == HTTPStatus.OK
        assert f'<a class="preview" href="{site.url("/rye")}" rel="nofollow ugc noopener">' in page.text
        assert "127.0.0.1 · The mill" in page.text
        assert "<strong>Rye &amp; spelt</strong>" in page.text
        assert "spy.png" not in page.text
        attacked = httpx.get(pages.url(SQUARE, f"/threads/{posts[1]}")).text
    assert "&lt;script&gt;alert(1)" in attacked
    assert "<script>alert" not in attacked
    assert "\u202e" not in attacked


# -- reading ------------------------------------------------------------------------------------------------------


def test_a_page_is_read_in_whatever_it_is_written() -> None:
    japanese = "<title>ライ麦の粉、石臼で挽いたもの</title>"
    french = "<title>Le pain d’été à l’épeautre</title>"
    for text, written, said in (
        (japanese, "shift_jis", "text/html; charset=Shift_JIS"),
        (japanese, "shift_jis", "text/html"),
        (japanese, "shift_jis", "text/html; charset=utf-8"),
        (japanese, "euc_jp", "text/html; charset=euc-jp"),
        (japanese, "utf-8", "text/html; charset=iso-8859-1"),
        (japanese, "utf-16", "text/html; charset=utf-16"),
        (french, "cp1252", "text/html; charset=ISO-8859-1"),
        (french, "cp1252", "text/html; charset=nonsense"),
        (french, "utf-8", "text/html; charset=hex"),
    ):
        found = preview_of(text.encode(written), content_type=said)
        assert found is not None
        assert found.title == text[7:-8], (written, said)
    declared = '<meta charset="shift_jis">' + japanese
    assert decoded(declared.encode("shift_jis")) == declared
    assert decoded("é".encode()[:1] + b"") is not None


def test_what_is_no_page_or_says_nothing_has_no_card() -> None:
    assert preview_of(PAGE.encode(), content_type=HTML) == SHOWN
    assert preview_of(PAGE.encode(), content_type="image/png") is None
    assert preview_of(b"<title> \n</title>", content_type="text/html") is None
    assert preview_of(b"<body><title>late</title>", content_type="text/html") is None
    long = preview_of(b"<title>" + b"word " * 1_000 + b"</title>", content_type="text/html")
    assert long is not None
    assert len(long.title) == previews.TITLE_CHARACTERS_MAX


@given(st.binary(max_size=2_000), st.text(max_size=60))
def test_whatever_a_server_says_is_read_or_not(body: bytes, kind: str) -> None:
    decoded(body, content_type=kind)
    for each in (
        preview_of(body, content_type="text/html; " + kind),
        preview_of(b"<title>" + body, content_type="text/html"),
    ):
        assert each is None or each.title.strip()


def test_the_first_address_is_meant() -> None:
    assert first_link("See https://mill.example/a, and http://b.example") == "https://mill.example/a"
    assert first_link("[x](http://b.example/c_(d)") == "http://b.example/c_(d"
    assert first_link("粉は https://mill.example/粉。") == "https://mill.example/粉"
    for nothing in (
        "no link",
        "ftp://a.example",
        "https://user:pass@a.example/",
        "http://localhost/",
        "http://[::1",
        "http://",
    ):
        assert first_link(nothing) is None
    assert outbound.networks_of([]) == ()
