"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class JourneysConfig(AppConfig):
    """Journeys."""

    name = "comptoir.office.journeys"
    label = "journeys"
    verbose_name = "Journeys"
