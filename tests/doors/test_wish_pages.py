"""Wish lists on the storefront: what an owner does, what a friend sees and does, and that a gift is kept secret."""

from __future__ import annotations

import datetime as dt
import io
import re
import threading
import uuid
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import EXAMPLES, Gateway
from support.pages import accepted, customer_of, event, sale, words
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.db import connections
from django.utils import timezone

from comptoir.counter.wishlists.codes import secret_of
from comptoir.doors.storefront import links, wished
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER, SQUARE, VAULT
from comptoir.foundation.touchpoints import house
from comptoir.vault.credentials.models import Kind, User
from comptoir.vault.rights import copying

MY = {"host": f"{host_of(COUNTER)}:8000", "accept-language": "en"}
WWW = {"host": f"{host_of(SQUARE)}:8000", "accept-language": "en"}
AT = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
#: What is another one in every answer, and tells nothing: secrets of forms, their numbers, codes for the till.
_FRESH = re.compile(
    rb'name="csrfmiddlewaretoken" value="[^"]+"|value="[A-Za-z0-9_:.-]{30,}"|<svg.*?</svg>|data-[a-z-]+="[^"]*"'
    rb"|<code[^>]*>.*?</code>", re.DOTALL,
)  # fmt: skip


def listed(product: str, *, price: int) -> dict[str, Any]:
    variant = {"sku": f"{product}-1", "prices": [{"currency": "USD", "amount": price}]}
    data = {"product": product, "name": {"en": product.title()}, "variants": [variant]}
    return event("product.listed", data, source="/webshop", at=AT)


