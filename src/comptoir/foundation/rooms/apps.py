"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class RoomsConfig(AppConfig):
    """Rooms."""

    name = "comptoir.foundation.rooms"
    label = "rooms"
    verbose_name = "Rooms"

    def ready(self) -> None:
        """Register the check of the views, and let a room's connection be the default one in it."""
        from comptoir.foundation.rooms import web  # noqa: F401, PLC0415 - registers its check
        from comptoir.foundation.rooms.backend.connections import install  # noqa: PLC0415

        install()
