"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class HealthConfig(AppConfig):
    """Health."""

    name = "comptoir.square.health"
    label = "health"
    verbose_name = "Health"
