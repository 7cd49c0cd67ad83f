"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class TouchpointsConfig(AppConfig):
    """Touchpoints."""

    name = "comptoir.foundation.touchpoints"
    label = "touchpoints"
    verbose_name = "Touchpoints"
