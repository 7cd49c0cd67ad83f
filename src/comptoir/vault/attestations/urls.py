"""The addresses of this package, all in the vault."""

from __future__ import annotations

from django.urls import URLPattern, path

from comptoir.vault.attestations import views

urlpatterns: list[URLPattern] = [
    path("", views.prove, name="prove"),
    path("begin/", views.begin, name="begin_proof"),
    path("remember/", views.remember, name="remember_proof"),
    path("forget/", views.forget, name="forget_proof"),
    path("code/", views.code, name="proof_code"),
    path("<uuid:identifier>/", views.proof, name="proof"),
    path("request/<str:handle>/", views.request_object, name="proof_request"),
    path("answer/<str:handle>/", views.answer, name="proof_answer"),
]
