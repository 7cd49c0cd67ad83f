"""Addresses of the console, all in the office."""

from __future__ import annotations

from django.urls import path, re_path

from comptoir.doors.console import (
    answering,
    campaigning,
    charter,
    inviting,
    moderating,
    participation,
    startup,
    trying,
    views,
)

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
    path("community", startup.today, name="today"),
    path("community/done", startup.done, name="done"),
    path("community/phase", startup.phase, name="phase"),
    path("community/switch", startup.switch, name="switch"),
    path("community/experiments", trying.listed, name="experiments"),
    path("community/experiments/new", trying.write, name="experiment_new"),
    path("community/experiments/<slug:name>", trying.one, name="experiment"),
    path("community/experiments/<slug:name>/change", trying.write, name="experiment_edit"),
    path("community/experiments/<slug:name>/start", trying.start, name="experiment_start"),
    path("community/experiments/<slug:name>/stop", trying.stop, name="experiment_stop"),
    path("community/answer/<uuid:thread_id>", answering.answer, name="answer"),
    path("community/invitations", inviting.invitations, name="invitations"),
    path("community/invitations/<slug:name>/remind", inviting.remind, name="remind"),
    path("community/health", participation.health, name="health"),
    path("charter", charter.charter, name="charter"),
    path("charter/publish", charter.publish, name="charter_publish"),
    path("charter/<uuid:proposal>/veto", charter.veto, name="veto"),
    path("moderation", moderating.queue, name="moderation"),
    re_path(r"^moderation/pictures/(?P<digest>[0-9a-f]{64})\.webp$", moderating.picture, name="picture"),
    path("moderation/<uuid:post>", moderating.case, name="case"),
    path("moderation/<uuid:post>/decide", moderating.decide, name="decide"),
    path("campaigns", campaigning.listed, name="campaigns"),
    path("campaigns/new", campaigning.write, name="campaign_new"),
    path("campaigns/caps", campaigning.caps, name="caps"),
    path("campaigns/year", campaigning.year, name="campaigns_year"),
    path("campaigns/<uuid:campaign>", campaigning.one, name="campaign"),
    path("campaigns/<uuid:campaign>/change", campaigning.write, name="campaign_edit"),
    path("campaigns/<uuid:campaign>/launch", campaigning.launch, name="campaign_launch"),
    path("campaigns/<uuid:campaign>/stop", campaigning.stop, name="campaign_stop"),
    path("leave", views.leave, name="leave"),
    path("left", views.left, name="left"),
    path("language", views.language, name="language"),
]
