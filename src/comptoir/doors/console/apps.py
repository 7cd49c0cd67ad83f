"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """Console."""

    name = "comptoir.doors.console"
    label = "console"
    verbose_name = "Console"
