"""``bench square``: the square's pages with a million posts, beside the plainest pages that show the same.

Both are served by two processes, asked over one connection for the time of a page and over eight for their number in a
second; they take turns, round by round. Not here: the reference (``plain_square.py``), servers (``asking.py``).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import http.client
import re
import statistics
import time
import uuid
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, urlencode

import msgspec
import psycopg

from comptoir.config.benching import asking, stage
from comptoir.config.benching.asking import CONNECTIONS, Server, connect, get, together
from comptoir.config.registry import shop_map
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.declaration import OFFICE, SQUARE, Assurance
from comptoir.foundation.touchpoints import house
from comptoir.square.community import words
from comptoir.square.community.rendering import render

POSTS: Final = 1_000_000
MEMBERS: Final = 100_000
_LONG: Final = uuid.UUID("00000000-0000-4000-8000-000000000200")
_TEXTS: Final = 4_000
_SQL: Final = database.load_statements("comptoir.config.benching", "square.sql")
_ENGLISH: Final = tuple(
    "bread crust flour oven morning keeps fresh paper cloth butter salt rye wheat slice toast crumb yeast dough "  # noqa: SIM905
    "baker shelf cheese milk apple pear price cheaper organic taste soft hard warm cold fridge week days honest".split()
)
_JAPANESE: Final = tuple(
    "食パン 小麦 発酵 焼きたて 朝食 保存 冷凍 冷蔵 賞味期限 値段 安い 高い おいしい 柔らかい 硬い 香り 皮 塩 店員 "  # noqa: SIM905
    "相談 季節 果物 野菜 新鮮 産地 有機 牛乳 乾酪 週末 買い物 近所 京都 東京 大阪 揺蕩う 正直".split()
)


class Side(msgspec.Struct, frozen=True):
    """One page: milliseconds at the 95th percentile over one connection, answers in a second over eight.

    ``reader`` is for readers without a cookie, who share a page that was made within a second; ``member`` for members
    who are signed in, eight in turn, who share what a page says to everybody. ``anew`` and ``member_anew`` are the same
    where nothing is kept: every page is made for its one request, as the first within a second is. The reference makes
    every page. The ratios are those of the percentiles; ``cpu`` is the processor time of the pages' processes for one
    page, in milliseconds, without the database's.
    """

    p95_reader_ms: float
    p95_member_ms: float
    p95_anew_ms: float
    p95_member_anew_ms: float
    reference_p95_ms: float
    ratio_reader: float
    ratio_member: float
    ratio_anew: float
    ratio_member_anew: float
    per_second_reader: float
    per_second_member: float
    reference_per_second: float
    cpu_reader_ms: float
    cpu_member_ms: float
    cpu_anew_ms: float
    cpu_member_anew_ms: float
    reference_cpu_ms: float


class Square(msgspec.Struct, frozen=True):
    """Each page beside its reference; posting by itself; what a page weighs, in bytes, with its script and style."""

    posts: int
    members: int
    fill_seconds: float
    pages: dict[str, Side]
    posting_p95_ms: float
    posting_per_second: float
    page_bytes: dict[str, int]
    member_page_bytes: dict[str, int]
    script_bytes: int


#: A word of one text in four thousand, and one of every third or sixth text.
_RARE: Final = {"en": "saffron", "ja": "柚子胡椒"}
_COMMON: Final = {"en": "shelf", "ja": "揺蕩う"}


def measure(
    say: stage.Say, *, seconds: float = 10.0, customers: int = MEMBERS, posts: int = POSTS, rounds: int = 3
) -> Square:
    """Measure in a house of its own; ``customers`` is the number of members, ``seconds`` the length of a round."""
    pages = {
        "front": "/en/",
        "topic": "/en/topics/topic-3",
        "thread": f"/en/threads/{_LONG}",
        **{f"search_{language}": "/en/search?q=" + quote(word) for language, word in _RARE.items()},
        **{f"search_{language}_common": "/en/search?q=" + quote(word) for language, word in _COMMON.items()},
    }
    with stage.own_house(say), _with_key(), stage.gateway(say) as running:
        began = time.monotonic()
        fill(say, posts=posts, members=customers)
        filled = time.monotonic() - began
        with (
            _pages(say, running.port) as ours,
            _pages(say, running.port, kept_seconds=0) as anew,
            _plain(say) as plain,
        ):
            cookies = _sessions()
            figures: dict[str, Side] = {}
            for name, path in pages.items():
                say(f"{name}: {path}")
                asked = _asked(ours, anew, plain, cookies)
                figures[name] = _side(asked, path, seconds=seconds / rounds, rounds=rounds)
            say("posting")
            took, rate = _posting(ours.port, cookies, seconds=seconds)
            connection = connect(ours.port)
            weights = {name: len(get(connection, path)) for name, path in pages.items()}
            of_members = {name: len(get(connection, path, cookies[0])) for name, path in pages.items()}
            scripts = set(re.findall(r'src="([^"]+\.js)"', get(connection, pages["thread"]).decode()))
            script_bytes = sum(len(get(connection, each)) for each in scripts)
    return Square(
        posts=posts, members=customers, fill_seconds=filled, pages=figures,
        posting_p95_ms=stage.quantile(took, 0.95) * 1000, posting_per_second=rate, page_bytes=weights,
        member_page_bytes=of_members, script_bytes=script_bytes,
    )  # fmt: skip


def fill(say: stage.Say, *, posts: int, members: int) -> None:
    """Put members, threads and posts in, directly: ten posts in a thread, half in English, half in Japanese."""
    say(f"putting {posts:,} posts of {members:,} members in")
    texts = []
    for number in range(_TEXTS):
        language = "en" if number % 2 else "ja"
        lexicon = _ENGLISH if number % 2 else _JAPANESE
        said = [lexicon[(number * 7 + step * step + step * number) % len(lexicon)] for step in range(24)]
        if number < 2:
            said.append(_RARE[language])
        text = (" " if number % 2 else "、").join(said) + ("." if number % 2 else "。")
        indexed = words.index(text, language=language)
        texts.append((number, language, text, render(text), *indexed))
    with psycopg.connect(database.owner_conninfo()) as connection:
        connection.execute(_SQL["said"].encode())
        columns = "number, language, text, html, pairs, rest, configuration"
        with connection.cursor().copy(f"copy said ({columns}) from stdin") as copy:
            for row in texts:
                copy.write_row(row)
        connection.execute(_SQL["index_said"].encode())
        named = {"posts": posts, "members": members, "threads": posts // 10, "long": _LONG, "texts": _TEXTS}
        for name, statement in _SQL.items():
            if name.startswith("fill_"):
                connection.execute(statement.encode(), named)
    stage.settle()


@contextlib.contextmanager
def _with_key() -> Iterator[None]:
    """Let the house's own pages speak to the gateway."""
    with database.connect(OFFICE.role) as connection:
        house.make_keys(connection, declared=shop_map(), now=SYSTEM_CLOCK.now(), report=lambda _line: None)
    yield


