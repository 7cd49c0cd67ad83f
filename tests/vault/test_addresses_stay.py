"""Where somebody lives is seen by whoever packs the parcel, and by nobody else: on no page, in no mail, feed or answer.

A gift goes to Nora, who wished for it; a guest has something brought, another one picks it up and has typed an address
all the same. Everybody who is about goes through every page that they can reach, and through everything they can ask.
"""

from __future__ import annotations

import html
import itertools
import re
import uuid
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Final

import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import Gateway
from support.pages import accepted, customer_of, event, staff_client
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.utils import timezone

from comptoir.counter.customers.queries import customer_of_user
from comptoir.counter.orders.codes import pickup_code_of
from comptoir.doors.storefront import links
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.declaration import ROOMS
from support.buying import STORE, Buyer, basket_with, counted, opened, pay
from support.crawling import places
from support.gifting import HERS, MY, SAFE, Giver, World, gifting, look, packer
from support.mailing import mailed

NORAS, BEAS, TYPED = "7 rue du Secret", "12 rue du Canari-Vert", "99 Irrtumsweg"
STREETS: Final = (NORAS, BEAS, TYPED)
#: In the office nobody has a name either.
#: By such a number its carrier tells where a parcel goes: of a gift none is kept.
CARRIERS, CARRIERS_TOO = "6A-CANARI-77", "6A-CANARI-78"
NAMES: Final = (*HERS[:2], "Bea Lieferung", "Cem Abholer", "bea@canari.example", "cem@canari.example")
_PAGES_MAX: Final = 400
_HOSTS: Final = {host_of(room): room.name for room in ROOMS.values()}
_LINK: Final = re.compile(r'href="([^"#]+)')


@pytest.fixture
def world(shop: Shop, gateway: Gateway) -> Iterator[World]:
    with gifting(shop, gateway) as one:
        accepted(gateway.post([opened()], touchpoint="webshop"))
        accepted(gateway.post([counted("teapot", 9)], touchpoint="console"))
        yield one


def read(client: Client, room: str, path: str) -> str:
    """Return an answer as a whole: its headers and what it says, whatever its status."""
    host = next(host for host, name in _HOSTS.items() if name == room)
    answer: Any = client.get(path, headers={"host": f"{host}:8000", "accept-language": "en"})
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return f"{answer.headers}\n{html.unescape(body.decode(errors='replace'))}"


