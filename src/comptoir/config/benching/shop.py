"""``bench shop``: 92,331 products in 457 stores: pages, baskets, prices and orders, beside django-oscar with the same.

Both have the same catalog on the same server of PostgreSQL, are served by two processes, and are asked for the same by
the same client, in turns. django-oscar comes as it is, without a search server, and is asked for prices and orders
behind its pages, with nothing around. Orders of the house go through the checkout's own commands: held, placed, paid,
booked. The last piece is compared with ``pgbench``, which asks, writes down and counts down. Not here: what the
reference is made of (``oscar.py``), buyers (``buying.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import http.client
import itertools
import os
import random
import re
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from http.cookies import SimpleCookie
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode

import msgspec
import psycopg

from comptoir.config.benching import asking, oscar, reference, stage
from comptoir.config.benching.asking import CONNECTIONS, Server
from comptoir.config.benching.buying import Bought
from comptoir.config.benching.load import Plan
from comptoir.config.benching.oscar import Oscar
from comptoir.config.registry import shop_map
from comptoir.config.replaying.recordings import Event
from comptoir.foundation.kernel import codec, database
from comptoir.foundation.kernel.clock import SYSTEM_CLOCK
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE
from comptoir.foundation.touchpoints import house
from comptoir.foundation.touchpoints.commands import issue_key
from comptoir.square.catalog import composing
from comptoir.square.catalog.composing import Rule

PROMOTIONS: Final = 200
LINES: Final = 40
_STORES: Final = 457
_STORE: Final = "1"
_SHOWN: Final = 400
_BASKETS: Final = 8
#: Goods that are counted in the store from which orders are taken, and of which one is wanted by everybody.
_COUNTED, _PIECES, _HOT_PIECES = 400, 1_000_000, 1_000
_HELD_BATCH: Final = 500
_HELD_CONNECTIONS: Final = 4
_ROUNDS: Final = 3
_BEGINNING_SECONDS: Final = 0.5
_WINDOW_COOKIE: Final = "comptoir-window"
_WORDS: Final = ("coffee", "tomatoes", "bread", "shampoo", "cheese", "chocolate", "salad", "tea", "soap", "beer")


class Side(msgspec.Struct, frozen=True):
    """One thing that is asked for: answers in a second over eight connections, and the median time over one.

    ``ratio`` is that of the rates. Times are in milliseconds.
    """

    per_second: float
    reference_per_second: float
    ratio: float
    median_ms: float
    reference_median_ms: float


class Shop(msgspec.Struct, frozen=True):
    """Each thing beside its reference; ``last_piece`` are holds of one article, a second, and pgbench's.

    ``oversold`` is how many more pieces of the wanted article were held than there were.
    """

    products: int
    stores: int
    promotions: int
    asked: dict[str, Side]
    pages_ratio: float
    selling_ratio: float
    last_piece_per_second: float
    last_piece_reference_per_second: float
    last_piece_ratio: float
    oversold: int


#: Bars: pages, and what is behind them.
_PAGES: Final = ("product", "search", "new_search", "category", "window")
_SELLING: Final = ("price", "order")


class _Catalog(msgspec.Struct, frozen=True):
    """The same for both: categories, products with their price, which categories are reduced, and who has what."""

    listings: list[Event]
    categories: list[tuple[str, str, str | None]]
    products: list[tuple[str, str, str, int]]
    promotions: list[str]
    baskets: list[list[str]]
    shown: list[str]

    @property
    def counted(self) -> list[str]:
        """Return the goods of which there are enough for everybody."""
        return [number for number, _, _, _ in self.products[:_COUNTED]]

    @property
    def wanted(self) -> str:
        """Return the article that everybody wants."""
        return self.products[_COUNTED][0]


def measure(say: stage.Say, *, seconds: float = 10.0) -> Shop:
    """Measure in a house of its own; ``seconds`` is how long holds are measured, and half of it everything else."""
    catalog = _read(say)
    with stage.own_house(say):
        with database.connect(OFFICE.role) as connection:
            house.make_keys(connection, declared=shop_map(), now=SYSTEM_CLOCK.now(), report=lambda _line: None)
            webshop = issue_key(connection, touchpoint="webshop", declared=shop_map(), now=SYSTEM_CLOCK.now()).text
        reference.prepare_last_piece()
        with stage.gateway(say) as running:
            baskets = _fill(say, catalog, running, webshop)
            with _environment(running.port):
                say("opening the shop")
                with asking.pages(running.port) as pages, oscar.running(say, _told(catalog)) as other:
                    asked = _asked(say, catalog, _Sides(pages, running, other, baskets), seconds=seconds / 2)
            held, holds, oversold = _last_piece(say, catalog, running, webshop, seconds=seconds)
    return Shop(
        products=len(catalog.products), stores=_STORES, promotions=PROMOTIONS, asked=asked,
        pages_ratio=min(asked[name].ratio for name in _PAGES),
        selling_ratio=min(asked[name].ratio for name in _SELLING),
        last_piece_per_second=held, last_piece_reference_per_second=holds, last_piece_ratio=held / holds,
        oversold=oversold,
    )  # fmt: skip


# -- what both sell ---------------------------------------------------------------------------------------------------


def _read(say: stage.Say) -> _Catalog:
    """Read the data set's goods; what has no price there costs 1.99."""
    say("reading the catalog")
    try:
        from comptoir.config.replaying import wares  # noqa: PLC0415 - an extra

        listings = list(wares.listings(None, range(1, _STORES + 1)))
    except ImportError:
        raise SystemExit('bench shop sells the data set\'s goods: install the extra "demo".') from None
    categories: list[tuple[str, str, str | None]] = []
    products: list[tuple[str, str, str, int]] = []
    for each in listings:
        data = each.data
        if each.type == "category.listed":
            categories.append((data["category"], data["name"]["en"], data.get("within")))
        elif each.type == "product.listed":
            (variant,) = data["variants"]
            prices = variant.setdefault("prices", [{"currency": "USD", "amount": 199, "includes_tax": False}])
            data.pop("asks_over", None)
            products.append((data["product"], data["name"]["en"], data.get("category", ""), prices[0]["amount"]))
    chance = random.Random(1)  # noqa: S311 - which goods
    numbers = [number for number, _, _, _ in products]
    return _Catalog(
        listings, categories, products,
        promotions=chance.sample([slug for slug, _, within in categories if within], PROMOTIONS),
        baskets=[chance.sample(numbers, LINES) for _ in range(_BASKETS)], shown=chance.sample(numbers, _SHOWN),
    )  # fmt: skip


