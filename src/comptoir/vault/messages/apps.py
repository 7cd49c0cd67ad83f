"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    """Messages to people."""

    name = "comptoir.vault.messages"
    # Django's own messages, and the counter's records of messages, have the other labels.
    label = "delivery"
    verbose_name = "Messages to people"
