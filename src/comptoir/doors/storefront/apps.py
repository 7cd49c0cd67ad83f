"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class StorefrontConfig(AppConfig):
    """Storefront."""

    name = "comptoir.doors.storefront"
    label = "storefront"
    verbose_name = "Storefront"
