"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """Orders."""

    name = "comptoir.counter.orders"
    label = "orders"
    verbose_name = "Orders"
