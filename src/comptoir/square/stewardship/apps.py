"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class StewardshipConfig(AppConfig):
    """Stewardship."""

    name = "comptoir.square.stewardship"
    label = "stewardship"
    verbose_name = "Stewardship"
