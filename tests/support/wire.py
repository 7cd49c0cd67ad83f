"""A browser's connection to pages that run in a process of their own, with the two methods of Django's test client.

Not here: what a visitor does (``vault.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx


class Wire:
    """Keeps cookies, follows nothing; every room is reached at one port, under the name in ``host``."""

    def __init__(self, port: int) -> None:
        """Open nothing yet."""
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False)

    @property
    def cookies(self) -> Mapping[str, str]:
        """Return what the pages have set."""
        return dict(self._client.cookies)

    def get(self, path: str, *, headers: Mapping[str, str]) -> httpx.Response:
        """Open an address."""
        return self._client.get(path, headers=headers)

    def post(self, path: str, form: Mapping[str, Any], *, headers: Mapping[str, str]) -> httpx.Response:
        """Send a form."""
        return self._client.post(path, data=dict(form), headers=headers)

    def __enter__(self) -> Self:
        """Give back itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._client.close()
