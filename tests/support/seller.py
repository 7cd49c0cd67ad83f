"""The demo's own orders in the small world: goods in two stores, customers with points, a process that can be killed.

``python -m support.seller URL`` lets them happen. Not here: what has to come of it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final

from comptoir.config.replaying import bought, journey
from comptoir.config.replaying.bought import Good
from comptoir.config.replaying.keyring import Entry, Keyring
from comptoir.foundation.rooms.commands import set_up_django

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from support.buying import AT
from support.gateway import Gateway
from support.pages import accepted, event

STORES: Final = ("324", "406")
_PRICES: Final = {"tea": 1250, "cup": 800, "jam": 455, "oil": 999, "pan": 1375}


def shelves() -> dict[str, list[Good]]:
    """Return what can be ordered where."""
    return {store: [Good(f"{name}-1", price) for name, price in _PRICES.items()] for store in STORES}


def fill(gateway: Gateway) -> None:
    """List and count the goods, and let everybody who plays have bought something before, which brought points."""
    hours = [{"days": ["mon"], "opens": "09:00", "closes": "18:00"}]
    listed = [
        event("store.listed", {"store": store, "name": f"Store {store}", "zone": "UTC", "hours": hours},
              source="/webshop", at=AT)
        for store in STORES
    ]  # fmt: skip
    for name, price in _PRICES.items():
        variant = {"sku": f"{name}-1", "prices": [{"currency": "USD", "amount": price}]}
        data = {"product": f"{name}-1", "name": {"en": name.title()}, "variants": [variant]}
        listed.append(event("product.listed", data, source="/webshop", at=AT))
    accepted(gateway.post(listed, touchpoint="webshop"))
    lines = [{"sku": f"{name}-1", "quantity": 90} for name in _PRICES]
    counted = [event("stock.counted", {"store": each, "lines": lines}, source="/console", at=AT) for each in STORES]
    accepted(gateway.post(counted, touchpoint="console"))
    accepted(gateway.post(list(_earned()), touchpoint="till"))


def keep_keys(gateway: Gateway) -> None:
    """Put the keys of the tills where the demo has them."""
    Keyring([Entry("till", "/stores/*/tills/*", gateway.keys["till"])]).save()


def _earned() -> Iterator[dict[str, Any]]:
    for number, card in enumerate(bought.players(journey.CARD)):
        sale = {
            "receipt": f"e-{number}", "store": STORES[0], "customer": {"kind": "card", "value": card},
            "currency": "USD", "total": 9_000, "lines": [{"product": "x", "quantity": 1, "amount": 9_000}],
        }  # fmt: skip
        yield event("sale.closed", sale, source=f"/stores/{STORES[0]}/tills/1", at=AT)


def main(url: str) -> None:
    """Sell, as the demo does."""
    from comptoir.config import selling

    selling.sell(url, card=journey.CARD, shelves=shelves(), at=AT)


if __name__ == "__main__":
    main(sys.argv[1])
