"""Identifiers that sort by time (UUIDv7, RFC 9562 section 5.7).

Not here: ids that are derived from a secret (see ``counter/customers``).
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from typing import Final

_MAX_MS = (1 << 48) - 1


#: An id as text, 36 characters in lower case. The hot path keeps ids as text, which sorts as the ids do and costs a
#: fraction of :class:`uuid.UUID`; whoever talks to Django's models meets those.
Id = str
#: What an id looks like as text, from its beginning to its end.
UUID_PATTERN: Final = r"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


class IdMaker:
    """Makes UUIDv7 values that never go backwards within one maker.

    ``rand_a`` is a 12-bit counter within the millisecond (RFC 9562 section 6.2,
    method 1); ``rand_b`` is 62 random bits. When the counter overflows, or when
    the clock steps back, the timestamp runs ahead of the clock instead of back.
    """

    def __init__(self) -> None:
        """Start with the present millisecond."""
        self._lock = threading.Lock()
        self._ms = 0
        self._counter = 0

    def reserve(self, count: int, *, after: Id | None = None) -> list[Id]:
        """Return ``count`` new ids in increasing order, all of them greater than ``after``.

        ``after`` makes the maker a logical clock (Lamport 1978): whoever has seen an
        id can be sure that what it does next sorts behind it, whatever the machines'
        clocks say.
        """
        noise = os.urandom(8 * count).hex()
        ids: list[Id] = []
        with self._lock:
            ms = time.time_ns() // 1_000_000
            if after is not None:
                ms = max(ms, millisecond_of(after) + 1)
            if ms > self._ms:
                self._ms, self._counter = ms, 0
            head = _head(self._ms)
            for index in range(0, 16 * count, 16):
                if self._counter > 0xFFF:
                    self._ms, self._counter = self._ms + 1, 0
                    head = _head(self._ms)
                variant = VARIANTS[noise[index]]
                ids.append(
                    f"{head}{self._counter:03x}-{variant}{noise[index + 1 : index + 4]}-{noise[index + 4 : index + 16]}"
                )
                self._counter += 1
        return ids

    def new(self) -> uuid.UUID:
        """Return one new id."""
        return uuid.UUID(self.reserve(1)[0])


def _head(ms: int) -> str:
    """Return an id's text up to the counter: the milliseconds and the version."""
    digits = f"{ms:012x}"
    return f"{digits[:8]}-{digits[8:]}-7"


#: The first hexadecimal digit of the last 64 bits: two bits say which kind of UUID it is, two are random.
VARIANTS: Final = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}

IDS = IdMaker()


def first_of_millisecond(unix_ms: int) -> Id:
    """Return the smallest UUIDv7 of a millisecond since 1970: a bound for ranges of ids.

    Raises :class:`ValueError` outside 48 bits.
    """
    if not 0 <= unix_ms <= _MAX_MS:
        raise ValueError(f"milliseconds out of range: {unix_ms}")
    return f"{_head(unix_ms)}000-8000-000000000000"


def millisecond_of(value: Id | uuid.UUID) -> int:
    """Return the milliseconds since 1970 that a UUIDv7 carries."""
    text = str(value)
    return int(text[:8] + text[9:13], 16)
