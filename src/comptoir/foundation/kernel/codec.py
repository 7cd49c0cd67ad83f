"""Bytes to values and back: JSON by msgspec, one way to write it, so that equal values are equal bytes.

And cells of CSV: a spreadsheet takes a cell that begins with certain signs for a formula, whatever it is quoted in. All
CSV that the house writes goes through :func:`harmless`, and :func:`from_cell` takes nothing away but what that added.

Not here: what any message means. Shapes stand in each package's ``contracts.py``.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final, TypeVar

import msgspec

T = TypeVar("T")

#: What begins a formula (OWASP, "CSV Injection"), in full width too; an apostrophe itself, so that one in front can
#: always be taken away.
_FORMULA: Final = frozenset("=+-@\t\r\n\0|%＝＋－＠'")
_NUMBER: Final = re.compile(r"-?\d{1,30}(?:\.\d{1,30})?", re.ASCII)

_encoder = msgspec.json.Encoder()
_sorted_encoder = msgspec.json.Encoder(order="sorted")


def encode(value: Any) -> bytes:
    """Write a value as JSON, fields in the order of their declaration."""
    return _encoder.encode(value)


def canonical(value: Any) -> bytes:
    """Write a value as JSON with sorted keys: equal values give equal bytes."""
    return _sorted_encoder.encode(value)


def decode(data: bytes | str, as_type: type[T]) -> T:
    """Read JSON as ``as_type``; raises :class:`msgspec.ValidationError` or :class:`msgspec.DecodeError`."""
    return msgspec.json.decode(data, type=as_type)


def fingerprint(data: bytes) -> bytes:
    """Return 16 bytes (BLAKE2b, RFC 7693) that tell whether two contents are the same."""
    return hashlib.blake2b(data, digest_size=16).digest()


def digest_of(secret: str) -> bytes:
    """Return what is kept of a secret that was drawn at random: its SHA-256, 32 bytes."""
    return hashlib.sha256(secret.encode()).digest()


def harmless(cell: str) -> str:
    """Return a cell of CSV with an apostrophe before it where a spreadsheet would compute it; a number stays one."""
    begins = cell.lstrip(" ")[:1]
    return f"'{cell}" if begins and begins in _FORMULA and not _NUMBER.fullmatch(cell) else cell


def from_cell(text: str) -> str:
    """Return what a cell said before it was made harmless, given as a CSV reader returns it."""
    return text.removeprefix("'")