def _told(catalog: _Catalog) -> dict[str, Any]:
    return {
        "categories": catalog.categories, "products": catalog.products, "promotions": catalog.promotions,
        "baskets": catalog.baskets, "shown": [*catalog.shown, *catalog.counted],
    }  # fmt: skip


def _fill(say: stage.Say, catalog: _Catalog, running: stage.Gateway, webshop: str) -> list[str]:
    """Have the house sell it, through its gateway; returns the ids of the baskets."""
    say(f"listing {len(catalog.products):,} products")
    now = SYSTEM_CLOCK.now()
    _send(running.port, webshop, catalog.listings)
    say(f"{PROMOTIONS} promotions, baskets, and what is on the shelves")
    console = house.key_path(house.CONSOLE).read_text()
    storefront = house.key_path(house.STOREFRONT).read_text()
    published = [
        {"staff": "bench", "promotion": str(uuid.uuid4()), "definition": {
            "titles": {"en": f"Less for {slug}"[:120]}, "benefit": {"kind": "Percentage", "percent": 5},
            "items": {"categories": [slug]},
        }}
        for slug in catalog.promotions
    ]  # fmt: skip
    _send(running.port, console, [_event("promotion.published", "/console", each, now) for each in published])
    counts = [{"sku": sku, "quantity": _PIECES} for sku in catalog.counted]
    counts.append({"sku": catalog.wanted, "quantity": _HOT_PIECES})
    counted = {"store": _STORE, "lines": counts}
    _send(running.port, webshop, [_event("stock.counted", "/webshop", counted, now)])
    baskets = [str(uuid.uuid4()) for _ in catalog.baskets]
    laid = [
        {"basket": basket, "put": [{"product": number, "quantity": 1} for number in numbers]}
        for basket, numbers in zip(baskets, catalog.baskets, strict=True)
    ]
    _send(running.port, storefront, [_event("basket.changed", "/storefront", each, now) for each in laid])
    stage.settle()
    return baskets


def _event(kind: str, source: str, data: dict[str, Any], at: dt.datetime) -> Event:
    return Event(id=str(uuid.uuid4()), source=source, type=kind, time=at, data=data)


