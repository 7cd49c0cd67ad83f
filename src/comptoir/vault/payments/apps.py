"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    """Payments."""

    name = "comptoir.vault.payments"
    label = "payments"
    verbose_name = "Payments"
