"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class MessagesConfig(AppConfig):
    """Messages, as records."""

    name = "comptoir.counter.messages"
    # Django's own messages have the shorter label.
    label = "messaging"
    verbose_name = "Messages"
