"""Buyers at the checkout: goods on the shelves, baskets, the way into the vault over HTTP, twenty at once.

Not here: what has to come of it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import html
import itertools
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from django.utils import timezone

from comptoir.counter.customers.contracts import USER_KIND
from comptoir.counter.customers.queries import customer_of_user
from comptoir.counter.giftcards.codes import number_of as card_number_of
from comptoir.counter.sales import stocking
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER, VAULT, Assurance, Room
from comptoir.foundation.rooms.tickets import issue_ticket
from comptoir.foundation.rooms.visits import Visit
from comptoir.foundation.touchpoints import house
from comptoir.vault.checkout import commands
from comptoir.vault.checkout.commands import Money
from comptoir.vault.checkout.contracts import CardWish, Recipient, Wish
from comptoir.vault.checkout.models import Checkout
from comptoir.vault.contacts.contracts import Hidden
from support import carding
from support.gateway import EXAMPLES, Gateway, running_gateway, written
from support.pages import Pages, accepted, event, running_pages, words
from support.shop import Shop, environment
from support.wire import Wire

AT: Final = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
STORE: Final = "324"
HOUSE: Final = (house.STOREFRONT, house.VAULT, house.CONSOLE)
#: What a page of the checkout says when it refuses, and the refusal's name.
_REFUSED: Final = {
    "The price has changed.": "price_changed",
    "Not all of it can be had there any more.": "not_held",
    "This order is over.": "checkout_over",
    "The counter cannot be reached": "gateway_away",
}


def listed(product: str, *, price: int, **said: Any) -> dict[str, Any]:
    """The web shop lists a product of one kind."""
    variant = {"sku": f"{product}-1", "prices": [{"currency": "USD", "amount": price}]}
    data = {"product": product, "name": {"en": product.title()}, "variants": [variant], **said}
    return event("product.listed", data, source="/webshop", at=AT)


def opened() -> dict[str, Any]:
    """The web shop tells of the store."""
    hours = [{"days": ["mon"], "opens": "09:00", "closes": "18:00"}]
    return event(
        "store.listed", {"store": STORE, "name": "The Mill", "zone": "UTC", "hours": hours}, source="/webshop", at=AT
    )


def counted(product: str, quantity: int) -> dict[str, Any]:
    """So many pieces of a product were counted in the store."""
    lines = [{"sku": f"{product}-1", "quantity": quantity}]
    return event("stock.counted", {"store": STORE, "lines": lines}, source="/console", at=AT)


def follow(shop: Shop) -> None:
    """Let the shelves follow what was sold, as the worker does behind the gateway; done again, it is the same."""
    positions = [str(row["position"]) for row in shop.rows("select position from events_event order by position")]
    with shop.connect(autocommit=False) as connection:
        stocking.bring(connection, positions, now=timezone.now())


@contextlib.contextmanager
def speaking(gateway: Gateway) -> Iterator[None]:
    """Let this process, and those that it starts, speak for the house's own pages."""
    for touchpoint in HOUSE:
        house.keep_key(touchpoint, gateway.keys[touchpoint])
    with environment(
        COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml"), COMPTOIR_SHIPS_FROM=""
    ):
        yield
    for touchpoint in HOUSE:
        house.key_path(touchpoint).unlink(missing_ok=True)


def basket_with(*products: str, codes: Sequence[str] = ()) -> tuple[str, dict[str, Any]]:
    """Return a stranger's basket with a piece of each of these, and the event that fills it."""
    basket = str(uuid.uuid4())
    put = [{"product": f"{product}-1", "quantity": 1} for product in products]
    said = {"basket": basket, "put": put, **({"show": list(codes)} if codes else {})}
    return basket, event("basket.changed", said, source="/storefront", at=AT)


