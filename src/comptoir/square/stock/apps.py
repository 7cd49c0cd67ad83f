"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class StockConfig(AppConfig):
    """Stock."""

    name = "comptoir.square.stock"
    label = "stock"
    verbose_name = "Stock"
