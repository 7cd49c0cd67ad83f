"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class CheckoutConfig(AppConfig):
    """Checkouts."""

    name = "comptoir.vault.checkout"
    label = "checkout"
    verbose_name = "Checkouts"
