"""How often a key may guess: a bucket for each, which only guesses that were wrong take something out of.

Whoever holds a valid key could try codes and identifiers as fast as the gateway answers. Each try that hits nobody
takes one out of the key's bucket, which fills again by the clock; while it is empty, the key neither spends nor asks
who somebody is. Sales go on: a till whose neighbour guesses must still sell. What is right costs nothing, and neither
does a till that is only busy. Each gateway counts for itself.

Not here: what a wrong try is for an event (the handlers decide that).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from comptoir.doors.gateway import limits
from comptoir.doors.gateway.errors import TooManyAttempts

#: Refusals that say: this was not it, try another.
MISSED: Final = frozenset({
    "code_invalid", "code_of_another_customer", "customer_unknown", "answer_code_invalid", "confirmation_invalid",
    "coupon_unusable", "gift_card_unusable", "gift_card_taken",
})  # fmt: skip


class Attempts:
    """The bucket of one key. Everything runs in one event loop, or holds for a while what another thread sees later."""

    __slots__ = ("_clock", "_left", "_since")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin full."""
        self._clock = clock
        self._left = float(limits.ATTEMPTS_MAX)
        self._since = clock()

    def miss(self, count: int = 1) -> None:
        """Note tries that hit nobody. More than are left make a debt: a batch of guesses is waited for as a whole."""
        self._fill()
        self._left -= count

    def check(self) -> None:
        """Raise :class:`TooManyAttempts`, with the seconds to wait, while the bucket is empty."""
        if self._left >= 1:
            return
        self._fill()
        if self._left < 1:
            seconds = math.ceil((1 - self._left) / limits.ATTEMPTS_PER_SECOND)
            raise TooManyAttempts(f"Wait {seconds} seconds.", retry_after=seconds)

    def _fill(self) -> None:
        now = self._clock()
        self._left = min(limits.ATTEMPTS_MAX, self._left + (now - self._since) * limits.ATTEMPTS_PER_SECOND)
        self._since = now
