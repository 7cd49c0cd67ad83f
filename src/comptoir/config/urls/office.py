"""What the office answers to: the console, and the door through which staff arrive with a ticket."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.rooms.web import admission, health

urlpatterns: list[URLPattern | URLResolver] = [
    path("health", health(OFFICE), name="health"),
    path("arrive/", admission(OFFICE), name="arrive"),
    path("", include("comptoir.doors.console.urls")),
]
