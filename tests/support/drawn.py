"""Pictures for tests: drawn with Pillow, or put together byte by byte where no program would write such a file."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any, Final

from PIL import Image, ImageColor, ImageDraw, ImageFilter

from comptoir.square.community.contracts import PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX
from comptoir.square.community.pictures import Developed, develop
from support.shop import Shop

#: Where a picture was taken: 35°41' north, 139°41' east.
PLACE: Final = {1: "N", 2: (35.0, 41.0, 0.0), 3: "E", 4: (139.0, 41.0, 0.0)}
SCRIPT: Final = b"<script>alert('picture')</script>"


def encoded(image: Image.Image, kind: str = "JPEG", **more: Any) -> bytes:
    """Return a picture as a file."""
    stream = io.BytesIO()
    image.save(stream, kind, **more)
    return stream.getvalue()


def loaf(width: int = 1_600, height: int = 1_200) -> Image.Image:
    """Return a picture with something to see: brown above, blue below."""
    image = Image.new("RGB", (width, height), (150, 90, 40))
    image.paste((40, 80, 160), (0, height // 2, width, height))
    return image


def told() -> bytes:
    """Return a JPEG that tells where it was taken, on its side, with a remark and something behind its end."""
    exif = Image.Exif()
    exif[0x010F] = "Telltale Cameras"
    exif[0x0112] = 6  # the camera was held upright
    exif.get_ifd(0x8825).update(PLACE)
    return encoded(loaf(), exif=exif, comment=b"my kitchen", quality=85) + SCRIPT


def moving() -> bytes:
    """Return a WebP of two pictures."""
    return encoded(Image.new("RGB", (20, 20), "red"), "WEBP", save_all=True, append_images=[loaf(20, 20)])


def bomb(side: int = 30_000) -> bytes:
    """Return a small PNG that says it has 900 megapixels."""
    rows = zlib.compress(b"\0" * ((side // 8 + 1) * 500), 9)
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def kept(shop: Shop, image: Image.Image | None = None, *, alt: str = "A loaf on a table") -> dict[str, Any]:
    """Keep a picture as the square's pages do; return how an event names it."""
    made = develop(encoded(image or loaf(), "PNG"), field="picture1")
    keep(shop, made)
    assert made.width <= PICTURE_WIDTH_MAX
    assert made.height <= PICTURE_HEIGHT_MAX
    return {"digest": made.digest, "alt": alt, "width": made.width, "height": made.height}


def keep(shop: Shop, made: Developed) -> None:
    """Write a picture as the square's role."""
    with shop.connect("comptoir_square") as connection:
        connection.execute(
            "insert into community_picture (digest, width, height, large, small) values (%s, %s, %s, %s, %s)"
            " on conflict do nothing",
            (made.digest, made.width, made.height, made.large, made.small),
        )


def still_life(shape: str, *, ground: str = "#e9e2d6", glaze: str = "#4d6b57") -> Image.Image:
    """Return a product as a shop would show it: a ``bowl``, ``pot`` or ``tin`` on a ground, with its shadow."""
    side = 1_200
    image = Image.new("RGB", (side, side), ground)
    shadow = Image.new("L", (side, side), 0)
    ImageDraw.Draw(shadow).ellipse((260, 830, 960, 960), fill=110)
    image.paste("#6e675c", mask=shadow.filter(ImageFilter.GaussianBlur(45)))
    draw = ImageDraw.Draw(image)
    dark = ImageColor.getrgb(glaze)
    light = tuple(min(255, part + 46) for part in dark)
    if shape == "bowl":
        draw.pieslice((300, 150, 900, 900), 0, 180, fill=dark)
        draw.ellipse((300, 440, 900, 610), fill=light)
        draw.ellipse((345, 470, 855, 590), fill="#b7a36a")
        draw.rectangle((500, 880, 700, 910), fill=dark)
    elif shape == "pot":
        draw.polygon([(820, 560), (1030, 430), (1060, 470), (860, 700)], fill=dark)
        draw.arc((110, 430, 450, 800), 60, 300, fill=dark, width=42)
        draw.ellipse((300, 400, 880, 900), fill=dark)
        draw.ellipse((400, 380, 780, 480), fill=light)
        draw.ellipse((545, 320, 635, 410), fill=light)
    else:
        draw.rectangle((390, 380, 810, 880), fill=dark)
        draw.ellipse((390, 820, 810, 940), fill=dark)
        draw.ellipse((390, 310, 810, 450), fill=light)
        draw.rectangle((390, 560, 810, 730), fill="#f4efe4")
    return image
