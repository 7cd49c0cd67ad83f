"""Addresses of the storefront: in the counter (``urlpatterns``) and on the square (``square_patterns``)."""

from __future__ import annotations

from django.conf import settings
from django.urls import path

from comptoir.doors.storefront import views

app_name = "storefront"

urlpatterns = [
    path("", views.welcome, name="welcome"),
    path("card", views.card, name="card"),
    path("card/live", views.live, name="live"),
    path("card/stream", views.stream, name="stream"),
    path("card/leave", views.leave, name="leave"),
    path("card/<str:token>", views.open_card, name="open"),
    path("language", views.language, name="language"),
    path("manifest.webmanifest", views.manifest, name="manifest"),
]

square_patterns = (
    [
        path("", views.square, name="front"),
        *(path(f"{code}/", views.square, {"chosen": code}, name=f"front-{code}") for code, _name in settings.LANGUAGES),
    ],
    "square",
)