class Buyer:
    """A stranger with a browser, on the way from a basket to the payment."""

    def __init__(self, wire: Any, basket: str, *, port: int = 8000, customer: uuid.UUID | None = None) -> None:
        """Have a basket, and be nowhere yet; ``port`` is that of the pages, which ``wire`` reaches.

        ``customer`` is whom the counter knows by a card; unset, nobody is known.
        """
        self._customer = customer
        self._wire, self._port, self._basket = wire, port, basket
        self.form: dict[str, str] = {}
        self.said = ""

    @property
    def order(self) -> uuid.UUID:
        """The id that the page has for the order."""
        return uuid.UUID(self.form["order"])

    def come(self) -> str:
        """Come into the vault with a ticket of the counter's, and see what it costs; returns what the page says."""
        visit = (
            Visit(self._basket, Assurance.NOBODY, ("basket",), timezone.now())
            if self._customer is None
            else Visit(str(self._customer), Assurance.RECOGNISED, ("card",), timezone.now())
        )
        path = f"/checkout/?{urlencode({'basket': self._basket})}"
        with entered(COUNTER):
            ticket = issue_ticket(origin=COUNTER, destination=VAULT, path=path, visit=visit, now=timezone.now())
        came = self._wire.post("/arrive/", {"ticket": ticket}, headers=self._from(COUNTER, site="same-site"))
        assert came.status_code == 302, came.content.decode()[:2000]
        return self.look()

    def look(self) -> str:
        """Read the form anew."""
        page = self._wire.get(f"/checkout/?{urlencode({'basket': self._basket})}", headers=self._from(VAULT))
        assert page.status_code == 200, page.content.decode()[:2000]
        return self._read(page)

    def place(self, *, store: str = STORE, **more: str) -> str:
        """Confirm what was shown; returns ``placed``, or the name of the refusal. ``more`` is filled in beside it."""
        filled = {"by": "pickup", "store": store, "name": "Alice Martin", "email": "alice@example.org", **more}
        answer = self._wire.post("/checkout/", {**self.form, **filled}, headers=self._from(VAULT))
        if answer.status_code in {200, 302}:
            return "placed"
        self._read(answer)
        return next((name for text, name in _REFUSED.items() if text in self.said), f"{answer.status_code} {self.said}")

    def _read(self, page: Any) -> str:
        found = re.findall(
            r'name="(csrfmiddlewaretoken|basket|order|digest|digest_delivery|digest_gift|seen)" value="([^"]*)"',
            page.content.decode(),
        )
        self.form = {name: html.unescape(value) for name, value in found}
        self.said = words(page.content.decode())
        return self.said

    def _from(self, room: Room, *, site: str = "same-origin") -> dict[str, str]:
        return {
            "host": f"{host_of(VAULT)}:{self._port}", "accept-language": "en", "sec-fetch-site": site,
            "origin": f"http://{host_of(room)}:{self._port}",
        }  # fmt: skip


@dataclass
class House:
    """Two gateways, two processes with pages, and whoever comes in over HTTP."""

    gateways: Sequence[Gateway]
    pages: Sequence[Pages]
    wires: contextlib.ExitStack
    count: int = field(default=0)

    def tell(self, *events: Mapping[str, Any], touchpoint: str) -> list[dict[str, Any]]:
        """Send events that are accepted."""
        return accepted(self.gateways[0].post(list(events), touchpoint=touchpoint))

    def buyers(self, *baskets: str) -> list[Buyer]:
        """Return somebody for each basket; every other one comes to the other process."""
        return [
            Buyer(self.wires.enter_context(Wire(port)), basket, port=port)
            for basket, port in zip(baskets, itertools.cycle([each.port for each in self.pages]), strict=False)
        ]

    def asks(self, said: Mapping[str, Any], *, touchpoint: str) -> Callable[[], str]:
        """Return what sends one event to one of the gateways: ``accepted``, what it has taken off, or a refusal."""
        self.count += 1
        gateway = self.gateways[self.count % len(self.gateways)]
        headers = {
            "Authorization": f"Bearer {gateway.keys[touchpoint]}", "Content-Type": "application/cloudevents+json",
        }  # fmt: skip
        client = self.wires.enter_context(httpx.Client(base_url=gateway.url, timeout=60, trust_env=False))
        client.get("/health")  # connected before anybody is let go

        def ask() -> str:
            answer = client.post("/v1/events", content=written(said), headers=headers)
            told = answer.json()
            if answer.status_code != 200:
                return str(told["type"]).rsplit(":", 1)[1]
            return "full_price" if told.get("basket", {}).get("discount") == 0 else "accepted"

        return ask


