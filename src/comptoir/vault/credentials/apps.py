"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class CredentialsConfig(AppConfig):
    """Credentials."""

    name = "comptoir.vault.credentials"
    label = "credentials"
    verbose_name = "Credentials"
