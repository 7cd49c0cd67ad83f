"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class InvitationsConfig(AppConfig):
    """Invitations."""

    name = "comptoir.vault.invitations"
    label = "invitations"
    verbose_name = "Invitations"
