"""The keyring: which touchpoint's key goes with which source of events.

A key is a secret of a touchpoint. The keyring of the shop's own tills, the ones of the demo, lies in the shop's
folder, readable by its owner only. Not here: how a key is made and checked (``foundation/touchpoints``).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import msgspec

from comptoir.foundation.kernel import shop

_FILE = "replay-keyring.json"
_MODE_MASK: Final = 0o077


class KeyringError(Exception):
    """A keyring that cannot be read, or that others can read; the message says which."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One touchpoint: its name, the pattern of its sources (``*`` stands for one segment of a path), its key."""

    touchpoint: str
    source: str
    key: str


class Keyring:
    """Finds the key for a source. The entries are asked in their order; one key may stand for every source."""

    def __init__(self, entries: list[Entry]) -> None:
        """Take the entries as they are."""
        self.entries = entries
        self._patterns = [(_pattern(entry.source), entry.key) for entry in entries]
        self._known: dict[str, str | None] = {}

    @classmethod
    def of_one_key(cls, key: str) -> Keyring:
        """Return a keyring with one key for whatever source."""
        ring = cls([])
        ring._patterns = [(re.compile(".*", re.DOTALL), key)]
        return ring

    @classmethod
    def load(cls) -> Keyring | None:
        """Read the shop's keyring; ``None`` if there is none. :class:`KeyringError` if others may read the file."""
        path = keyring_path()
        if not path.exists():
            return None
        if path.stat().st_mode & _MODE_MASK:
            raise KeyringError(f"{path} can be read by others; chmod 600 it, and issue new keys if they have")
        try:
            return cls(msgspec.json.decode(path.read_bytes(), type=list[Entry]))
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise KeyringError(f"{path} is damaged: {error}") from None

    def save(self) -> None:
        """Write the keyring into the shop's folder, readable by its owner only."""
        path = keyring_path()
        fresh = path.with_suffix(f".{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(self.entries)))
        fresh.replace(path)

    def key_for(self, source: str) -> str | None:
        """Return the key of the touchpoint that ``source`` belongs to, or ``None``."""
        if source not in self._known:
            self._known[source] = next((key for pattern, key in self._patterns if pattern.fullmatch(source)), None)
        return self._known[source]


def keyring_path() -> Path:
    """Return where the shop's keyring lies; the folder is made if it is missing."""
    path = shop.folder() / "keys"
    path.mkdir(mode=0o700, exist_ok=True)
    return path / _FILE


def _pattern(source: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(re.escape(part) for part in source.split("*")))
