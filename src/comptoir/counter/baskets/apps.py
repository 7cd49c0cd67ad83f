"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class BasketsConfig(AppConfig):
    """Baskets."""

    name = "comptoir.counter.baskets"
    label = "baskets"
    verbose_name = "Baskets"
