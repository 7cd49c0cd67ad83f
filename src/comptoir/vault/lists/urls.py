"""The addresses of the staff's pages about customer lists, below ``/lists/`` of the vault, and the customer's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path

from comptoir.vault.lists import choosing_views, views

urlpatterns = [
    path("", views.proposals, name="lists_proposals"),
    path("<uuid:proposal_id>/", views.proposal, name="lists_proposal"),
    path("<uuid:proposal_id>/open/", views.open_both, name="lists_open"),
    path("<uuid:proposal_id>/decide/", views.decide, name="lists_decide"),
]


def own_patterns(*, guarded: Callable[[Callable[..., Any]], Callable[..., Any]]) -> list[URLPattern]:
    """Return the address of the customer's page, for whoever has shown the passkey just now."""
    return [path("", guarded(choosing_views.own), name="lists_own")]
