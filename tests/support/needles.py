"""Looking for somebody's values wherever bytes are kept, in every way in which software writes them down.

A *needle* is a value with a name. What is searched is looked through in layers as well: bytes that PostgreSQL wrote in
hexadecimal, base64, and what was compressed before. Not here: where to look.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import html
import json
import quopri
import re
import urllib.parse
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

_HEX = re.compile(rb"(?<![0-9a-fA-F])(?:[0-9a-fA-F]{2}){8,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")
_DEPTH_MAX = 3
_SHOWN_AROUND = 60
_DIGESTS = ("md5", "sha1", "sha256", "sha512")


@dataclass(frozen=True)
class Needle:
    """A value that is looked for. ``spellings`` are further ways in which people write it.

    What nobody can guess (``is_random``) may be kept as a digest, and is written as it is; of anything else a digest is
    as good as the value. ``raw`` are the bytes, of what is no text.
    """

    name: str
    value: str
    spellings: tuple[str, ...] = ()
    is_random: bool = False
    raw: bytes = b""

    @cached_property
    def ways(self) -> Mapping[bytes, str]:
        """Return every way of writing it, in lower case, with its name."""
        found: dict[bytes, str] = {}
        for text in {self.value, *self.spellings}:
            for spelt in {text} if self.is_random else {text, text.lower(), text.upper()}:
                for way, written in _written(spelt, with_digests=not self.is_random):
                    found.setdefault(written.lower(), way)
        if self.raw:
            found.setdefault(self.raw.lower(), "bytes")
        with _no_value_error():
            number = uuid.UUID(self.value)
            for way, written in (("hex", number.hex.encode()), ("bytes", number.bytes)):
                found.setdefault(written, way)
            found |= {written.lower(): "base64" for written in _base64(number.bytes)}
        return found

    def in_clear(self) -> tuple[bytes, ...]:
        """Return the plainest ways alone, for what is large."""
        return tuple(way for way, name in self.ways.items() if name in {"plain", "UTF-16", "hex"})


class _no_value_error:  # noqa: N801 - used as a statement
    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: object) -> bool:
        return kind is not None and issubclass(kind, ValueError)


def _written(text: str, *, with_digests: bool) -> Iterator[tuple[str, bytes]]:
    data = text.encode()
    yield "plain", data
    yield "JSON", json.dumps(text)[1:-1].encode()
    yield "HTML", html.escape(text).encode()
    yield "URL", urllib.parse.quote(text, safe="").encode()
    yield "URL", urllib.parse.quote_plus(text).encode()
    yield "quoted-printable", quopri.encodestring(data).replace(b"=\n", b"")
    yield "hex", data.hex().encode()
    for order in ("le", "be"):
        yield "UTF-16", text.encode(f"utf-16-{order}")
        yield "hex of UTF-16", text.encode(f"utf-16-{order}").hex().encode()
    for each in _base64(data):
        yield "base64", each
    for name in _DIGESTS if with_digests else ():
        digest = hashlib.new(name, data, usedforsecurity=False).digest()
        yield name, digest
        yield f"{name} in hex", digest.hex().encode()
        yield f"{name} in base64", base64.b64encode(digest).rstrip(b"=")


def _base64(data: bytes) -> Iterator[bytes]:
    """Yield what is certain of the base64 of a text, wherever in another text it stands."""
    for before in range(3):
        first, last = -(-before * 8 // 6), (before + len(data)) * 8 // 6
        padded = bytes(before) + data + bytes(3)
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            certain = encode(padded)[first:last]
            if len(certain) >= 8:
                yield certain


def layers(data: bytes, *, depth: int = 0) -> Iterator[bytes]:
    """Yield what is there, and what it becomes when hexadecimal, base64 and zlib are taken away, again and again."""
    yield data
    if depth == _DEPTH_MAX:
        return
    inner = [*_of_hex(data), *_of_base64(data)]
    if inner:
        yield from layers(b"\n".join(inner), depth=depth + 1)


def _of_hex(data: bytes) -> Iterator[bytes]:
    for match in _HEX.finditer(data):
        yield bytes.fromhex(match[0].decode())


def _of_base64(data: bytes) -> Iterator[bytes]:
    for match in _BASE64.finditer(data):
        text = match[0].rstrip(b"=").replace(b"+", b"-").replace(b"/", b"_")
        try:
            decoded = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
        except binascii.Error:
            continue
        yield decoded
        try:
            yield zlib.decompressobj().decompress(decoded, 1 << 20)
        except zlib.error:
            continue


def found(data: bytes, needles: Iterable[Needle]) -> dict[str, str]:
    """Return the names of those needles that occur, each with how it was written and what stands around it."""
    hits: dict[str, str] = {}
    looked_for = list(needles)
    for number, layer in enumerate(layers(data)):
        flat = layer.lower()
        for needle in looked_for:
            if needle.name in hits:
                continue
            for way, name in needle.ways.items():
                at = flat.find(way)
                if at >= 0:
                    around = layer[max(0, at - _SHOWN_AROUND) : at + len(way) + _SHOWN_AROUND]
                    hits[needle.name] = f"{name}, layer {number}: …{around!r}…"
                    break
    return hits


def found_in_clear(data: bytes, needles: Iterable[Needle]) -> dict[str, str]:
    """Return the same for something large, looked through once and in its plainest ways."""
    flat = data.lower()
    return {
        needle.name: f"in clear at {at}"
        for needle in needles
        for way in needle.in_clear()
        if (at := flat.find(way)) >= 0
    }
