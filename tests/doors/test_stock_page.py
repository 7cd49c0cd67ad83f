"""Staff count what is on a shelf: by number or barcode, once however often they press; and see what is held in vain."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from comptoir.foundation.rooms.commands import set_up_django
from support import casting
from support.gateway import EXAMPLES, Gateway
from support.pages import accepted, staff_session, words
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.counter.sales import stocking
from comptoir.doors.console import gateway as own_gateway
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.declaration import OFFICE

OFFICE_HOST = {"host": f"{host_of(OFFICE)}:8000"}
NOW = dt.datetime.now(dt.UTC)
HOLD = "0b6f9d0e-6f0e-4f6f-9a57-5d1f4f7f2a10"


def said(kind: str, **data: Any) -> dict[str, Any]:
    return casting.event(kind, data, source=casting.WEBSHOP, at=NOW - dt.timedelta(hours=1))


@pytest.fixture
def staff(shop: Shop, gateway: Gateway) -> Iterator[Client]:
    client = Client(headers=OFFICE_HOST)
    name, value = staff_session("Alice")
    client.cookies[name] = value
    own_gateway.keep_key(gateway.keys["console"])
    accepted(
        gateway.post(
            [
                said("store.listed", store="12", name="Oak Street", zone="Asia/Tokyo"),
                said("store.listed", store="13", name="Elm Street", zone="Asia/Tokyo"),
                said("product.listed", product="sencha", name={"en": "Sencha"},
                     variants=[{"sku": "sencha-100", "gtin": "4006381333931"}]),
            ],
            touchpoint="webshop",
        )
    )  # fmt: skip
    with environment(COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml"), COMPTOIR_GATEWAY_URL=gateway.url):
        yield client
    own_gateway.key_path().unlink(missing_ok=True)


def form(**fields: str) -> dict[str, str]:
    return {"identity": str(uuid.uuid4()), "store": "12", "number": "4006381333931", "quantity": "7", **fields}


def test_a_barcode_is_scanned_and_counted_once(staff: Client, shop: Shop) -> None:
    assert "Choose a store" not in words(staff.get("/stock").content.decode())
    assert "Nothing was counted here yet" in words(staff.get("/stock?store=12").content.decode())
    sent = form(aisle="4", shelf="B")
    for _ in range(2):
        answer = staff.post("/stock/count", sent)
        assert (answer.status_code, answer["location"]) == (302, "/stock?store=12&done=sencha-100")
    assert shop.rows("select store, sku, counted from stock_article") == [
        {"store": "12", "sku": "sencha-100", "counted": 7}
    ]
    assert shop.rows("select aisle, shelf from stock_place") == [{"aisle": "4", "shelf": "B"}]
    assert shop.value("select count(*) from events_event where type = 'stock.counted'") == 1
    page = words(staff.get("/stock?store=12&done=sencha-100").content.decode())
    assert "Sencha 7 on hand" in page
    assert "Not counted for longest" in page


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"store": "99"}, "Choose a store."), ({"number": ""}, "Scan a barcode, or type a number."),
        ({"number": "4006381333932"}, "The catalog lists nothing under this number."),
        ({"quantity": "-1"}, "A whole number of pieces."), ({"quantity": "1.5"}, "A whole number of pieces."),
        ({"quantity": "99999999"}, "A whole number of pieces."),
        ({"quantity": ""}, "Say how many there are, or where they lie."),
    ],
)  # fmt: skip
def test_what_cannot_be_counted_is_said_and_kept(staff: Client, shop: Shop, changed: dict[str, str], told: str) -> None:
    with shop.unchanged("events_event", "stock_article", "stock_place"):
        answer = staff.post("/stock/count", form(shelf="" if changed.get("quantity") == "" else "B", **changed))
    assert answer.status_code == 422
    assert told in words(answer.content.decode())
    if "store" not in changed:
        assert f'value="{changed.get("number", "4006381333931")}"' in answer.content.decode()


def test_a_shelf_is_named_without_counting_and_a_wrong_name_is_refused(staff: Client, shop: Shop) -> None:
    assert staff.post("/stock/count", form(quantity="", shelf="B")).status_code == 302
    assert shop.rows("select sku, shelf from stock_place") == [{"sku": "sencha-100", "shelf": "B"}]
    assert shop.rows("select from stock_article") == []
    answer = staff.post("/stock/count", form(quantity="", shelf="a\u202eb"))
    assert answer.status_code == 422
    assert shop.rows("select shelf from stock_place") == [{"shelf": "B"}]


def test_what_is_held_in_vain_stands_there(staff: Client, shop: Shop, gateway: Gateway) -> None:
    staff.post("/stock/count", form(quantity="1"))
    lines = [{"store": "12", "sku": "sencha-100", "quantity": 1}]
    accepted(gateway.post([said("stock.hold", hold=HOLD, lines=lines, expires_in=600)], touchpoint="webshop"))
    staff.post("/stock/count", form(quantity="0"))
    with shop.connect() as connection, connection.transaction():
        positions = [row[0] for row in connection.execute("select position::text from events_event")]
        stocking.bring(connection, positions, now=NOW)
    page = words(staff.get("/stock?store=12").content.decode())
    assert "Held, and not there" in page
    assert "Held, and not there" not in words(staff.get("/stock?store=13").content.decode())
