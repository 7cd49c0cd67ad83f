"""Orders of somebody with an account who is forgotten: open ones come first, and money goes back afterwards, too.

Alice has a passkey and points. What of hers could be found is looked for in a dump of the whole database.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support import casting, forgotten
from support.gateway import Gateway
from support.pages import accepted, card, customer_of, event, sale, words
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.utils import timezone

from comptoir.counter.customers.contracts import USER_KIND
from comptoir.counter.customers.queries import customer_of_user
from comptoir.counter.orders.codes import number_of
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel import shop as shops
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.rooms.personal import Erasure, Whose, personal_tables
from comptoir.vault.checkout import commands as checkouts
from comptoir.vault.checkout import forgetting as severing
from comptoir.vault.checkout import numbering, paying, rules
from comptoir.vault.checkout.models import Checkout
from comptoir.vault.payments import jobs
from comptoir.vault.rights import commands, forgetting, pieces
from comptoir.vault.rights.errors import OrdersOpen, PieceNotForgotten
from support.buying import AT, STORE, Buyer, basket_with, two_teas_by_three_means
from support.mailing import mailed
from support.paying import Simulator, let_pay, simulator
from support.returning import found, running_desk, seen
from support.visitors import vault_session

SAFE = {"host": f"{host_of(VAULT)}:8000", "accept-language": "en"}
ADDRESS = {"line1": "7 Larkspindle Lane", "city": "Quillhaven", "postcode": "69001", "country": "FR"}
NAME, EMAIL, PARCEL = "Zwetschgenbaum", "zwetschgenbaum@example.com", "ZW-123-FR"
STATEMENTS = database.load_statements("comptoir.config", "checking.sql")
#: What the doctor says of money, as if an hour had passed.
PROVEN = {
    name: STATEMENTS[name].replace("interval '1 hour'", "interval '0'")
    for name in (
        "returns_are_repaid", "repayments_within_orders", "repayments_go_back", "what_came_back_went_back",
        "points_of_orders_went_back", "what_is_over_keeps_nothing", "orders_match_their_money",
    )
}  # fmt: skip
#: Tables that keep the vault's own random id of somebody, which leads to nothing else any more.
KNOW_THE_SUBJECT = {"public.events_audit", "public.contacts_tombstone"}
PAGES = "http://safe.localhost:8000/"
MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)


@pytest.fixture
def desk(shop: Shop, gateway: Gateway) -> Iterator[Client]:
    with running_desk(gateway) as client, environment(COMPTOIR_SHIPS_FROM=STORE):
        yield client


@pytest.fixture
def provider(desk: Client, tmp_path: Path) -> Iterator[Simulator]:
    with simulator(tmp_path) as running:
        running.moods(reports="never")
        yield running


@pytest.fixture
def alice(desk: Client) -> tuple[uuid.UUID, Client]:
    """Somebody with a passkey, and their browser in the vault."""
    user, browser = uuid.uuid4(), Client(headers=SAFE)
    name, key = vault_session(user)
    browser.cookies[name] = key
    return user, browser


def ordered(gateway: Gateway, browser: Client, **more: str) -> uuid.UUID:
    """Have a teapot's worth of tea ordered on the pages."""
    basket, filled = basket_with("tea")
    accepted(gateway.post([filled], touchpoint="storefront"))
    one = Buyer(browser, basket)
    one.come()
    assert one.place(name=NAME, email=EMAIL, **more) == "placed"
    return one.order


def paid(shop: Shop, provider: Simulator, order: uuid.UUID) -> None:
    with entered(VAULT):
        row = Checkout.objects.get(order=order)
    assert paying.begin(row, return_url=PAGES, cancel_url=PAGES, language="en", now=timezone.now())
    let_pay(shop, provider, order)


def handed_over(gateway: Gateway, order: uuid.UUID) -> None:
    given = event("order.hand_over", {"order": str(order), "store": STORE}, source="/console")
    accepted(gateway.post([given], touchpoint="console"))


def called_off(gateway: Gateway, order: uuid.UUID) -> None:
    off = event("order.cancel", {"order": str(order), "because": "by_staff"}, source="/console")
    accepted(gateway.post([off], touchpoint="console"))


def looked(times: int = 3, *, now: dt.datetime | None = None) -> None:
    """Let the clock look, and the provider be asked."""
    now = now or timezone.now()
    for each in range(times):
        with entered(VAULT):
            checkouts.look_at_due(money=paying.MONEY, now=now + each * MINUTE)
        jobs.tend(now=now + each * MINUTE, should_stop=lambda: False)


def red(shop: Shop) -> list[str]:
    return [name for name, statement in PROVEN.items() if shop.value(statement)]


