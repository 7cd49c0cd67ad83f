"""The pages as a real process for tests, and a small world of customers whose sales the tills have sent.

Not here: what a page should show.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import html
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from comptoir.config.replaying.phone import SHOWN
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, SQUARE, Assurance, Room
from comptoir.foundation.touchpoints import house
from support import processes
from support.gateway import EXAMPLES, Gateway
from support.shop import environment

if TYPE_CHECKING:
    from django.test import Client
    from playwright.sync_api import ConsoleMessage, Page

_APPLICATION = "comptoir.config.asgi:application"


@dataclass(frozen=True)
class Pages:
    """The running pages: their port, the gateway beside them, and their process."""

    port: int
    gateway: Gateway
    process: processes.Process

    def url(self, room: Room, path: str = "/") -> str:
        """Return the address of a path in a room."""
        host = {SQUARE.name: "localhost", COUNTER.name: "my.localhost", OFFICE.name: "office.localhost"}[room.name]
        return f"http://{host}:{self.port}{path}"

    def card_url(self, customer: uuid.UUID) -> str:
        """Return a customer's card link."""
        from comptoir.doors.storefront.links import card_token

        return self.url(COUNTER, f"/card/{card_token(customer)}")

    def sign_in(self, page: Page, name: str = "Alice") -> None:
        """Let a member of staff be in the office with this browser, as if a ticket had brought them."""
        cookie, value = staff_session(name)
        page.context.add_cookies([{"name": cookie, "value": value, "url": self.url(OFFICE)}])


def staff_session(name: str = "Alice") -> tuple[str, str]:
    """Begin a session in the office; returns the cookie's name and value."""
    import msgspec

    from comptoir.foundation.rooms.current import entered
    from comptoir.foundation.rooms.sessions import RoomSession, cookie_name
    from comptoir.foundation.rooms.visits import Visit

    visit = Visit(name.lower(), Assurance.STAFF, ("passkey",), dt.datetime.now(dt.UTC), name)
    with entered(OFFICE):
        session = RoomSession(room=OFFICE)
        session["visit"] = msgspec.to_builtins(visit)
        session.save()
    assert session.session_key is not None
    return cookie_name(OFFICE), session.session_key


@contextlib.contextmanager
def running_pages(folder: Path, gateway: Gateway, *, declared: Path = EXAMPLES / "touchpoints.toml") -> Iterator[Pages]:
    """Have the pages of every room in front of the gateway's shop, with its map."""
    port = processes.free_port()
    log = folder / f"pages-{port}.log"
    with (
        environment(COMPTOIR_PORT=str(port), COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_MAP=str(declared)),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Host": "localhost"}, timeout=30) as client,
        processes.serving(_APPLICATION, port=port, log=log, answers=lambda: _answers(client)) as process,
    ):
        yield Pages(port, gateway, process)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health").is_success
    except httpx.TransportError:
        return False


def staff_client(name: str = "Alice") -> Client:
    """Return a member of staff in the office, without a browser."""
    from django.test import Client

    from comptoir.foundation.rooms.addresses import host_of

    one = Client(headers={"host": f"{host_of(OFFICE)}:8000"})
    cookie, value = staff_session(name)
    one.cookies[cookie] = value
    return one


def said(client: Client, path: str) -> str:
    """Return what a page says, which is there."""
    answer = client.get(path)
    assert answer.status_code == HTTPStatus.OK, (path, answer.status_code)
    return words(answer.content.decode())


def words(page: str) -> str:
    """Return what a page says: no tags, single spaces."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page))).strip()


def posted_by(page: str) -> dict[str, str]:
    """Return what a page has hidden from its first form on that posts, but for what guards it against other pages."""
    form = page[page.find('method="post"') :]
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form))
    return {name: value for name, value in hidden.items() if name != "csrfmiddlewaretoken"}


def complaints(page: Page) -> list[str]:
    """Return a list that fills with what the page complains about: refused content, errors."""
    heard: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            heard.append(message.text)

    page.on("console", hear)
    return heard


# -- the small world ----------------------------------------------------------------------------------------------


def event(
    kind: str, data: Mapping[str, Any], *, source: str, at: dt.datetime | None = None, name: str | None = None
) -> dict[str, Any]:
    """Return a CloudEvent; ``name`` is its id (unset: a new one)."""
    return {
        "specversion": "1.0",
        "id": name or uuid.uuid4().hex,
        "source": source,
        "type": kind,
        "time": (at or dt.datetime.now(dt.UTC)).isoformat(),
        "datacontenttype": "application/json",
        "data": dict(data),
    }


def sale(
    card: str,
    dollars: int,
    *,
    receipt: str,
    store: str = "324",
    category: str = "GROCERY",
    at: dt.datetime | None = None,
) -> dict[str, Any]:
    """Return a sale of one line, for whole dollars: as many points by the demo's rules, twice as many for PRODUCE."""
    line = {"product": "1082185", "category": category, "quantity": 1, "amount": dollars * 100}
    data = {
        "receipt": receipt,
        "store": store,
        "customer": {"kind": "card", "value": card},
        "currency": "USD",
        "total": dollars * 100,
        "lines": [line],
    }
    return event("sale.closed", data, source=f"/stores/{store}/tills/1", at=at, name=f"sale-{receipt}")


