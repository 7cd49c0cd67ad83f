"""Till codes: a signed yes without a customer, for somebody who wants to stay unknown.

A code is 30 bytes in base32: a version, the age, when it ends, what makes it the only one of its kind, and a keyed
digest over all of that (HMAC-SHA-256, shortened to 128 bits). It says nothing of who shows it. Not here: that a code is
used once (``store.sql``).
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import struct
from typing import Final

from comptoir.counter.answers.errors import AnswerCodeInvalid, AnswerCodeOver, AnswerCodeTooYoung

LIFE: Final = dt.timedelta(minutes=2)
UNIQUE_BYTES: Final = 8
#: The name of the shop's key for codes: the vault signs with it, the gateway checks.
KEY_NAME: Final = "answer-codes"
_VERSION: Final = 1
_DIGEST_BYTES: Final = 16
_HEAD: Final = struct.Struct(f">BBI{UNIQUE_BYTES}s")


def make_code(*, key: bytes, age: int, now: dt.datetime, unique: bytes) -> str:
    """Return a code that is good until two minutes after ``now``; ``unique`` are random bytes."""
    head = _HEAD.pack(_VERSION, age, int((now + LIFE).timestamp()), unique)
    return base64.b32encode(head + _digest(key, head)).decode().rstrip("=")


def digest_of(code: str) -> bytes:
    """Return what is written down of a code that was used, until it is over anyway."""
    return hashlib.sha256(code.encode()).digest()


def check_code(code: str, *, key: bytes, age: int, now: dt.datetime) -> dt.datetime:
    """Return when a code ends that says yes to ``age``.

    Raises :class:`AnswerCodeInvalid`, :class:`AnswerCodeOver`, :class:`AnswerCodeTooYoung`.
    """
    try:
        content = base64.b32decode(code + "=" * (-len(code) % 8))
    except (binascii.Error, ValueError):
        raise AnswerCodeInvalid(field="code") from None
    head, digest = content[: _HEAD.size], content[_HEAD.size :]
    if len(head) != _HEAD.size or not hmac.compare_digest(digest, _digest(key, head)):
        raise AnswerCodeInvalid(field="code")
    version, over, ends, _ = _HEAD.unpack(head)
    end = dt.datetime.fromtimestamp(ends, dt.UTC)
    if version != _VERSION or end > now + LIFE + LIFE:
        raise AnswerCodeInvalid(field="code")
    if now >= end:
        raise AnswerCodeOver(field="code")
    if over < age:
        raise AnswerCodeTooYoung(f"It answers for {over}.", field="predicate")
    return end


def _digest(key: bytes, head: bytes) -> bytes:
    return hmac.new(key, b"comptoir answer code\0" + head, hashlib.sha256).digest()[:_DIGEST_BYTES]
