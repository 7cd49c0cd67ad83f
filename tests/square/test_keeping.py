"""What is made once is given to others for a second; nobody ever gets what was made for a member."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.test import RequestFactory

from comptoir.doors.storefront.community import keeping
from comptoir.doors.storefront.community.keeping import SAID_COOKIE, SECONDS, part
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.bodies import Scope
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import SQUARE
from support.casting import Counter
from support.talking import wrote

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.foundation.rooms import staying

REQUESTS = RequestFactory()
Ask = Callable[..., "tuple[int, str]"]


@pytest.fixture(autouse=True)
def _keep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPTOIR_PAGES_KEPT_SECONDS")


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time at which pages are kept; a test lets it pass."""
    now = [1_000.0]
    monkeypatch.setattr(staying, "_now", lambda: now[0])
    return now


@pytest.fixture
def ask(counter: Counter, moment: list[float]) -> Ask:
    """Ask the square as its server does; returns the status and the page."""

    async def others(*_: Any) -> None:
        raise AssertionError("the square's pages are plain")

    pages = staying.Staying(others)

    def asked(path: str, *, method: str = "GET", **headers: str) -> tuple[int, str]:
        plain, _, query = path.partition("?")
        named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http", "method": method, "path": plain, "raw_path": plain.encode(), "query_string": query.encode(),
            "headers": [(b"host", f"{host_of(SQUARE)}:8000".encode()), *named], "scheme": "http", "root_path": "",
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000), "http_version": "1.1",
        }  # fmt: skip
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(dict(message))

        asyncio.run(pages(scope, receive, send))
        return sent[0]["status"], sent[1]["body"].decode()

    return asked


def test_readers_share_what_was_made_within_a_second(
    ask: Ask, counter: Counter, wren: str, moment: list[float]
) -> None:
    assert "Rye bread?" not in ask("/en/")[1]
    counter.tell(wrote(wren, "Rye bread?"))
    assert "Rye bread?" not in ask("/en/")[1], "it was made a moment ago"
    moment[0] += SECONDS
    assert "Rye bread?" in ask("/en/")[1]


def test_who_is_somebody_or_asks_for_something_else_gets_their_own(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    answer = staying._Pages.answer

    def counted(self: staying._Pages, scope: Scope, body: Any) -> staying.Answer:
        made.append(scope["path"])
        return answer(self, scope, body)

    monkeypatch.setattr(staying._Pages, "answer", counted)
    asked: tuple[tuple[str, dict[str, str]], ...] = (
        ("/en/", {}), ("/en/", {"cookie": "a=1"}), ("/en/", {"cookie": "a=1"}), ("/en/", {"authorization": "x"}),
        ("/en/", {"if_none_match": '"x"'}), ("/en/?kind=question", {}), ("/ja/", {}), ("/", {"accept_language": "ja"}),
        ("/", {"accept_language": "fr"}), ("/en/nothing-here", {}), ("/en/nothing-here", {}), ("/health", {}),
        ("/health", {}),
    )  # fmt: skip
    for path, headers in asked:
        ask(path, **headers)
    ask("/en/", method="HEAD")
    assert len(made) == len(asked) + 1
    for path, headers in (("/en/", {}), ("/ja/", {}), ("/en/?kind=question", {}), ("/", {"accept_language": "fr"})):
        ask(path, **headers)
    assert len(made) == len(asked) + 1, "these were made already"


def test_a_body_is_asked_for_only_where_there_may_be_one(counter: Counter) -> None:
    asked: list[str] = []

    async def others(*_: Any) -> None:
        raise AssertionError("the square's pages are plain")

    async def send(_message: Any) -> None:
        pass

    pages = staying.Staying(others)
    for method, named in (
        ("GET", ()),
        ("HEAD", ()),
        ("GET", ("content-length",)),
        ("POST", ()),
        ("GET", ("transfer-encoding",)),
    ):
        host = (b"host", f"{host_of(SQUARE)}:8000".encode())
        scope = {
            "type": "http", "method": method, "path": "/en/", "raw_path": b"/en/", "query_string": b"",
            "headers": [host, (b"cookie", b"a=1"), *((name.encode(), b"3") for name in named)], "scheme": "http",
            "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000), "http_version": "1.1",
        }  # fmt: skip

        async def receive(said: str = " ".join((method, *named))) -> dict[str, Any]:
            asked.append(said)
            return {"type": "http.request", "body": b"abc", "more_body": False}

        asyncio.run(pages(scope, receive, send))
    assert asked == ["GET content-length", "POST", "GET transfer-encoding"]


def test_members_share_what_a_page_says_to_everybody() -> None:
    counted, now = itertools.count(1), [100.0]

    def asked(key: str = "a", *, has_said: bool = False, is_nobody: bool = False) -> int:
        request = REQUESTS.get("/shared")
        request.COOKIES = {} if is_nobody else {SAID_COOKIE: "1"} if has_said else {"session": "x"}
        return part(request, ("test", key), lambda: next(counted), now=lambda: now[0])

    assert [asked(), asked(), asked("b")] == [1, 1, 2]
    assert asked(has_said=True) == 3, "whoever has just said something finds it there"
    assert asked() == 3, "and so do the others"
    assert asked(is_nobody=True) == 4, "a whole page of it is kept from now on"
    assert asked() == 4
    now[0] += SECONDS
    assert asked() == 5


@pytest.mark.parametrize("seconds", ["-1", "11", "nan", "soon"])
def test_a_time_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, seconds: str) -> None:
    monkeypatch.setenv("COMPTOIR_PAGES_KEPT_SECONDS", seconds)
    with pytest.raises(ValueError, match=r"COMPTOIR_PAGES_KEPT_SECONDS: .* is no number of seconds from 0 to 10"):
        keeping.seconds()


def test_with_no_time_everything_is_made_anew(
    ask: Ask, counter: Counter, wren: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPTOIR_PAGES_KEPT_SECONDS", "0")
    counted = itertools.count(1)
    request = REQUESTS.get("/none")
    assert [part(request, ("none",), lambda: next(counted)) for _ in range(2)] == [1, 2]
    assert "Rye bread?" not in ask("/en/")[1]
    counter.tell(wrote(wren, "Rye bread?"))
    assert "Rye bread?" in ask("/en/")[1]
