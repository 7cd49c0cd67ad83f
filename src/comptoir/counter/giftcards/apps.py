"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class GiftCardsConfig(AppConfig):
    """Gift cards."""

    name = "comptoir.counter.giftcards"
    label = "giftcards"
    verbose_name = "Gift cards"
