"""Addresses of the storefront: in the counter (``urlpatterns``) and on the square (``square_patterns``)."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path, re_path

from comptoir.doors.storefront import (
    coupons,
    devices,
    groups,
    letters,
    me,
    messages,
    remembered,
    showing,
    spending,
    views,
)
from comptoir.doors.storefront.community import (
    charter,
    feeds,
    following,
    hearing,
    honest,
    picturing,
    products,
    reporting,
    strips,
    writing,
)
from comptoir.doors.storefront.community import views as community
from comptoir.doors.storefront.shop import places, window

app_name = "storefront"

urlpatterns = [
    path("", views.welcome, name="welcome"),
    path("card", views.card, name="card"),
    path("card/live", views.live, name="live"),
    path("card/code", views.code, name="code"),
    path("card/stream", views.stream, name="stream"),
    path("card/leave", views.leave, name="leave"),
    path("card/show", showing.show_card, name="show_card"),
    path("card/<str:token>", views.open_card, name="open"),
    path("coupons", coupons.page, name="coupons"),
    path("spending", spending.spending, name="spending"),
    path("spending/call-off", spending.call_off, name="call_off"),
    path("remembered", remembered.page, name="remembered"),
    path("terms", me.terms, name="terms"),
    path("terms/proffer", me.proffer, name="proffer"),
    path("terms/end", me.end_terms, name="end_terms"),
    path("terms/record", me.record, name="record"),
    path("terms/check", me.check, name="check"),
    path("terms/key", me.key, name="key"),
    path("consents", me.consent, name="consent"),
    path("consents/<slug:purpose>/<slug:channel>/receipt", me.receipt, name="receipt"),
    path("objection", me.objection, name="objection"),
    path("letters", letters.letters, name="letters"),
    path("letters/worker.js", devices.worker, name="devices_worker"),
    path("letters/devices", devices.choose, name="devices"),
    path("letters/devices/ticket", devices.ticket, name="devices_ticket"),
    path("letters/stop/<str:token>", letters.stop, name="letters_stop"),
    path("groups", groups.page, name="groups"),
    path("messages", messages.messages, name="messages"),
    path("messages/why/<str:token>", messages.why, name="messages_why"),
    path("who", me.who, name="who"),
    path("who/names", me.choose_name, name="choose_name"),
    path("who/names/take-part", me.take_part, name="take_part"),
    path("who/names/give-up", me.give_up_name, name="give_up_name"),
    path("who/links/undo", me.undo_link, name="undo_link"),
    path(".well-known/gpc.json", me.privacy_control, name="privacy_control"),
    path("language", views.language, name="language"),
    path("manifest.webmanifest", views.manifest, name="manifest"),
]

_square = [
    path("", community.front, name="front"),
    path("threads/<uuid:thread_id>", community.thread, name="thread"),
    path("threads/<uuid:thread_id>/reply", writing.reply, name="reply"),
    path("threads/<uuid:thread_id>/report", reporting.report_in, name="report_in"),
    path("threads/<uuid:thread_id>/accept", writing.accept, name="accept"),
    path("topics/<slug:slug>", community.topic, name="topic"),
    path("topics/<slug:slug>/feed.atom", feeds.topic, name="topic_feed"),
    path("feed.atom", feeds.everything, name="feed"),
    path("shop", window.window, name="shop"),
    path("shop/<slug:category>", window.window, name="category"),
    path("product/<str:product>", products.product, name="product"),
    path("stores", places.stores, name="stores"),
    path("stores/<str:store>", places.store, name="store"),
    path("honest", honest.honest, name="honest"),
    path("strip/<str:product>", strips.strip, name="strip"),
    path("ideas", community.ideas, name="ideas"),
    path("search", community.search, name="search"),
    path("write", writing.write, name="write"),
    path("posts/<uuid:post_id>", community.post, name="post"),
    path("posts/<uuid:post_id>/vote", writing.vote, name="vote"),
    path("posts/<uuid:post_id>/edit", writing.edit, name="edit"),
    path("posts/<uuid:post_id>/withdraw", writing.withdraw, name="withdraw"),
    path("posts/<uuid:post_id>/report", reporting.report, name="report"),
    path("posts/<uuid:post_id>/flag", reporting.flag, name="flag"),
    path("posts/<uuid:post_id>/notice", reporting.notice, name="notice"),
    path("news", hearing.news, name="news"),
    path("news/seen", hearing.seen, name="seen"),
    path("news/choices", hearing.choices, name="choices"),
    path("follow", hearing.follow, name="follow"),
    path("members/<uuid:member_id>", hearing.member, name="member"),
    path("notices", reporting.receipts, name="receipts"),
    path("decisions/<uuid:decision_id>", reporting.decision, name="decision"),
    path("decisions/<uuid:decision_id>/appeal", reporting.appeal, name="appeal"),
    path("moderation", reporting.record, name="record"),
    path("trust", reporting.levels, name="trust"),
    path("charter", charter.read, name="charter"),
    path("charter/propose", charter.propose, name="charter_propose"),
    path("charter/sections/<slug:slug>", charter.history, name="charter_section"),
    path("charter/proposals/<uuid:proposal_id>", charter.proposal, name="charter_proposal"),
    path("charter/proposals/<uuid:proposal_id>/vote", charter.vote, name="charter_vote"),
]
#: Every page has an address without a language, which goes by the browser's, and one for each language.
square_patterns: list[URLPattern | URLResolver] = [
    path("leave", community.leave, name="leave"),
    path("unsent/discard", community.discard, name="discard"),
    path("go/<str:code>", following.follow, name="go"),
    path("moderation.json", reporting.record_json, name="record_json"),
    re_path(r"^pictures/(?P<digest>[0-9a-f]{64})(?P<size>-small)?\.webp$", picturing.picture, name="picture"),
    *(
        path(f"{code}/", include((_square, "square"), namespace=f"square-{code}"), {"chosen": code})
        for code, _name in settings.LANGUAGES
    ),
    path("", include((_square, "square"), namespace="square")),
]
