"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class RecommendationsConfig(AppConfig):
    """Recommendations."""

    name = "comptoir.counter.recommendations"
    label = "recommendations"
    verbose_name = "Recommendations"
