"""The key keeper's other back end: the transit engine of HashiCorp Vault, or of what speaks like it.

The key never leaves that server: it encrypts data keys and decrypts them, for whoever has a token. The server's
versions of the key are the keeper's numbers. Needs the extra ``transit`` (hvac). No database, no Django.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import hvac
import requests
from hvac.exceptions import InvalidPath, VaultError

from comptoir.vault.contacts.errors import VaultClosed

#: So many keys go in one request.
_PORTION: Final = 250
_TIMEOUT_SECONDS: Final = 5
_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Transit:
    """Wraps and unwraps by asking the transit engine."""

    kind: ClassVar[str] = "transit"

    def __init__(self, *, url: str, token: Callable[[], str], key: str, mount: str) -> None:
        """Take where the server is, what gives a token, and the names of the key and of the engine's path.

        Raises :class:`VaultClosed` for an address over which keys would travel in clear.
        """
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _THIS_MACHINE):
            raise VaultClosed("COMPTOIR_TRANSIT_URL has to begin with https://, or be on this machine.")
        self._url, self._token, self._key, self._mount = url, token, key, mount

    @classmethod
    def of_the_shop(cls) -> Transit:
        """Return the transit engine that the settings name."""
        return cls(
            url=os.environ.get("COMPTOIR_TRANSIT_URL", ""),
            token=_token,
            key=os.environ.get("COMPTOIR_TRANSIT_KEY") or "comptoir-contacts",
            mount=os.environ.get("COMPTOIR_TRANSIT_MOUNT") or "transit",
        )

    def newest(self) -> int | None:
        """Return the server's newest version of the key, or ``None`` if it has no such key."""
        try:
            answer = self._ask(lambda engine: engine.read_key(name=self._key, mount_point=self._mount))
        except InvalidPath:
            return None
        return int(_of(answer, "latest_version"))

    def make(self) -> int:
        """Have the server make the key, or a further version of it; returns its number."""
        if self.newest() is None:
            self._ask(
                lambda engine: engine.create_key(name=self._key, key_type="aes256-gcm96", mount_point=self._mount)
            )
        else:
            self._ask(lambda engine: engine.rotate_key(name=self._key, mount_point=self._mount))
        number = self.newest()
        if number is None:
            raise VaultClosed("The transit server made no key.")
        return number

    def wrap(self, keys: Sequence[bytes], *, number: int) -> list[bytes]:
        """Have data keys encrypted with that version. Raises :class:`VaultClosed`."""
        items = [{"plaintext": base64.b64encode(key).decode(), "key_version": number} for key in keys]
        return [text.encode() for text in self._batches("encrypt_data", items, "ciphertext")]

    def unwrap(self, wrapped: Sequence[bytes], *, number: int) -> list[bytes]:
        """Have data keys decrypted. Raises :class:`VaultClosed`, also for what another key encrypted."""
        if any(not each.startswith(b"vault:v%d:" % number) for each in wrapped):
            raise VaultClosed(f"These keys were not wrapped with version {number} of the transit server's key.")
        items = [{"ciphertext": each.decode()} for each in wrapped]
        try:
            return [base64.b64decode(text, validate=True) for text in self._batches("decrypt_data", items, "plaintext")]
        except binascii.Error:
            raise VaultClosed("The transit server's answer cannot be read.") from None

    def _batches(self, verb: str, items: Sequence[dict[str, Any]], wanted: str) -> list[str]:
        found: list[str] = []
        for start in range(0, len(items), _PORTION):
            portion = list(items[start : start + _PORTION])

            def call(engine: Any, portion: list[dict[str, Any]] = portion) -> Any:
                return getattr(engine, verb)(name=self._key, batch_input=portion, mount_point=self._mount)

            results = _of(self._ask(call), "batch_results")
            if not isinstance(results, list) or len(results) != len(portion):
                raise VaultClosed("The transit server's answer cannot be read.")
            for result in results:
                if not isinstance(result, dict) or not isinstance(result.get(wanted), str):
                    raise VaultClosed("The transit server's key does not open what this database was sealed with.")
                found.append(result[wanted])
        return found

    def _ask(self, question: Callable[[Any], Any]) -> Any:
        # A client each: the token may be a new one, and the server may have been away. No redirect takes it elsewhere.
        client = hvac.Client(url=self._url, token=self._token(), timeout=_TIMEOUT_SECONDS, allow_redirects=False)
        try:
            return question(client.secrets.transit)
        except InvalidPath:
            raise
        except VaultError as error:
            # Its message names the address; the class says enough.
            raise VaultClosed(f"The transit server refuses ({type(error).__name__}).") from None
        except (requests.RequestException, ValueError):
            raise VaultClosed("The transit server does not answer.") from None
        finally:
            client.adapter.close()


def _token() -> str:
    path = os.environ.get("COMPTOIR_TRANSIT_TOKEN_FILE")
    if not path:
        raise VaultClosed("COMPTOIR_TRANSIT_TOKEN_FILE is not set.")
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise VaultClosed("The file of COMPTOIR_TRANSIT_TOKEN_FILE cannot be read.") from None


def _of(answer: Any, name: str) -> Any:
    try:
        return answer["data"][name]
    except (TypeError, KeyError):
        raise VaultClosed("The transit server's answer cannot be read.") from None
