"""What becomes of a wish list and of claims. Pure; the same live and from the log.

What an owner says is judged without a look at claims, so that no refusal can tell of one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from comptoir.counter.wishlists.contracts import AHEAD_DAYS_MAX, CLAIMS_MAX, LISTS_MAX, WISHES_MAX, State
from comptoir.counter.wishlists.errors import (
    ClaimOrdered,
    ClaimUnknown,
    WishListDate,
    WishListFull,
    WishListOver,
    WishListUnchanged,
    WishListUnknown,
    WishOwn,
    WishTaken,
    WishUnknown,
)
from comptoir.foundation.kernel.ids import Id
from comptoir.foundation.kernel.problem import Problem


class Wish(msgspec.Struct, frozen=True):
    """So many pieces of a product that somebody would like."""

    id: Id
    product: str
    quantity: int
    note: str = ""


class WishList(msgspec.Struct, frozen=True):
    """A wish list as it stands. ``position`` is the place of its owner's last event in the log.

    ``opens_at`` is its date as it was said last, ``secret_until`` the latest one that was ever said: before it nothing
    is shown to the owner. ``link`` is the digest of the secret in its link; there is none while it is not shared.
    """

    id: Id
    customer: Id
    position: Id
    title: str
    begun_at: dt.datetime
    opens_at: dt.datetime | None = None
    secret_until: dt.datetime | None = None
    to_address: bool = False
    share: Id | None = None
    link: Id | None = None
    ended_at: dt.datetime | None = None
    wishes: tuple[Wish, ...] = ()

    def wish(self, number: Id) -> Wish | None:
        """Return one of its wishes."""
        return next((each for each in self.wishes if each.id == number), None)

    def is_open(self, at: dt.datetime) -> bool:
        """Tell whether its owner may see by now what was claimed."""
        return self.secret_until is not None and at >= self.secret_until


class Claim(msgspec.Struct, frozen=True):
    """That somebody gives so many pieces of a wish. ``id`` is also the basket in which it is bought.

    Whose it is, says ``customer``, or else ``friend`` (``codes.friend_of``). ``position`` is its last event's place.
    """

    id: Id
    wish_list: Id
    wish: Id
    product: str
    quantity: int
    position: Id
    claimed_at: dt.datetime
    state: State = "claimed"
    customer: Id | None = None
    friend: Id | None = None
    order: Id | None = None


def judge_change(wish_list: WishList | None, data: Any, *, customer: Id, at: dt.datetime, lists: int) -> Problem | None:
    """Return why an owner's event cannot be, or ``None``; ``lists`` is how many lists the customer has by now."""
    if wish_list is None and data.title is None:
        return WishListUnknown(field="data.wish_list")
    if wish_list is not None and wish_list.customer != customer:
        return WishListUnknown(field="data.wish_list")
    if wish_list is not None and wish_list.ended_at is not None:
        return WishListOver(field="data.wish_list")
    if wish_list is None and lists >= LISTS_MAX:
        return WishListFull(f"One card has at most {LISTS_MAX} lists.", field="data.wish_list")
    said = (data.title, data.opens_at, data.to_address, data.share)
    if all(each is None for each in said) and not (data.put or data.off or data.unshare or data.end):
        return WishListUnchanged("Name it, date it, put something on it, share it, or end it.", field="data")
    if data.opens_at is not None and not at < data.opens_at <= at + dt.timedelta(days=AHEAD_DAYS_MAX):
        return WishListDate(field="data.opens_at")
    if len(_wishes(wish_list, data)) > WISHES_MAX:
        return WishListFull(f"A list has at most {WISHES_MAX} wishes.", field="data.put")
    return None


def changed(
    wish_list: WishList | None, data: Any, *, customer: Id, position: Id, at: dt.datetime, link: Id | None
) -> WishList:
    """Return a list after its owner's event; ``link`` is the digest that belongs to the ``share`` that is said."""
    before = wish_list or WishList(data.wish_list, customer, position, data.title, at)
    latest = [each for each in (before.secret_until, data.opens_at) if each is not None]
    after = msgspec.structs.replace(
        before,
        position=position,
        title=before.title if data.title is None else data.title,
        opens_at=data.opens_at or before.opens_at,
        secret_until=max(latest, default=None),
        to_address=before.to_address if data.to_address is None else data.to_address,
        wishes=_wishes(wish_list, data),
    )
    if data.share is not None:
        after = msgspec.structs.replace(after, share=data.share, link=link)
    if data.unshare or data.end:
        after = msgspec.structs.replace(after, share=None, link=None)
    return msgspec.structs.replace(after, ended_at=at) if data.end else after


def forgotten(wish_list: WishList) -> WishList:
    """Return what is left of a list whose owner is nobody any more: no words, and no way to it."""
    wishes = tuple(msgspec.structs.replace(each, note="") for each in wish_list.wishes)
    return msgspec.structs.replace(wish_list, title="", wishes=wishes, share=None, link=None, to_address=False)


def judge_claim(
    wish_list: WishList | None, data: Any, *, claims: Iterable[Claim], owners: Collection[Id], customer: Id | None
) -> Problem | None:
    """Return why a wish cannot be claimed, or ``None``; ``claims`` are the list's, ``owners`` its owner's customers."""
    if wish_list is None or wish_list.share is None or wish_list.share != data.share:
        return WishListUnknown(field="data.wish_list")
    wish = wish_list.wish(data.wish)
    if wish is None:
        return WishUnknown(field="data.wish")
    if customer is not None and customer in owners:
        return WishOwn(field="data.customer")
    if customer is None and data.friend is None:
        return ClaimUnknown("Say whose claim it is.", field="data.friend")
    held = list(claims)
    if len(held) >= CLAIMS_MAX:
        return WishListFull(f"A list takes at most {CLAIMS_MAX} claims.", field="data.wish_list")
    if any(each.id == data.claim for each in held) or left(wish, held) < data.quantity:
        return WishTaken(field="data.wish")
    return None


def left(wish: Wish, claims: Iterable[Claim]) -> int:
    """Return how many pieces of a wish nobody has claimed yet."""
    return wish.quantity - sum(each.quantity for each in claims if each.wish == wish.id)


def claimed(wish: Wish, data: Any, *, customer: Id | None, position: Id, at: dt.datetime) -> Claim:
    """Return the claim that a friend makes. Of whom the counter recognises, no other secret is kept."""
    friend = None if customer is not None else data.friend
    return Claim(
        data.claim, data.wish_list, wish.id, wish.product, data.quantity, position, at, customer=customer, friend=friend
    )


def judge_release(claim: Claim | None, data: Any, *, members: Collection[Id]) -> Problem | None:
    """Return why a claim cannot be let go, or ``None``; ``members`` are one person with whoever asks."""
    if claim is None or not is_theirs(claim, members=members, friend=data.friend):
        return ClaimUnknown(field="data.claim")
    if claim.state != "claimed":
        return ClaimOrdered("Call its order off first.", field="data.claim")
    return None


def is_theirs(claim: Claim, *, members: Collection[Id], friend: Id | None) -> bool:
    """Tell whether a claim is somebody's."""
    if claim.customer is not None:
        return claim.customer in members
    return claim.friend is not None and claim.friend == friend


def _wishes(wish_list: WishList | None, data: Any) -> tuple[Wish, ...]:
    """Return the wishes after what is put on and taken off; what was there keeps its place."""
    found = {} if wish_list is None else {each.id: each for each in wish_list.wishes}
    for each in data.put:
        found[each.wish] = Wish(each.wish, each.product, each.quantity, each.note)
    for number in data.off:
        found.pop(number, None)
    return tuple(found.values())
