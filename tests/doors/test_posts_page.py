"""Posts on other networks in the console: a short link is made, what it sold is shown, and a plan is begun."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from html import escape
from http import HTTPStatus

import pytest
from django.test import Client
from django.utils import timezone

from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import OFFICE
from support.casting import WEBSHOP, Counter, sale
from support.pages import staff_client, words
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.office.attribution import commands, queries
from comptoir.office.attribution.models import PlanStep
from comptoir.office.attribution.rules import posts_in, week_of

FORM = {
    "network": "instagram",
    "username": "@tea",
    "post": "Tea <b>in</b> autumn",
    "target": "https://shop.example/tea",
}


@pytest.fixture
def client(shop: Shop) -> Client:
    return staff_client("Akiko")


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    one = Counter(shop)
    yield one
    one.close()


def shown(client: Client, query: str = "") -> str:
    answer = client.get(f"/campaigns/posts{query}")
    assert answer.status_code == HTTPStatus.OK
    return words(answer.content.decode())


def made(client: Client) -> str:
    answer = client.post("/campaigns/posts/make", FORM)
    found = re.fullmatch(r"/campaigns/posts\?made=([0-9a-z]{8})#made", answer["Location"])
    assert found
    return found[1]


def test_a_short_link_is_made_and_what_it_sold_is_shown(client: Client, counter: Counter) -> None:
    assert "No post has a short link yet." in shown(client)
    code = made(client)
    page = client.get(f"/campaigns/posts?made={code}").content.decode()
    assert f"http://localhost:8000/go/{code}" in page
    assert "<b>in</b>" not in page
    assert "No sale of the last 90 days has named a short link." in shown(client)
    said = sale("1", 1_999, of=None, source=WEBSHOP, at=timezone.now() - dt.timedelta(days=40))
    said["data"]["short_link"] = code
    assert counter.tell(said, received_at=timezone.now()).is_accepted
    page = shown(client)
    assert (
        "1 account sold 19.99 EUR in 90 days, by last touch; on average such a time sells between 0.00 EUR and" in page
    )
    assert "whether they would have bought anyway" in page
    assert "<svg" in client.get("/campaigns/posts").content.decode()
    assert "No sale of the last 28 days" in shown(client, "?days=28")
    assert "1 account sold 19.99 EUR in 365 days" in shown(client, "?days=365")
    assert "in 90 days" in shown(client, "?days=1' or 1=1")


def test_one_sentence_says_what_all_accounts_brought_and_how_sure_that_is(client: Client, counter: Counter) -> None:
    made(client)
    client.post("/campaigns/posts/make", {**FORM, "username": "@bread"})
    assert "Beyond last touch" not in shown(client)
    today = timezone.now().date()
    began = week_of(today) - dt.timedelta(weeks=14)
    with entered(OFFICE):
        for username in ("@tea", "@bread"):
            commands.begin(
                network="instagram", username=username, pairs=6, today=began - dt.timedelta(days=3), by="Akiko",
                at=timezone.now(),
            )  # fmt: skip
        plans, salt = queries.plans().values(), commands.salt()
    for number in range(12):
        week = began + dt.timedelta(weeks=number)
        posting = sum(bool(posts_in(week, each, salt=salt)) for each in plans)
        at = dt.datetime.combine(week, dt.time(12), dt.UTC)
        said = sale(f"w{number}", 10_000 + 2_000 * posting + 7 * number, of=None, at=at)
        assert counter.tell(said, received_at=timezone.now()).is_accepted
    page = shown(client)
    told = r"in their 12 weeks with posts, these 2 accounts brought the shop [\d.,]+ EUR more than weeks of rest"
    assert re.search(told, page) or "one cannot tell: in their 12 weeks with posts" in page, page


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"network": "fax"}, "Choose one of the networks."),
        ({"username": "two words"}, "one word"),
        ({"post": ""}, "Say in a line"),
        ({"target": "javascript:alert(1)"}, "It leads to https://"),
        ({"target": "/" + "a" * 9_000}, "It leads to https://"),
    ],
)
def test_what_is_no_short_link_says_why_and_keeps_what_was_typed(
    client: Client, shop: Shop, changed: dict[str, str], told: str
) -> None:
    with shop.unchanged("shortlinks_shortlink"):
        answer = client.post("/campaigns/posts/make", FORM | changed)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    page = words(answer.content.decode())
    assert "This is no short link." in page
    assert told in page
    kept = next(value for field, value in FORM.items() if field not in changed and field != "network")
    assert escape(kept) in answer.content.decode()


def test_a_plan_is_begun_says_what_to_do_and_is_given_up(client: Client, shop: Shop) -> None:
    made(client)
    named = {"account": "instagram/@tea"}
    answer = client.post("/campaigns/posts/plan", {**named, "pairs": "4"})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "6 to 52 pairs" in words(answer.content.decode())
    assert client.post("/campaigns/posts/plan", {**named, "pairs": "13"}).status_code == HTTPStatus.FOUND
    page = shown(client)
    assert "0 of 13 pairs of weeks are over." in page
    assert re.search(r"The week of \S+: (?:post|rest)\.", page)
    answer = client.post("/campaigns/posts/plan", {**named, "pairs": "13"})
    assert answer.status_code == HTTPStatus.CONFLICT
    client.post("/campaigns/posts/plan", {**named, "give_up": "1"})
    assert "It was given up, and shows nothing." in shown(client)
    with entered(OFFICE):
        assert [each.pairs for each in PlanStep.objects.order_by("id")] == [13, 0]
    with shop.unchanged("attribution_planstep"):
        client.post("/campaigns/posts/plan", {"account": "instagram/@nobody", "pairs": "13"})


def test_strangers_find_nothing(shop: Shop) -> None:
    stranger = Client(headers={"host": f"{host_of(OFFICE)}:8000"})
    assert stranger.get("/campaigns/posts").status_code == HTTPStatus.FOUND
    with shop.unchanged("shortlinks_shortlink"):
        assert stranger.post("/campaigns/posts/make", FORM).status_code == HTTPStatus.FOUND