def _send(port: int, key: str, events: Sequence[Event]) -> None:
    from comptoir.config.replaying import sending  # noqa: PLC0415 - only this part needs it
    from comptoir.config.replaying.keyring import Keyring  # noqa: PLC0415

    sender = sending.Sender(f"http://127.0.0.1:{port}", Keyring.of_one_key(key), in_flight=1)
    asyncio.run(sender.send(event.encode() for event in events))
    assert sender.tally.accepted == len(events), f"{sender.tally.as_members()}"


@contextlib.contextmanager
def _environment(port: int) -> Iterator[None]:
    os.environ["COMPTOIR_GATEWAY_URL"] = f"http://127.0.0.1:{port}"
    try:
        yield
    finally:
        del os.environ["COMPTOIR_GATEWAY_URL"]


# -- asking for it ----------------------------------------------------------------------------------------------------


class _Sides(msgspec.Struct, frozen=True):
    """Whom to ask: the house's pages and its gateway, the other shop, and the house's baskets."""

    pages: Server
    gateway: stage.Gateway
    other: Oscar
    baskets: list[str]


#: Asks a server for something, the number of the connection and of the time given; it keeps what it needs.
_Asking = Callable[[http.client.HTTPConnection, int, int], None]


def _asked(say: stage.Say, catalog: _Catalog, sides: _Sides, *, seconds: float) -> dict[str, Side]:
    filled, port, other = sides.other.filled, sides.pages.port, sides.other.server.port
    tag = f"Bearer {sides.gateway.key}"

    def page(paths: Sequence[str], cookie: str = "") -> _Asking:
        def ask(connection: http.client.HTTPConnection, number: int, turn: int) -> None:
            asking.get(connection, paths[(turn * CONNECTIONS + number) % len(paths)], cookie)

        return ask

    def price(connection: http.client.HTTPConnection, number: int, turn: int) -> None:
        basket = sides.baskets[(number + turn) % len(sides.baskets)]
        connection.request("GET", f"/v1/baskets/{basket}?source=/stores/1/tills/1", headers={"Authorization": tag})
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == http.client.OK, content

    products = (
        [f"/en/product/{number}" for number in catalog.shown],
        [filled.products[each] for each in catalog.shown],
    )
    words = [quote(word) for word in _WORDS]
    asked_new = [_NewWords(catalog, path).ask for path in ("/en/shop?q=", "/search/?q=")]
    pairs: dict[str, tuple[int, _Asking, int, _Asking]] = {
        "product": (port, page(products[0]), other, page(products[1])),
        "search": (
            port, page([f"/en/shop?q={word}" for word in words]), other, page([f"/search/?q={word}" for word in words]),
        ),
        "new_search": (port, asked_new[0], other, asked_new[1]),
        "category": (
            port, page([f"/en/shop/{slug}?order=cheapest" for slug in catalog.promotions]),
            other, page([filled.categories[slug] for slug in catalog.promotions]),
        ),
        "window": (
            port, page([f"/en/shop/{slug}" for slug in catalog.promotions], _own_window(catalog)),
            other, page([filled.categories[slug] for slug in catalog.promotions]),
        ),
        "add": (port, _Adding(catalog.counted).ask, other, _AddingThere(catalog.counted, filled.keys).ask),
        "price": (sides.gateway.port, price, other, page([f"/bench/price/{number}" for number in filled.baskets])),
    }  # fmt: skip
    with contextlib.closing(http.client.HTTPConnection("localhost", port)) as connection:
        slug = catalog.promotions[0]
        assert b"Your window is on" in asking.get(connection, f"/en/shop/{slug}", _own_window(catalog))
    found = {}
    for name, (own_port, own, other_port, its) in pairs.items():
        say(f"{name}: the house and django-oscar in turns")
        # Each of its prices takes seconds: more connections than processes would only wait.
        connections = asking.WORKERS if name == "price" else CONNECTIONS
        found[name] = _side(_Pages(own_port, own), _Pages(other_port, its, connections), seconds=seconds)
    say("orders: the house and django-oscar in turns")
    order = page([
        f"/bench/order?{urlencode({'products': ','.join(random.Random(number).sample(catalog.counted, 3))})}"  # noqa: S311
        for number in range(100)
    ])  # fmt: skip
    found["order"] = _side(_Buyers(catalog), _Pages(other, order, asking.WORKERS), seconds=seconds)
    return found