def leads_back(shop: Shop, user: uuid.UUID, *customers: str) -> list[str]:
    """Return the lines of a dump that lead to Alice; the audit chain keeps the vault's own random id, and only that."""
    needles = [str(customer_of_user(user)), *customers, NAME, EMAIL, PARCEL, ADDRESS["line1"]]
    lines, table = [], ""
    for line in forgotten.dump(shop).splitlines():
        table = line.split()[1] if line.startswith("COPY ") else table
        is_about = (str(user) in line or user.hex in line) and table not in KNOW_THE_SUBJECT
        if is_about or forgotten.found_in(line, needles):
            lines.append(line)
    return lines


def test_money_leaves_for_goods_that_come_back_after_their_buyer_was_forgotten(
    shop: Shop, gateway: Gateway, desk: Client, provider: Simulator, alice: tuple[uuid.UUID, Client]
) -> None:
    user, browser = alice
    orders = [ordered(gateway, browser, by="delivery", **ADDRESS) for _ in range(2)]
    with mailed(COMPTOIR_GATEWAY_URL=gateway.url) as mailbox:
        for order in orders:
            paid(shop, provider, order)
            assert numbering.note_parcel(order, PARCEL)
            handed_over(gateway, order)
        looked()
        assert leads_back(shop, user), "before, there is something to be found"
        commands.forget(user, actor=f"customer:{user}", at=timezone.now())
        letters = len(mailbox.letters)
        # The row stays, and says nothing of anybody; two orders of one person are not one person's any more.
        assert leads_back(shop, user) == []
        rows = shop.rows("select person, customer, key, recipient, tells_at, due_at, said from checkout_checkout")
        assert len({row["person"] for row in rows}) == 2
        for row in rows:
            assert (row["customer"], bytes(row["key"]), bytes(row["recipient"])) == (None, b"", b"")
            assert (row["tells_at"], row["due_at"]) == (None, None)
            assert "parcel" not in row["said"]
        assert not numbering.note_parcel(orders[0], PARCEL), "and no number is kept any more"
        assert browser.get(f"/checkout/orders/{orders[0]}/").status_code == 404
        # Both come back at the desk: what the provider took, it is asked to give back.
        for order in orders:
            place = found(desk, number_of(order))
            _, form = seen(desk, place, n1=1)
            assert desk.post(place, form).status_code == 302
        assert "returns_are_repaid" in red(shop)
        looked()
        assert [provider.money(order) for order in orders] == [0, 0]
        assert len(mailbox.letters) == letters, "nobody is written to"
    assert shop.rows("select amount, why from checkout_repayment") == 2 * [{"amount": 1250, "why": ""}]
    assert red(shop) == []
    assert leads_back(shop, user) == []


def test_points_that_come_back_are_in_the_books_under_an_id_that_nobody_has(
    shop: Shop, gateway: Gateway, provider: Simulator, alice: tuple[uuid.UUID, Client]
) -> None:
    user = alice[0]
    order = two_teas_by_three_means(gateway, user, name=NAME).order
    paid(shop, provider, order)
    handed_over(gateway, order)
    looked()
    commands.forget(user, actor="operator", at=timezone.now())
    for receipt in ("B-1", "B-2"):
        data = {
            "receipt": receipt, "sale": {"receipt": number_of(order), "source": "/vault"}, "currency": "USD",
            "total": 1250, "lines": [{"line": 1, "quantity": 1, "amount": 1250}], "refund": "as_paid",
        }  # fmt: skip
        accepted(gateway.post([event("sale.returned", data, source="/console")], touchpoint="console"))
        looked()
    assert provider.money(order) == 0
    assert shop.value("select available from giftcards_card") == 700
    assert red(shop) == []
    assert leads_back(shop, user) == []


def test_it_waits_for_an_open_order_and_the_page_says_which_and_what_to_do(
    shop: Shop, gateway: Gateway, provider: Simulator, alice: tuple[uuid.UUID, Client]
) -> None:
    user, browser = alice
    unpaid, order = (ordered(gateway, browser, by="delivery", **ADDRESS) for _ in range(2))
    paid(shop, provider, order)
    with entered(VAULT):
        checkouts.give_up(unpaid, money=paying.MONEY, now=timezone.now())
    page = words(browser.get("/forget-me/").content.decode())
    assert f"Order {number_of(order)} : you do not have it yet. Wait for it, or ask the shop to cancel it." in page
    assert "30 days at most" in page
    with shop.unchanged("checkout_checkout", "contacts_key", "credentials_user", "customers_customer"):
        answer = browser.post("/forget-me/", {"sure": "yes"})
        assert answer.status_code == 302
        assert forgetting.finish_all(at=timezone.now()) == (0, 1)
    told = browser.get(answer.headers["Location"])
    assert told.status_code == 202
    assert "Something of an order is still to reach you" in words(told.content.decode())
    # Whoever waits can still see to the order; and is told since when.
    again = browser.get("/forget-me/").content.decode()
    assert "You asked for it on" in words(again)
    assert 'name="sure"' not in again
    assert browser.get(f"/checkout/orders/{order}/").status_code == 200
    looked(now=timezone.now())
    handed_over(gateway, order)
    looked(now=timezone.now() + 5 * MINUTE)
    assert forgetting.finish_all(at=timezone.now()) == (1, 0)
    assert browser.get(answer.headers["Location"]).status_code == 200
    assert leads_back(shop, user) == []


