"""``scanner-opens``: a mail scanner opens every link of a mail, and its reader is unsubscribed without knowing.

RFC 8058 was written because of it. Opening the link, fetching its head or fetching it before anybody asked changes
nothing, however often; the one click of a mail program, which is a POST of one form field without a cookie, does.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from comptoir.foundation.rooms.commands import set_up_django
from support.casting import Counter
from support.shop import Shop, environment

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.test import Client

from comptoir.counter.messages import leaving
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.declaration import COUNTER
from support.mailing import counter_of, decide, dispatched, outcomes, send, settle

MY = {"host": f"{host_of(COUNTER)}:8000"}
SCANNERS: tuple[dict[str, str], ...] = (
    {"user-agent": "Barracuda Sentinel (EE)"},
    {"purpose": "prefetch"},
    {"sec-purpose": "prefetch;prerender", "sec-fetch-site": "none"},
    {"user-agent": "SafeLinks", "x-forwarded-for": "192.0.2.1"},
)


@pytest.fixture
def sent(shop: Shop) -> Iterator[uuid.UUID]:
    with environment(COMPTOIR_GATEWAY_URL="http://127.0.0.1:9"):
        counter: Counter = counter_of(shop)
        (one,) = decide(dispatched(channel="web"), [settle(counter, 1, channel="web")])
        assert send("web") == 1
        yield one
        counter.close()


def test_a_scanner_opens_the_link_and_nothing_ends_until_somebody_presses(shop: Shop, sent: uuid.UUID) -> None:
    path = f"/messages/why/{leaving.token_of(sent)}"
    with shop.unchanged():
        for more in SCANNERS:
            client = Client(headers={**MY, **more})
            assert client.get(path).status_code == 200
            assert client.head(path).status_code == 200
            assert client.options(path).status_code in {200, 405}
            assert Client(headers=MY).get(path[:-1] + ("A" if path[-1] != "A" else "B")).status_code == 404
    body = "List-Unsubscribe=One-Click"
    kind = "application/x-www-form-urlencoded"
    assert Client(headers=MY, enforce_csrf_checks=True).post(path, body, content_type=kind).status_code in {
        200,
        202,
        302,
    }
    assert "unsubscribed" in outcomes(shop)[sent]