def _own_window(catalog: _Catalog) -> str:
    """Return the cookie of somebody who has composed their own shop window: goods first, goods never, something new."""
    first, second = catalog.promotions[:2]
    never = next(slug for slug, _, _ in reversed(catalog.categories) if slug not in catalog.promotions)
    rules = (
        Rule("first", "category", first), Rule("first", "category", second), Rule("never", "category", never),
        Rule("new", every=5), Rule("order", by="cheapest"),
    )  # fmt: skip
    cookies = SimpleCookie({_WINDOW_COOKIE: composing.written(rules)})
    return cookies.output(header="", sep="").strip()


class _Timed(Protocol):
    """What can be asked for so long: over all connections, for a rate, or over one, for how long an answer takes."""

    def rate(self, seconds: float) -> float: ...

    def times(self, seconds: float) -> list[float]: ...


def _side(own: _Timed, other: _Timed, *, seconds: float) -> Side:
    both = (own, other)
    rates: tuple[list[float], ...] = ([], [])
    took: tuple[list[float], ...] = ([], [])
    for each in both:
        each.rate(_BEGINNING_SECONDS)
    for _ in range(_ROUNDS):
        for each, of in zip(both, rates, strict=True):
            of.append(each.rate(seconds / _ROUNDS))
        for each, of in zip(both, took, strict=True):
            of.extend(each.times(seconds / _ROUNDS / 4))
    rate, its_rate = (statistics.median(of) for of in rates)
    took_ms, its_ms = (1000 * statistics.median(of) for of in took)
    return Side(rate, its_rate, rate / its_rate, took_ms, its_ms)


class _Pages(msgspec.Struct, frozen=True):
    """A port, and what is asked there, over so many connections for a rate."""

    port: int
    ask: _Asking
    connections: int = CONNECTIONS

    def rate(self, seconds: float) -> float:
        """Ask over all connections for so long, once at least; returns answers a second, until the last was there."""
        counts = [0] * self.connections

        def asks(number: int) -> None:
            counts[number] = len(_times(self.port, self.ask, seconds, number=number))

        began = time.perf_counter()
        asking.together(asks, count=self.connections)
        return sum(counts) / (time.perf_counter() - began)

    def times(self, seconds: float) -> list[float]:
        """Ask over one connection for so long; returns how long each answer took."""
        return _times(self.port, self.ask, seconds)


