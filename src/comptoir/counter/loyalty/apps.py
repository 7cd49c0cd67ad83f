"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class LoyaltyConfig(AppConfig):
    """Loyalty."""

    name = "comptoir.counter.loyalty"
    label = "loyalty"
    verbose_name = "Loyalty"
