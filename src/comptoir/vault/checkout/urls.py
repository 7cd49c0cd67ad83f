"""Addresses of the checkout in the vault."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from comptoir.vault.checkout import staffed, unanswered, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.checkout, name="checkout"),
    path("parcels/", staffed.parcels, name="parcels"),
    path("parcels/<uuid:order>/", staffed.parcel, name="parcel"),
    path("payments/", unanswered.listed, name="payments_waiting"),
    path("payments/<str:what>/<uuid:number>/", unanswered.ask, name="payments_ask"),
    path("payments/<uuid:number>/", unanswered.gave_back, name="payments_gave_back"),
    path("orders/<uuid:order>/", views.order, name="checkout_order"),
    path("orders/<uuid:order>/pay/", views.pay, name="checkout_pay"),
    path("orders/<uuid:order>/leave/", views.leave, name="checkout_leave"),
    path("orders/<uuid:order>/forget/", views.forget, name="checkout_forget"),
    path("orders/<uuid:order>/<str:key>/", views.order, name="checkout_order"),
]
