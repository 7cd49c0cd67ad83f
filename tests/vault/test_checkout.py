"""From a basket to an order: placed, paid, handed over, or nothing of it; in front of a real gateway."""

from __future__ import annotations

import datetime as dt
import re
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support import promoting
from support.gateway import EXAMPLES, Gateway
from support.pages import accepted, customer_of, event, sale, staff_client, words
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.db import connections
from django.utils import timezone

from comptoir.counter.orders.codes import number_of, pickup_code_of
from comptoir.doors.storefront import links
from comptoir.foundation.rooms.addresses import host_of, origin_of
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import COUNTER, VAULT
from comptoir.foundation.touchpoints import house
from comptoir.vault.checkout import commands, receipts, rules, telling
from comptoir.vault.checkout.commands import Money
from comptoir.vault.checkout.models import Checkout
from support.mailing import mailed
from support.paying import hear, reference_of, simulator

MY = {"host": f"{host_of(COUNTER)}:8000", "accept-language": "en"}
SAFE = {"host": f"{host_of(VAULT)}:8000", "accept-language": "en"}
AT = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
STORE = "324"
TILL = "/stores/324/tills/1"
ADDRESS = {"line1": "12 rue des Lilas", "city": "Lyon", "postcode": "69003", "country": "FR"}


def listed(product: str, *, price: int, **said: Any) -> dict[str, Any]:
    variant = {"sku": f"{product}-1", "prices": [{"currency": "USD", "amount": price}]}
    data = {"product": product, "name": {"en": product.title()}, "variants": [variant], **said}
    return event("product.listed", data, source="/webshop", at=AT)


@pytest.fixture
def selling(shop: Shop, gateway: Gateway) -> Iterator[Gateway]:
    """The shop sells tea, a cup, and wine from 18 on; there are three cups in its store."""
    at = {"days": ["mon"], "opens": "09:00", "closes": "18:00"}
    goods = [
        listed("tea", price=1250), listed("cup", price=800), listed("wine", price=2000, asks_over=18),
        event("store.listed", {"store": STORE, "name": "The Mill", "zone": "UTC", "hours": [at]}, source="/webshop",
              at=AT),
    ]  # fmt: skip
    accepted(gateway.post(goods, touchpoint="webshop"))
    counted = event(
        "stock.counted", {"store": STORE, "lines": [{"sku": "cup-1", "quantity": 3}]}, source="/console", at=AT
    )
    accepted(gateway.post([counted], touchpoint="console"))
    own = (house.STOREFRONT, house.VAULT, house.CONSOLE)
    for touchpoint in own:
        house.keep_key(touchpoint, gateway.keys[touchpoint])
    with environment(COMPTOIR_GATEWAY_URL=gateway.url, COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml"),
                     COMPTOIR_SHIPS_FROM=""):  # fmt: skip
        yield gateway
    for touchpoint in own:
        house.key_path(touchpoint).unlink(missing_ok=True)


def basket_of(client: Client, **goods: int) -> None:
    for product, quantity in goods.items():
        answer = client.post("/basket/put", {"product": f"{product}-1", "quantity": quantity}, follow=True)
        assert answer.status_code == 200


def come(my: Client, safe: Client) -> str:
    """Go from the basket to the checkout; returns the page."""
    page = my.get("/basket/checkout")
    assert page.status_code == 200, page.status_code
    ticket = re.search(r'name="ticket" value="([^"]+)"', page.content.decode())
    assert ticket is not None
    asked = safe.post("/arrive/", {"ticket": ticket[1]}, headers={"origin": origin_of(COUNTER)})
    assert "Your basket is here" in words(asked.content.decode())
    arrived = safe.post(
        "/arrive/", {"ticket": ticket[1]}, headers={"origin": origin_of(VAULT), "sec-fetch-site": "same-origin"},
        follow=True,
    )  # fmt: skip
    assert arrived.status_code == 200, arrived.content.decode()[:2000]
    return arrived.content.decode()


