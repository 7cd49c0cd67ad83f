"""What the vault answers to: signing in, factors, and the step into the other rooms. No password, no sign-up."""

from __future__ import annotations

from allauth.account import views as account
from allauth.mfa import urls as factors
from django.urls import URLPattern, URLResolver, include, path

from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.rooms.web import all_in_room, health
from comptoir.vault.credentials import views

#: Of a library only what is used here: its sign-up, its passwords and its e-mail pages have no address.
_account: list[URLPattern | URLResolver] = [
    path("sign-out/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("sign-in/code/", account.request_login_code, name="account_request_login_code"),
    path("sign-in/code/confirm/", account.confirm_login_code, name="account_confirm_login_code"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("health", health(VAULT), name="health"),
    path("", views.home, name="vault"),
    path("sign-in/", views.sign_in, name="account_login"),
    path("enter/<str:secret>/", views.enter, name="enter"),
    path("continue/<slug:room>/", views.go_on, name="go_on"),
    *all_in_room(VAULT, _account),
    path("factors/", include(all_in_room(VAULT, factors.urlpatterns, guard=views.only_with_strong_means))),
]