@pytest.fixture
def wares(gateway: Gateway) -> Iterator[Gateway]:
    """The shop sells a teapot and cups; Nora (card 1) and Bob (card 2) have bought there."""
    accepted(gateway.post([listed("teapot", price=4000), listed("cup", price=800)], touchpoint="webshop"))
    accepted(gateway.post([sale("1", 40, receipt="1", at=AT), sale("2", 20, receipt="2", at=AT)]))
    house.keep_key(house.STOREFRONT, gateway.keys["storefront"])
    with environment(COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")):
        yield gateway
    house.key_path(house.STOREFRONT).unlink(missing_ok=True)


def opened(customer: uuid.UUID) -> Client:
    client = Client(headers=MY)
    assert client.get(f"/card/{links.card_token(customer)}").status_code == 302
    return client


def said(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status, answer.content.decode()[:2000]
    return words(answer.content.decode())


def send(client: Client, path: str, status: int = 200, **form: Any) -> str:
    return said(client.post(path, {"request": str(uuid.uuid4()), **form}, follow=True), status)


def list_of(shop: Shop) -> str:
    return str(shop.value("select id from wishlists_wishlist order by begun_at desc limit 1"))


def wish_of(shop: Shop, product: str = "teapot-1") -> str:
    found = shop.value(
        "select w->>'id' from wishlists_wishlist, jsonb_array_elements(wishes) w where w->>'product' = %s", product
    )
    return str(found)


@pytest.fixture
def nora(wares: Gateway, shop: Shop) -> Client:
    """Nora shares a list with a teapot and four cups, until a day that lies ahead."""
    client = opened(customer_of(wares, "1"))
    day = (timezone.now() + dt.timedelta(days=40)).date().isoformat()
    send(client, "/wishes/begin", title="For the kitchen", opens_on=day, product="teapot-1")
    number = list_of(shop)
    send(client, "/wishes/put", wish_list=number, product="cup-1", quantity="4", note="With a blue rim")
    send(client, f"/wishes/{number}/change", does="share")
    return client


def path_of(shop: Shop) -> str:
    return f"/w/{secret_of(str(shop.value('select share from wishlists_wishlist where share is not null')))}"


def friend_of(shop: Shop) -> Client:
    """Return a friend without an account, who has come by the link."""
    client = Client(headers=MY)
    send(client, f"{path_of(shop)}/friend")
    return client


def test_an_owner_fills_a_list_from_a_products_page_and_shares_it(wares: Gateway, shop: Shop) -> None:
    product = Client(headers=WWW).get("/en/product/teapot").content.decode()
    asked = re.search(r'href="[^"]*(/wishes/add\?product=[^"]+)"', product)
    assert asked is not None
    nora = opened(customer_of(wares, "1"))
    assert "You have no wish list yet." in said(nora.get("/wishes"))
    assert "Begin a list with it" in said(nora.get(asked[1]))
    assert "Teapot" in send(nora, "/wishes/begin", title="For the kitchen", product="teapot-1")
    number = list_of(shop)
    assert "For the kitchen" in said(nora.get("/wishes/add?product=cup-1"))
    page = send(nora, "/wishes/put", wish_list=number, product="cup-1", quantity="4", note="With a blue rim")
    assert "Cup" in page
    assert "Nobody sees it but you." in page
    send(nora, f"/wishes/{number}/change", does="share")
    page = nora.get(f"/wishes/{number}").content.decode()
    assert f'value="http://{host_of(COUNTER)}:8000{path_of(shop)}"' in page
    assert "With a blue rim" in page
    send(nora, f"/wishes/{number}/change", does="set", wish=wish_of(shop, "cup-1"), quantity="2", note="Any")
    send(nora, f"/wishes/{number}/change", does="off", wish=wish_of(shop))
    assert shop.value("select jsonb_array_length(wishes) from wishlists_wishlist") == 1
    assert "2 × “Any”" not in said(nora.get(f"/wishes/{number}"))
    other = opened(customer_of(wares, "2"))
    with shop.unchanged("wishlists_wishlist", "events_event"):
        assert other.get(f"/wishes/{number}").status_code == 404
        assert other.post(f"/wishes/{number}/change", {"does": "end"}).status_code == 404
    assert "Ended on" in send(nora, f"/wishes/{number}/change", does="end")


REFUSED = (
    ("/wishes/begin", {"title": " "}, "Give the list a name of at most 80 characters."),
    ("/wishes/begin", {"title": "x" * 81}, "Give the list a name of at most 80 characters."),
    ("/wishes/begin", {"title": "Old", "opens_on": "2020-01-01"}, "The day has to lie ahead"),
    ("/wishes/begin", {"title": "Odd", "opens_on": "soon"}, "Write the day as year, month, day."),
)


@pytest.mark.parametrize(("path", "form", "words_"), REFUSED)
def test_what_is_refused_is_said_and_begins_nothing(
    wares: Gateway, shop: Shop, path: str, form: dict[str, str], words_: str
) -> None:
    nora = opened(customer_of(wares, "1"))
    assert words_ in send(nora, path, 422, **form)
    assert shop.value("select count(*) from wishlists_wishlist") == 0


def test_the_same_form_twice_begins_one_list(wares: Gateway, shop: Shop) -> None:
    nora = opened(customer_of(wares, "1"))
    form = re.search(r'name="request" value="([^"]+)"', nora.get("/wishes").content.decode())
    assert form is not None
    for _ in range(2):
        send(nora, "/wishes/begin", title="One", request=form[1])
    assert shop.value("select count(*) from wishlists_wishlist") == 1


def test_a_friend_claims_and_lets_go_without_an_account(nora: Client, shop: Shop) -> None:
    path = path_of(shop)
    stranger = Client(headers=MY)
    page = said(stranger.get(path))
    assert "For the kitchen" in page
    assert "“With a blue rim”" in page
    assert "I give this" not in page
    assert stranger.post(f"{path}/claim", {"wish": wish_of(shop), "quantity": "1"}).status_code == 404
    friend, other = friend_of(shop), friend_of(shop)
    assert "4 of 4 are left" in said(friend.get(path))
    page = send(friend, f"{path}/claim", wish=wish_of(shop, "cup-1"), quantity="3", fresh=str(uuid.uuid4()))
    assert "You give 3 claimed" in page
    assert "1 of 4 is left" in page
    page = said(other.get(path))
    assert "1 of 4 is left" in page
    assert "You give" not in page
    assert "Somebody else gives this already." in send(
        other, f"{path}/claim", 409, wish=wish_of(shop, "cup-1"), quantity="2"
    )
    claim = str(shop.value("select id from wishlists_claim"))
    send(other, f"{path}/release", claim=claim)
    assert shop.value("select count(*) from wishlists_claim") == 1
    assert "4 of 4 are left" in send(friend, f"{path}/release", claim=claim)
    assert shop.value("select count(*) from customers_customer") == 2, "nobody was made a customer"
    assert "one who is nobody" not in page


def test_a_customer_finds_what_they_give_on_their_own_page(nora: Client, wares: Gateway, shop: Shop) -> None:
    bob, path = opened(customer_of(wares, "2")), path_of(shop)
    assert "I give this" in said(bob.get(path)), "who is recognised is a friend without being asked"
    assert "You give 1 claimed" in send(bob, f"{path}/claim", wish=wish_of(shop), quantity="1")
    assert "1 × Teapot For the kitchen claimed" in said(bob.get("/wishes"))
    assert "What you give" not in said(nora.get("/wishes"))


def test_a_link_that_was_renewed_opens_nothing(nora: Client, shop: Shop) -> None:
    path, number = path_of(shop), list_of(shop)
    friend = friend_of(shop)
    send(nora, f"/wishes/{number}/change", does="share")
    assert path_of(shop) != path
    assert "This link opens nothing" in said(friend.get(path), 404)
    assert "For the kitchen" in said(friend.get(path_of(shop)))
    send(nora, f"/wishes/{number}/change", does="unshare")
    for guess in (path, "/w/" + "0" * 20, "/w/x", f"/w/{number}"):
        assert "This link opens nothing" in said(friend.get(guess), 404)


def test_a_list_has_a_card_for_other_peoples_pages(nora: Client, shop: Shop) -> None:
    number, path = list_of(shop), path_of(shop)
    send(nora, "/wishes/put", wish_list=number, product="teapot-1", note="<b>big</b>")
    page = nora.get(f"/wishes/{number}").content.decode()
    assert f"&lt;iframe src=&quot;http://{MY['host']}{path}/card&quot;" in page
    friend = friend_of(shop)
    send(friend, f"{path}/claim", wish=wish_of(shop), quantity="1")
    answers = [one.get(f"{path}/card") for one in (Client(headers=MY), friend, nora)]
    assert len({each.content for each in answers}) == 1, "it is the same for everybody, whoever has claimed what"
    card = answers[0]
    assert not card.cookies
    assert "frame-ancestors *" in card.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in card.headers
    assert "script" not in card.content.decode()
    text = words(card.content.decode())
    assert "For the kitchen" in text
    assert "Teapot" in text
    assert "claimed" not in text
    assert f'href="http://{MY["host"]}{path}" target="_top"' in card.content.decode()
    assert "frame-ancestors 'none'" in nora.get(path).headers["Content-Security-Policy"]
    send(nora, f"/wishes/{number}/change", does="unshare")
    assert Client(headers=MY).get(f"{path}/card").status_code == 404


def test_two_friends_at_once_one_has_it(nora: Client, shop: Shop) -> None:
    path, wish = path_of(shop), wish_of(shop)
    friends = [friend_of(shop) for _ in range(4)]
    barrier = threading.Barrier(len(friends))
    statuses: list[int] = []

    def claim(friend: Client) -> None:
        barrier.wait()
        answer = friend.post(f"{path}/claim", {"wish": wish, "quantity": "1", "fresh": str(uuid.uuid4())})
        statuses.append(answer.status_code)
        connections.close_all()

    threads = [threading.Thread(target=claim, args=(friend,)) for friend in friends]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(statuses) == [302, 409, 409, 409]
    assert shop.value("select sum(quantity) from wishlists_claim") == 1


# -- gift-kept-secret -------------------------------------------------------------------------------------------------


OWN = ("/card", "/basket", "/orders", "/coupons", "/spending", "/who", "/remembered", "/terms", "/wishes", "/messages",
       "/groups", "/letters", "/wishes/add?product=cup-1")  # fmt: skip


def everything_of(nora: Client, gateway: Gateway, shop: Shop, user: uuid.UUID) -> dict[str, Any]:
    """Return all that an owner can get at: pages, what the gateway answers about her, her copy, and stock figures."""
    path, number = path_of(shop), list_of(shop)
    found: dict[str, Any] = {}
    for each in (*OWN, f"/wishes/{number}", path):
        answer = nora.get(each)
        assert answer.status_code == 200, each
        found[each] = _FRESH.sub(b"", answer.content)
    # With another browser, or what a social network's preview sees.
    found["link"] = _FRESH.sub(b"", Client(headers=MY).get(path).content)
    for each in ("/en/product/teapot", "/en/shop", "/en/"):
        found[each] = _FRESH.sub(b"", Client(headers=WWW).get(each).content)
    for what in ("balance", "history", "coupons"):
        asked = gateway.get(f"/v1/customers/{customer_of(gateway, '1')}/{what}", touchpoint="webshop")
        found[what] = asked.content
    with environment(COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")):
        copy = copying.copy_of(user, actor=f"customer:{user}", purpose="my own request", at=timezone.now())
    archive = zipfile.ZipFile(io.BytesIO(b"".join(copying.as_bytes(copy))))
    # Each copy stands among the accesses of the next one, with its time.
    told = [each for each in archive.namelist() if not each.startswith(("accesses", "about"))]
    found |= {each: archive.read(each) for each in told}
    assert any("wishlists" in each for each in told), "her lists are in her copy"
    alice = str(customer_of(gateway, "1"))
    found["events"] = shop.rows("select id, data::text, outcome from events_event where customer = %s", alice)
    return found


def differing(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return what is not the same, each with the first lines that differ."""
    found = []
    for name in sorted(before.keys() | after.keys()):
        one, other = before.get(name), after.get(name)
        if one != other and isinstance(one, bytes) and isinstance(other, bytes):
            lines = zip(one.splitlines(), other.splitlines(), strict=False)
            one, other = next(((a, b) for a, b in lines if a != b), (len(one), len(other)))
        if one != other:
            found.append((name, one, other))
    return found


@pytest.fixture
def user(nora: Client, wares: Gateway) -> uuid.UUID:
    """Nora also signs in."""
    with entered(VAULT):
        user = User.objects.create(kind=Kind.CUSTOMER, joined_at=AT).id
    online = {"kind": "user", "value": str(user)}
    linked = {"identifier": online, "customer": {"kind": "card", "value": "1"}, "evidence": "shown"}
    accepted(wares.post([event("identifier.linked", linked, source="/webshop", at=AT)], touchpoint="webshop"))
    return user


def test_gift_kept_secret(nora: Client, wares: Gateway, shop: Shop, user: uuid.UUID) -> None:
    """Whatever friends claim, let go and find taken: byte for byte the owner gets what she got before."""
    before = everything_of(nora, wares, shop, user)
    assert differing(before, everything_of(nora, wares, shop, user)) == [], "what is compared is the same by itself"
    heard: list[str] = []
    with shop.connect() as connection:
        connection.execute("listen comptoir_balances")
        path, friend, bob = path_of(shop), friend_of(shop), opened(customer_of(wares, "2"))
        send(friend, f"{path}/claim", wish=wish_of(shop), quantity="1")
        assert "You give 3 claimed" in send(bob, f"{path}/claim", wish=wish_of(shop, "cup-1"), quantity="3")
        send(friend, f"{path}/claim", 409, wish=wish_of(shop, "cup-1"), quantity="2")
        alice = str(customer_of(wares, "1"))
        heard = [each.payload for each in connection.notifies(timeout=0.5) if alice in each.payload]
    assert shop.value("select sum(quantity) from wishlists_claim") == 4
    assert heard == []
    assert differing(before, everything_of(nora, wares, shop, user)) == []
    # What she tries to do with it is answered as if nothing were claimed.
    number = list_of(shop)
    assert "Set" in send(nora, f"/wishes/{number}/change", does="set", wish=wish_of(shop, "cup-1"), quantity="1")
    send(nora, f"/wishes/{number}/change", does="off", wish=wish_of(shop))
    assert nora.post(f"{path}/claim", {"wish": wish_of(shop, "cup-1"), "quantity": "1"}).status_code == 404
    assert "This is your own list." in send(nora, f"{path}/friend")
    assert wished.cookie_name() not in nora.cookies
    page = said(friend.get(path))
    assert "What you had claimed and is not on the list any more:" in page


def test_on_the_day_the_owner_sees_what_is_given_and_not_by_whom(nora: Client, wares: Gateway, shop: Shop) -> None:
    path, friend, number = path_of(shop), friend_of(shop), list_of(shop)
    send(friend, f"{path}/claim", wish=wish_of(shop, "cup-1"), quantity="3")
    page = said(nora.get(f"/wishes/{number}"))
    assert "3 are given" not in page
    assert "stays hidden from you until" in page
    # The day of the list is moved in the table, as if time had passed.
    with shop.connect() as connection:
        connection.execute("update wishlists_wishlist set secret_until = now() - interval '1 minute'")
    page = said(nora.get(f"/wishes/{number}"))
    assert "The day has come" in page
    assert "3 are given" in page