def test_it_waits_thirty_days_and_not_longer_and_money_still_goes_back(
    shop: Shop, gateway: Gateway, provider: Simulator, alice: tuple[uuid.UUID, Client]
) -> None:
    user, browser = alice
    order, now = ordered(gateway, browser, by="delivery", **ADDRESS), timezone.now()
    paid(shop, provider, order)
    with pytest.raises(OrdersOpen, match=number_of(order)):
        commands.forget(user, actor="operator", at=now)
    assert forgetting.finish_all(at=now + 30 * DAY - MINUTE) == (0, 1)
    assert leads_back(shop, user)
    assert forgetting.finish_all(at=now + 30 * DAY) == (1, 0)
    assert leads_back(shop, user) == []
    called_off(gateway, order)
    looked()
    assert provider.money(order) == 0
    assert shop.rows("select step, why, due_at from checkout_checkout") == [
        {"step": "over", "why": "cancelled", "due_at": None}
    ]
    assert red(shop) == []


@pytest.mark.parametrize("step", ["begun", "placed", "paid"])
def test_an_order_that_is_not_booked_yet_ends_or_is_booked_without_its_buyer(
    shop: Shop, gateway: Gateway, provider: Simulator, alice: tuple[uuid.UUID, Client], step: str
) -> None:
    user, browser = alice
    order = ordered(gateway, browser, by="pickup")
    if step == "paid":
        with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"):  # so its sale cannot be booked
            paid(shop, provider, order)
    elif step == "begun":
        with entered(VAULT):
            Checkout.objects.filter(order=order).update(step="begun")
    now = timezone.now()
    commands.ask(user, actor="operator", at=now - 30 * DAY)
    assert forgetting.finish_all(at=now) == (1, 0)
    assert leads_back(shop, user) == []
    later = now + rules.PAY_WITHIN + 2 * MINUTE
    looked(5, now=later)
    assert shop.value("select step from checkout_checkout") == ("settled" if step == "paid" else "over")
    assert shop.value("select state from orders_order") == ("paid" if step == "paid" else "cancelled")
    assert shop.value("select count(*) from checkout_checkout where due_at is not null") == 0
    assert red(shop) == []
    assert leads_back(shop, user) == []


def test_a_guests_order_names_a_card_no_more_whose_owner_is_forgotten(
    shop: Shop, gateway: Gateway, desk: Client, alice: tuple[uuid.UUID, Client]
) -> None:
    user, _ = alice
    accepted(gateway.post([sale("1", 20, receipt="1", at=AT)]))
    customer = customer_of(gateway, "1")
    linked = casting.link({"kind": USER_KIND, "value": str(user)}, card("1"))
    assert gateway.post(linked, touchpoint="app").status_code == 200
    basket, filled = basket_with("tea")
    accepted(gateway.post([filled], touchpoint="storefront"))
    guest = Buyer(Client(), basket, customer=uuid.UUID(str(customer)))
    guest.come()
    assert guest.place() == "placed"
    assert str(shop.value("select customer from checkout_checkout")) == str(customer)
    commands.forget(user, actor="operator", at=timezone.now())
    assert shop.value("select customer from checkout_checkout") is None
    assert leads_back(shop, user, str(customer)) == []
    # The guest's own name and address are theirs to have forgotten, on the order's own page.
    assert shop.value("select is_guest and recipient <> '' from checkout_checkout")


def test_whoever_is_restored_is_severed_again(
    shop: Shop, gateway: Gateway, provider: Simulator, alice: tuple[uuid.UUID, Client]
) -> None:
    user, browser = alice
    order = ordered(gateway, browser, by="pickup")
    paid(shop, provider, order)
    own = str(customer_of_user(user))
    done = forgetting.forget_restored(
        lambda customer: customer == own, is_sale_forgotten=lambda _source, _receipt: False,
        identifiers=shops.secret("identifiers"), at=timezone.now(),
    )  # fmt: skip
    assert done == 1
    row = shop.rows("select person, customer, recipient from checkout_checkout")[0]
    assert (row["customer"], bytes(row["recipient"])) == (None, b"")
    assert str(row["person"]) != str(user)