def form_of(page: str, **more: str) -> dict[str, str]:
    hidden = dict(re.findall(r'name="(basket|order|digest)" value="([^"]*)"', page))
    return {**hidden, "name": "Alice Martin", "email": "alice@example.org", **more}


def as_guest(**goods: int) -> tuple[Client, str]:
    """Have a basket of a stranger's, and bring it to the checkout; returns the vault's client and the page."""
    my, safe = Client(headers=MY), Client(headers=SAFE)
    basket_of(my, **goods)
    return safe, come(my, safe)


def paid(order: str, *, at: dt.datetime | None = None) -> bool:
    """Let the money come, as whoever takes it would tell."""
    now = at or timezone.now()
    with entered(VAULT):
        if not commands.note_paid(uuid.UUID(order), at=now):
            return False
        commands.advance(uuid.UUID(order), now=now)
    return True


class Till(list[tuple[str, int]]):
    """Takes and gives back money for orders, and remembers what it was told."""

    def money(self) -> Money:
        return Money(
            close=lambda order: commands.note_over(order, at=timezone.now()),
            give_back=lambda order, amount, _name: self.append((str(order), amount)),
        )


def look(till: Till, *, now: dt.datetime) -> None:
    with entered(VAULT):
        commands.look_at_due(money=till.money(), now=now)


def step_of(order: str) -> tuple[str, str]:
    with entered(VAULT):
        row = Checkout.objects.get(order=order)
    return row.step, row.why


def test_a_guest_orders_pays_and_picks_up(shop: Shop, selling: Gateway) -> None:
    safe, page = as_guest(tea=1, cup=2)
    text = words(page)
    assert "$28.50" in text
    form = form_of(page, by="pickup", store=STORE)
    answer = safe.post("/checkout/", form, follow=True)
    order = form["order"]
    assert "Nobody takes payments at the moment" in words(answer.content.decode())
    # Nobody takes payments in this shop, and says so; everything is held, and the order is placed.
    assert step_of(order) == ("placed", ""), words(answer.content.decode())
    assert shop.value("select state from orders_order where id = %s", order) == "placed"
    held = "select sum(held) from stock_article where sku = 'cup-1'"
    assert shop.value(held) == 2
    assert paid(order)
    assert step_of(order) == ("settled", "")
    row = shop.rows("select state, number, total, receipt, paid_by from orders_order where id = %s", order)[0]
    assert row == {
        "state": "paid", "number": number_of(order), "total": 2850, "receipt": number_of(order),
        "paid_by": {"provider": 2850},
    }  # fmt: skip
    assert shop.value("select count(*) from sales_sale") == 1
    # The money that comes a second time is not wanted.
    assert not paid(order)
    shown = safe.get(f"/checkout/orders/{order}/")
    text = words(shown.content.decode())
    assert "We lay it ready for you" in text
    assert pickup_code_of(order) in text
    assert "Alice" not in text
    assert "alice@example.org" not in text
    code = pickup_code_of(order)
    handed = event("order.hand_over", {"code": code, "store": STORE}, source=TILL, at=AT)
    accepted(selling.post([handed], touchpoint="till"))
    again = event("order.hand_over", {"code": code, "store": STORE}, source="/stores/324/tills/2", at=AT)
    refused = selling.post([again], touchpoint="till").json()["outcomes"][0]
    assert refused["problem"]["type"].endswith(":order_over")
    assert refused["problem"]["where"] == "/stores/324/tills/1"
    # What was sold is out of the basket.
    assert code not in str(shop.rows("select data from events_event where type = 'order.hand_over'"))


