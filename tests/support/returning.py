"""The returns desk of the small world: what tills sell, and what staff do at the desk.

Not here: what has to come of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from django.test import Client

from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.declaration import OFFICE
from support.buying import STORE, counted, listed, opened, speaking
from support.carding import issued, new_code
from support.gateway import Gateway
from support.pages import accepted, card, event, posted_by, staff_session, words

TILL: Final = "/stores/324/tills/1"
#: What is left of the one card.
LEFT: Final = "select available from giftcards_card"


@contextmanager
def running_desk(gateway: Gateway) -> Iterator[Client]:
    """Have a shop that sells tea and cups, and a member of staff at its returns desk."""
    accepted(
        gateway.post([listed("tea", price=1250), listed("cup", price=800), opened()], touchpoint="webshop")
    )  # fmt: skip
    accepted(gateway.post([counted("tea", 10), counted("cup", 10)], touchpoint="console"))
    with speaking(gateway):
        client = Client(headers={"host": f"{host_of(OFFICE)}:8000", "accept-language": "en"})
        name, value = staff_session("Alice")
        client.cookies[name] = value
        yield client


def sold(
    gateway: Gateway, *lines: tuple[str, int, int] | Mapping[str, Any], receipt: str = "0001", source: str = TILL
) -> dict[str, Any]:
    """A till sells to card 1: product, quantity and amount, or a whole line."""
    (outcome,) = accepted(gateway.post([closed(*lines, receipt=receipt, source=source)], touchpoint="till"))
    return dict(outcome)


def closed(
    *lines: tuple[str, int, int] | Mapping[str, Any], receipt: str = "0001", source: str = TILL
) -> dict[str, Any]:
    """What a till says that sold something."""
    said: list[Mapping[str, Any]] = [
        dict(zip(("product", "quantity", "amount"), each, strict=True)) if isinstance(each, tuple) else each
        for each in lines
    ]
    data = {
        "receipt": receipt, "store": STORE, "customer": card("1"), "currency": "USD",
        "total": sum(line["amount"] for line in said), "lines": said,
    }  # fmt: skip
    return event("sale.closed", data, source=source, at=dt.datetime.now(dt.UTC) - dt.timedelta(days=1))


def found(desk: Client, shown: str) -> str:
    """Find a receipt; returns the address of its page."""
    answer = desk.get("/returns", {"receipt": shown})
    assert answer.status_code == 302, words(answer.content.decode())
    return str(answer["location"])


def seen(desk: Client, place: str, **take: int) -> tuple[str, dict[str, str]]:
    """Choose pieces and see what they give back; returns the page's words and the form that confirms it."""
    chosen = {f"take-{name[1:]}": str(quantity) for name, quantity in take.items()}
    page = desk.get(place, {**chosen, "reason": "unwanted", "goods": "on_shelf", "store": STORE}).content.decode()
    # What has not gone back yet has a form of its own, above the one that confirms.
    return words(page), posted_by(page[page.find('method="get"') :])


def carded(gateway: Gateway, *lines: tuple[str, int, int] | Mapping[str, Any], amount: int, id: str = "spent") -> None:  # noqa: A002
    """Sell something of which a card pays so much."""
    code = new_code()
    accepted(gateway.post([issued(code, amount)], touchpoint="till"))
    spent = {"code": code, "currency": "USD", "amount": amount, "receipt": "0001"}
    accepted(gateway.post([{**event("gift_card.redeem", spent, source=TILL), "id": id}], touchpoint="till"))
    sold(gateway, *lines)


def came_back(gateway: Gateway, receipt: str, amount: int, *, source: str = "/console") -> None:
    """A piece of the first line comes back, and whoever says so does nothing more."""
    back = {
        "receipt": receipt, "sale": {"receipt": "0001", "source": TILL}, "currency": "USD", "total": amount,
        "lines": [{"line": 1, "quantity": 1, "amount": amount}],
    }  # fmt: skip
    touchpoint = "console" if source == "/console" else "till"
    accepted(gateway.post([event("sale.returned", back, source=source)], touchpoint=touchpoint))


def credited(
    gateway: Gateway,
    amount: int,
    *,
    source: str = TILL,
    id: str | None = None,  # noqa: A002
) -> dict[str, Any]:
    """Somebody puts so much back onto the card."""
    data = {"spending": {"id": "spent", "source": TILL}, "amount": amount}
    touchpoint = "console" if source == "/console" else "till"
    said = event("gift_card.credit", data, source=source)
    answer = gateway.post([{**said, **({"id": id} if id else {})}], touchpoint=touchpoint)
    return dict(answer.json()["outcomes"][0])
