"""Who is signed in: known in the vault, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import SimpleLazyObject

from comptoir.foundation.rooms.declaration import VAULT


class SignedInMiddleware:
    """Sets ``request.user``: the staff member in the vault, nobody in every other room.

    Other rooms cannot read the table of staff members, and have no need to: they know their visit.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Stand before the rest."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with the rest's answer."""
        if request.room == VAULT:  # type: ignore[attr-defined]
            request.user = SimpleLazyObject(lambda: get_user(request))  # type: ignore[assignment]
        else:
            request.user = AnonymousUser()
        return self._get_response(request)
