"""Cards: framed by anybody's page, without cookie and script, led on by the short link that they were given."""

from __future__ import annotations

import datetime as dt
import json
import re
from html import unescape
from urllib.parse import quote

import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import Gateway
from support.pages import accepted, event, words
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.foundation.rooms.addresses import host_of, origin_of
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE, SQUARE
from comptoir.square.shortlinks import commands
from comptoir.square.shortlinks.rules import ShortLink

WWW = {"host": f"{host_of(SQUARE)}:8000", "accept-language": "en"}
AT = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)


@pytest.fixture
def teapot(shop: Shop, gateway: Gateway) -> Client:
    variant = {"sku": "teapot-1", "prices": [{"currency": "USD", "amount": 4000}]}
    data = {"product": "teapot", "name": {"en": 'A "blue" <teapot>', "fr": "Une théière"}, "variants": [variant],
            "text": {"en": "It holds a litre."}}  # fmt: skip
    accepted(gateway.post([event("product.listed", data, source="/webshop", at=AT)], touchpoint="webshop"))
    return Client(headers=WWW)


def test_a_card_stands_in_any_frame_and_no_other_page_does(teapot: Client) -> None:
    card, page = teapot.get("/en/card/product/teapot"), teapot.get("/en/product/teapot")
    assert "frame-ancestors *" in card.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in card.headers
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Frame-Options"] == "DENY"
    assert card.cookies.output() == ""
    text = card.content.decode()
    assert "<script" not in text
    assert 'A "blue" <teapot>' in words(text)
    assert "$40.00" in words(text)
    assert "<teapot>" not in text
    assert teapot.get("/en/card/product/none").status_code == 404
    assert teapot.get(f"/en/card/product/{'x' * 300}").status_code == 404


def test_what_is_copied_is_the_cards_own_frame_and_previews_say_the_same(teapot: Client) -> None:
    page = teapot.get("/en/product/teapot").content.decode()
    copied = re.search(r"<textarea[^>]*>(.*?)</textarea>", page)
    assert copied is not None
    frame = unescape(copied[1])
    assert f'src="{origin_of(SQUARE)}/en/card/product/teapot"' in frame
    assert '<meta property="og:title" content="A &quot;blue&quot; &lt;teapot&gt;">' in page
    assert '<meta property="og:description" content="It holds a litre.">' in page
    told = re.search(r'type="application/json\+oembed" href="([^"]+)"', page)
    assert told is not None
    answer = teapot.get(unescape(told[1]).removeprefix(origin_of(SQUARE)))
    said = json.loads(answer.content)
    assert (said["version"], said["type"], said["title"]) == ("1.0", "rich", 'A "blue" <teapot>')
    assert said["html"] == frame
    small = json.loads(teapot.get(f"/oembed.json?url={quote(origin_of(SQUARE))}/product/teapot&maxwidth=200").content)
    assert small["width"] == 200


@pytest.mark.parametrize(
    "url", ["", "https://elsewhere.example/en/product/teapot", "{}/en/product/none", "{}/en/shop", "{}/en/threads/x",
            "http://[", "{}/en/threads/00000000-0000-0000-0000-000000000000"],
)  # fmt: skip
def test_oembed_tells_of_nothing_else(teapot: Client, url: str) -> None:
    assert teapot.get("/oembed.json", {"url": url.format(origin_of(SQUARE))}).status_code == 404
    assert teapot.get("/oembed.json", {"url": url, "format": "xml"}).status_code == 501


def test_a_card_leads_by_the_short_link_of_whoever_shared_it(teapot: Client, shop: Shop) -> None:
    with entered(OFFICE):
        mine = commands.make(ShortLink("instagram", "@oak", "the teapot", "/en/product/teapot"), by="alice", at=AT)
        other = commands.make(ShortLink("instagram", "@oak", "a cup", "/en/product/cup"), by="alice", at=AT)
    text = teapot.get(f"/en/card/product/teapot?short_link={mine}").content.decode()
    assert f'href="{origin_of(SQUARE)}/go/{mine}"' in text
    page = teapot.get(f"/en/product/teapot?short_link={mine}").content.decode()
    assert f"/en/card/product/teapot?short_link={mine}" in page, "whoever copies it passes it on"
    for wrong in (other, "zzzzzzzz", "<script>", ""):
        text = teapot.get("/en/card/product/teapot", {"short_link": wrong}).content.decode()
        assert f'href="{origin_of(SQUARE)}/en/product/teapot" target' in text
    assert shop.value("select coalesce(sum(visits), 0) from shortlinks_shortlinkday") == 0, "looking counts nothing"
