"""Receipts: what was done for somebody who was forgotten, signed by the shop, saying nothing of who it was.

A receipt is one line of JSON and below it its signature (Ed25519, RFC 8032) in base64 and the public key. Whoever has
it can show that the shop has said so, with the key that the shop publishes. Not here: how anything is destroyed.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Final, Literal, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from comptoir.foundation.kernel import codec, shop
from comptoir.vault.rights.errors import ReceiptNotGenuine

_R = TypeVar("_R", bound=msgspec.Struct)


class ForgettingReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What was done. ``wish`` is the number under which it was asked; ``rows`` are those deleted, by table.

    ``keys_destroyed`` opened the contact data. Backups from before are gone after ``backups_expire_on``; one that is
    restored until then forgets again before the shop opens.
    """

    wish: uuid.UUID
    asked_at: dt.datetime
    done_at: dt.datetime
    keys_destroyed: int
    rows: dict[str, int]
    counter: str = "every customer of the person was given a random id, and links between them are gone"
    backups_expire_on: dt.date


class PieceReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """That a piece was forgotten: ``what`` it was (a card, a purchase), and not which.

    ``wish`` is the number under which it was asked.
    """

    wish: uuid.UUID
    what: Literal["card", "purchase"]
    asked_at: dt.datetime
    done_at: dt.datetime
    counter: str
    backups_expire_on: dt.date


#: What the counter has done, in the receipt's own words.
_DONE: Final[Mapping[str, str]] = {
    "card": "the customer that the card stood for was given a random id, and its links are gone",
    "purchase": "the purchase is a guest's, and nothing of the customer's names its receipt",
}


def write_piece(
    wish: uuid.UUID, *, what: Literal["card", "purchase"], asked_at: dt.datetime, done_at: dt.datetime, days: int
) -> str:
    """Return a signed receipt for a piece."""
    receipt = PieceReceipt(
        wish=wish,
        what=what,
        asked_at=asked_at,
        done_at=done_at,
        counter=_DONE[what],
        backups_expire_on=(done_at + dt.timedelta(days=days)).date(),
    )
    return _signed(receipt)


def read_piece(text: str) -> PieceReceipt:
    """Return what a receipt for a piece says. Raises :class:`ReceiptNotGenuine` for any other text."""
    return _read(text, PieceReceipt)


def write(
    wish: uuid.UUID, *, asked_at: dt.datetime, done_at: dt.datetime, keys: int, rows: Mapping[str, int], days: int
) -> str:
    """Return a signed receipt."""
    receipt = ForgettingReceipt(
        wish=wish,
        asked_at=asked_at,
        done_at=done_at,
        keys_destroyed=keys,
        rows=dict(rows),
        backups_expire_on=(done_at + dt.timedelta(days=days)).date(),
    )
    return _signed(receipt)


def read(text: str) -> ForgettingReceipt:
    """Return what a receipt of this shop says. Raises :class:`ReceiptNotGenuine` for any other text."""
    return _read(text, ForgettingReceipt)


def _signed(receipt: msgspec.Struct) -> str:
    line = codec.canonical(receipt)
    return "\n".join((line.decode(), _text(_key().sign(line)), public_key()))


def _read(text: str, kind: type[_R]) -> _R:
    try:
        line, signature, public = text.split("\n")
        if public != public_key():
            raise ReceiptNotGenuine
        signed = base64.b64decode(signature, validate=True)
        if _text(signed) != signature:
            raise ReceiptNotGenuine  # base64 can be written in more than one way, and a receipt in one only
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
        key.verify(signed, line.encode())
        return codec.decode(line, kind)
    except (ValueError, InvalidSignature, binascii.Error, msgspec.DecodeError):
        raise ReceiptNotGenuine from None


def public_key() -> str:
    """Return the key that proves this shop's receipts, in base64."""
    return _text(_key().public_key().public_bytes_raw())


def _key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(shop.secret("receipts"))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
