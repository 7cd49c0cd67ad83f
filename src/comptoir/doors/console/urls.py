"""Addresses of the console, all in the office."""

from __future__ import annotations

from django.urls import path

from comptoir.doors.console import views

app_name = "console"

urlpatterns = [
    path("", views.live_map, name="map"),
    path("map/stream", views.map_stream, name="map_stream"),
    path("ledger", views.ledger, name="ledger"),
    path("ledger/resolve", views.resolve, name="resolve"),
    path("ledger/<uuid:customer>", views.person, name="person"),
    path("ledger/<uuid:customer>/stream", views.person_stream, name="person_stream"),
    path("ledger/<uuid:customer>/adjust", views.adjust, name="adjust"),
    path("keys", views.keys, name="keys"),
    path("keys/issue", views.issue, name="issue"),
    path("keys/revoke", views.revoke, name="revoke"),
    path("leave", views.leave, name="leave"),
    path("left", views.left, name="left"),
    path("language", views.language, name="language"),
]
