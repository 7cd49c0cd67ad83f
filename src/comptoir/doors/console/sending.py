"""How far a campaign's messages are while they leave, in numbers that add up. Not here: sending (``vault``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from django.utils.translation import gettext as _

from comptoir.counter.messages.queries import Count
from comptoir.doors.console import counting, reporting
from comptoir.doors.console.counting import Write

_ENDED: Final = ("suppressed", "stopped", "missed", "unreachable", "refused", "unknown")


class Far(msgspec.Struct, frozen=True):
    """How many messages of a campaign are where. ``why``: what the waiting ones lack, if they lack something."""

    handed_over: int
    on_their_way: int
    waiting: int
    ended: int
    why: str = ""

    @property
    def total(self) -> int:
        """Return how many there are."""
        return self.handed_over + self.on_their_way + self.waiting + self.ended


class Told(msgspec.Struct, frozen=True):
    """The same in words. ``done`` of ``total`` are drawn as a bar, unless numbers are rough."""

    figures: list[tuple[str, str]]
    total: int
    done: int
    why: str


def far(counts: Sequence[Count]) -> Far:
    """Return how far the messages are: each that was to be sent is in one place."""
    sent = [each for each in counts if each.verdict == "send"]

    def number(*kinds: str | None) -> int:
        return sum(each.count for each in sent if each.kind in kinds)

    words = reporting.outcomes()
    whys = [each.reason for each in sent if each.kind is None and f"waiting {each.reason}" in words]
    return Far(
        handed_over=number("accepted"), on_their_way=number("attempted"), waiting=number(None), ended=number(*_ENDED),
        why=words[f"waiting {whys[0]}"] if whys else "",
    )  # fmt: skip


def told(far: Far, write: Write) -> Told:
    """Say it as the page shows it."""
    figures = [
        (_("Handed over"), far.handed_over), (_("On their way"), far.on_their_way), (_("Wait to leave"), far.waiting),
        (_("Did not leave, or nobody can say"), far.ended),
    ]  # fmt: skip
    is_rough = write is counting.rough
    return Told(
        [(title, write(number)) for title, number in figures], 0 if is_rough else far.total,
        far.handed_over + far.ended, far.why,
    )  # fmt: skip
