"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class CharterConfig(AppConfig):
    """The charter."""

    name = "comptoir.square.charter"
    label = "charter"
    verbose_name = "Charter"
