"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class WindowsConfig(AppConfig):
    """Customers' own shop windows."""

    name = "comptoir.counter.windows"
    label = "windows"
    verbose_name = "Shop windows"
