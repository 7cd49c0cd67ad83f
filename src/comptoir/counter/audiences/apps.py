"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class AudiencesConfig(AppConfig):
    """Figures of customers, and audiences."""

    name = "comptoir.counter.audiences"
    label = "audiences"
    verbose_name = "Figures of customers, and audiences"
