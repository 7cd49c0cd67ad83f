"""What the vault answers to where somebody's rights over their data are concerned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path

from comptoir.vault.rights import views

View = Callable[..., Any]


def patterns(*, seen: Callable[[View], View], changed: Callable[[View], View]) -> list[URLPattern]:
    """Return the addresses. ``seen`` guards what only shows: signed in.

    ``changed`` guards what cannot be undone or shows everything: signed in, and freshly confirmed.
    """
    return [
        path("accesses/", seen(views.accesses), name="accesses"),
        path("copy/", changed(views.copy), name="copy"),
        path("forget-me/", changed(views.forget_me), name="forget_me"),
        path("forget/", seen(views.pieces), name="pieces"),
        path("forget/card/<uuid:customer>/", changed(views.forget_card), name="forget_card"),
        path("forget/purchase/<uuid:position>/", changed(views.forget_purchase), name="forget_purchase"),
        path("forgotten/<uuid:wish>/", views.forgotten, name="forgotten"),
        path("forgotten/<uuid:wish>/receipt.txt", views.receipt, name="forgotten_receipt"),
    ]
