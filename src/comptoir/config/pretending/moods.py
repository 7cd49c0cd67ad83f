"""How the simulator misbehaves. Not here: when it does (``application.py``, ``acting.py``)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
#: ``out_of_order``: what happened last is told first.
Reports = Literal["once", "twice", "late", "never", "out_of_order"]
Card = Literal["paid", "partly", "refused"]
#: ``slow`` does it and answers late; ``error`` does nothing and says 500, ``error_after`` does it and says 500;
#: ``drops`` does nothing and breaks the connection, ``stalls`` the same late, ``closes`` does it and breaks it.
Calls = Literal["well", "slow", "error", "error_after", "drops", "stalls", "closes"]
Refunds = Literal["done", "pending", "refused"]
Call = Literal["open", "look", "close", "refund"]


class Moods(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one session, or all of them, are dealt with.

    ``calls`` is how the calls named in ``on`` are answered (none named: all), ``calls_left`` how many more of them
    (unset: every one). ``refunds`` is what becomes of one at first.
    """

    reports: Reports = "once"
    late_seconds: Seconds = 20.0
    card: Card = "paid"
    calls: Calls = "well"
    on: tuple[Call, ...] = ()
    calls_left: int | None = None
    slow_seconds: Seconds = 15.0
    refunds: Refunds = "done"

    def behaviour(self, call: Call) -> Calls:
        """Return how a call is answered."""
        is_meant = (not self.on or call in self.on) and self.calls_left != 0
        return self.calls if is_meant else "well"

    def after(self, call: Call) -> Moods:
        """Return what is left of the mood after a call."""
        if self.calls_left is None or self.behaviour(call) == "well":
            return self
        return msgspec.structs.replace(self, calls_left=self.calls_left - 1)
