"""What owners and friends say of wish lists. Said by the storefront alone, which knows whose page was open.

Nothing that a friend says names the owner, and nothing that an owner says depends on what friends have said.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from comptoir.counter.customers.contracts import Identifier
from comptoir.counter.offers.contracts import Name, Uuid
from comptoir.foundation.touchpoints.contracts import EventType

CHANGED: Final = "wish_list.changed"
CLAIM: Final = "wish.claim"
RELEASE: Final = "wish.release"
#: Everything that is said of wish lists.
TYPES: Final = frozenset({CHANGED, CLAIM, RELEASE})

#: So many wishes on one list, so many put on or taken off by one event, so many lists of one customer's, so many
#: claims on one list, pieces of one wish.
WISHES_MAX: Final = 100
OPERATIONS_MAX: Final = 20
LISTS_MAX: Final = 30
CLAIMS_MAX: Final = 500
PIECES_MAX: Final = 99
TITLE_CHARACTERS_MAX: Final = 80
NOTE_CHARACTERS_MAX: Final = 200
#: How far ahead a list's date may lie.
AHEAD_DAYS_MAX: Final = 3 * 366

Pieces = Annotated[int, Meta(ge=1, le=PIECES_MAX)]
Moment = Annotated[dt.datetime, Meta(tz=True)]
State = Literal["claimed", "ordered", "bought"]


class WishPut(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """So many pieces of a product, by its SKU, under an id that the page made; an id that is there is put anew."""

    wish: Uuid
    product: Name
    quantity: Pieces = 1
    note: Annotated[str, Meta(max_length=NOTE_CHARACTERS_MAX)] = ""


class WishListChanged(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``wish_list.changed``: a wish list is begun, renamed, dated, filled, shared or ended by its owner.

    ``wish_list`` is a random UUID that the page made; the first event of a list begins it and has its ``title``. From
    ``opens_at`` on, the owner sees what was claimed. ``share`` is a random UUID out of which the shop makes the secret
    of a link (``codes.py``), in place of any former one; ``unshare`` ends it. ``to_address`` says whether friends may
    have gifts sent to the address that the owner has in the vault.
    """

    wish_list: Uuid
    customer: Identifier
    title: Annotated[str, Meta(min_length=1, max_length=TITLE_CHARACTERS_MAX)] | None = None
    opens_at: Moment | None = None
    to_address: bool | None = None
    put: Annotated[list[WishPut], Meta(max_length=OPERATIONS_MAX)] = []
    off: Annotated[list[Uuid], Meta(max_length=OPERATIONS_MAX)] = []
    share: Uuid | None = None
    unshare: bool = False
    end: bool = False


class WishClaim(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``wish.claim``: a friend, who has the list's ``share``, will give so many pieces of a wish.

    ``claim`` is a random UUID that the page made, and the basket in which the gift is bought. Who the friend is, says
    their ``customer`` where the counter recognises them, or else ``friend``, derived from a secret of their browser.
    """

    wish_list: Uuid
    share: Uuid
    wish: Uuid
    claim: Uuid
    quantity: Pieces = 1
    customer: Identifier | None = None
    friend: Uuid | None = None


class WishRelease(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``wish.release``: a friend lets go what they have claimed; said by whoever claimed it."""

    claim: Uuid
    customer: Identifier | None = None
    friend: Uuid | None = None


EVENT_TYPES: Final = (
    EventType(
        name=CHANGED, title="A wish list is changed", data=WishListChanged, only_from="counter",
        classes={
            "wish_list": "activity", "customer": "pseudonym", "title": "words", "opens_at": "time",
            "to_address": "consent", "put": "activity", "put.note": "words", "off": "activity", "share": "activity",
            "unshare": "activity", "end": "activity",
        },
    ),
    EventType(
        name=CLAIM, title="Claim a wish", data=WishClaim, only_from="counter",
        classes={
            "wish_list": "activity", "share": "activity", "wish": "activity", "claim": "activity",
            "quantity": "activity", "customer": "pseudonym", "friend": "pseudonym",
        },
    ),
    EventType(
        name=RELEASE, title="Let a claimed wish go", data=WishRelease, only_from="counter",
        classes={"claim": "activity", "customer": "pseudonym", "friend": "pseudonym"},
    ),
)  # fmt: skip
