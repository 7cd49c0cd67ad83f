"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class RightsConfig(AppConfig):
    """Rights."""

    name = "comptoir.vault.rights"
    label = "rights"
    verbose_name = "Rights"