def test_what_is_not_paid_comes_free_again(shop: Shop, selling: Gateway) -> None:
    safe, page = as_guest(cup=3)
    form = form_of(page, by="pickup", store=STORE)
    safe.post("/checkout/", form)
    held = "select sum(held) from stock_article where sku = 'cup-1'"
    assert shop.value(held) == 3
    # Somebody else cannot have the same cups meanwhile, is told so, and nothing of theirs is held.
    other, second = as_guest(cup=1)
    answer = other.post("/checkout/", form_of(second, by="pickup", store=STORE))
    assert "Not all of it can be had there any more" in words(answer.content.decode())
    assert shop.value(held) == 3
    till = Till()
    late = timezone.now() + rules.PAY_WITHIN + dt.timedelta(minutes=1)
    look(till, now=late)
    look(till, now=late)
    assert step_of(form["order"]) == ("over", "not_paid")
    assert shop.value(held) == 0
    assert till == []
    assert shop.value("select because from orders_order where id = %s", form["order"]) == "not_paid"
    assert not paid(form["order"])
    other.post("/checkout/", form_of(second, by="pickup", store=STORE) | {"order": str(uuid.uuid4())})
    assert shop.value(held) == 1


@pytest.mark.parametrize("asked", ["hold", "place"])
def test_who_gives_up_while_it_is_asked_for_holds_nothing_in_the_end(
    shop: Shop, selling: Gateway, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    """The other request of the same order is answered after everything was let go."""
    safe, page = as_guest(tea=1, cup=3)
    form, till = form_of(page, by="pickup", store=STORE), Till()
    asks = getattr(telling, asked)

    def later(row: Checkout) -> Any:
        commands.give_up(row.order, money=till.money(), now=timezone.now())
        return asks(row)

    monkeypatch.setattr(telling, asked, later)
    safe.post("/checkout/", form)
    assert step_of(form["order"]) == ("over", "withdrawn")
    for _ in range(2):
        look(till, now=timezone.now() + rules.LOOK_AGAIN)
    assert shop.value("select coalesce(sum(held), 0) from stock_article") == 0
    assert shop.value("select count(*) from stock_hold where ended = ''") == 0
    assert shop.value("select count(*) from orders_order where state <> 'cancelled'") == 0
    assert shop.value("select due_at from checkout_checkout") is None


def test_a_double_click_is_one_order(shop: Shop, selling: Gateway) -> None:
    safe, page = as_guest(tea=1)
    form = form_of(page, by="pickup", store=STORE)
    for _ in range(3):
        safe.post("/checkout/", form)
    assert shop.value("select count(*) from orders_order") == 1
    assert shop.value("select count(*) from checkout_checkout") == 1


def test_a_price_that_changed_is_said_and_nothing_is_held(shop: Shop, selling: Gateway) -> None:
    safe, page = as_guest(tea=1)
    accepted(selling.post([listed("tea", price=1300) | {"time": "2026-03-02T11:00:00+00:00", "id": "dearer"}],
                          touchpoint="webshop"))  # fmt: skip
    answer = safe.post("/checkout/", form_of(page, by="pickup", store=STORE))
    assert answer.status_code == 409
    text = words(answer.content.decode())
    assert "The price has changed" in text
    assert "$13.00" in text
    assert shop.value("select count(*) from checkout_checkout") == 0


BAD = (
    ({"by": "pickup", "store": ""}, "Something is missing."),
    ({"by": "delivery"}, "Something about the name or the address"),
    ({"by": "pickup", "store": STORE, "name": ""}, "Something about the name or the address"),
    ({"by": "pickup", "store": STORE, "email": ""}, "Something is missing."),
    ({"by": "pickup", "store": STORE, "email": "nobody"}, "Something about the name or the address"),
)


def test_what_is_missing_is_said_and_changes_nothing(shop: Shop, selling: Gateway) -> None:
    safe, page = as_guest(tea=1)
    for more, words_said in BAD:
        answer = safe.post("/checkout/", form_of(page, **more))
        assert words_said in words(answer.content.decode()), more
        assert answer.status_code == 422, more
        assert shop.value("select count(*) from checkout_checkout") == 0
    assert shop.value("select count(*) from contacts_key") == 0


def test_wine_asks_for_an_age(shop: Shop, selling: Gateway) -> None:
    safe, page = as_guest(wine=1)
    answer = safe.post("/checkout/", form_of(page, by="pickup", store=STORE))
    assert answer.status_code == 403
    assert "Prove your age" in words(answer.content.decode())
    assert shop.value("select count(*) from checkout_checkout") == 0


def test_what_is_called_off_goes_back_as_a_whole(shop: Shop, selling: Gateway) -> None:
    safe, page = as_guest(tea=1, cup=1)
    form = form_of(page, by="pickup", store=STORE)
    safe.post("/checkout/", form)
    assert paid(form["order"])
    off = event("order.cancel", {"order": form["order"], "because": "by_staff"}, source="/console", at=AT)
    accepted(selling.post([off], touchpoint="console"))
    till = Till()
    look(till, now=timezone.now())
    look(till, now=timezone.now())
    assert till == [(form["order"], 2050)]
    assert step_of(form["order"]) == ("over", "cancelled")
    assert shop.value("select count(*) from sales_return") == 1
    handed = event("order.hand_over", {"code": pickup_code_of(form["order"])}, source="/stores/324/tills/1", at=AT)
    refused = selling.post([handed], touchpoint="till").json()["outcomes"][0]
    assert refused["problem"]["type"].endswith(":order_over")


def test_money_that_comes_is_booked_and_whoever_is_known_has_the_points(
    shop: Shop, selling: Gateway, tmp_path: Path
) -> None:
    """The whole way with a provider that only pretends: its page, its report, the sale, the points, the receipt."""
    customer = customer_of(selling, "1")
    accepted(selling.post([sale("1", 0, receipt="before")], touchpoint="till"))
    my, safe = Client(headers=MY), Client(headers=SAFE)
    assert my.get(f"/card/{links.card_token(customer)}").status_code == 302
    basket_of(my, tea=2)
    with simulator(tmp_path) as provider:
        form = form_of(come(my, safe), by="pickup", store=STORE)
        led = safe.post("/checkout/", form)
        order = uuid.UUID(form["order"])
        assert led.headers["Refresh"].startswith("0;url=http://")
        assert "Go on to the payment" in words(led.content.decode())
        reference = reference_of(shop, order)
        provider.pay(reference)
        (report,) = provider.reports(reference, "paid")
        assert hear(report)
        assert not hear(report) or step_of(form["order"]) == ("settled", "")
        assert step_of(form["order"]) == ("settled", "")
        assert provider.money(order) == 2500
    earned = shop.value("select said ->> 'earned' from checkout_checkout")
    assert int(earned) > 0
    assert f"It has earned you {earned} points." in words(safe.get(f"/checkout/orders/{order}/").content.decode())
    assert shop.value("select available from loyalty_account where customer = %s", customer) > 0
    assert shop.value("select count(*) from sales_sale where receipt = %s", number_of(order)) == 1
    text = words(my.get("/orders").content.decode())
    assert number_of(order) in text
    assert pickup_code_of(order) in text
    assert "There is nothing in your basket yet." in words(my.get("/basket").content.decode())
    assert my.post(f"/orders/{order}/call-off").status_code == 302
    assert shop.value("select state from orders_order where id = %s", str(order)) == "cancelled"


def test_the_receipt_and_the_orders_page_say_what_each_line_has_earned(shop: Shop, selling: Gateway) -> None:
    customer = customer_of(selling, "1")
    accepted(selling.post([sale("1", 0, receipt="before")], touchpoint="till"))
    my, safe = Client(headers=MY), Client(headers=SAFE)
    assert my.get(f"/card/{links.card_token(customer)}").status_code == 302
    basket_of(my, tea=2, cup=1)
    form = form_of(come(my, safe), by="pickup", store=STORE)
    safe.post("/checkout/", form)
    assert paid(form["order"])
    look(Till(), now=timezone.now())
    assert step_of(form["order"]) == ("settled", "")
    # 25.00 and 8.00, a point for every dollar.
    page = words(safe.get(f"/checkout/orders/{form['order']}/").content.decode())
    with entered(VAULT):
        _, letter = receipts.composed(Checkout.objects.get(), key="")
    for text in (page, letter):
        assert [text.count(each) for each in ("25 points earned", "8 points earned")] == [1, 1]
        assert "It has earned you 33 points." in text
    assert "2 x Tea: $25.00, 25 points earned" in letter
    # Orders of before did not know.
    with entered(VAULT):
        row = Checkout.objects.get()
        row.said = {name: each for name, each in row.said.items() if name != "earned_by_line"}
        _, letter = receipts.composed(row, key="")
    assert "points earned" not in letter
    assert "It has earned you 33 points." in letter


def test_what_a_promotion_takes_off_is_said_line_by_line_and_adds_up(shop: Shop, selling: Gateway) -> None:
    promotion = promoting.published(promoting.new(), at=timezone.now() - dt.timedelta(days=1))
    accepted(selling.post([promotion], touchpoint="console"))
    safe, page = as_guest(tea=2, cup=1)
    # 25.00 and 8.00, ten per cent off each, as the basket shows it.
    shown = words(page)
    for said in ("before $25.00 $22.50", "−$2.50 · Coffee week", "before $8.00 $7.20", "−$0.80 · Coffee week"):
        assert said in shown
    assert "Before promotions $33.00 Taken off −$3.30 Total $29.70" in shown
    form = form_of(page, by="pickup", store=STORE)
    safe.post("/checkout/", form)
    shown = words(safe.get(f"/checkout/orders/{form['order']}/").content.decode())
    assert "Total $29.70 Deducted already $3.30" in shown


def test_the_receipt_goes_out_once_and_leads_back_to_the_order(shop: Shop, selling: Gateway) -> None:
    safe, page = as_guest(tea=1, cup=2)
    form = form_of(page, by="pickup", store=STORE)
    safe.post("/checkout/", form)
    order, till = form["order"], Till()
    with mailed(COMPTOIR_GATEWAY_URL=selling.url) as mailbox:
        look(till, now=timezone.now())
        assert mailbox.letters == [], "nothing is booked yet"
        assert paid(order)
        mailbox.refuses = True
        look(till, now=timezone.now())
        assert shop.value("select mailed_at from checkout_checkout") is None
        mailbox.refuses = False
        later = timezone.now() + dt.timedelta(minutes=11)
        at_once = threading.Barrier(2)

        def another_looks() -> None:
            at_once.wait()
            look(till, now=later)
            connections.close_all()

        with ThreadPoolExecutor(2) as both:
            for each in [both.submit(another_looks) for _ in range(2)]:
                each.result()
        for hours in (1, 100):
            look(till, now=later + dt.timedelta(hours=hours))
        ((recipients, letter),) = mailbox.letters
    assert recipients == ["alice@example.org"]
    assert str(letter["Subject"]) == f"Receipt for order {number_of(order)}"
    text = str(letter.get_content())
    for said in ("1 x Tea: $12.50", "2 x Cup: $16.00", "Total: $28.50"):
        assert said in text
    assert pickup_code_of(order) not in text, "the code is on the page, and not in a mailbox"
    assert "earned" not in text, "nobody is known here"
    link = re.search(r"http://\S+(/checkout/orders/\S+)", text)
    assert link is not None
    shown = words(Client(headers=SAFE).get(link[1]).content.decode())
    assert pickup_code_of(order) in shown
    assert "The receipt went to you by e-mail" in shown
    assert "Alice" not in shown
    assert "a receipt is sent" in str(shop.rows("select content from events_audit")), (
        "who reads an address is in the audit chain"
    )


def test_a_receipt_that_nobody_can_open_is_not_tried_for_ever(shop: Shop, selling: Gateway) -> None:
    safe, page = as_guest(tea=1)
    form = form_of(page, by="pickup", store=STORE)
    safe.post("/checkout/", form)
    assert paid(form["order"])
    with mailed(COMPTOIR_GATEWAY_URL=selling.url) as mailbox:
        mailbox.refuses = True
        look(Till(), now=timezone.now() + dt.timedelta(days=4))
        assert mailbox.letters == []
    assert shop.value("select due_at from checkout_checkout") is None


def test_somebody_elses_order_and_basket_are_not_there(shop: Shop, selling: Gateway) -> None:
    safe, page = as_guest(tea=1)
    form = form_of(page, by="pickup", store=STORE)
    safe.post("/checkout/", form)
    thief = Client(headers=SAFE)
    assert thief.get(f"/checkout/orders/{form['order']}/").status_code == 404
    assert thief.get(f"/checkout/orders/{form['order']}/guessed/").status_code == 404
    assert thief.get(f"/checkout/?basket={form['basket']}").status_code == 403
    assert thief.post(f"/checkout/orders/{form['order']}/leave/").status_code == 404


def test_a_guest_is_forgotten_once_nothing_is_to_reach_them(shop: Shop, selling: Gateway) -> None:
    safe, page = as_guest(tea=1)
    form = form_of(page, by="pickup", store=STORE)
    safe.post("/checkout/", form)
    order, till = form["order"], Till()
    forget, shown = f"/checkout/orders/{order}/forget/", f"/checkout/orders/{order}/"
    with mailed(COMPTOIR_GATEWAY_URL=selling.url) as mailbox:
        assert paid(order)
        for _ in range(2):  # before its letter has left, and before anybody has the goods
            assert "Have your name" not in words(safe.get(shown).content.decode())
            with shop.unchanged("checkout_checkout", "contacts_key", "events_audit"):
                refused = safe.post(forget)
            assert "still to be brought" in words(refused.content.decode())
            look(till, now=timezone.now())
        ((_, letter),) = mailbox.letters
        link = re.search(r"http://\S+(/checkout/orders/\S+)", str(letter.get_content()))
        assert link is not None
        handed = event("order.hand_over", {"code": pickup_code_of(order), "store": STORE}, source=TILL, at=AT)
        accepted(selling.post([handed], touchpoint="till"))
        guest = Client(headers=SAFE)
        text = guest.get(link[1]).content.decode()
        assert "Have your name and address forgotten" in words(text)
        assert Client(headers=SAFE).post(forget).status_code == 404, "only with the address of the page"
        key = re.search(r'name="key" value="([^"]+)"', text)
        assert key is not None
        for _ in range(2):  # a double click
            answer = guest.post(forget, {"key": key[1]}, follow=True)
            assert "Your name and address are forgotten." in words(answer.content.decode())
        assert shop.value("select count(*) from contacts_key") == 0
        assert bytes(shop.value("select recipient from checkout_checkout")) == b""
        audited = [row["content"] for row in shop.rows("select content from events_audit")]
        assert sum('"contacts.destroy"' in each for each in audited) == 1
        # The order stays what it was: it is found, and comes back by its number; nobody is written to.
        assert number_of(order) in words(guest.get(link[1]).content.decode())
        look(till, now=timezone.now() + dt.timedelta(days=1))
        assert len(mailbox.letters) == 1
    assert shop.value("select state from orders_order") == "handed_over"


def test_every_page_says_how_much_of_an_order_came_back_until_it_is_returned(shop: Shop, selling: Gateway) -> None:
    """A piece at the returns desk, whose money goes back by itself, the rest at a till of another store."""
    accepted(selling.post([sale("1", 0, receipt="before")], touchpoint="till"))
    my, safe, staff = Client(headers=MY), Client(headers=SAFE), staff_client()
    assert my.get(f"/card/{links.card_token(customer_of(selling, '1'))}").status_code == 302
    basket_of(my, tea=2, cup=1)
    form = form_of(come(my, safe), by="pickup", store=STORE)
    safe.post("/checkout/", form)
    order, receipt, till = form["order"], number_of(uuid.UUID(form["order"])), Till()
    assert paid(order)
    handed = event("order.hand_over", {"code": pickup_code_of(uuid.UUID(order))}, source=TILL, at=AT)
    accepted(selling.post([handed], touchpoint="till"))
    desk = str(staff.get("/returns", {"receipt": receipt}, headers={"accept-language": "en"})["location"])

    def shown() -> list[str]:
        look(till, now=timezone.now())
        return [
            words(client.get(path, headers={"accept-language": "en"}).content.decode())
            for client, path in ((my, "/orders"), (safe, f"/checkout/orders/{order}/"), (staff, desk))
        ]

    def back(source: str, *pieces: tuple[int, int, int]) -> None:
        lines = [dict(zip(("line", "quantity", "amount"), each, strict=True)) for each in pieces]
        data = {
            "receipt": "B", "sale": {"receipt": receipt, "source": "/vault"}, "currency": "USD", "lines": lines,
            "total": sum(each["amount"] for each in lines), **({"refund": "as_paid"} if source == "/console" else {}),
        }  # fmt: skip
        said = event("sale.returned", data, source=source, at=timezone.now())
        accepted(selling.post([said], touchpoint="console" if source == "/console" else "till"))

    mine, vault, _ = shown()
    assert "Picked up" in mine
    assert "You have it." in vault
    assert "came back" not in mine + vault
    back("/console", (1, 1, 1250))
    mine, vault, office = shown()
    assert "Picked up" in mine
    assert "1 of 3 pieces came back." in mine
    assert "You have it. 1 of 3 pieces came back." in vault
    assert "1 left" in office
    back("/stores/406/tills/1", (1, 1, 1250), (2, 1, 800))
    mine, vault, office = shown()
    assert re.search(r"All of it came back \w+\.? \d{1,2}, \d{4}", mine)
    assert "All of it came back." in vault
    assert mine.count("came back") == 3, "each return still stands there"
    assert "$12.50 goes back to you the way you paid." in vault
    assert "You got $20.50 back at the till." in vault
    assert "All of it came back." in office
    assert f"The order {receipt} came back whole on" in office
    assert "call the order off" not in office
    assert till == [(order, 1250)]
    assert shop.value("select state from orders_order") == "returned"


def test_an_address_is_sealed_and_a_pickup_has_none(shop: Shop, selling: Gateway) -> None:
    safe, page = as_guest(tea=1)
    with environment(COMPTOIR_SHIPS_FROM=STORE):
        form = form_of(page, by="delivery", **ADDRESS)
        safe.post("/checkout/", form)
    assert step_of(form["order"]) == ("placed", "")
    everything = str(shop.rows("select * from checkout_checkout")) + str(shop.rows("select data from events_event"))
    for canary in ("Alice", "Lilas", "alice@example.org", "69003"):
        assert canary not in everything


def test_whoevers_order_staff_cancel_is_told_what_goes_back(shop: Shop, selling: Gateway) -> None:
    safe, page = as_guest(tea=1, cup=2)
    form = form_of(page, by="pickup", store=STORE)
    safe.post("/checkout/", form, headers={"accept-language": "fr"})
    order, till = form["order"], Till()
    with mailed(COMPTOIR_GATEWAY_URL=selling.url) as mailbox:
        assert paid(order)
        look(till, now=timezone.now())
        off = event("order.cancel", {"order": order, "because": "by_staff"}, source="/console", at=AT)
        accepted(selling.post([off], touchpoint="console"))
        later = timezone.now() + dt.timedelta(minutes=1)
        mailbox.refuses = True
        look(till, now=later)
        look(till, now=later)
        mailbox.refuses = False
        for minutes in (11, 30, 10_000):
            look(till, now=later + dt.timedelta(minutes=minutes))
        letters = mailbox.letters
    assert till == [(order, 2850)], "what was said is what goes back, once"
    (_, receipt), (recipients, letter) = letters
    assert recipients == ["alice@example.org"]
    assert str(receipt["Message-ID"]) != str(letter["Message-ID"])
    text = str(letter.get_content())
    assert "nous avons dû annuler la commande" in text
    assert "28,50" in text
    assert "vous est rendu" in text
    assert "Alice" not in text
    assert "that an order was cancelled is sent" in str(shop.rows("select content from events_audit"))
