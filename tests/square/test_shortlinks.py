"""Short links lead where staff said, count whoever follows and nothing of them, and are never changed."""

from __future__ import annotations

import datetime as dt
import threading
from http import HTTPStatus

import psycopg
import pytest
from django.db import connections
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE, SQUARE
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.square.shortlinks import commands, queries, rules
from comptoir.square.shortlinks.errors import ShortLinkInvalid
from comptoir.square.shortlinks.rules import ShortLink

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
TODAY = NOW.date()
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"
TEA = ShortLink("instagram", "@oakstreet.tea", "Tea in autumn", "https://shop.example/tea?colour=green#leaves")


def made(link: ShortLink = TEA) -> str:
    with entered(OFFICE):
        return commands.make(link, by="Akiko", at=NOW)


def visits(code: str) -> int:
    with entered(OFFICE):
        placed = queries.placed(since=TODAY - dt.timedelta(days=1), until=TODAY + dt.timedelta(days=400))
    return next(each.visits for each in placed if each.code == code)


@pytest.fixture
def reader(shop: Shop) -> Client:
    return Client(headers={"host": f"{host_of(SQUARE)}:8000", "user-agent": PHONE})


def test_whoever_follows_is_led_on_and_counted_and_gets_no_cookie(reader: Client) -> None:
    code = made()
    answer = reader.get(f"/go/{code}")
    assert answer.status_code == HTTPStatus.FOUND
    assert answer["Location"] == f"https://shop.example/tea?colour=green&short_link={code}#leaves"
    assert not answer.cookies
    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert reader.get(f"/go/{code.upper()}").status_code == HTTPStatus.FOUND, "a code is read aloud"
    assert visits(code) == 2


def test_a_path_of_the_square_is_a_target(reader: Client) -> None:
    code = made(ShortLink("line", "oakstreet", "Bread", "/product/1095275"))
    assert reader.get(f"/go/{code}")["Location"] == f"/product/1095275?short_link={code}"


@pytest.mark.parametrize(
    "agent", ["", "Twitterbot/1.0", "facebookexternalhit/1.1", "Mozilla/5.0 (compatible; Googlebot/2.1)", "curl/8.5"]
)
def test_a_machine_that_says_so_is_led_on_and_not_counted(reader: Client, agent: str) -> None:
    code = made()
    assert reader.get(f"/go/{code}", headers={"user-agent": agent}).status_code == HTTPStatus.FOUND
    assert reader.head(f"/go/{code}").status_code == HTTPStatus.FOUND
    assert visits(code) == 0


@pytest.mark.parametrize("code", ["nothing2", "x" * 40, "..%2f", "'--", "%00"])
def test_a_code_that_nobody_made_leads_nowhere(reader: Client, shop: Shop, code: str) -> None:
    made()
    with shop.unchanged("shortlinks_shortlink", "shortlinks_shortlinkday"):
        assert reader.get(f"/go/{code}").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(
    ("field", "link"),
    [
        ("network", ShortLink("fax", "@tea", "Tea", "/")),
        ("username", ShortLink("x", "", "Tea", "/")),
        ("username", ShortLink("x", "two words", "Tea", "/")),
        ("username", ShortLink("x", "<script>", "Tea", "/")),
        ("username", ShortLink("x", "a" * 61, "Tea", "/")),
        ("post", ShortLink("x", "@tea", "", "/")),
        ("post", ShortLink("x", "@tea", "two\nlines", "/")),
        ("post", ShortLink("x", "@tea", "t" * 121, "/")),
        *(
            ("target", ShortLink("x", "@tea", "Tea", target))
            for target in (
                "", "tea", "http://shop.example/", "//shop.example/", "/\\shop.example", "javascript:alert(1)",
                "https://", "https://localhost/", "https://user:word@shop.example/", "https://shop.example/\nSet-Cookie:",
                "https://shop.example:99999/", "https://shop.example/é", "https://[::1", "/a b", "/" + "a" * 1_000,
            )
        ),
    ],
)  # fmt: skip
def test_what_is_no_short_link_is_refused_by_its_field(shop: Shop, field: str, link: ShortLink) -> None:
    with shop.unchanged("shortlinks_shortlink"), pytest.raises(ShortLinkInvalid) as refused:
        made(link)
    assert refused.value.field == field


def test_a_code_that_is_taken_is_made_anew(shop: Shop) -> None:
    codes = iter(["aaaaaaaa", "aaaaaaaa", "bbbbbbbb"])
    with entered(OFFICE):
        found = [commands.make(TEA, by="Akiko", at=NOW, code=lambda: next(codes)) for _ in range(2)]
    assert found == ["aaaaaaaa", "bbbbbbbb"]
    assert shop.value("select count(*) from shortlinks_shortlink") == 2


def test_visits_at_once_are_all_counted(shop: Shop) -> None:
    code = made()

    def follow() -> None:
        with entered(SQUARE):
            for _ in range(20):
                commands.follow(code, agent=PHONE, at=NOW)
        connections.close_all()

    threads = [threading.Thread(target=follow) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert visits(code) == 80


def test_the_square_leads_on_and_cannot_lead_elsewhere(shop: Shop) -> None:
    made()
    with shop.connect(SQUARE.role) as connection:
        for statement in (
            "update shortlinks_shortlink set target = '/evil'", "delete from shortlinks_shortlink",
            "insert into shortlinks_shortlink values ('x', 'x', 'x', 'x', '/evil', now(), 'x')",
        ):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


@given(st.text(max_size=60), st.text(max_size=20))
def test_no_target_leads_away_from_what_was_judged(target: str, code: str) -> None:
    link = ShortLink("x", "@tea", "Tea", target)
    if rules.judge(link) is None:
        led = rules.address(target, code)
        assert led.startswith("https://") if target.startswith("https://") else led.startswith("/")
        assert not led.startswith(("//", "/\\"))
        assert led.isascii()
        assert not any(each.isspace() for each in led)
