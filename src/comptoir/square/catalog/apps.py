"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    """Catalog."""

    name = "comptoir.square.catalog"
    label = "catalog"
    verbose_name = "Catalog"
