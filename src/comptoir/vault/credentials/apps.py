"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class CredentialsConfig(AppConfig):
    """Credentials."""

    name = "comptoir.vault.credentials"
    label = "credentials"
    verbose_name = "Credentials"

    def ready(self) -> None:
        """Hear of factors that are enrolled: the library tells it by a signal and in no other way."""
        from allauth.mfa.signals import authenticator_added  # noqa: PLC0415 - needs loaded models

        from comptoir.vault.credentials.adapters import count_as_shown  # noqa: PLC0415

        authenticator_added.connect(count_as_shown, dispatch_uid="credentials.count_as_shown")
