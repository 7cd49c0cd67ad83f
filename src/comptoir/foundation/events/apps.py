"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """Events."""

    name = "comptoir.foundation.events"
    label = "events"
    verbose_name = "Events"
