"""Nobody can tell who is behind a public name, nor that two names are one person's, by all that the house reveals.

Everything that somebody can get is fetched, each reader by their own way: strangers, members, the office's staff, an
engineer with the touchpoints' keys, whoever gets the archive. What is said of names is on one side, what is said of
customers on the other; whatever identifies something may stand on one side alone.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import httpx
import msgspec
import pytest

from comptoir.counter.customers.purposes import WITHHELD
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, SQUARE, Assurance, Room
from support import talking
from support.gateway import Gateway
from support.lively import Lively, lively_shop
from support.pages import accepted, card, customer_of, event, sale, staff_session
from support.processes import wait_until
from support.relay import noted, receiving, registered, relaying, webhook
from support.shop import Shop
from support.whole_house import run

set_up_django()  # before the modules that hold models

pytestmark = pytest.mark.exclusive
_HOSTS: Final = {SQUARE.name: "localhost", COUNTER.name: "my.localhost", OFFICE.name: "office.localhost"}
#: What the square tells of a time is told to the minute.
_TO_THE_MINUTE: Final = re.compile(r"t\d\d:\d\d:00$")
#: What identifies: ids in any spelling, digests, moments to the second, and long random words (cookies, ETags, names).
_IDENTIFYING: Final = re.compile(
    r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}|\b[0-9a-f]{20,}\b"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d|\b1[67]\d{8}\b|\b[A-Za-z0-9_-]{24,}\b",
)
Documents = Mapping[str, str]


@pytest.fixture
def lively(shop: Shop, tmp_path: Path) -> Iterator[Lively]:
    with lively_shop(shop, tmp_path) as one:
        yield one


def session(room: Room, subject: str, name: str = "") -> str:
    """Begin a session of a room; return the cookie, as a browser sends it."""
    from comptoir.foundation.rooms.current import entered
    from comptoir.foundation.rooms.sessions import RoomSession, cookie_name
    from comptoir.foundation.rooms.visits import Visit

    visit = Visit(subject, Assurance.RECOGNISED, ("persona",), dt.datetime.now(dt.UTC), name)
    with entered(room):
        kept = RoomSession(room=room)
        kept["visit"] = msgspec.to_builtins(visit)
        kept.save()
    return f"{cookie_name(room)}={kept.session_key}"


def read(lively: Lively, room: Room, paths: tuple[str, ...], cookie: str = "") -> dict[str, str]:
    """Return pages of a room with all their headers, as whoever has this cookie gets them."""
    found = {}
    headers = {"Host": f"{_HOSTS[room.name]}:{lively.pages.port}", "Accept": "text/html", "Accept-Language": "en"}
    with httpx.Client(base_url=f"http://127.0.0.1:{lively.pages.port}", timeout=30) as client:
        for path in paths:
            answer = client.get(path, headers=headers | ({"Cookie": cookie} if cookie else {}))
            assert answer.status_code == httpx.codes.OK, (path, answer.status_code)
            told = "\n".join(f"{name}: {value}" for name, value in answer.headers.items() if name != "date")
            found[path] = f"{told}\n{_without_secrets(answer.text)}"
    return found


def _without_secrets(page: str) -> str:
    # A form's secret and its next id are made anew for each page.
    return re.sub(r'(name="(?:csrfmiddlewaretoken|post|request|decision)" value=")[^"]+', r"\1", page)


def identifying(documents: Documents) -> set[str]:
    """Return whatever in these documents identifies something; a time to the minute is that of many."""
    found = {each.lower().replace("-", "") for text in documents.values() for each in _IDENTIFYING.findall(text)}
    return {each for each in found if not _TO_THE_MINUTE.search(each)}


def another_second() -> None:
    """Wait until what is written from now on says another time."""
    before = dt.datetime.now(dt.UTC).replace(microsecond=0)
    wait_until(lambda: dt.datetime.now(dt.UTC).replace(microsecond=0) > before, what="the next second")


def named(gateway: Gateway, number: str, name: str) -> str:
    """Let the customer of a card choose a public name; return its id."""
    persona = str(uuid.uuid4())
    data = {"customer": card(number), "persona": persona, "name": name}
    accepted(gateway.post([event("persona.choose", data, source="/storefront")], touchpoint="storefront"))
    return persona


def spoken(gateway: Gateway, persona: str) -> tuple[str, list[dict[str, object]]]:
    """Let somebody ask, be answered, vote and be decided on; return their post, and what the senders were told."""
    at = dt.datetime.now(dt.UTC)
    asked = talking.wrote(persona, "How is this kept?", at=at)
    told = accepted(gateway.post([asked], touchpoint="square"))
    post = talking.post_of(asked)
    decision = {
        **talking.STAFF, "decision": talking.new(), "post": post, "action": "warn", "ground": "charter",
        "rule": "Kindness", "facts": "It could be kinder.", "persona": persona,
    }  # fmt: skip
    said = [
        talking.staff_wrote("Dry.", thread=post, at=at),
        talking.said("post.decided", decision, at=at, source="/console"),
    ]
    accepted(gateway.post(said, touchpoint="console"))
    return post, told


def followed(stack: contextlib.ExitStack, gateway: Gateway, query: str, *, touchpoint: str) -> Iterator[str]:
    """Open a stream of the gateway; return its lines, which wait until they are read."""
    client = stack.enter_context(httpx.Client(base_url=gateway.url, timeout=60))
    headers = {"Authorization": f"Bearer {gateway.keys[touchpoint]}"}
    response = stack.enter_context(client.stream("GET", f"/v1/stream?{query}", headers=headers))
    assert response.status_code == httpx.codes.OK, query
    return response.iter_lines()


def until(lines: Iterator[str], last: str) -> str:
    """Return what a stream has told up to this event."""
    told = []
    for line in lines:
        told.append(line)
        if last in line:
            break
    return "\n".join(told)


def of_names(lively: Lively, posts: list[str]) -> dict[str, str]:
    """Return all that is said of public names: to everybody, and to staff who moderate."""
    public = (
        "/en/",
        "/en/ideas",
        "/en/feed.atom",
        "/en/strip/0412",
        "/en/moderation",
        "/moderation.json",
        "/en/trust",
        "/en/honest",
    )
    found = read(lively, SQUARE, (*public, *(f"/en/threads/{post}" for post in posts)))
    _, staff = staff_session("Camille")
    cookie = f"{staff_session('Camille')[0]}={staff}"
    cases = tuple(f"/moderation/{post}" for post in posts)
    return found | read(lively, OFFICE, ("/moderation", "/community", "/community/health", *cases), cookie)


def of_customers(lively: Lively, customers: list[uuid.UUID]) -> dict[str, str]:
    """Return all that is said of customers: to staff, to an engineer with every key, and in figures."""
    name, value = staff_session("Bruno")
    ledger = ("/", "/ledger", "/keys", *(f"/ledger/{customer}" for customer in customers))
    found = read(lively, OFFICE, ledger, f"{name}={value}")
    gateway = lively.gateway
    for touchpoint in ("till", "webshop", "app"):
        for customer in customers:
            for what in ("balance", "history"):
                answer = gateway.get(f"/v1/customers/{customer}/{what}", touchpoint=touchpoint)
                found[f"{touchpoint} {customer} {what}"] = f"{answer.headers.get('etag', '')}\n{answer.text}"
    found["metrics"] = gateway.client.get("/metrics").text
    return found


def test_a_name_leads_to_no_customer_and_to_no_other_name(lively: Lively, tmp_path: Path) -> None:
    gateway = lively.gateway
    earlier = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    accepted(gateway.post([sale(number, 10, receipt=f"j-{number}", at=earlier) for number in ("7001", "7002")]))
    numbers = ("7001", "7002", "1000")
    customers = [customer_of(gateway, number) for number in numbers]
    with contextlib.ExitStack() as stack:
        receiver = stack.enter_context(receiving())
        stack.enter_context(relaying(webhook(receiver.url), withheld=WITHHELD))
        registered(lively.shop, "crm")
        streams = {
            query: followed(stack, gateway, query, touchpoint="app")
            for query in (f"customer={customer}" for customer in customers)
        }
        first, second = named(gateway, "7001", "Dunlin"), named(gateway, "7001", "Sanderling")
        other = named(gateway, "7002", "Turnstone")
        (one, told), (two, _), (three, _) = (spoken(gateway, each) for each in (first, second, other))
        bought = [sale(number, 10, receipt=f"k-{number}", at=earlier) for number in numbers]
        last = [outcome["event"] for outcome in accepted(gateway.post(bought))]
        heard = {query: until(lines, event) for (query, lines), event in zip(streams.items(), last, strict=True)}
        noted(lively.shop)
        heard |= {f"webhook {at}": f"{each.headers}\n{each.body.decode()}" for at, each in enumerate(receiver.requests)}
    assert all(event in "\n".join(heard.values()) for event in last), "streams and webhooks are heard to the end"
    # Pages say as of when they are, and an archive when it was made; neither says anything of anybody.
    another_second()
    names, people = of_names(lively, [one, two, three]), of_customers(lively, customers)
    another_second()
    run("community", "export", str(tmp_path / "archive"))
    names |= {
        str(each): each.read_text() for each in (tmp_path / "archive").rglob("*") if each.suffix in {".json", ".jsonl"}
    }
    people |= heard
    on_both = identifying(names) & identifying(people)
    nobody = read(lively, OFFICE, ("/keys",), "=".join(staff_session("Dominique")))
    assert on_both - identifying(nobody) == set(), "what identifies a name identifies no customer"
    everything = "\n".join(names.values())
    for customer, number in zip(customers, ("7001", "7002", "1000"), strict=True):
        assert str(customer) not in everything
        assert customer.hex not in everything
        assert f'"{number}"' not in everything
    for name in ("Dunlin", "Sanderling", "Turnstone", first, second, other):
        assert name not in "\n".join(people.values()), name
    assert "customer" not in str(told), "who sends what a name says is not told whose it is"

    # What is shown to each name, and about each, has nothing in common but what a third one's has as well.
    shown = {}
    for persona, name, post in ((first, "Dunlin", one), (second, "Sanderling", two), (other, "Turnstone", three)):
        own = read(lively, SQUARE, ("/en/trust", f"/en/threads/{post}"), session(SQUARE, persona, name))
        about = read(lively, OFFICE, (f"/moderation/{post}",), "=".join(staff_session("Camille")))
        shown[name] = own | {f"about {path}": text for path, text in about.items()}
    joined = identifying(shown["Dunlin"]) & identifying(shown["Sanderling"])
    assert joined - identifying(shown["Turnstone"]) == set(), (
        "two names of one person have nothing of their own in common"
    )
    assert "Sanderling" not in "\n".join(shown["Dunlin"].values())
    assert "Dunlin" not in "\n".join(shown["Sanderling"].values())
    # The search finds what there is to be found.
    assert uuid.UUID(one).hex in identifying(names)
    assert customers[0].hex in identifying(people)
