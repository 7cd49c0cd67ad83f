"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class StartupConfig(AppConfig):
    """Start-up programme."""

    name = "comptoir.square.programme"
    label = "programme"
    verbose_name = "Start-up programme"
