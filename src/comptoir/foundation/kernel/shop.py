"""The shop's folder: where the embedded database, the keys and the map of one shop lie.

Set by ``COMPTOIR_DATA``; unset, ``var/shop`` below the working folder. Not here: what the files mean.
"""

from __future__ import annotations

import functools
import os
import secrets
from pathlib import Path

_SECRET_BYTES = 32


def folder() -> Path:
    """Return the shop's folder as an absolute path; it is made if it is missing."""
    path = Path(os.environ.get("COMPTOIR_DATA") or "var/shop").resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path


def secret(name: str, *, where: Path | None = None) -> bytes:
    """Return the 32 random bytes kept under ``keys/NAME.key``; they are made at the first call.

    The file is readable by its owner only. Two processes that ask at once get the same bytes, since
    only one of them can create the file. ``where`` is another folder than ``keys``.
    """
    kept = kept_secret(name, where=where)
    if kept is not None:
        return kept
    path = _path(name, where)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    # A finished file is linked into place, so that nobody reads a half-written key.
    fresh = path.with_name(f".{name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_bytes(_SECRET_BYTES))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    made = kept_secret(name, where=where)
    assert made is not None, "a key was taken away while it was made"
    return made


def remembered_secret(name: str) -> bytes:
    """Return what :func:`secret` does, read once by this process: for what every page asks."""
    return _remembered(os.environ.get("COMPTOIR_DATA"), name)


@functools.lru_cache(maxsize=64)
def _remembered(_folder: str | None, name: str) -> bytes:
    return secret(name)


def kept_secret(name: str, *, where: Path | None = None) -> bytes | None:
    """Return the bytes that :func:`secret` keeps, or ``None`` if there are none: nothing is made."""
    path = _path(name, where)
    try:
        value = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(value) != _SECRET_BYTES:
        raise RuntimeError(f"the key {path.name} is damaged: {len(value)} bytes instead of {_SECRET_BYTES}")
    return value


def _path(name: str, where: Path | None) -> Path:
    return (where or folder() / "keys") / f"{name}.key"
