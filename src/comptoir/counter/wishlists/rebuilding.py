"""Deriving wish lists and claims from the log: every accepted event in its order, and what orders said of claims."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from comptoir.counter.wishlists import following, rules, store
from comptoir.counter.wishlists.codes import digest_of
from comptoir.counter.wishlists.contracts import CHANGED, CLAIM, RELEASE
from comptoir.counter.wishlists.following import Claims
from comptoir.counter.wishlists.rules import WishList
from comptoir.foundation.events.rebuilding import Logged
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.ids import Id


class _Put(msgspec.Struct):
    wish: Id
    product: str
    quantity: int = 1
    note: str = ""


class _Changed(msgspec.Struct):
    wish_list: Id
    title: str | None = None
    opens_at: dt.datetime | None = None
    to_address: bool | None = None
    put: list[_Put] = []
    off: list[Id] = []
    share: Id | None = None
    unshare: bool = False
    end: bool = False


class _Claim(msgspec.Struct):
    wish_list: Id
    wish: Id
    claim: Id
    quantity: int = 1
    friend: Id | None = None


class _Release(msgspec.Struct):
    claim: Id


class _Order(msgspec.Struct):
    order: Id
    basket: Id | None = None


_changed: Final = msgspec.json.Decoder(_Changed)
_claim: Final = msgspec.json.Decoder(_Claim)
_release: Final = msgspec.json.Decoder(_Release)
_order: Final = msgspec.json.Decoder(_Order)


class WishListsDeriver:
    """Wish lists and claims out of the log."""

    tables = ("wishlists_wishlist", "wishlists_claim")

    def __init__(self) -> None:
        """Start with none."""
        self._lists: dict[Id, WishList] = {}
        self._claims = Claims()

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:  # noqa: ARG002 - the derivers' shape
        """Follow the next events."""
        for event in events:
            if not event.is_accepted:
                continue
            if event.type == CHANGED:
                self._change(event)
            elif event.type == CLAIM:
                self._claim(event)
            elif event.type == RELEASE:
                self._claims.drop(_release.decode(event.data).claim)
            elif event.type in following.ORDERS:
                self._claims.follow(event.type, _order.decode(event.data), position=event.position)

    def finish(self, connection: Connection) -> None:
        """Write them. A title that is empty was emptied: its owner is forgotten."""
        store.write_lists(connection, [each if each.title else rules.forgotten(each) for each in self._lists.values()])
        store.write_claims(connection, self._claims.all())

    def _change(self, event: Logged) -> None:
        data: Any = _changed.decode(event.data)
        assert event.customer is not None, "a list has an owner"
        before, link = self._lists.get(data.wish_list), None if data.share is None else digest_of(data.share)
        self._lists[data.wish_list] = rules.changed(
            before, data, customer=event.customer, position=event.position, at=event.occurred_at, link=link
        )

    def _claim(self, event: Logged) -> None:
        data: Any = _claim.decode(event.data)
        wish = self._lists[data.wish_list].wish(data.wish)
        assert wish is not None, "what was accepted was on the list"
        self._claims.put(
            rules.claimed(wish, data, customer=event.customer, position=event.position, at=event.occurred_at)
        )
