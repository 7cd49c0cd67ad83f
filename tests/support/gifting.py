"""A gift off a wish list: Nora, who wishes, her friends who give, and everything that these were shown.

Not here: what has to come of it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.test import Client
from django.utils import timezone

from comptoir.counter.customers.queries import customer_of_user
from comptoir.counter.wishlists.codes import secret_of
from comptoir.doors.storefront import links
from comptoir.foundation.rooms.addresses import host_of, origin_of
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER, VAULT
from comptoir.foundation.touchpoints import house
from comptoir.vault.checkout import commands
from comptoir.vault.checkout.commands import Money
from comptoir.vault.contacts import commands as contacts
from comptoir.vault.contacts.contracts import ContactValues, PostalAddress
from comptoir.vault.credentials.models import Kind, User
from support.gateway import EXAMPLES, Gateway
from support.pages import accepted, event, sale
from support.shop import Shop, environment
from support.visitors import vault_session

MY = {"host": f"{host_of(COUNTER)}:8000", "accept-language": "en"}
SAFE = {"host": f"{host_of(VAULT)}:8000", "accept-language": "en"}
AT = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
STORE = "324"
CAMILLE = uuid.UUID(int=0xCA)
#: What Nora has given of herself, and what the giver has.
HERS = ("Nora Canari", "Canari", "7 rue du Secret", "69001", "Lyon", "nora@canari.example")
GIVERS = ("Gil Geheim", "Geheim", "gil@geheim.example")


@dataclass
class World:
    """A shop, Nora (the owner: a user of the vault, whose sign-in is her customer), and her shared list."""

    shop: Shop
    gateway: Gateway
    user: uuid.UUID
    nora: Client

    @property
    def path(self) -> str:
        """Return her list's link."""
        return f"/w/{secret_of(str(self.shop.value('select share from wishlists_wishlist')))}"

    def wish(self) -> str:
        return str(self.shop.value("select wishes->0->>'id' from wishlists_wishlist"))

    def change(self, **form: str) -> None:
        number = self.shop.value("select id from wishlists_wishlist")
        assert self.nora.post(f"/wishes/{number}/change", {"request": str(uuid.uuid4()), **form}).status_code == 302

    def state(self) -> str | None:
        state: str | None = self.shop.value("select state from wishlists_claim")
        return state


@contextlib.contextmanager
def gifting(shop: Shop, gateway: Gateway) -> Iterator[World]:
    """Have a shop with a teapot, and Nora with a shared list of it."""
    variant = {"sku": "teapot-1", "prices": [{"currency": "USD", "amount": 4000}]}
    teapot = {"product": "teapot", "name": {"en": "Teapot"}, "variants": [variant]}
    accepted(gateway.post([event("product.listed", teapot, source="/webshop", at=AT)], touchpoint="webshop"))
    accepted(gateway.post([sale("2", 20, receipt="2", at=AT)]))
    own = (house.STOREFRONT, house.VAULT, house.CONSOLE)
    for touchpoint in own:
        house.keep_key(touchpoint, gateway.keys[touchpoint])
    with entered(VAULT):
        user = User.objects.create(kind=Kind.CUSTOMER, joined_at=AT).id
    name, line, postcode, city, email = HERS[0], *HERS[2:]
    home = PostalAddress(lines=(line,), postcode=postcode, city=city, country="FR")
    values = ContactValues.of(name=name, email=email, addresses=(home,))
    with entered(VAULT):
        contacts.keep(user, values=values, purpose="parcels", actor=f"customer:{user}", at=AT)
    seen = {"customer": {"kind": "user", "value": str(user)}}
    accepted(gateway.post([event("newsletter.subscribed", seen, source="/newsletter", at=AT)], touchpoint="newsletter"))
    with environment(COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml"),
                     COMPTOIR_SHIPS_FROM=STORE):  # fmt: skip
        nora = Client(headers=MY)
        assert nora.get(f"/card/{links.card_token(customer_of_user(user))}").status_code == 302
        one = World(shop, gateway, user, nora)
        day = (timezone.now() + dt.timedelta(days=40)).date().isoformat()
        nora.post("/wishes/begin", {"title": "For the kitchen", "opens_on": day, "product": "teapot-1"})
        one.change(does="share")
        yield one
    for touchpoint in own:
        house.key_path(touchpoint).unlink(missing_ok=True)


class Giver:
    """A friend without an account, who remembers everything that they were shown."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.my, self.safe = Client(headers=MY), Client(headers=SAFE)
        self.got: list[str] = []
        self.order = ""
        self.page("my", f"{world.path}/friend", {})

    def page(self, room: str, path: str, form: dict[str, str] | None = None, **more: Any) -> str:
        client = self.my if room == "my" else self.safe
        answer = client.get(path, **more) if form is None else client.post(path, form, follow=True, **more)
        assert answer.status_code in {200, 302}, (path, answer.status_code, answer.content.decode()[-2000:])
        text = answer.content.decode() + str(answer.headers)
        self.got.append(text)
        return text

    def come(self) -> str:
        """Press "Buy as a gift"; returns the checkout's page."""
        page = self.page("my", f"{self.world.path}/buy", {"wish": self.world.wish(), "fresh": str(uuid.uuid4())})
        ticket = re.search(r'name="ticket" value="([^"]+)"', page)
        assert ticket is not None
        given = {"origin": origin_of(VAULT), "sec-fetch-site": "same-origin"}
        return self.page("safe", "/arrive/", {"ticket": ticket[1]}, headers=given)

    def confirm(self, page: str, **more: str) -> str:
        hidden = dict(re.findall(r'name="(basket|order|digest)" value="([^"]*)"', page))
        self.order = hidden["order"]
        return self.page("safe", "/checkout/", {**hidden, "name": GIVERS[0], "email": GIVERS[2], **more})

    def pay(self) -> None:
        with entered(VAULT):
            assert commands.note_paid(uuid.UUID(self.order), at=timezone.now())
            commands.advance(uuid.UUID(self.order), now=timezone.now())


def packer() -> Client:
    """Return the browser of somebody who packs parcels, in the vault."""
    client = Client(headers=SAFE)
    cookie, value = vault_session(CAMILLE, is_staff=True)
    client.cookies[cookie] = value
    return client


def look(*, now: dt.datetime) -> None:
    money = Money(close=lambda order: commands.note_over(order, at=timezone.now()), give_back=lambda *_: None)
    with entered(VAULT):
        commands.look_at_due(money=money, now=now)
