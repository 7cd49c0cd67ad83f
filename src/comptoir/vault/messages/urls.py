"""Addresses of the vault for machines that tell of messages: mail providers, and providers of text messages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from comptoir.vault.messages import texts, webhooks

urlpatterns: list[URLPattern | URLResolver] = [
    path("reports/<slug:provider>/", webhooks.mail_report, name="mail_report"),
    path("answers/", texts.answered, name="texts_answered"),
]