# -- the two servers ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _pages(say: stage.Say, gateway_port: int, *, kept_seconds: int | None = None) -> Iterator[Server]:
    say("opening the square" if kept_seconds is None else "opening the square once more, where nothing is kept")
    with asking.pages(gateway_port, kept_seconds=kept_seconds) as server:
        yield server


@contextlib.contextmanager
def _plain(say: stage.Say) -> Iterator[Server]:
    say("opening the reference")
    with asking.served("wsgi", "comptoir.config.benching.plain_square:application", {}) as server:
        yield server


# -- asking -------------------------------------------------------------------------------------------------------


class _Asked(msgspec.Struct, frozen=True):
    """Who asks whom: a server, with the cookies of these members, one after the other."""

    server: Server
    cookies: tuple[str, ...] = ("",)


def _asked(ours: Server, anew: Server, plain: Server, cookies: list[str]) -> dict[str, _Asked]:
    return {
        "anew": _Asked(anew),
        "reference": _Asked(plain),
        "member": _Asked(ours, tuple(cookies)),
        "reader": _Asked(ours),
        "member_anew": _Asked(anew, tuple(cookies)),
    }


def _side(asked: dict[str, _Asked], path: str, *, seconds: float, rounds: int) -> Side:
    times: dict[str, list[float]] = {name: [] for name in asked}
    cpu = dict.fromkeys(times, 0.0)
    rates: dict[str, list[float]] = {"reader": [], "member": [], "reference": []}
    for each in asked.values():
        _loop(each, path, 0.5)
    for _number in range(rounds):
        # In turns, so that whatever else the machine does is fair to all of them. Each begins as it goes on: with what
        # is kept for a second made already, and made again when the second is over.
        for name, each in asked.items():
            _loop(each, path, _BEGINNING_SECONDS)
            before = each.server.cpu_seconds()
            times[name].extend(_loop(each, path, seconds / 6))
            cpu[name] += each.server.cpu_seconds() - before
        for name, of in rates.items():
            of.append(_crowd(asked[name], path, seconds / 10))
    p95 = {name: stage.quantile(each, 0.95) * 1000 for name, each in times.items()}
    ratio = {name: each / p95["reference"] for name, each in p95.items()}
    rate = {name: statistics.median(each) for name, each in rates.items()}
    spent = {name: cpu[name] / len(times[name]) * 1000 for name in times}
    return Side(
        p95["reader"], p95["member"], p95["anew"], p95["member_anew"], p95["reference"], ratio["reader"],
        ratio["member"], ratio["anew"], ratio["member_anew"], rate["reader"], rate["member"], rate["reference"],
        spent["reader"], spent["member"], spent["anew"], spent["member_anew"], spent["reference"],
    )  # fmt: skip


