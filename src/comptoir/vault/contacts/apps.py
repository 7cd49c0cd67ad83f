"""Makes the package known to Django."""

from __future__ import annotations

from django.apps import AppConfig


class ContactsConfig(AppConfig):
    """Contacts."""

    name = "comptoir.vault.contacts"
    label = "contacts"
    verbose_name = "Contacts"
