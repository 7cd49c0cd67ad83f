"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class AnnouncementsConfig(AppConfig):
    """Announcements."""

    name = "comptoir.vault.announcements"
    label = "announcements"
    verbose_name = "Announcements"
