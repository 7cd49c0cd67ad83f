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
from support.shop import Shop, environment
from support.talking import post_of, wrote

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.doors.console import participation
from comptoir.square.stewardship import filtering, installed, jobs

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


def change(shop: Shop) -> None:
    """Change things: a rule and a switch, an experiment, the weights of the filter, and then what it does."""
    counter, now = Counter(shop), dt.datetime.now(dt.UTC)
    wording = {"title": "Be kind", "text": "Talk to others as you would at a counter."}
    rule = {**talking.STAFF, "section": "be-kind", "en": wording, "ja": wording, "fr": wording}
    switched = {**talking.STAFF, "element": "rituals", "is_on": False, "reason": "We are three."}
    planned = {
        **talking.STAFF, "experiment": "a-rule", "hypothesis": "A rule brings more answers.", "element": "reminder",
        "unit": "thread", "kind": "question", "language": "en", "text_a": "", "text_b": "Be kind.", "seed": "0" * 16,
        "outcome": "answers", "cap": 5, "smallest": 0.5, "expected": 2, "weeks_max": 1,
    }  # fmt: skip
    began = {**talking.STAFF, "experiment": "a-rule", "units": 20}
    for kind, data, days in (
        ("charter.published", rule, 15), ("programme.switched", switched, 15), ("experiment.registered", planned, 15),
        ("experiment.started", began, 13),
    ):  # fmt: skip
        at = now - dt.timedelta(days=days)
        assert counter.tell(talking.said(kind, data, source=talking.CONSOLE, at=at), received_at=at).problem is None
    for mode, days in (("log", 12), ("log", 10), ("off", 9), ("off", 8)):
        if days == 10:
            filtering.write_filter(filtering.Filter("decisions", 0.0, {"a": (1.0, 1.0)}), installed.own_path())
        with environment(COMPTOIR_SQUARE_FILTER=mode):
            at = now - dt.timedelta(days=days)
            said = jobs.note_filter(counter.connection, now=at, handlers=counter.handlers)
        assert said == (days in {10, 9}), "only what is new is said"
    counter.close()


def test_what_changed_is_marked_with_a_number_and_told_in_a_table(
    shop: Shop, alice: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installed, "own_path", lambda: tmp_path / "filter.json")
    live(shop, weeks=10)
    change(shop)
    page = alice.get("/community/health").content.decode()
    table = page[page.index('id="changes"') : page.index('id="figures"')]
    rows = [words(row.split("</tr>")[0]) for row in table.split("<tbody>")[1].split("<tr>")[1:]]
    assert [row.split(" ", 1)[1] for row in rows] == [
        "6 Experiment “a-rule”: ends", "5 Filter for spam: switched off", "4 Filter for spam: has learned anew",
        "3 Experiment “a-rule”: begins", "2 Sell rye by the half loaf: done", "1 “rituals”: switched off",
        "1 Charter “Be kind”: version 1",
    ]  # fmt: skip
    wide = [each.split("</svg>")[0] for each in page.split('<div class="wide" role="img"')[1:]]
    assert len(wide) == 3
    for drawing in wide:
        assert [number for number in range(1, 7) if f">{number}</text>" not in drawing] == [], "each has its number"
    assert rebuild(keep=False).changed == []


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
