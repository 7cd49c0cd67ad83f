"""What the counter answers to: a customer's card, and the door through which they arrive with a ticket."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from comptoir.foundation.rooms.declaration import COUNTER
from comptoir.foundation.rooms.web import admission, health

urlpatterns: list[URLPattern | URLResolver] = [
    path("health", health(COUNTER), name="health"),
    path("arrive/", admission(COUNTER), name="arrive"),
    path("", include("comptoir.doors.storefront.urls")),
]
