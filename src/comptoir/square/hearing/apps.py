"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class HearingConfig(AppConfig):
    """What members hear of."""

    name = "comptoir.square.hearing"
    label = "hearing"
    verbose_name = "What members hear of"
