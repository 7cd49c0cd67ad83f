"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class TripsConfig(AppConfig):
    """Trips."""

    name = "comptoir.counter.trips"
    label = "trips"
    verbose_name = "Trips"
