"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class ShortLinksConfig(AppConfig):
    """Short links."""

    name = "comptoir.square.shortlinks"
    label = "shortlinks"
    verbose_name = "Short links"
