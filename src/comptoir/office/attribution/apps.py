"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class AttributionConfig(AppConfig):
    """What posts sold."""

    name = "comptoir.office.attribution"
    label = "attribution"
    verbose_name = "Attribution"
