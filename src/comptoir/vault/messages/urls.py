"""Addresses of the vault for machines that tell of messages, and the demo's own mail."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from comptoir.vault.messages import texts, viewing, webhooks

urlpatterns: list[URLPattern | URLResolver] = [
    path("reports/<slug:provider>/", webhooks.mail_report, name="mail_report"),
    path("mail/", viewing.mail, name="demo_mail"),
    path("answers/", texts.answered, name="texts_answered"),
]
