"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class CustomersConfig(AppConfig):
    """Customers."""

    name = "comptoir.counter.customers"
    label = "customers"
    verbose_name = "Customers"