@contextlib.contextmanager
def two_of_each(folder: Path) -> Iterator[House]:
    """Have two gateways and two processes with pages for the shop of the environment; this process speaks for it."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(running_gateway(folder))
        second = stack.enter_context(running_gateway(folder, keys=first.keys))
        stack.enter_context(speaking(first))
        pages = [stack.enter_context(running_pages(folder, each)) for each in (first, second)]
        yield House([first, second], pages, stack.enter_context(contextlib.ExitStack()))


def at_once(asks: Sequence[Callable[[], str]]) -> list[str]:
    """Let all of these go at once, released by one barrier; returns what each was told."""
    barrier = threading.Barrier(len(asks))

    def one(ask: Callable[[], str]) -> str:
        barrier.wait(timeout=60)
        return ask()

    with ThreadPoolExecutor(len(asks)) as threads:
        return list(threads.map(one, asks))


def two_teas_by_three_means(gateway: Gateway, user: uuid.UUID, *, name: str = "Alice Martin") -> Checkout:
    """Have two teas for $25.00 ordered: $5.01 in points, $7.00 of a gift card, and $12.99 at the provider.

    The user has bought at the till before, so that there are points.
    """
    code, basket, now = carding.new_code(), str(uuid.uuid4()), timezone.now()
    sold = {
        "receipt": f"of {user}"[:36], "store": STORE, "customer": {"kind": USER_KIND, "value": str(user)},
        "currency": "USD", "total": 100_000, "lines": [{"product": "x", "quantity": 1, "amount": 100_000}],
    }  # fmt: skip
    before = [event("sale.closed", sold, source=f"/stores/{STORE}/tills/1", at=AT), carding.issued(code, 700)]
    accepted(gateway.post(before, touchpoint="till"))
    put = {"basket": basket, "put": [{"product": "tea-1", "quantity": 2}]}
    accepted(gateway.post([event("basket.changed", put, source="/storefront", at=AT)], touchpoint="storefront"))
    card = carding.digest(code)
    with entered(VAULT):
        _, priced = commands.quote(basket, customers=[customer_of_user(user)], now=now)
        wish = Wish(
            order=uuid.uuid4(), basket=basket, digest=priced.digest, by="pickup", store=STORE, user=user, points=501,
            recipient=Recipient(Hidden(name)), card=CardWish(card, card_number_of(card), 700),
        )  # fmt: skip
        commands.begin(wish, now=now)
        return commands.advance(wish.order, now=now)


def pay(order: uuid.UUID, *, at: dt.datetime | None = None) -> bool:
    """Let the money come, as whoever takes it would tell; whether it is wanted."""
    now = at or timezone.now()
    with entered(VAULT):
        if not commands.note_paid(order, at=now):
            return False
        commands.advance(order, now=now)
    return True


class Cashier(list[tuple[uuid.UUID, int]]):
    """Takes and gives back money for orders, and remembers what went back."""

    def look(self, *, now: dt.datetime) -> None:
        """Let the clock look at what is due."""
        money = Money(
            close=lambda order: commands.note_over(order, at=timezone.now()),
            give_back=lambda order, amount, _name: self.append((order, amount)),
        )
        with entered(VAULT):
            commands.look_at_due(money=money, now=now)


def step_of(order: uuid.UUID) -> tuple[str, str]:
    """Return how far an order has come, and why it is over."""
    with entered(VAULT):
        row = Checkout.objects.get(order=order)
    return row.step, row.why
