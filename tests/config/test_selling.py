"""The demo's own orders: each way of paying and each way back happens once, whatever dies, and every sum is proven."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support.gateway import Gateway
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.config import checking, selling
from comptoir.config.replaying import bought, journey
from comptoir.config.replaying.keyring import keyring_path
from comptoir.config.selling import Went
from comptoir.foundation.kernel import database
from support import seller
from support.buying import AT, follow, speaking
from support.paying import simulator
from support.processes import wait_until

STATEMENTS = database.load_statements("comptoir.config", "checking.sql")
MONEY = ("orders_match_their_points", "what_came_back_went_back", "points_of_orders_went_back")


@pytest.fixture
def world(shop: Shop, gateway: Gateway, tmp_path: Path) -> Iterator[Gateway]:
    seller.fill(gateway)
    seller.keep_keys(gateway)
    with (
        speaking(gateway),
        simulator(tmp_path) as provider,
        environment(COMPTOIR_PAY_IN_STORE_HOURS="72"),
    ):
        provider.moods(reports="never")
        yield gateway
    keyring_path().unlink()


def sell(gateway: Gateway) -> Went:
    went = selling.sell(gateway.url, card=journey.CARD, shelves=seller.shelves(), at=AT)
    assert went is not None
    return went


def proven(shop: Shop) -> None:
    follow(shop)
    assert [each.name for each in checking.check_house().checks if not each.holds] == []


def complete(went: Went) -> None:
    """Assert that everything happened, each thing once."""
    assert went.failed == 0
    assert went.orders == len(bought.PLAYS)
    assert went.states == {"cancelled": 1, "handed_over": 14, "paid": 2, "placed": 1, "returned": 2}
    assert went.parcels == 3
    assert went.back == sum(each.end in {"back", "all back"} for each in bought.PLAYS)
    assert went.coupons == sum(each.coupon for each in bought.PLAYS)
    assert went.gift_cards == sum(bool(each.card) for each in bought.PLAYS) + 1
    assert went.till_returns == 1
    assert set(went.paid) == {"provider", "points", "gift_card", "cash", "card"}
    assert set(went.returned) == {"provider", "points", "gift_card", "by_hand"}
    assert 0 < went.gift_cards_left < went.gift_cards_sold
    assert all(0 < amount <= went.paid.get(name, amount) for name, amount in went.returned.items())


def test_it_is_sold_in_every_way_once_and_all_adds_up(shop: Shop, world: Gateway) -> None:
    went = sell(world)
    complete(went)
    proven(shop)
    # Whoever played the first part has an order that they can look at, of which a piece came back.
    first = bought.order_id(bought.PLAYS[0], 0)
    paid = shop.value("select paid_by from orders_order where id = %s", str(first))
    assert set(paid) == {"provider", "points", "gift_card"}
    (leg,) = shop.rows("select returned, amount from giftcards_draw where name = %s", str(first))
    assert 0 < leg["returned"] < leg["amount"]
    assert shop.value(
        "select count(*) from payments_refund f join payments_capture c on c.id = f.capture_id"
        " where c.purpose_id = %s and f.state = 'done'", str(first)
    ) == 1  # fmt: skip
    # A parcel has an address, sealed; the one of which a piece came back has its points and its money again, in part.
    parcel = bought.order_id(next(each for each in bought.PLAYS if each.parcel and each.end == "back"), 0)
    assert shop.value("select by from orders_order where id = %s", str(parcel)) == "delivery"
    assert shop.value("select state from orders_order where id = %s", str(parcel)) == "handed_over"
    assert shop.value('select count(*) from checkout_repayment where "order" = %s and why = %s', parcel, "") == 1
    assert "Springfield" not in str(shop.contents())
    # What a till took with everything is there again: the card is whole, the coupon can be used, the points are back.
    card = shop.value("select available from giftcards_card where id = %s", _digest("at a till"))
    assert card == bought.PART_CENTS
    assert shop.value(
        "select count(*) from offers_redemption r join events_event e on e.position = r.position"
        " where e.id = 'demo/till/coupon' and r.status = 'returned'"
    ) == 1  # fmt: skip
    # A second time nothing is added anywhere.
    with shop.unchanged("events_event", "checkout_checkout", "payments_refund", "giftcards_transfer"):
        assert sell(world) == went


def test_whatever_dies_in_between_goes_on_with_the_next_one(shop: Shop, world: Gateway) -> None:
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    for reached in (1, 6, 12, len(bought.PLAYS)):
        with subprocess.Popen([sys.executable, "-m", "support.seller", world.url], env=environ) as process:
            wait_until(_has_come_to(process, shop, reached), what="an order", seconds_max=60)
            process.send_signal(signal.SIGKILL)
    complete(sell(world))
    proven(shop)


#: What somebody does to the tables, and what the doctor calls it.
WRONG = (
    ("update loyalty_reservation set posted = posted - 1 where name = %(first)s::text", "orders_match_their_points"),
    ("update loyalty_reservation set status = 'voided' where name = %(first)s::text", "orders_match_their_points"),
    ("update giftcards_draw set returned = returned + 200 where name = %(first)s::text", "what_came_back_went_back"),
    ('update checkout_repayment set amount = amount + 9999 where "order" = %(first)s', "what_came_back_went_back"),
    ("update giftcards_draw set returned = returned - 1 where name = %(card)s::text", "what_came_back_went_back"),
    ("update events_event set type = 'points.redeem' where position = (select position from events_event"  # noqa: ISC004
     " where type = 'points.adjust' and touchpoint = 'vault' limit 1)", "points_of_orders_went_back"),
)  # fmt: skip


def test_the_doctor_names_what_did_not_go_back(shop: Shop, world: Gateway) -> None:
    sell(world)
    plays = {each.name: each for each in bought.PLAYS}
    ids = {
        "first": bought.order_id(bought.PLAYS[0], 0),
        "card": bought.order_id(plays["all by gift card, one back"], 0),
    }  # fmt: skip
    with psycopg.connect(database.owner_conninfo()) as owner:

        def broken(name: str) -> int:
            row = owner.execute(STATEMENTS[name]).fetchone()
            assert row is not None
            return int(row[0])

        assert [broken(name) for name in MONEY] == [0] * len(MONEY)
        for statement, name in WRONG:
            assert owner.execute(statement, ids).rowcount == 1, statement
            assert broken(name) > 0, statement
            owner.rollback()


def _has_come_to(process: subprocess.Popen[bytes], shop: Shop, orders: int) -> Callable[[], bool]:
    return lambda: (
        process.poll() is not None or shop.value("select count(*) from checkout_checkout") >= orders
    )  # fmt: skip


def _digest(play: str) -> str:
    from comptoir.counter.giftcards.codes import GiftCardCodes

    return GiftCardCodes.of_shop().digest(selling.gift_code(play))
