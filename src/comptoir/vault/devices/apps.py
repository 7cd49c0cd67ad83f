"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class DevicesConfig(AppConfig):
    """Devices."""

    name = "comptoir.vault.devices"
    label = "devices"
    verbose_name = "Devices"