class _Buyers(msgspec.Struct, frozen=True):
    """Buyers at the house's checkout."""

    catalog: _Catalog

    def rate(self, seconds: float) -> float:
        """Have as many buyers as there are connections; returns orders a second."""
        bought = _bought(self.catalog, seconds, threads=CONNECTIONS // asking.WORKERS, processes=asking.WORKERS)
        return sum(len(each.took) for each in bought) / max(each.seconds for each in bought)

    def times(self, seconds: float) -> list[float]:
        """Have one buyer; returns how long each order took."""
        return [each for one in _bought(self.catalog, seconds, threads=1, processes=1) for each in one.took]


def _times(port: int, ask: _Asking, seconds: float, *, number: int = 0) -> list[float]:
    """Ask over one connection for so long, at least once; returns how long each answer took."""
    connection = asking.connect(port)
    took: list[float] = []
    until = time.perf_counter() + seconds
    while (began := time.perf_counter()) < until or not took:
        ask(connection, number, len(took))
        took.append(time.perf_counter() - began)
    connection.close()
    return took


class _NewWords:
    """Searches for two words of some product's name, other ones each time: no answer is one that was remembered.

    All of them take longer than a page is kept; then they begin anew.
    """

    def __init__(self, catalog: _Catalog, path: str) -> None:
        pairs = {
            pair
            for _, name, _, _ in catalog.products
            for pair in itertools.combinations(sorted(set(re.findall(r"[a-z]{3,}", name.lower()))), 2)
        }
        asked = random.Random(2).sample(sorted(pairs), len(pairs))  # noqa: S311 - which words
        self._pairs = itertools.cycle(asked)
        self._path = path

    def ask(self, connection: http.client.HTTPConnection, number: int, turn: int) -> None:  # noqa: ARG002 - its shape
        asking.get(connection, f"{self._path}{'+'.join(next(self._pairs))}")


class _Adding:
    """Puts goods into baskets of the house's as a browser does, by forms with a secret, a basket each."""

    def __init__(self, goods: Sequence[str]) -> None:
        self._goods = goods
        self._known: dict[int, tuple[str, str]] = {}

    def ask(self, connection: http.client.HTTPConnection, number: int, turn: int) -> None:  # noqa: ARG002 - its shape
        host = f"{host_of(COUNTER)}:{connection.port}"
        if number not in self._known:
            connection.request("GET", f"/basket/add?product={self._goods[number]}", headers={"Host": host})
            answer = connection.getresponse()
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', answer.read().decode())
            assert token is not None, "the form has no secret"
            self._known[number] = (token[1], _cookies(answer))
        token_text, cookies = self._known[number]
        said = {"csrfmiddlewaretoken": token_text, "product": self._goods[number], "quantity": 1}
        headers = {
            "Host": host, "Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"http://{host}",
        }  # fmt: skip
        connection.request("POST", "/basket/put", urlencode(said), headers)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == http.client.FOUND, (answer.status, content[:500])
        if given := _cookies(answer):
            names = {each.partition("=")[0] for each in given.split("; ")}
            kept = [each for each in cookies.split("; ") if each and each.partition("=")[0] not in names]
            self._known[number] = (token_text, "; ".join([*kept, given]))


class _AddingThere:
    """The same at django-oscar, whose forms have no secret here."""

    def __init__(self, goods: Sequence[str], keys: dict[str, int]) -> None:
        self._goods, self._keys = goods, keys
        self._cookies: dict[int, str] = {}

    def ask(self, connection: http.client.HTTPConnection, number: int, turn: int) -> None:  # noqa: ARG002 - its shape
        headers = {
            "Host": f"127.0.0.1:{connection.port}", "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": self._cookies.get(number, ""),
        }  # fmt: skip
        connection.request("POST", f"/basket/add/{self._keys[self._goods[number]]}/", "quantity=1", headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == http.client.FOUND, answer.status
        self._cookies[number] = _cookies(answer) or self._cookies.get(number, "")


def _cookies(answer: http.client.HTTPResponse) -> str:
    given = (each.partition(";")[0] for each in answer.headers.get_all("Set-Cookie") or ())
    return "; ".join(each for each in given if not each.endswith(('=""', "=")))


def _bought(catalog: _Catalog, seconds: float, *, threads: int, processes: int) -> list[Bought]:
    """Have so many buyers at the checkout, and return what came of it in each process."""
    command = [
        *(sys.executable, "-m", "comptoir.config.benching.buying", str(threads), str(seconds), _STORE),
        ",".join(catalog.counted),
    ]
    those = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own
        for _ in range(processes)
    ]
    for each in those:
        assert each.stdout is not None
        assert each.stdout.readline() == b"ready\n", "the buyers are not there"
    for each in those:
        assert each.stdin is not None
        each.stdin.write(b"go\n")
        each.stdin.close()
    bought = []
    for each in those:
        assert each.stdout is not None
        bought.append(codec.decode(each.stdout.read(), Bought))
        each.wait()
        assert each.returncode == 0, "a buyer has failed"
    return bought


def _last_piece(
    say: stage.Say, catalog: _Catalog, running: stage.Gateway, webshop: str, *, seconds: float
) -> tuple[float, float, int]:
    """Return holds a second of an article of which there is enough, pgbench's, and how many too many of another one."""
    at_web = msgspec.structs.replace(running, key=webshop)

    def hold(sku: str, length: float, seed: int) -> tuple[int, float]:
        plan = Plan(
            running.port, webshop, length, _HELD_CONNECTIONS, _HELD_BATCH, 1, seed, held=sku,
        )  # fmt: skip
        result = stage.send(plan, at_web, events_prepared=int(length * 20_000))
        assert not result.failed, f"{result.failed} holds were not answered"
        return result.accepted, result.seconds

    say("the last piece: never too many")
    hold(catalog.wanted, 2.0, 7)
    with psycopg.connect(database.owner_conninfo()) as connection:
        row = connection.execute(
            "select sum(quantity) from stock_heldline where sku = %s", (catalog.wanted,)
        ).fetchone()
    held = int(row[0]) if row and row[0] is not None else 0
    rates: tuple[list[float], list[float]] = ([], [])
    for number in range(_ROUNDS):
        say(f"the last piece: round {number + 1} of {_ROUNDS}")
        rates[1].append(reference.measure_last_piece(seconds))
        accepted, spent = hold(catalog.counted[0], seconds, number)
        rates[0].append(accepted / spent)
    return statistics.median(rates[0]), statistics.median(rates[1]), max(0, held - _HOT_PIECES)