def walk(client: Client, starts: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Follow every link from these places; returns what each of them answered."""
    found: dict[tuple[str, str], str] = {}
    waiting = deque(starts)
    while waiting and len(found) < _PAGES_MAX:
        room, path = waiting.popleft()
        if (room, path) in found or path.partition("?")[0].endswith("stream"):
            continue
        found[room, path] = text = read(client, room, path)
        for link in _LINK.findall(text):
            there, _, rest = link.removeprefix("http://").partition("/")
            if link.startswith("/"):
                waiting.append((room, link))
            elif link.startswith("http://") and there.partition(":")[0] in _HOSTS:
                waiting.append((_HOSTS[there.partition(":")[0]], f"/{rest}"))
    assert len(found) > 10
    return found


def everywhere(*rooms: str) -> list[tuple[str, str]]:
    """Return every address of these rooms that needs nothing filled in."""
    languages = ("", "en/")
    return [
        (place.room, f"/{language if place.room == 'square' else ''}{place.route}")
        for place in sorted(places()) if place.room in rooms and "<" not in place.route and "(?P" not in place.route
        for language in (languages if place.room == "square" else ("",))
    ]  # fmt: skip


def guest(world: World, name: str, email: str, **wish: str) -> Buyer:
    """Have a stranger order a teapot, and pay for it."""
    basket, filled = basket_with("teapot")
    accepted(world.gateway.post([filled], touchpoint="storefront"))
    one = Buyer(Client(headers=SAFE), basket)
    one.come()
    assert one.place(name=name, email=email, **wish) == "placed"
    assert pay(one.order)
    return one


def test_where_somebody_lives_is_seen_by_whoever_packs_and_by_nobody_else(world: World) -> None:
    with environment(COMPTOIR_SHIPS_FROM=STORE), mailed(COMPTOIR_GATEWAY_URL=world.gateway.url) as mailbox:
        world.change(does="address")
        giver = Giver(world)
        giver.confirm(giver.come(), by="gift")
        giver.pay()
        address = {"line1": BEAS, "city": "Paris", "postcode": "75011", "country": "FR"}
        bea = guest(world, "Bea Lieferung", "bea@canari.example", by="delivery", **address)
        typed = {**address, "line1": TYPED}
        cem = guest(world, "Cem Abholer", "cem@canari.example", by="pickup", **typed)
        gone = guest(world, "Bea Lieferung", "bea@canari.example", by="delivery", **address)
        look(now=timezone.now())
        off = event("order.cancel", {"order": str(gone.order), "because": "by_staff"}, source="/console")
        accepted(world.gateway.post([off], touchpoint="console"))
        # One parcel has left, with a number by which its carrier tells where it goes; so has a second gift.
        left = guest(world, "Bea Lieferung", "bea@canari.example", by="delivery", **address)
        packer().post(f"/checkout/parcels/{left.order}/", {"does": "hand_over", "number": CARRIERS})
        packer().post(f"/checkout/parcels/{giver.order}/", {"does": "pack", "number": CARRIERS_TOO})
        laid = event("order.pack", {"order": str(cem.order)}, source="/console", at=timezone.now())
        accepted(world.gateway.post([laid], touchpoint="console"))
        for _ in range(3):
            look(now=timezone.now())
        letters = [f"{letter.as_string()}\n{letter.get_content()}" for _, letter in mailbox.letters]
        assert len(letters) == 8, [str(letter["Subject"]) for _, letter in mailbox.letters]
        seen_by: dict[str, dict[Any, str]] = {"a mail": dict(enumerate(letters))}
        orders = [giver.order, *(str(each.order) for each in (bea, cem, gone))]
        of_orders = [
            ("vault", path) for text in letters for path in re.findall(r"http://\S+(/checkout/orders/\S+)", text)
        ]
        assert len(of_orders) >= 5

        desk = [("office", f"/returns?receipt={pickup_code_of(uuid.UUID(each))}") for each in orders]
        # Each with what is theirs, and with all that is open.
        bob = Client(headers=MY)
        bob.get(f"/card/{links.card_token(customer_of(world.gateway, '2'))}")
        anywhere = everywhere("square", "counter")
        list_pages = [("counter", world.path), ("counter", f"{world.path}/card")]
        seen_by |= {
            "a stranger": walk(Client(), [*anywhere, *list_pages, *of_orders]),
            "a customer": walk(bob, [*anywhere, *list_pages]),
            "the giver": walk(giver.my, [*list_pages, ("counter", "/orders")])
            | walk(giver.safe, [("vault", f"/checkout/orders/{giver.order}/"), *everywhere("square")]),
            "who gets it": walk(world.nora, [*list_pages, ("counter", "/wishes"), ("counter", "/orders")]),
            "staff in the console": walk(staff_client(), [*everywhere("office"), *desk]),
            "staff in the vault": walk(packer(), [*everywhere("vault"), ("vault", "/checkout/payments/")]),
            "a machine": dict(asked(world, orders)),
            "the books": {table: str(rows) for table, rows in world.shop.contents().items()},
        }
    carried: list[tuple[str, str]] = []
    for who, pages in seen_by.items():
        for where, text in pages.items():
            told = [street for street in STREETS if street in str(text)]
            if who == "staff in the vault":
                packed = {f"/checkout/parcels/{giver.order}/": [NORAS], f"/checkout/parcels/{bea.order}/": [BEAS]}
                assert told == packed.get(where[1], []), (who, where)
            else:
                assert told == [], (who, where)
            if who in {"staff in the console", "a machine", "the books"}:
                assert [name for name in NAMES if name in str(text)] == [], (who, where)
            assert CARRIERS_TOO not in str(text), (who, where)
            if CARRIERS in str(text):
                carried.append((who, str(where)))
    assert sorted(who for who, _ in carried) == ["a mail", "staff in the vault"], carried
    assert str(left.order) in dict(carried)["staff in the vault"]
    packing = [where for where, text in seen_by["staff in the vault"].items() if any(each in text for each in STREETS)]
    assert len(packing) == 2, "whoever packs has found both"
    assert TYPED not in str(seen_by)


def asked(world: World, orders: list[str]) -> Iterator[tuple[str, str]]:
    """Ask the gateway everything that can be asked, as every touchpoint that has a key."""
    client = world.gateway.client
    described = client.get("/openapi.json").json()
    nora, bob = customer_of_user(world.user), customer_of(world.gateway, "2")
    baskets = [str(row["id"]) for row in world.shop.rows("select id from baskets_basket")]
    codes = [pickup_code_of(uuid.UUID(each)) for each in orders]
    values = {"customer": [str(nora), str(bob)], "basket": baskets, "predicate": ["over_18"], "code": codes}
    for path, operations in described["paths"].items():
        if "get" not in operations or path == "/v1/stream":
            continue
        named = re.findall(r"{(\w+)}", path)
        for one in {path.format(**dict(zip(named, some, strict=True)))
                    for some in itertools.product(*(values[name] for name in named))}:  # fmt: skip
            for touchpoint, key in world.gateway.keys.items():
                answer = client.get(one, headers={"Authorization": f"Bearer {key}"}, params={"source": "/webshop"})
                yield f"{touchpoint}: {one}", f"{answer.headers}\n{answer.text}"
