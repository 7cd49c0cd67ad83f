"""A scanner: reads squares and bars off what the browser paints, also where it is not held straight.

Not here: what a code should say.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import zxingcpp
from PIL import Image, ImageFilter, ImageOps

if TYPE_CHECKING:
    from playwright.sync_api import Locator

_DARK = 128


@dataclass(frozen=True)
class Seen:
    """What a scanner has read: the kind of code, its text (with identifiers of GS1 in brackets), and what that is."""

    kind: str
    text: str
    content: str


def picture(drawn: Locator) -> Image.Image:
    """Return what the browser paints of an element, and nothing beside it."""
    return Image.open(io.BytesIO(drawn.screenshot())).convert("L")


def read(seen: Image.Image) -> Sequence[Seen]:
    """Return every code in a picture: no code is light on dark, and none is read that is wrong by its check."""
    found = zxingcpp.read_barcodes(seen, try_invert=False)
    return [Seen(str(each.format), each.text, each.content_type.name) for each in found]


def held(seen: Image.Image, degrees: float) -> Image.Image:
    """Return a picture as a camera has it: turned by some degrees, with what is around it, and not quite sharp."""
    around = ImageOps.expand(seen, border=60, fill=255)
    return around.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=255).filter(
        ImageFilter.GaussianBlur(1)
    )


def beside(seen: Image.Image) -> tuple[int, int]:
    """Return how many dots stay light on the left and on the right of a drawing."""
    box = seen.point(lambda value: 255 if value < _DARK else 0).getbbox()
    assert box is not None, "nothing is drawn"
    left, _, right, _ = box
    return left, seen.width - right


def modules(drawn: Locator) -> int:
    """Return how many modules wide a code is drawn."""
    box = drawn.get_attribute("viewBox")
    assert box is not None
    return int(box.split()[2])
