"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    """Campaigns."""

    name = "comptoir.office.campaigns"
    label = "campaigns"
    verbose_name = "Campaigns"
