"""Readers share a page for a second; nobody ever gets a page that was made for a member, or in another language."""

from __future__ import annotations

import itertools

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from comptoir.doors.storefront.community import keeping
from comptoir.doors.storefront.community.keeping import SAID_COOKIE, SECONDS, kept, part
from comptoir.foundation.rooms.commands import set_up_django

set_up_django()

REQUESTS = RequestFactory()


@pytest.fixture(autouse=True)
def _keep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPTOIR_PAGES_KEPT_SECONDS")


class Maker:
    """Makes a page that says the how-manieth it is."""

    def __init__(self, status: int = 200) -> None:
        self.made = 0
        self.status = status

    def __call__(self) -> HttpResponse:
        self.made += 1
        return HttpResponse(f"page {self.made}", status=self.status, headers={"Vary": "Accept-Language"})


def test_readers_share_what_was_made_within_a_second() -> None:
    make, now = Maker(), [100.0]
    pages = []
    for moment in (100.0, 100.0 + SECONDS / 2, 100.0 + SECONDS):
        now[0] = moment
        pages.append(kept(REQUESTS.get("/en/shared"), "en", make, now=lambda: now[0]))
    assert [getattr(page, "content", b"") for page in pages] == [b"page 1", b"page 1", b"page 2"]
    assert [page.headers["Vary"] for page in pages] == ["Accept-Language"] * 3


def test_a_member_another_language_and_another_question_get_their_own() -> None:
    make = Maker()
    for path, language, cookie in (
        ("/own", "en", ""), ("/own", "ja", ""), ("/own?q=1", "en", ""), ("/own", "en", "a=1"), ("/own", "en", "b=1"),
    ):  # fmt: skip
        request = REQUESTS.get(path)
        request.META["HTTP_COOKIE"] = cookie
        kept(request, language, make, now=lambda: 1.0)
    assert make.made == 5


def test_what_went_wrong_and_what_sets_a_cookie_is_not_kept() -> None:
    lost, posting = Maker(status=404), Maker()
    for _ in range(2):
        kept(REQUESTS.get("/lost"), "en", lost, now=lambda: 1.0)
        kept(REQUESTS.post("/post"), "en", posting, now=lambda: 1.0)
    setting = 0

    def set_cookie() -> HttpResponse:
        nonlocal setting
        setting += 1
        response = HttpResponse("x")
        response.set_cookie("a", "b")
        return response

    for _ in range(2):
        kept(REQUESTS.get("/cookie"), "en", set_cookie, now=lambda: 1.0)
    assert (lost.made, posting.made, setting) == (2, 2, 2)


def test_members_share_what_a_page_says_to_everybody() -> None:
    counted, now = itertools.count(1), [100.0]

    def asked(key: str = "a", *, has_said: bool = False) -> int:
        request = REQUESTS.get("/shared")
        request.COOKIES = {SAID_COOKIE: "1"} if has_said else {"session": "x"}
        return part(request, ("test", key), lambda: next(counted), now=lambda: now[0])

    assert [asked(), asked(), asked("b")] == [1, 1, 2]
    assert asked(has_said=True) == 3, "whoever has just said something finds it there"
    assert asked() == 3, "and so do the others"
    now[0] += SECONDS
    assert asked() == 4


@pytest.mark.parametrize("seconds", ["-1", "11", "nan", "soon"])
def test_a_time_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, seconds: str) -> None:
    monkeypatch.setenv("COMPTOIR_PAGES_KEPT_SECONDS", seconds)
    with pytest.raises(ValueError, match=r"COMPTOIR_PAGES_KEPT_SECONDS: .* is no number of seconds from 0 to 10"):
        keeping.seconds()


def test_with_no_time_everything_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPTOIR_PAGES_KEPT_SECONDS", "0")
    counted, make = itertools.count(1), Maker()
    request = REQUESTS.get("/none")
    assert [part(request, ("none",), lambda: next(counted)) for _ in range(2)] == [1, 2]
    for _ in range(2):
        kept(request, "en", make)
    assert make.made == 2
