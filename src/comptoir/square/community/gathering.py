"""Pictures that come with a form: taken, drawn anew and kept, for members on the square and for staff in the console.

A picture is drawn anew as soon as it comes (``pictures.py``) and kept; the form has its digest from then on, so that a
post that is refused is sent again without sending the pictures again. Without JavaScript. Not here: who may see one.
"""

from __future__ import annotations

import collections
import re
import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import msgspec
from django.http import HttpRequest

from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.touchpoints.house import Trouble
from comptoir.square.community import commands, pictures
from comptoir.square.community.contracts import ALT_CHARACTERS_MAX, PICTURES_MAX
from comptoir.square.community.errors import PicturesTooMany, PictureTooLarge, PictureWithoutWords
from comptoir.square.community.pictures import Developed
from comptoir.square.community.queries import PictureShown

#: At most so many pictures of one person within an hour, and of all in one process.
_AN_HOUR_MAX: Final = 40
_AN_HOUR_OF_ALL_MAX: Final = 600
_HOUR_SECONDS: Final = 3_600.0
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Keeper(msgspec.Struct, frozen=True):
    """Where pictures of a form are kept: how one is, which of these are, and how many places it has."""

    keep: Callable[[Developed], PictureShown]
    kept: Callable[[Collection[str]], dict[str, tuple[int, int]]]
    places: int


#: The pictures of a post.
OF_POSTS: Final = Keeper(commands.keep_picture, commands.kept_pictures, PICTURES_MAX)


class Slot(msgspec.Struct, eq=False):
    """A place for a picture in the form. ``kept`` is the digest of what it has; ``is_wrong``: it was refused.

    ``is_shown``: the post shows it already.
    """

    number: int
    alt: str = ""
    kept: str = ""
    is_wrong: bool = False
    is_shown: bool = False


class Gathered(msgspec.Struct):
    """What a form brings: its places, the pictures in their order, and why one of them was refused."""

    slots: list[Slot]
    pictures: list[PictureShown] = []
    trouble: Trouble | None = None

    def data(self) -> list[dict[str, Any]]:
        """Return the pictures as an event names them."""
        return [msgspec.to_builtins(each) for each in self.pictures]

    @property
    def is_begun(self) -> bool:
        """Tell whether anything was filled in."""
        return any(slot.kept or slot.alt or slot.is_wrong for slot in self.slots)

    @property
    def words(self) -> str:
        """Return what the pictures show, in words."""
        return "\n".join(each.alt for each in self.pictures)


def slots_of(shown: Sequence[PictureShown] = (), *, places: int = PICTURES_MAX) -> list[Slot]:
    """Return the places of a form that has these pictures already."""
    slots = [Slot(number) for number in range(1, places + 1)]
    for slot, each in zip(slots, shown, strict=False):
        slot.alt, slot.kept, slot.is_shown = each.alt, each.digest, True
    return slots


def gather(
    request: HttpRequest, *, who: str, before: Sequence[PictureShown] = (), keeper: Keeper = OF_POSTS
) -> Gathered:
    """Take the pictures of a form that ``who`` sends; ``before`` are those of the post. The first refused one is named.

    The others are kept all the same.
    """
    gathered = Gathered(slots_of(places=keeper.places))
    sizes = keeper.kept(
        [kept for slot in gathered.slots if _DIGEST.fullmatch(kept := request.POST.get(f"kept{slot.number}", ""))]
    )
    for slot in gathered.slots:
        slot.alt = request.POST.get(f"alt{slot.number}", "").strip()[:ALT_CHARACTERS_MAX]
        try:
            shown = _taken(request, slot, sizes, who, keeper)
            if shown is not None and not slot.alt:
                raise PictureWithoutWords(field=f"alt{slot.number}")
        except Problem as problem:
            slot.is_wrong = True
            gathered.trouble = gathered.trouble or Trouble(
                title=problem.title(), detail=problem.detail, field=problem.field or "", type=problem.name,
                status=problem.status,
            )  # fmt: skip
            continue
        slot.is_shown = any(each.digest == slot.kept for each in before)
        if shown is not None:
            gathered.pictures.append(msgspec.structs.replace(shown, alt=slot.alt))
    return gathered


def _taken(
    request: HttpRequest, slot: Slot, sizes: dict[str, tuple[int, int]], who: str, keeper: Keeper
) -> PictureShown | None:
    """Return the picture of a place: the file that was sent for it, or the one that it has."""
    field = f"picture{slot.number}"
    sent = request.FILES.get(field)
    if sent is None or not sent.size:
        kept = request.POST.get(f"kept{slot.number}", "")
        if kept not in sizes or request.POST.get(f"without{slot.number}"):
            return None
        slot.kept = kept
        return PictureShown(kept, slot.alt, *sizes[kept])
    if getattr(sent, "is_too_large", False):
        raise PictureTooLarge(field=field)
    _pace.count(who, field=field)
    shown = keeper.keep(pictures.develop(sent.read(), field=field))
    slot.kept = shown.digest
    return shown


class _Pace:
    """How many pictures came within the last hour, in this process: what is kept of them costs room and time."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._sent: collections.deque[tuple[float, str]] = collections.deque()

    def count(self, sender: str, *, field: str) -> None:
        """Count one more. Raises :class:`PicturesTooMany`."""
        now = self._now()
        with self._lock:
            while self._sent and self._sent[0][0] < now - _HOUR_SECONDS:
                self._sent.popleft()
            if len(self._sent) >= _AN_HOUR_OF_ALL_MAX or sum(who == sender for _, who in self._sent) >= _AN_HOUR_MAX:
                raise PicturesTooMany(field=field)
            self._sent.append((now, sender))


_pace: Final = _Pace()
