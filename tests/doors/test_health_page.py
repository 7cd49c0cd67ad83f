"""The page on how the square does: what it says of silence and of life, in three languages and two widths."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import Client
from playwright.sync_api import Page

from comptoir.config.rebuilding import rebuild
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import OFFICE
from support import casting, talking
from support.casting import Counter
from support.pages import Pages, staff_session, words
from support.shop import Shop
from support.talking import post_of, wrote

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.doors.console import participation

HOUR = dt.timedelta(hours=1)
WEEK = dt.timedelta(weeks=1)


@pytest.fixture
def alice(shop: Shop) -> Iterator[Client]:
    client = Client(headers={"host": f"{host_of(OFFICE)}:8000"})
    name, value = staff_session("Alice")
    client.cookies[name] = value
    participation._kept.clear()
    yield client
    participation._kept.clear()


def live(shop: Shop, *, weeks: int = 14, people: int = 12) -> None:
    """Let a square live for some weeks before now: ever more customers, ever less of the shop, an idea decided."""
    chance, counter = random.Random(7), Counter(shop)
    start = dt.datetime.now(dt.UTC) - weeks * WEEK

    def tell(said: casting.Event) -> None:
        at = dt.datetime.fromisoformat(said["time"])
        answer = counter.tell(said, received_at=at + dt.timedelta(seconds=1))
        assert answer.problem is None, answer.problem

    names = []
    for number in range(people):
        chosen = casting.persona(
            f"Bird {number:02d}", of={"kind": "card", "value": str(uuid.UUID(int=number))}, at=start
        )
        tell(chosen)
        names.append(chosen["data"]["persona"])
    threads: list[str] = []
    for week in range(weeks):
        here = names[: 3 + week * (people - 3) // weeks]
        for day in range(0, 7, 2):
            at = start + week * WEEK + dt.timedelta(days=day)
            if day == 0 and week < 8:
                seeded = talking.staff_wrote(
                    "How do you keep bread?", kind="question", title="Bread", seeded=True, at=at
                )
                tell(seeded)
                threads.append(post_of(seeded))
            asked = wrote(
                chance.choice(here), f"Question {week}.{day}?", kind=chance.choice(("question", "story")), at=at
            )
            tell(asked)
            for thread in {post_of(asked), chance.choice([*threads, post_of(asked)])}:
                if chance.random() < 0.75:
                    kind = "reply"
                    tell(
                        wrote(
                            chance.choice(here), "I know", kind=kind, thread=thread, at=at + chance.random() * 30 * HOUR
                        )
                    )
            if week < 9 and chance.random() < 0.5:
                tell(talking.staff_wrote("From us", kind="reply", thread=post_of(asked), at=at + 31 * HOUR))
            threads.append(post_of(asked))
    idea = wrote(names[0], "Sell rye by the half loaf", kind="idea", at=start + 5 * WEEK)
    tell(idea)
    moved = {**talking.STAFF, "idea": post_of(idea), "status": "done", "reason": "The bakers agreed."}
    tell(talking.said("idea.moved", moved, source=talking.CONSOLE, at=start + 8 * WEEK))
    counter.close()


def test_an_empty_square_is_told_to_begin(alice: Client) -> None:
    page = words(alice.get("/community/health").content.decode())
    assert "Nobody has contributed lately. Begin." in page
    assert "There is no second week to compare yet." in page
    assert "Conversations begun by customers What the shop seeded is left out. – 0 of 0 –" in page


def test_a_stranger_does_not_see_it(shop: Shop) -> None:
    answer = Client(headers={"host": f"{host_of(OFFICE)}:8000"}).get("/community/health")
    assert answer.status_code == 302


@pytest.mark.parametrize(
    ("language", "title", "told"),
    [
        ("en", "Community health", "Sell rye by the half loaf: done"),
        ("fr", "Santé de la communauté", "Sell rye by the half loaf: réalisée"),
        ("ja", "コミュニティの健康状態", "Sell rye by the half loaf: 実現"),
    ],
)
def test_a_living_square_is_drawn_with_what_changed_when(
    shop: Shop, alice: Client, language: str, title: str, told: str
) -> None:
    live(shop, weeks=10)
    answer = alice.get("/community/health", headers={"accept-language": language})
    page = words(answer.content.decode())
    assert title in page
    assert told in page
    drawings = answer.content.decode().count('role="img" aria-label=')
    assert drawings == 6, "three charts, for a desk and for a telephone"
    assert rebuild(keep=False).changed == []


def test_the_page_fits_a_telephone_and_a_desk(
    shop: Shop, pages: Pages, page: Page, photograph: Callable[[Page, str], list[Path]]
) -> None:
    live(shop)
    pages.sign_in(page, "Akiko")
    page.goto(pages.url(OFFICE, "/community/health"))
    page.get_by_role("heading", name="Who came again").wait_for()
    photograph(page, "console-health")
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
