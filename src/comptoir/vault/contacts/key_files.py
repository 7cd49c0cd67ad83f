"""The key keeper's default back end: key files beside the shop, AES key wrap (RFC 3394).

The files are called ``contacts-1.key``, ``contacts-2.key`` and so on, and lie in the folder named by
``COMPTOIR_VAULT_KEYS`` or, unset, with the shop's other keys. No database, no Django. Not here: which of them is the
right one (``keeping.py``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from comptoir.foundation.kernel import shop
from comptoir.vault.contacts.errors import VaultClosed

_NAME: Final = re.compile(r"contacts-([1-9][0-9]{0,8})\.key")


class KeyFiles:
    """Wraps and unwraps with keys that are files. A key that was read is kept in memory."""

    kind: ClassVar[str] = "file"

    def __init__(self, folder: Path) -> None:
        """Look for keys in ``folder``; nothing is read or made yet."""
        self._folder = folder
        self._keys: dict[int, bytes] = {}

    @classmethod
    def of_the_shop(cls) -> KeyFiles:
        """Return the key files of the shop whose settings are in force."""
        return cls(folder())

    def newest(self) -> int | None:
        """Return the highest number that a key file has, or ``None`` without any."""
        if not self._folder.is_dir():
            return None
        found = (_NAME.fullmatch(path.name) for path in self._folder.iterdir())
        return max((int(match[1]) for match in found if match), default=None)

    def make(self) -> int:
        """Make a further key file; returns its number."""
        number = (self.newest() or 0) + 1
        self._keys[number] = shop.secret(f"contacts-{number}", where=self._folder)
        return number

    def wrap(self, keys: Sequence[bytes], *, number: int) -> list[bytes]:
        """Wrap keys with that key file. Raises :class:`VaultClosed` without it."""
        key = self._key(number)
        return [aes_key_wrap(key, each) for each in keys]

    def unwrap(self, wrapped: Sequence[bytes], *, number: int) -> list[bytes]:
        """Unwrap what :meth:`wrap` made. Raises :class:`VaultClosed` without the key file, or with another one."""
        key = self._key(number)
        try:
            return [aes_key_unwrap(key, each) for each in wrapped]
        except InvalidUnwrap:
            raise VaultClosed(
                f"The key file {_file(number)} is not the one that this database was sealed with."
            ) from None

    def _key(self, number: int) -> bytes:
        key = self._keys.get(number)
        if key is None:
            try:
                key = shop.kept_secret(f"contacts-{number}", where=self._folder)
            except (RuntimeError, OSError):
                raise VaultClosed(f"The key file {_file(number)} is damaged or cannot be read.") from None
            if key is None:
                raise VaultClosed(f"The key file {_file(number)} is missing.")
            self._keys[number] = key
        return key


def folder() -> Path:
    """Return where the key files lie."""
    named = os.environ.get("COMPTOIR_VAULT_KEYS")
    return Path(named) if named else shop.folder() / "keys"


def _file(number: int) -> str:
    return f"contacts-{number}.key"
