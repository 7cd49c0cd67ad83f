"""A wish list of the demo's card, shared, with a friend's claim: made up, from what is in the shop window.

Said as the storefront says it, with its own key. Not here: anything that the data set tells.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

from comptoir.config.replaying import sending
from comptoir.config.replaying.keyring import Keyring
from comptoir.config.replaying.recordings import Event
from comptoir.counter.wishlists.contracts import CHANGED, CLAIM
from comptoir.foundation.touchpoints import house

SOURCE: Final = "/storefront"
TITLE: Final = "For the new kitchen"
#: So many things are wished for, and the list's day lies so far ahead.
WISHES: Final = 3
AHEAD: Final = dt.timedelta(days=30)
_SPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:comptoir:demo:wish-list")
_NOTES: Final = ("Whichever is at hand.", "", "Only if it is not too dear.")


def wish(url: str, card: str, listed: Iterable[Event], bought: Collection[str], *, at: dt.datetime) -> None:
    """Let the holder of a card share a list of things that they have never bought, and a friend claim one of them."""
    keyring = Keyring.of_one_key(house.key_path(house.STOREFRONT).read_text())
    sender = sending.Sender(url, keyring, in_flight=1)
    asyncio.run(sender.send(event.encode() for event in events(card, listed, bought, at=at)))


def events(card: str, listed: Iterable[Event], bought: Collection[str], *, at: dt.datetime) -> Iterator[Event]:
    """Yield the list and the claim; nothing where the shop window has nothing else."""
    wanted = [
        each.data["product"]
        for each in listed
        if each.type == "product.listed" and each.data["product"] not in bought and "asks_over" not in each.data
        and each.data["variants"][0].get("prices")
    ][:WISHES]  # fmt: skip
    if not wanted:
        return
    wish_list, share = _id(card), _id(f"{card} share")
    put = [
        {"wish": _id(f"{card} {product}"), "product": product, "quantity": 1 + number, "note": _NOTES[number]}
        for number, product in enumerate(wanted)
    ]
    begun: dict[str, Any] = {
        "wish_list": wish_list, "customer": {"kind": "card", "value": card}, "title": TITLE,
        "opens_at": (at + AHEAD).isoformat(), "put": put, "share": share,
    }  # fmt: skip
    yield Event(id="demo/wish-list", source=SOURCE, type=CHANGED, time=at, data=begun)
    claimed = {
        "wish_list": wish_list, "share": share, "wish": put[-1]["wish"], "claim": _id(f"{card} claim"),
        "friend": _id(f"{card} friend"),
    }  # fmt: skip
    yield Event(id="demo/wish", source=SOURCE, type=CLAIM, time=at, data=claimed)


def _id(words: str) -> str:
    return str(uuid.uuid5(_SPACE, words))
