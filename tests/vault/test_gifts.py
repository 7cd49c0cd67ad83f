"""A gift is bought off a wish list and sent to its owner: the giver never learns where, nor the owner who and when.

Canaries stand in everything that either has given of themselves; whatever the other one can get is searched for them.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import Gateway
from support.pages import customer_of, words
from support.shop import Shop

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.utils import timezone

from comptoir.counter.customers.queries import customer_of_user
from comptoir.doors.storefront import links
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.contacts import commands as contacts
from comptoir.vault.rights import copying
from support.gifting import GIVERS, HERS, SAFE, Giver, World, gifting, look, packer
from support.mailing import mailed
from support.visitors import vault_session


@pytest.fixture
def world(shop: Shop, gateway: Gateway) -> Iterator[World]:
    with gifting(shop, gateway) as one:
        yield one


def hers(world: World) -> str:
    """Return all that Nora can get: her pages in two rooms, her copy, and every event of hers."""
    safe = Client(headers=SAFE)
    cookie, value = vault_session(world.user)
    safe.cookies[cookie] = value
    number = world.shop.value("select id from wishlists_wishlist")
    found = [
        world.nora.get(path).content.decode()
        for path in ("/card", "/orders", "/wishes", f"/wishes/{number}", world.path, "/remembered", "/messages")
    ]
    found += [safe.get(path).content.decode() for path in ("/", "/contact/", "/accesses/")]
    copy = copying.copy_of(world.user, actor=f"customer:{world.user}", purpose="my own request", at=timezone.now())
    archive = zipfile.ZipFile(io.BytesIO(b"".join(copying.as_bytes(copy))))
    found += [archive.read(each).decode() for each in archive.namelist()]
    mine = str(customer_of_user(world.user))
    found += [str(row) for row in world.shop.rows("select data::text, outcome from events_event where customer = %s",
                                                  mine)]  # fmt: skip
    return "\n".join(found)


def accesses(world: World) -> list[dict[str, Any]]:
    """Return the audit chain."""
    return world.shop.rows("select subject, content::text as content from events_audit order by number")


def test_a_gift_reaches_its_owner_and_nobody_learns_of_the_other(world: World) -> None:
    world.change(does="address")
    before, trail = hers(world), accesses(world)
    giver = Giver(world)
    page = giver.come()
    assert "Send it as a gift" in words(page)
    giver.confirm(page, by="gift")
    assert world.state() == "ordered"
    giver.pay()
    assert world.state() == "bought"
    with mailed(COMPTOIR_GATEWAY_URL=world.gateway.url) as mailbox:
        look(now=timezone.now())
        assert len(mailbox.letters) == 1
        letter = mailbox.letters[0][1]
        giver.got.append(f"{letter.as_string()} {letter.get_content()}")
    found = re.search(rf"/checkout/orders/{giver.order}/[^/]+/", letter.get_content())
    assert found is not None
    text = giver.page("safe", found[0])
    assert "It is a gift." in words(text)
    assert "You give 1 bought" in words(giver.page("my", world.path))
    # What the giver has seen, their mail, and what the counter's log and tables hold: nowhere is she.
    for table in ("events_event", "orders_order", "baskets_basket", "wishlists_claim"):
        giver.got.append(str(world.shop.contents(table)))
    everything = "\n".join(giver.got)
    assert [each for each in HERS if each in everything] == []
    assert str(world.user) not in everything
    # And she: nothing of the giver, of the gift, or of whoever read her address.
    after = hers(world)
    assert [each for each in (*GIVERS, giver.order, "bought", "_gift") if each in after and each not in before] == []
    read = [row["subject"] for row in accesses(world)[len(trail) :] if "gift" in row["content"]]
    assert [str(each) for each in read] == [giver.order], "who reads an address is in the audit chain"
    assert len(words(before)) > 1000
    # Whoever packs the parcel sees where it goes, and no giver.
    staff = packer()
    parcel = staff.get(f"/checkout/parcels/{giver.order}/").content.decode()
    assert all(each in parcel for each in ("Nora Canari", "7 rue du Secret", "69001"))
    assert "A gift: put no receipt and no price in." in words(parcel)
    assert [each for each in GIVERS if each in parcel] == []


def test_without_the_owners_leave_it_is_not_sent(world: World) -> None:
    giver = Giver(world)
    page = giver.come()
    assert "Send it as a gift" not in words(page)
    refused = giver.safe.post(
        "/checkout/",
        {**dict(re.findall(r'name="(basket|order|digest)" value="([^"]*)"', page)), "by": "gift", "name": GIVERS[0],
         "email": GIVERS[2]},
    )  # fmt: skip
    assert refused.status_code == 422
    assert world.shop.value("select count(*) from checkout_checkout") == 0
    assert world.state() == "claimed"
    address = {"line1": "1 Own Street", "city": "Dijon", "postcode": "21000", "country": "FR"}
    giver.confirm(giver.page("safe", f"/checkout/?basket={world.shop.value('select id from wishlists_claim')}"),
                  by="delivery", **address)  # fmt: skip
    assert world.state() == "ordered"
    assert world.shop.value("select count(*) from checkout_gift") == 0


def test_what_is_not_paid_frees_the_wish(world: World) -> None:
    world.change(does="address")
    giver = Giver(world)
    page = giver.come()
    giver.confirm(page, by="gift")
    # Twice is one: the basket is ordered, and nobody else claims it.
    assert giver.safe.get(f"/checkout/?basket={world.shop.value('select id from wishlists_claim')}").status_code == 404
    look(now=timezone.now() + dt.timedelta(hours=1))
    look(now=timezone.now() + dt.timedelta(hours=2))
    assert world.state() is None
    assert "I give this" in words(giver.page("my", world.path))


def test_an_owner_who_takes_her_data_back_gets_nothing_any_more(world: World) -> None:
    world.change(does="address")
    giver = Giver(world)
    giver.confirm(giver.come(), by="gift")
    giver.pay()
    with entered(VAULT):
        contacts.destroy(world.user, actor=f"customer:{world.user}", at=timezone.now())
    staff = packer()
    parcel = staff.get(f"/checkout/parcels/{giver.order}/")
    assert parcel.status_code == 410
    assert [each for each in HERS if each in parcel.content.decode()] == []


def test_a_giver_with_a_card_finds_it_among_their_orders(world: World) -> None:
    world.change(does="address")
    giver = Giver(world)
    bob = customer_of(world.gateway, "2")
    assert giver.my.get(f"/card/{links.card_token(bob)}").status_code == 302
    giver.confirm(giver.come(), by="gift")
    giver.pay()
    text = giver.page("my", "/orders")
    assert "Teapot" in words(text)
    assert [each for each in HERS if each in "\n".join(giver.got)] == []
    assert world.shop.value("select customer from wishlists_claim") == bob
