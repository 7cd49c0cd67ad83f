"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class ListsConfig(AppConfig):
    """Customer lists."""

    name = "comptoir.vault.lists"
    label = "lists"
    verbose_name = "Customer lists"