def forgotten_piece(user: uuid.UUID, order: uuid.UUID, *, at: dt.datetime | None = None) -> uuid.UUID:
    return pieces.forget_purchase(
        user, source="/vault", receipt=number_of(order), points="given_up", actor="operator", at=at or timezone.now()
    )


def rows_of(shop: Shop, order: uuid.UUID) -> dict[str, Any]:
    return shop.rows('select person, customer, key, recipient, said from checkout_checkout where "order" = %s', order)[
        0
    ]


def test_one_purchase_takes_its_order_along_and_leaves_the_others(
    shop: Shop, gateway: Gateway, desk: Client, provider: Simulator, alice: tuple[uuid.UUID, Client]
) -> None:
    user, browser = alice
    one, other = (ordered(gateway, browser, by="delivery", **ADDRESS) for _ in range(2))
    for order in (one, other):
        paid(shop, provider, order)
        assert numbering.note_parcel(order, PARCEL)
        handed_over(gateway, order)
    looked()
    kept = rows_of(shop, other)
    forgotten_piece(user, one)
    row = rows_of(shop, one)
    assert str(row["person"]) != str(user)
    assert (row["customer"], bytes(row["key"]), bytes(row["recipient"])) == (None, b"", b"")
    assert "parcel" not in row["said"]
    assert browser.get(f"/checkout/orders/{one}/").status_code == 404
    assert rows_of(shop, other) == kept, "and nothing else of hers is touched"
    assert browser.get(f"/checkout/orders/{other}/").status_code == 200
    # It still comes back, and its money goes back.
    place = found(desk, number_of(one))
    _, form = seen(desk, place, n1=1)
    assert desk.post(place, form).status_code == 302
    looked()
    assert provider.money(one) == 0
    assert shop.value("select state from orders_order where id = %s", one) == "returned"
    assert red(shop) == []
    # A backup from before names her again, until it is severed again.
    with entered(VAULT):
        Checkout.objects.filter(order=one).update(person=user, recipient=b"sealed")
    forgetting.forget_restored(
        lambda _customer: False, is_sale_forgotten=lambda *sale: sale == ("/vault", number_of(one)),
        identifiers=shops.secret("identifiers"), at=timezone.now(),
    )  # fmt: skip
    assert str(rows_of(shop, one)["person"]) != str(user)
    assert rows_of(shop, other) == kept


def test_one_purchase_waits_while_its_order_is_open_and_thirty_days_at_most(
    shop: Shop, gateway: Gateway, provider: Simulator, alice: tuple[uuid.UUID, Client]
) -> None:
    user, browser = alice
    early, late = (ordered(gateway, browser, by="delivery", **ADDRESS) for _ in range(2))
    for order in (early, late):
        paid(shop, provider, order)
    now = timezone.now()
    with shop.unchanged("checkout_checkout", "sales_sale", "contacts_key"):
        with pytest.raises(OrdersOpen, match=number_of(late)):
            forgotten_piece(user, late, at=now)
        place = shop.value("select position from sales_sale where receipt = %s", number_of(early))
        answer = browser.post(f"/forget/purchase/{place}/", {"sure": "yes", "points": "given_up"})
        assert answer.status_code == 202
        assert "Something of the order is still to reach you" in words(answer.content.decode())
        assert pieces.finish_all(at=now) == (0, 2)
    looked()
    handed_over(gateway, early)
    looked(now=now + 5 * MINUTE)
    assert pieces.finish_all(at=now + 6 * MINUTE) == (1, 1)
    assert str(rows_of(shop, early)["person"]) != str(user)
    assert str(rows_of(shop, late)["person"]) == str(user)
    assert pieces.finish_all(at=now + 30 * DAY) == (1, 0)
    assert bytes(rows_of(shop, late)["recipient"]) == b""
    assert shop.value("select count(*) from rights_piecewish") == 0


def test_somebody_elses_order_is_not_severed(
    shop: Shop, gateway: Gateway, provider: Simulator, alice: tuple[uuid.UUID, Client]
) -> None:
    _, browser = alice
    order = ordered(gateway, browser, by="pickup")
    paid(shop, provider, order)
    handed_over(gateway, order)
    looked()
    bob = uuid.uuid4()
    vault_session(bob)
    with shop.unchanged("checkout_checkout", "sales_sale"), pytest.raises(PieceNotForgotten):
        forgotten_piece(bob, order)


def test_what_the_vault_severs_is_known(shop: Shop) -> None:
    severed = {
        name for name, each in personal_tables().items() if (each.whose, each.erased) == (Whose.USER, Erasure.SEVERED)
    }
    # Of a decision the staff is the subject, whom nobody forgets in this way.
    assert severed == {"checkout_checkout", "lists_decision"}
    assert severing.sever(uuid.uuid4()) == 0
