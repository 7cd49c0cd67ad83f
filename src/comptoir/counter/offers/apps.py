"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class OffersConfig(AppConfig):
    """Promotions and coupons."""

    name = "comptoir.counter.offers"
    label = "offers"
    verbose_name = "Offers"
