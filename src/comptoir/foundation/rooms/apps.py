"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class RoomsConfig(AppConfig):
    """Rooms."""

    name = "comptoir.foundation.rooms"
    label = "rooms"
    verbose_name = "Rooms"
