"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class CommunityConfig(AppConfig):
    """Community."""

    name = "comptoir.square.community"
    label = "community"
    verbose_name = "Community"
