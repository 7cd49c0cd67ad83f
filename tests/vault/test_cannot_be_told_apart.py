"""Whether somebody is known here cannot be found out by asking: the same answer, after the same work.

Zoé is a customer with an address, Camille works for the shop, Nora has stopped all spending; nobody@ is nobody's. Work
is counted in what the database is asked. How long answers take is measured by hand: ``python tests/vault/
test_cannot_be_told_apart.py``, since a test that depends on time depends on the machine.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import re
import secrets
import statistics
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple
from unittest import mock

import pytest
from django.test import Client, override_settings

from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER, ROOMS, VAULT, Room
from support.shop import Shop
from support.vault import Visitor

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.db import connections
from django.test.utils import CaptureQueriesContext

from comptoir.doors.storefront.links import card_token
from comptoir.vault.contacts import commands as contacts
from comptoir.vault.contacts.contracts import ContactValues
from comptoir.vault.credentials import commands as credentials
from comptoir.vault.credentials.models import Freeze, Kind, User
from comptoir.vault.devices import commands as devices

NOW = dt.datetime(2026, 3, 1, 9, 0, tzinfo=dt.UTC)
KNOWN, STAFF, FROZEN = "zoe@moorlantern.example", "camille@shop.example", "nora@moorlantern.example"
UNKNOWN = ("nobody@moorlantern.example", "nobody@shop.example")
#: What differs from one answer to the next by itself: tokens of forms, and where the next page is told of a request.
_OWN_HEADERS = {"Set-Cookie", "Content-Length", "Expires"}
_CHANGING = re.compile(rb'(csrfmiddlewaretoken" value=")\w+|(value=")[0-9a-f-]{36}(?=")|"ticket" value="[^"]+"')


class Seen(NamedTuple):
    """What somebody who asks can see, and what the database was asked meanwhile."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    asked: tuple[str, ...]


@contextlib.contextmanager
def counted() -> Iterator[list[str]]:
    """Count what is asked in every room; yields a list of the statements' shapes, filled at the end."""
    asked: list[str] = []
    with contextlib.ExitStack() as stack:
        captures = [stack.enter_context(CaptureQueriesContext(connections[name])) for name in ROOMS]
        yield asked
        asked += [shape(query["sql"]) for capture in captures for query in capture.captured_queries]


def shape(query: str) -> str:
    """Return a statement without its values."""
    query = re.sub(r"_django_curs_\w+", "cursor", query)
    return re.sub(r"'(?:[^']|'')*'|\b\d+\b|B?\\x[0-9a-f]+", "?", query)


def seen(answer: Any, asked: list[str], *, said: str = "") -> Seen:
    """Return what is seen, without what was ``said``: a page repeats its own address and what was typed."""
    told = {name: value for name, value in answer.headers.items() if name not in _OWN_HEADERS}
    headers = tuple(sorted((name, value.replace(said, "*") if said else value) for name, value in told.items()))
    body = _CHANGING.sub(rb"\1\2", answer.content)
    return Seen(answer.status_code, headers, body.replace(said.encode(), b"*") if said else body, tuple(sorted(asked)))


