"""What the square answers to: everybody's front of the shop."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from comptoir.doors.storefront.urls import square_patterns
from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.foundation.rooms.web import admission, health

urlpatterns: list[URLPattern | URLResolver] = [
    path("health", health(SQUARE), name="health"),
    path("arrive/", admission(SQUARE), name="arrive"),
    path("", include(square_patterns)),
]
