"""The recording: a file of CloudEvents, one a line, compressed, in the order of their time.

Not here: where the events come from (``journey.py``, ``exports.py``) and where they go (``sending.py``).
"""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from comptoir.foundation.kernel import codec, shop

#: The longest event that a recording may hold, in bytes. A basket of a thousand lines has about 100,000.
LINE_BYTES_MAX: Final = 1 << 20

_GZIP_MAGIC = b"\x1f\x8b"
_COMPRESSION_LEVEL = 3  # three quarters of what level 9 saves, in a quarter of the time


#: What a recording is made of, one event after another.
Entries = Iterator["Entry"]


class RecordingError(Exception):
    """A file that is no recording; the message names the line."""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A CloudEvent as it is written: ``time`` with a time zone, ``data`` any value that JSON can say."""

    specversion: str = "1.0"
    id: str
    source: str
    type: str
    time: dt.datetime
    datacontenttype: str | None = None
    data: Any

    def encode(self) -> Entry:
        """Return the event as one line of a recording."""
        # omit_defaults would leave out the version, which CloudEvents demands.
        raw = b'{"specversion":"1.0",' + codec.encode(self)[1:]
        return Entry(raw=raw, id=self.id, source=self.source, type=self.type, time=self.time)


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of a recording: its bytes as they are sent, and the four attributes that a sender looks at."""

    raw: bytes
    id: str
    source: str
    type: str
    time: dt.datetime


class _Heading(msgspec.Struct, frozen=True, gc=False):
    id: str
    source: str
    type: str
    time: dt.datetime


_headings = msgspec.json.Decoder(_Heading)


def folder() -> Path:
    """Return the folder of the shop's recordings; it is made if it is missing."""
    path = shop.folder() / "recordings"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def parse(raw: bytes, *, line: int) -> Entry:
    """Read one line; :class:`RecordingError` says what is wrong with it.

    Only what a sender needs is looked at: whether the event is a good one is for the gateway to say.
    """
    try:
        heading = _headings.decode(raw)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise RecordingError(f"line {line} is not an event: {error}") from None
    if heading.time.tzinfo is None:
        raise RecordingError(f"line {line} is not an event: its time has no time zone")
    return Entry(raw=raw, id=heading.id, source=heading.source, type=heading.type, time=heading.time)


def read(path: Path, *, until: dt.datetime | None = None) -> Iterator[Entry]:
    """Yield the events of a recording, compressed or plain, before ``until`` where that is given.

    One line is in memory at a time. Raises :class:`RecordingError` for a line that is no event, that is longer than
    :data:`LINE_BYTES_MAX`, or where the file breaks off; :class:`OSError` where it cannot be read.
    """
    with path.open("rb") as file:
        stream: BinaryIO = file
        if file.peek(2)[:2] == _GZIP_MAGIC:
            stream = io.BufferedReader(gzip.GzipFile(fileobj=file), 1 << 16)
        number = 0
        try:
            while raw := stream.readline(LINE_BYTES_MAX + 1):
                number += 1
                if len(raw) > LINE_BYTES_MAX:
                    raise RecordingError(f"line {number} is longer than {LINE_BYTES_MAX} bytes")
                raw = raw.strip()
                if not raw:
                    continue
                entry = parse(raw, line=number)
                if until is not None and entry.time >= until:
                    return
                yield entry
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise RecordingError(f"the file breaks off after line {number}: {error}") from None


def write(path: Path, entries: Iterable[Entry]) -> int:
    """Write a recording and return how many events it has. The file is there whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    count = 0
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with (
            os.fdopen(descriptor, "wb") as file,
            # No time of writing and no name inside: equal events make equal files.
            gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=_COMPRESSION_LEVEL, mtime=0) as packed,
            io.BufferedWriter(packed, 1 << 18) as stream,
        ):
            for entry in entries:
                stream.write(entry.raw)
                stream.write(b"\n")
                count += 1
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    return count


def fingerprint(path: Path) -> str:
    """Return what tells one recording from another: a hash of its size and of its first megabyte."""
    with path.open("rb") as file:
        start = file.read(1 << 20)
    return hashlib.blake2b(start + str(path.stat().st_size).encode(), digest_size=12).hexdigest()