@pytest.fixture
def people(shop: Shop) -> Iterator[None]:
    """Have the cast, and letters that go nowhere."""
    cast()
    with (
        override_settings(EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend"),
        # What is done beside the answer has connections of its own and is nobody's to see.
        mock.patch("comptoir.vault.credentials.adapters.beside", return_value=None),
    ):
        yield


def cast() -> None:
    credentials.take_on(name="Camille", email=STAFF, now=NOW)
    frozen = uuid.uuid4()
    for user, email in ((uuid.uuid4(), KNOWN), (frozen, FROZEN)):
        with entered(VAULT):
            User.objects.create(id=user, kind=Kind.CUSTOMER, joined_at=NOW)
        contacts.keep(
            user, values=ContactValues.of(email=email), purpose="sign_in", actor="operator", at=NOW, proven=["email"]
        )
    with entered(VAULT):
        Freeze.objects.create(user_id=frozen, frozen_at=NOW)


def asking_for_a_code(email: str) -> list[Seen]:
    """Ask for a code and type a wrong one, as two steps."""
    visitor, steps = Visitor(address=f"10.{secrets.randbelow(250)}.{secrets.randbelow(250)}.1"), []
    page = visitor.get("/sign-in/")
    with counted() as asked:
        answer = visitor.send("/sign-in/", {"email": email}, to="/sign-in/code/", answer=page)
    steps.append(seen(answer, asked, said=email))
    with counted() as asked:
        page = visitor.get("/sign-in/code/confirm/")
    steps.append(seen(page, asked, said=email))
    with counted() as asked:
        answer = visitor.send("", {"code": "AAAA-AAAA"}, to="/sign-in/code/confirm/", answer=page)
    steps.append(seen(answer, asked, said=email))
    return steps


def test_a_code_is_asked_for_in_one_way_whoever_it_is(shop: Shop, people: None) -> None:
    asking_for_a_code("warm@up.example")  # what is read once for a whole process is read
    told = {email: asking_for_a_code(email) for email in (*UNKNOWN, KNOWN, STAFF, FROZEN)}
    first = told[UNKNOWN[0]]
    assert [step.status for step in first] == [302, 200, 200]
    assert sum(len(step.asked) for step in first) > 5, "something was counted"
    for email, steps in told.items():
        for number, (mine, theirs) in enumerate(zip(steps, first, strict=True)):
            assert mine[:3] == theirs[:3], (email, number)
            assert mine.asked == theirs.asked, (email, number)


def at_counter(path: str) -> Seen:
    client = Client()
    with counted() as asked:
        answer = client.get(path, headers={"host": f"{host_of(COUNTER)}:8000"})
    return seen(answer, asked, said=path)


def test_a_card_link_that_somebody_made_up_tells_nothing_of_anybody(shop: Shop) -> None:
    known, unknown = uuid.UUID(int=0xA11CE), uuid.uuid4()
    shop.rows("insert into customers_customer (customer, kind) values (%s, 'card') returning customer", known)
    at_counter("/card/warm-up")
    forged = []
    for customer in (known, unknown):
        written, _, signature = card_token(customer).partition(".")
        forged += [at_counter(f"/card/{each}") for each in (f"{written}.{signature[::-1]}", written, f"{written}.")]
    forged.append(at_counter("/card/nothing-at-all"))
    assert {each.status for each in forged} == {404}
    assert len({each._replace(asked=()) for each in forged}) == 1
    assert {len(each.asked) for each in forged} == {len(forged[0].asked)}
    # A link of the shop's own opens a card in one way, whether there is something on it or not.
    good = [at_counter(f"/card/{card_token(customer)}") for customer in (known, unknown)]
    assert good[0] == good[1]
    assert good[0].status == 302


def in_vault(method: str, path: str, *, authorization: str = "", **form: str) -> Seen:
    client = Client()
    headers = {"host": f"{host_of(VAULT)}:8000"} | ({"authorization": authorization} if authorization else {})
    with counted() as asked:
        if method == "GET":
            answer = client.get(path, headers=headers)
        else:
            content = "&".join(f"{name}={value}" for name, value in form.items())
            kind = "application/x-www-form-urlencoded"
            answer = client.post(path, content, content_type=kind, headers=headers)
    return seen(answer, asked, said=path)


def basic(number: str, key: str) -> str:
    return "Basic " + base64.b64encode(f"{number}:{key}".encode()).decode()


def test_what_devices_ask_tells_nothing_of_devices_codes_and_tokens(shop: Shop) -> None:
    number, key = devices.register(
        name="Kiosk", store="/stores/7", scopes=["points:read"], is_shared=True, now=dt.datetime.now(dt.UTC)
    )
    in_vault("POST", "/devices/oauth/code", authorization=basic("warm", "up"))
    for path in ("code", "token", "revoke"):
        told = [
            in_vault("POST", f"/devices/oauth/{path}", authorization=basic(*who), token="x" * 43)
            for who in ((number, "wrong" * 9), ("nobody", "wrong" * 9), (number[:-1], key))
        ]
        assert told[0] == told[1] == told[2], path
        assert told[0].status == 401
    mine = basic(number, key)
    # Of a token that never was, revoking says what it says of one that is (RFC 7009).
    assert in_vault("POST", "/devices/oauth/revoke", authorization=mine, token="x" * 43).status == 200
    codes = [
        in_vault(
            "POST", "/devices/oauth/token", authorization=mine, device_code=each,
            grant_type="urn:ietf:params:oauth:grant-type:device_code",
        )
        for each in ("x" * 43, "y" * 43, "")
    ]  # fmt: skip
    assert codes[0] == codes[1] == codes[2]
    for what in ("points", "answers", "name"):
        reads = [in_vault("GET", f"/devices/read/{what}", authorization=f"Bearer {each}") for each in ("x" * 43, "y")]
        assert reads[0] == reads[1], what
        assert reads[0].status == 401


#: Pages that are linked to or fetched with something in hand, below which a stranger may try values.
LINKS = ("/enter/{}/", "/freeze/{}/", "/prove/request/{}/", "/prove/answer/{}/", "/forgotten/{}/")


def test_links_of_letters_and_pages_tell_nothing_to_who_guesses(shop: Shop, people: None) -> None:
    link = credentials.one_time_link(email=STAFF, now=dt.datetime.now(dt.UTC))
    used = link.rstrip("/").rpartition("/")[2]
    shop.rows("update credentials_onetimelink set expires_at = now() - interval '1 minute' returning digest")
    for path in LINKS:
        some = (used, secrets.token_urlsafe(32)) if "enter" in path else (secrets.token_urlsafe(32), "x" * 43)
        if "forgotten" in path:
            some = (str(uuid.uuid4()), str(uuid.uuid4()))
        in_vault("GET", path.format(some[0]))
        told = [in_vault("GET", path.format(each)) for each in some]
        assert told[0] == told[1], path
        assert told[0].status >= 400, path


def test_a_page_for_somebody_sends_every_stranger_to_the_entrance(shop: Shop) -> None:
    known = str(uuid.uuid4())
    for room, paths in (
        (VAULT, ("/cards/", "/cards/show/", "/cards/link/", "/devices/", "/devices/code/", f"/devices/{known}/end/")),
        (COUNTER, ("/who", "/terms", "/card/live", "/spending")),
    ):
        for path in paths:
            told = [stranger(room, path, method) for method in ("GET", "GET")]
            assert told[0] == told[1], path


def stranger(room: Room, path: str, method: str) -> Seen:
    with counted() as asked:
        answer = Client().generic(method, path, headers={"host": f"{host_of(room)}:8000"})
    return seen(answer, asked)


# -- by hand ------------------------------------------------------------------------------------------------------


def main(rounds: int = 400) -> None:
    """Measure how long the answers take, one after another by turns; needs ``COMPTOIR_DATA`` of an empty folder."""
    from comptoir.foundation.kernel import database
    from comptoir.foundation.rooms.commands import migrate_house

    with database.server(), override_settings(EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend"):
        migrate_house()
        cast()
        took: dict[str, list[float]] = {email: [] for email in (UNKNOWN[0], KNOWN, STAFF, FROZEN)}
        for number in range(rounds):
            for email in sorted(took, key=lambda _each: secrets.randbits(16)):
                with entered(VAULT), connections[VAULT.name].cursor() as cursor:
                    cursor.execute("delete from credentials_attempts")
                visitor = Visitor(address=f"10.0.{number % 250}.1")
                page = visitor.get("/sign-in/")
                began = time.perf_counter()
                visitor.send("/sign-in/", {"email": email}, to="/sign-in/code/", answer=page)
                took[email].append(time.perf_counter() - began)
        first = took[UNKNOWN[0]]
        for email, times in took.items():
            ahead = sum((a < b) + (a == b) / 2 for a in times for b in first) / (len(times) * len(first))
            print(  # noqa: T201 - what it is called for
                f"{email:30} median {statistics.median(times) * 1000:.2f} ms, faster than {UNKNOWN[0]} in"
                f" {ahead:.3f} of the pairs"
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
