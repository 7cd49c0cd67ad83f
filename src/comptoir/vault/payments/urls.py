"""The addresses of this package, all in the vault."""

from __future__ import annotations

from django.urls import URLPattern, path

from comptoir.vault.payments import views

urlpatterns: list[URLPattern] = [path("<slug:provider>/reports/", views.report, name="payment_report")]