_BEGINNING_SECONDS: Final = 0.2


def _loop(asked: _Asked, path: str, seconds: float) -> list[float]:
    connection = connect(asked.server.port)
    took: list[float] = []
    until = time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        get(connection, path, asked.cookies[len(took) % len(asked.cookies)])
        took.append(time.perf_counter() - began)
    connection.close()
    return took


def _crowd(asked: _Asked, path: str, seconds: float) -> float:
    counts = [0] * CONNECTIONS

    def ask(number: int) -> None:
        counts[number] = len(_loop(asked, path, seconds))

    together(ask)
    return sum(counts) / seconds


def _posting(port: int, cookies: list[str], *, seconds: float) -> tuple[list[float], float]:
    """Return how long each reply took, and how many a second, of members who write as browsers do."""
    took: list[list[float]] = [[] for _ in range(CONNECTIONS)]

    def write(number: int) -> None:
        connection = connect(port)
        host = f"{host_of(SQUARE)}:{port}"
        cookie = cookies[number]
        connection.request("GET", "/en/write", headers={"Host": host, "Cookie": cookie})
        answer = connection.getresponse()
        page = answer.read().decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token is not None, "the form has no token"
        both = "; ".join(filter(None, (cookie, (answer.headers.get("Set-Cookie") or "").split(";")[0])))
        until = time.perf_counter() + seconds
        while (began := time.perf_counter()) < until and len(took[number]) < 15:
            said = {"post": str(uuid.uuid4()), "text": "Five days, in a cloth.", "kind": "answer"}
            body = urlencode({"csrfmiddlewaretoken": token[1], **said})
            connection.request(
                "POST", f"/en/threads/{_LONG}/reply", body,
                {"Host": host, "Cookie": both, "Content-Type": "application/x-www-form-urlencoded",
                 "Origin": f"http://{host}"},
            )  # fmt: skip
            answer = connection.getresponse()
            answer.read()
            assert answer.status == http.client.FOUND, answer.status
            took[number].append(time.perf_counter() - began)

    began = time.perf_counter()
    together(write)
    spent = time.perf_counter() - began
    every = [each for some in took for each in some]
    return every, len(every) / spent


def _sessions() -> list[str]:
    """Let a few members be on the square, each with a browser that was there before: it has the forms' cookie."""
    from comptoir.foundation.rooms.commands import set_up_django  # noqa: PLC0415 - only this part needs it

    set_up_django()
    from django.conf import settings  # noqa: PLC0415
    from django.utils.crypto import get_random_string  # noqa: PLC0415

    from comptoir.foundation.rooms.current import entered  # noqa: PLC0415
    from comptoir.foundation.rooms.sessions import RoomSession, cookie_name  # noqa: PLC0415
    from comptoir.foundation.rooms.visits import Visit  # noqa: PLC0415

    with psycopg.connect(database.owner_conninfo()) as connection:
        rows = connection.execute("select id, name from community_persona limit %s", (CONNECTIONS,)).fetchall()
    made = []
    with entered(SQUARE):
        for persona, name in rows:
            visit = Visit(str(persona), Assurance.RECOGNISED, ("persona",), dt.datetime.now(dt.UTC), name)
            session = RoomSession(room=SQUARE)
            session["visit"] = msgspec.to_builtins(visit)
            session.save()
            forms = f"{settings.CSRF_COOKIE_NAME}={get_random_string(32)}"
            made.append(f"{cookie_name(SQUARE)}={session.session_key}; {forms}")
    return made
