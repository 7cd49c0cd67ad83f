"""The vault's pages while the vault is closed: a clear page instead of each of them, in every language."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from comptoir.foundation.rooms.declaration import VAULT
from comptoir.vault.contacts.errors import VaultClosed
from comptoir.vault.contacts.queries import VaultState, vault_state

_log = logging.getLogger("comptoir.vault")

#: How long an answer of the key keeper is believed: an open vault is looked at again now and then, a closed one soon.
_OPEN_SECONDS: Final = 30.0
_CLOSED_SECONDS: Final = 2.0
_ALWAYS_ANSWERED: Final = frozenset({"/health"})


class ClosedVaultMiddleware:
    """Answers every page of the vault with 503 while what is sealed there cannot be opened; other rooms go on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Stand before the pages."""
        self._get_response = get_response
        self._state: VaultState | None = None
        self._looked_at = 0.0

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, or say that the vault is closed."""
        if request.room != VAULT or request.path in _ALWAYS_ANSWERED:  # type: ignore[attr-defined]
            return self._get_response(request)
        return self._get_response(request) if self._is_open() else closed(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Say it too when the vault closes while a page is made."""
        if not isinstance(exception, VaultClosed):
            return None
        self._state = None
        return closed(request)

    def _is_open(self) -> bool:
        now = time.monotonic()
        state = self._state
        if state is None or now - self._looked_at > (_OPEN_SECONDS if state.is_open else _CLOSED_SECONDS):
            was_open = state is None or state.is_open
            state = self._state = vault_state()
            self._looked_at = now
            if was_open and not state.is_open:
                _log.error("The vault is closed. %s", " ".join(state.reasons))
        return state.is_open


def closed(request: HttpRequest) -> HttpResponse:
    """Return the page that says that the vault is closed. Why stands in the operator's log, not here."""
    response = render(request, "contacts/closed.html", status=HTTPStatus.SERVICE_UNAVAILABLE)
    response.headers["Retry-After"] = "60"
    return response
