"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class SalesConfig(AppConfig):
    """Sales."""

    name = "comptoir.counter.sales"
    label = "sales"
    verbose_name = "Sales"
