"""What is said to a gateway's door, in bytes if need be, and what a refusal has to look like.

Not here: the gateway itself (``gateway.py``), the cast (``casting.py``).
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from typing import Any, Final

import httpx

from support import casting
from support.casting import Event
from support.gateway import Gateway
from support.shop import COUNTED, Shop

Standing = tuple[Shop, Gateway]
SINGLE: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
INTERNAL: Final = re.compile(
    r"Traceback|msgspec|psycopg|SELECT|INSERT|\.py\b|/work|/usr|comptoir_|0x[0-9a-f]{6}", re.IGNORECASE
)
EMBARRASSING: Final = "4929-secret-card"


def changed(event: Event, **members: Any) -> Event:
    """Return an event with other attributes."""
    return {**event, **members}


def with_data(event: Event, **fields: Any) -> Event:
    """Return an event with other fields."""
    return {**event, "data": {**event["data"], **fields}}


def without(event: Event, field: str) -> Event:
    """Return an event without a field."""
    return {**event, "data": {name: value for name, value in event["data"].items() if name != field}}


def sale(**fields: Any) -> Event:
    """Return a sale of ten dollars to Alice, with a receipt of its own."""
    fresh = casting.sale("x", 1000)
    return with_data(fresh, **{"receipt": fresh["id"], **fields})


def line(**fields: Any) -> dict[str, Any]:
    """Return its line."""
    return {"product": "bread", "quantity": 1, "amount": 1000, **fields}


def nothing_moves(shop: Shop) -> AbstractContextManager[None]:
    """Assert that no table changes but those that count what comes to the door."""
    tables = [name for name in shop.contents() if name not in COUNTED and not name.startswith("django_")]
    return shop.unchanged(*tables)


def send(gateway: Gateway, body: bytes, *, kind: str = SINGLE, key: str = "till", **headers: str) -> httpx.Response:
    """Send bytes to ``/v1/events`` with a touchpoint's key; further headers may replace these."""
    given = {"Authorization": f"Bearer {gateway.keys[key]}", "Content-Type": kind, **headers}
    return gateway.client.post("/v1/events", content=body, headers=given)


def is_refused(answer: httpx.Response, status: int, name: str, field: str | None = None) -> None:
    """Assert that a whole answer is this problem, and shows nothing internal."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    told = answer.json()
    assert (answer.status_code, told["type"], told.get("field")) == (status, f"urn:comptoir:problem:{name}", field), (
        told
    )
    assert told["status"] == status
    assert not INTERNAL.search(answer.text), answer.text
    assert EMBARRASSING not in answer.text