def card(number: str) -> dict[str, str]:
    """Return a loyalty card as an identifier."""
    return {"kind": "card", "value": number}


def accepted(answer: httpx.Response) -> list[dict[str, Any]]:
    """Return a batch's outcomes, all of which were accepted."""
    assert answer.status_code == httpx.codes.OK, answer.text
    outcomes: list[dict[str, Any]] = answer.json()["outcomes"]
    assert [outcome.get("problem") for outcome in outcomes] == [None] * len(outcomes)
    return outcomes


def customer_of(gateway: Gateway, number: str) -> uuid.UUID:
    """Ask the gateway for the opaque id of a card."""
    answer = gateway.client.post(
        "/v1/customers/resolve", json=card(number), headers={"Authorization": f"Bearer {gateway.keys['till']}"}
    )
    assert answer.status_code == httpx.codes.OK, answer.text
    return uuid.UUID(answer.json()["customer"])


def tell(gateway: Gateway, *, cards: int = 12, months: int = 6) -> uuid.UUID:
    """Let the tills send some months of sales of a few cards, and everything that can happen to the card 1000.

    Returns the customer of that card. Nothing here depends on chance.
    """
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    stores = ("324", "412", "31")
    categories = ("GROCERY", "PRODUCE", "MEAT")
    sales = [
        sale(
            str(1000 + number),
            97 + (number * 7 + month * 13) % 90,
            receipt=f"{month}-{number}",
            store=stores[(number + month) % 3],
            category=categories[(number + month) % 3],
            at=now - dt.timedelta(days=30 * month + number % 5 + 1, hours=number % 9),
        )
        for month in reversed(range(months))
        for number in range(cards)
    ]
    accepted(gateway.post(sales))
    first = sales[-cards]
    back = {
        "receipt": "return-1",
        "sale": {"receipt": first["data"]["receipt"], "source": first["source"]},
        "currency": "USD",
        "total": 500,
        "lines": [{"line": 1, "quantity": 1, "amount": 500}],
    }
    me = card("1000")
    spent = {"customer": me, "points": 30, "receipt": "r-1", "proof": SHOWN}
    accepted(
        gateway.post(
            [
                event("points.redeem", spent, source="/stores/324/tills/1"),
                event("sale.returned", back, source="/stores/324/tills/2"),
            ]
        )
    )
    hold = {"customer": me, "points": 25, "reservation": "basket-1", "expires_in": 86_400}
    link = {"identifier": me, "customer": {"kind": "web_account", "value": "u-77"}, "evidence": "a code on the card"}
    review = {"customer": {"kind": "web_account", "value": "u-77"}, "product": "1082185"}
    accepted(
        gateway.post(
            [
                event("points.reserve", hold, source="/webshop"),
                event("identifier.linked", link, source="/webshop"),
                event("review.published", review, source="/webshop"),
            ],
            touchpoint="webshop",
        )
    )
    adjustment = {"customer": me, "points": 100, "reason": "Sorry for the wait on Saturday"}
    accepted(gateway.post([event("points.adjust", adjustment, source="/console")], touchpoint="console"))
    too_many = [
        event(
            "points.redeem",
            {"customer": card(str(1000 + each)), "points": 1_000_000, "proof": SHOWN},
            source="/stores/31/tills/1",
        )
        for each in range(3)
    ]
    gateway.post(too_many)
    return customer_of(gateway, "1000")


@contextlib.contextmanager
def listening_to(gateway: Gateway, *touchpoints: str) -> Iterator[None]:
    """Let these of the house's own pages speak to the gateway while the block runs, with the demo shop's map."""
    for touchpoint in touchpoints:
        house.keep_key(touchpoint, gateway.keys[touchpoint])
    with environment(COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")):
        yield
    for touchpoint in touchpoints:
        house.key_path(touchpoint).unlink()


def take_part(pages: Pages, page: Page, *, card: str = "1000", name: str = "Wren", is_new: bool = True) -> None:
    """Open a card, choose a public name unless it has it already, and go to the square under it."""
    page.goto(pages.card_url(customer_of(pages.gateway, card)))
    page.goto(pages.url(COUNTER, "/who"))
    if is_new:
        page.get_by_label("A new public name").fill(name)
        page.get_by_role("button", name="Choose this name").click()
    page.get_by_role("button", name=f"Take part as {name}").click()
    page.get_by_role("button", name="Go to the square").click()
    page.get_by_text(f"Here you are {name}.").wait_for()
