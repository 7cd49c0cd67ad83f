"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class AttestationsConfig(AppConfig):
    """Attestations."""

    name = "comptoir.vault.attestations"
    label = "attestations"
    verbose_name = "Attestations"
