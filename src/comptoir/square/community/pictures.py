"""From what somebody sends to what is kept of a picture: drawn anew in a process of its own, with nothing else in it.

What is kept are two sizes (WebP) of what can be seen. Whatever else the file carried (where and when it was taken, by
which camera, remarks, colour profiles, what was appended to it) is gone, since nothing of the file is copied. The
process (``developing.py``) has limits of its own on memory, time and files, and knows nothing of the house: whatever a
picture does to it, the pages go on. Not here: who may send pictures and where they are kept (``store.py``).
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from typing import Final

import msgspec

from comptoir.foundation.kernel.problem import Problem
from comptoir.square.community.contracts import PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX
from comptoir.square.community.errors import (
    PictureBusy,
    PictureFormatForeign,
    PictureMoving,
    PictureTooLarge,
    PictureUnreadable,
)

#: What somebody may send as one picture.
BYTES_MAX: Final = 10_000_000
#: The smaller size, for lists and narrow screens.
SMALL_WIDTH_MAX: Final = 480
SMALL_HEIGHT_MAX: Final = 720
#: How many pictures are drawn at once in one process of the pages, and how long one waits for its turn.
AT_ONCE_MAX: Final = 2
_WAIT_SECONDS_MAX: Final = 10.0
_SECONDS_MAX: Final = 15.0
_HEADER_BYTES: Final = 12
_ADVICE: Final = {
    "heic": "This is a HEIC picture. On an iPhone: Settings, Camera, Formats, Most Compatible; or share it as a JPEG.",
    "avif": "This is an AVIF picture. Save it as a JPEG or PNG.",
    "svg": "This is a drawing in SVG, which can carry programs. Save it as a PNG.",
    "gif": "This is a GIF. Save it as a PNG.",
    "other": "Save it as a JPEG or PNG.",
}
_turn: Final = threading.BoundedSemaphore(AT_ONCE_MAX)


class Developed(msgspec.Struct, frozen=True):
    """What is kept of a picture: both sizes as WebP, and the size of the larger one in pixels."""

    large: bytes
    small: bytes
    width: int
    height: int

    @property
    def digest(self) -> str:
        """Return by what it is known: the SHA-256 of the larger size."""
        return hashlib.sha256(self.large).hexdigest()


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """The first line of what the process answers: a refusal by name, or sizes in pixels and bytes."""

    refused: str = ""
    width: int = 0
    height: int = 0
    large: int = 0
    small: int = 0


_REFUSALS: Final[dict[str, type[Problem]]] = {
    each.name: each for each in (PictureMoving, PictureTooLarge, PictureUnreadable)
}


def develop(content: bytes, *, field: str) -> Developed:
    """Draw a picture anew, in both sizes.

    Raises :class:`PictureTooLarge`, :class:`PictureFormatForeign`, :class:`PictureMoving`, :class:`PictureUnreadable`,
    each naming ``field``, and :class:`PictureBusy` where many wait already.
    """
    if len(content) > BYTES_MAX:
        raise PictureTooLarge(field=field)
    foreign = foreign_format(content)
    if foreign is not None:
        raise PictureFormatForeign(_ADVICE[foreign], field=field)
    if not _turn.acquire(timeout=_WAIT_SECONDS_MAX):
        raise PictureBusy(field=field)
    try:
        answer = _in_a_process_of_its_own(content)
    finally:
        _turn.release()
    line, _, rest = answer.partition(b"\n")
    try:
        said = msgspec.json.decode(line, type=Said)
    except msgspec.DecodeError:
        # It ran out of memory or time, or broke: whatever this is, nobody can look at it.
        raise PictureUnreadable(field=field) from None
    if said.refused:
        raise _REFUSALS.get(said.refused, PictureUnreadable)(field=field)
    if len(rest) != said.large + said.small or not rest:
        raise PictureUnreadable(field=field)
    return Developed(rest[: said.large], rest[said.large :], said.width, said.height)


def foreign_format(content: bytes) -> str | None:
    """Return what a file is by how it begins, if it is none of the three formats: ``heic``, ``svg``, …, ``other``."""
    head = content[:_HEADER_BYTES]
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return None
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return "avif" if brand in {b"avif", b"avis"} else "heic" if brand in _HEIC else "other"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    beginning = content[:1_000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return "svg" if beginning.startswith((b"<svg", b"<?xml", b"<!doctype svg", b"<!--")) else "other"


_HEIC: Final = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})


def small_size(width: int, height: int) -> tuple[int, int]:
    """Return the smaller size of a picture.

    >>> small_size(1280, 960)
    (480, 360)
    """
    return fitted(width, height, SMALL_WIDTH_MAX, SMALL_HEIGHT_MAX)


def large_size(width: int, height: int) -> tuple[int, int]:
    """Return the larger size of a picture; a small one is not made larger.

    >>> large_size(4000, 3000)
    (1280, 960)
    """
    return fitted(width, height, PICTURE_WIDTH_MAX, PICTURE_HEIGHT_MAX)


def fitted(width: int, height: int, width_max: int, height_max: int) -> tuple[int, int]:
    """Return a size of the same shape, within bounds, at least one pixel on each side."""
    scale = min(1.0, width_max / width, height_max / height)
    return max(1, min(width_max, round(width * scale))), max(1, min(height_max, round(height * scale)))


def _in_a_process_of_its_own(content: bytes) -> bytes:
    """Return what the process answers; nothing if it broke or took too long."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-m", "comptoir.square.community.developing"],
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS_MAX,
            check=False,
            cwd="/",
            env={"LC_ALL": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired:
        return b""
    return done.stdout if done.returncode == 0 else b""
