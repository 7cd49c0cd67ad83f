"""What the counter answers to: a customer's card."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from comptoir.foundation.rooms.declaration import COUNTER
from comptoir.foundation.rooms.web import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("health", health(COUNTER), name="health"),
    path("", include("comptoir.doors.storefront.urls")),
]
