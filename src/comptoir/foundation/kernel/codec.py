"""Bytes to values and back: JSON by msgspec, one way to write it, so that equal values are equal bytes.

Not here: what any message means. Shapes stand in each package's ``contracts.py``.
"""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

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
