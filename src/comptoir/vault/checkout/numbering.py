"""By what number its carrier knows a parcel: sealed, since the carrier tells whoever has it where the parcel goes.

Not here: its address (``recipients.py``), and who is told the number (``letters.py``, ``views.py``).
"""

from __future__ import annotations

import os
import re
import uuid
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec
from django.db import transaction

from comptoir.foundation.rooms.current import entered
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.touchpoints.errors import FieldInvalid
from comptoir.vault.checkout import gifts
from comptoir.vault.checkout.models import Checkout
from comptoir.vault.contacts import commands, queries, sealing

#: Letters, digits and what carriers write between them.
_NUMBER: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ./_-]{0,58}[A-Za-z0-9])?")
_PLACE: Final = "{number}"
_SEALED_FOR: Final = sealing.place_of("checkout_checkout", "parcel")


class Parcel(msgspec.Struct, frozen=True):
    """By what its carrier knows a parcel, and the address where that is looked up, if the shop has said it."""

    number: str
    url: str


def note_parcel(order: uuid.UUID, number: str) -> bool:
    """Keep by what number the carrier knows an order's parcel, sealed, or none; returns whether that is another one.

    Nothing is kept of a gift's, nor of whoever is forgotten: it would tell where it goes. Raises
    :class:`FieldInvalid`, :class:`VaultClosed`.
    """
    if number and not _NUMBER.fullmatch(number):
        raise FieldInvalid("Letters, digits, spaces and . / _ -, at most 60.", field="number")
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        row = Checkout.objects.select_for_update().get(order=order)
        if gifts.is_gift(row) or not row.recipient or number == _number(row):
            return False
        row.said = {name: value for name, value in row.said.items() if name != "parcel"}
        if number:
            sealer = commands.sealer_for(row.person, face=order)
            row.said["parcel"] = sealer.seal(number.encode(), place=_SEALED_FOR, version=1).hex()
        row.save(update_fields=["said"])
    return True


def parcel_of(row: Checkout) -> Parcel | None:
    """Return an order's parcel, once its number is known: of a gift it never is, once forgotten no more."""
    with entered(VAULT), transaction.atomic(using=VAULT.name):
        number = _number(row)
    if not number:
        return None
    pattern = os.environ.get("COMPTOIR_PARCEL_URL", "")
    is_good = _PLACE in pattern and urlsplit(pattern).scheme == "https"
    return Parcel(number, pattern.replace(_PLACE, quote(number, safe="")) if is_good else "")


def _number(row: Checkout) -> str:
    sealed = row.said.get("parcel")
    if not sealed or gifts.is_gift(row):
        return ""
    sealer = queries.sealer_of(row.person, face=row.order)
    return "" if sealer is None else sealer.open(bytes.fromhex(sealed), place=_SEALED_FOR, version=1).decode()
