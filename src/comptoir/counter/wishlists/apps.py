"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class WishListsConfig(AppConfig):
    """Wish lists."""

    name = "comptoir.counter.wishlists"
    label = "wishlists"
    verbose_name = "Wish lists"
