"""Gifts: an order that goes to whose wish list it is, at an address that whoever gives it never sees.

The basket of a gift is a friend's claim (``counter/wishlists``). If the list's owner lets friends send gifts to their
address, and the vault has it, it is sealed beside the order under the owner's own key: it goes with the owner, and is
in no copy of the giver's. Neither is it in the owner's before they have the gift, and their list of accesses does not
tell of it: the audit chain has the access under the order's id. Not here: claims, and what becomes of an order.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Final

import msgspec

from comptoir.counter.delivery.errors import NotDeliveredThere
from comptoir.counter.wishlists import queries as wishlists
from comptoir.counter.wishlists.codes import secret_of
from comptoir.foundation.touchpoints.errors import FieldInvalid
from comptoir.vault.checkout import delivering
from comptoir.vault.checkout.contracts import Recipient
from comptoir.vault.checkout.errors import BasketEmpty
from comptoir.vault.checkout.models import Checkout, Gift
from comptoir.vault.contacts import queries, rules, sealing
from comptoir.vault.contacts.contracts import Field, Hidden, PostalAddress
from comptoir.vault.contacts.errors import NotReachable
from comptoir.vault.contacts.models import Piece
from comptoir.vault.messages.directory import Directory

_FIELDS: Final[tuple[Field, ...]] = ("name", "addresses")
_ADDRESSED: Final = "a gift is addressed"


class Found(msgspec.Struct, frozen=True):
    """A gift that is bought: to which owner's address it can be sent (a user of the vault), if to any.

    ``back`` is the path of the list's page at the counter, by which its giver came.
    """

    owner: uuid.UUID | None
    back: str = "/"

    @property
    def can_be_sent(self) -> bool:
        """Tell whether it can be sent without the giver's knowing where to."""
        return self.owner is not None


class _Written(msgspec.Struct):
    name: str
    address: PostalAddress


def of_basket(basket: str) -> Found | None:
    """Return the gift that a basket is, or ``None`` for any other. In the vault.

    Raises :class:`BasketEmpty` for one that is ordered already.
    """
    number = _number(basket)
    found = None if number is None else wishlists.gift(number)
    if found is None:
        return None
    claim, wish_list = found
    if claim.state != "claimed":
        raise BasketEmpty(field="basket")
    owner = _owner(uuid.UUID(wish_list.customer)) if wish_list.to_address else None
    return Found(owner, "/" if wish_list.share is None else f"/w/{secret_of(wish_list.share)}")


def keep(order: uuid.UUID, gift: Found, *, currency: str, at: dt.datetime) -> None:
    """Seal where a gift goes, in the transaction in which its order is written down.

    Raises :class:`FieldInvalid` where it cannot go: for no reason that would tell anything about the address.
    """
    sealer = None if gift.owner is None else queries.sealer_of(gift.owner)
    if gift.owner is None or sealer is None:
        raise FieldInvalid("It cannot be sent there any more.", field="address")
    mine = Piece.objects.filter(person=gift.owner, face=gift.owner, field__in=_FIELDS)
    rows = list(mine.values_list("field", "version", "sealed"))
    opened = sealer.open_all(
        [
            (bytes(sealed), queries.PLACES[field], version)  # type: ignore[index]
            for field, version, sealed in rows
        ]
    )
    values = rules.values_of(zip((row[0] for row in rows), opened, strict=True))
    if values.name is None or values.addresses is None or not values.addresses.reveal():
        raise FieldInvalid("It cannot be sent there any more.", field="address")
    address = values.addresses.reveal()[0]
    try:
        delivering.price_to(address.country, currency)
    except NotDeliveredThere:
        raise FieldInvalid("It cannot be sent there any more.", field="address") from None
    written = msgspec.json.encode(_Written(values.name.reveal(), address))
    sealed = sealer.seal(written, place=_place(order), version=1)
    Gift.objects.bulk_create(
        [Gift(order=order, person=gift.owner, sealed=sealed, created_at=at)], ignore_conflicts=True
    )
    queries.note("checkout.address_gift", order, fields=_FIELDS, purpose=_ADDRESSED, actor="checkout", at=at)


def opened(row: Checkout, *, purpose: str, actor: str, at: dt.datetime) -> Recipient:
    """Open where a gift goes, in a transaction of the vault's; it is in the audit chain, under the order's id.

    Raises :class:`NotReachable` if its owner took the address back or is forgotten, :class:`VaultClosed`.
    """
    gift = Gift.objects.filter(order=row.order).first()
    sealer = None if gift is None else queries.sealer_of(gift.person)
    if gift is None or sealer is None:
        raise NotReachable
    found = msgspec.json.decode(sealer.open(bytes(gift.sealed), place=_place(row.order), version=1), type=_Written)
    queries.note("checkout.read_gift", row.order, fields=_FIELDS, purpose=purpose, actor=actor, at=at)
    return Recipient(Hidden(found.name), None, Hidden(found.address))


def is_gift(row: Checkout) -> bool:
    """Tell whether an order is sent to whose wish list it is."""
    return bool(row.said.get("gift"))


def _owner(customer: uuid.UUID) -> uuid.UUID | None:
    """Return the first user of a list's owner who has given a name and an address."""
    _members, users = Directory("addresses", seconds_min=0).users_of([customer])[customer]
    return next((user for user in users if {*_FIELDS} <= {each.field for each in queries.kept_pieces(user)}), None)


def _place(order: uuid.UUID) -> bytes:
    return sealing.place_of("checkout_gift", order.hex)


def _number(basket: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(basket)
    except ValueError:
        return None
