"""Draws one picture anew, in a process that has little memory, little time and no file that it could write.

``python -m comptoir.square.community.developing`` reads a file from its input and writes a line of JSON and two sizes
(WebP) to its output; see ``pictures.py``, which runs it. JPEG, PNG and WebP, at most 40 megapixels; the size is judged
before anything is unpacked. A JPEG is read at the scale that is needed (``draft``). Colours are brought to sRGB, the
picture is turned as its camera said, and everything else that the file says is left behind.
"""

from __future__ import annotations

import contextlib
import io
import os
import resource
import sys
import warnings
from typing import Final

import msgspec
from PIL import Image, ImageCms, ImageFile, ImageOps

from comptoir.square.community.pictures import BYTES_MAX, Said, large_size, small_size

PIXELS_MAX: Final = 40_000_000
_SIDE_MAX: Final = 30_000
_MEMORY_BYTES_MAX: Final = 1 << 30
_CPU_SECONDS_MAX: Final = 12
_QUALITY: Final = 80
_FORMATS: Final = ("JPEG", "PNG", "WEBP")
#: A JPEG of several pictures (as phones make them) shows its first one.
_SEVERAL: Final = "MPO"


class _Refused(Exception):  # noqa: N818 - the name of a refusal
    """A picture is refused; the message is the problem's name."""


def develop(content: bytes) -> tuple[Image.Image, Image.Image]:
    """Return both sizes of a picture. Raises :class:`_Refused` and whatever Pillow raises."""
    Image.MAX_IMAGE_PIXELS = PIXELS_MAX
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    with Image.open(io.BytesIO(content), formats=_FORMATS) as opened:
        if opened.width * opened.height > PIXELS_MAX or max(opened.size) > _SIDE_MAX:
            raise _Refused("picture_too_large")
        if opened.format != _SEVERAL and getattr(opened, "n_frames", 1) > 1:
            raise _Refused("picture_moving")
        turned = opened.getexif().get(0x0112, 1) in {5, 6, 7, 8}
        size = large_size(*(opened.size[::-1] if turned else opened.size))
        if opened.format in {"JPEG", _SEVERAL}:
            opened.draft(None, size[::-1] if turned else size)
        profile = opened.info.get("icc_profile")
        opened.load()
        image: Image.Image = ImageOps.exif_transpose(opened)
    image = _in_srgb(image, profile)
    large = _resized(image, large_size(*image.size))
    return large, _resized(large, small_size(*large.size))


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a picture in plain red, green and blue, with what is transparent if anything is."""
    if image.mode.startswith("I;16") or image.mode in {"I", "F"}:
        image = image.convert("F").point(lambda value: value * (1 / 257)).convert("L")
    has_alpha = image.mode in {"LA", "RGBA", "PA", "La", "RGBa"} or "transparency" in image.info
    if profile and image.mode in {"RGB", "CMYK", "L"}:
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
    return image.convert("RGBA" if has_alpha else "RGB")


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    if image.size == size:
        return image
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _written(image: Image.Image) -> bytes:
    # A new picture of the same pixels: nothing that was read with them is written.
    bare = Image.new(image.mode, image.size)
    bare.paste(image)
    stream = io.BytesIO()
    bare.save(stream, "WEBP", quality=_QUALITY, method=4)
    return stream.getvalue()


def _limit() -> None:
    os.nice(5)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES_MAX, _MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS_MAX, _CPU_SECONDS_MAX))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))


def main() -> None:
    """Answer for one picture."""
    Image.init()
    _limit()
    warnings.simplefilter("ignore")
    content = sys.stdin.buffer.read(BYTES_MAX + 1)
    output = sys.stdout.buffer
    try:
        large, small = develop(content)
        first, second = _written(large), _written(small)
        said = Said(width=large.width, height=large.height, large=len(first), small=len(second))
    except _Refused as refused:
        said, first, second = Said(refused=str(refused)), b"", b""
    except (Image.DecompressionBombError, MemoryError):
        said, first, second = Said(refused="picture_too_large"), b"", b""
    except Exception:  # noqa: BLE001 - whatever a decoder stumbles over: it is no picture that can be read
        said, first, second = Said(refused="picture_unreadable"), b"", b""
    output.write(msgspec.json.encode(said) + b"\n" + first + second)
    output.flush()


if __name__ == "__main__":
    main()
