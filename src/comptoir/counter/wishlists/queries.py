"""Reads for pages: an owner's lists without what is claimed, and what a friend sees by a link. In the counter's room.

An owner is shown claims by :func:`opened` alone, once the list's date has come.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Collection
from typing import Final

from comptoir.counter.wishlists import models, store
from comptoir.counter.wishlists.codes import link_codes
from comptoir.counter.wishlists.contracts import CLAIMS_MAX, LISTS_MAX
from comptoir.counter.wishlists.rules import Claim, WishList
from comptoir.foundation.rooms.borrowing import borrowed
from comptoir.square.catalog import store as catalog
from comptoir.square.catalog.store import Goods

_SECRET: Final = re.compile(r"[0-9a-hjkmnp-tv-z]{20}")
#: A person may have linked several cards, each with lists of its own.
_SHOWN_MAX: Final = 10 * LISTS_MAX


def of_person(members: Collection[uuid.UUID]) -> list[WishList]:
    """Return a person's lists, the latest first. Nothing of it tells whether anything is claimed."""
    return store.find_of_customers(borrowed(models.WishList), [str(each) for each in members], limit=_SHOWN_MAX)


def shared(secret: str) -> WishList | None:
    """Return the list that opens by the secret of a link."""
    if not _SECRET.fullmatch(secret):
        return None
    return store.find_shared(borrowed(models.WishList), link_codes().digest(secret))


def claims_on(wish_list: WishList) -> list[Claim]:
    """Return what is claimed on a list: for friends, and never for its owner."""
    return store.find_claims(borrowed(models.WishList), [wish_list.id])


def opened(wish_list: WishList, *, now: dt.datetime) -> list[Claim]:
    """Return what its owner may see of the claims on a list: nothing before its date."""
    return claims_on(wish_list) if wish_list.is_open(now) else []


def goods(skus: Collection[str]) -> dict[str, Goods]:
    """Return what these SKUs are, as far as the shop has ever listed them."""
    return catalog.find_goods(borrowed(models.WishList), skus)


def claims_of(members: Collection[uuid.UUID]) -> list[tuple[Claim, WishList]]:
    """Return what a person has claimed, with the lists on which it is, the latest first."""
    connection = borrowed(models.WishList)
    claims = store.find_claims_of(connection, [str(each) for each in members], limit=CLAIMS_MAX)
    lists = {each.id: each for each in store.find_lists(connection, {each.wish_list for each in claims})}
    return [(each, lists[each.wish_list]) for each in claims]


def gift(claim: uuid.UUID | str) -> tuple[Claim, WishList] | None:
    """Return a claim with its list, by the claim's id, which is also the basket of the gift."""
    connection = borrowed(models.WishList)
    found = store.find_claim(connection, str(claim))
    if found is None:
        return None
    return found, store.find_lists(connection, [found.wish_list])[0]
