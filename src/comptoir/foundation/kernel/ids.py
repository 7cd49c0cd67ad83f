"""Identifiers that sort by time (UUIDv7, RFC 9562 section 5.7).

Not here: ids that are derived from a secret (see ``counter/customers``).
"""

from __future__ import annotations

import os
import threading
import time
import uuid

_MAX_MS = (1 << 48) - 1


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

    def reserve(self, count: int, *, after: uuid.UUID | None = None) -> list[uuid.UUID]:
        """Return ``count`` new ids in increasing order, all of them greater than ``after``.

        ``after`` makes the maker a logical clock (Lamport 1978): whoever has seen an
        id can be sure that what it does next sorts behind it, whatever the machines'
        clocks say.
        """
        with self._lock:
            ms = time.time_ns() // 1_000_000
            if after is not None:
                ms = max(ms, (after.int >> 80) + 1)
            if ms > self._ms:
                self._ms, self._counter = ms, 0
            ids: list[uuid.UUID] = []
            noise = os.urandom(8 * count)
            for index in range(count):
                if self._counter > 0xFFF:
                    self._ms, self._counter = self._ms + 1, 0
                random_bits = int.from_bytes(noise[8 * index : 8 * index + 8]) & 0x3FFF_FFFF_FFFF_FFFF
                value = (self._ms << 80) | (0x7 << 76) | (self._counter << 64) | (0x2 << 62) | random_bits
                ids.append(uuid.UUID(int=value))
                self._counter += 1
            return ids

    def new(self) -> uuid.UUID:
        """Return one new id."""
        return self.reserve(1)[0]


IDS = IdMaker()


def first_of_millisecond(unix_ms: int) -> uuid.UUID:
    """Return the smallest UUIDv7 of a millisecond since 1970: a bound for ranges of ids.

    Raises :class:`ValueError` outside 48 bits.
    """
    if not 0 <= unix_ms <= _MAX_MS:
        raise ValueError(f"milliseconds out of range: {unix_ms}")
    return uuid.UUID(int=(unix_ms << 80) | (0x7 << 76) | (0x2 << 62))


def millisecond_of(value: uuid.UUID) -> int:
    """Return the milliseconds since 1970 that a UUIDv7 carries."""
    return value.int >> 80
