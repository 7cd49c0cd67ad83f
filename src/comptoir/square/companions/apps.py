"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class CompanionsConfig(AppConfig):
    """Companions."""

    name = "comptoir.square.companions"
    label = "companions"
    verbose_name = "Companions"
