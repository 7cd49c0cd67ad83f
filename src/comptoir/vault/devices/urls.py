"""The addresses of devices: pages for people, below a guard that the vault gives, and what devices themselves call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path

from comptoir.vault.devices import tokens, views

View = Callable[..., Any]


def patterns(
    *, seen: Callable[[View], View], allowed: Callable[[View], View], customer_of: tokens.CustomerOf
) -> list[URLPattern]:
    """Return the addresses: ``seen`` guards what shows and ends, ``allowed`` what lets a device read something.

    ``customer_of`` tells under which opaque id the counter knows a user.
    """
    return [
        path("", seen(views.own), name="devices"),
        path("code/", allowed(views.pair), name="pair_device"),
        path("decide/", allowed(views.decide), name="decide_device"),
        path("<uuid:pairing>/end/", seen(views.end), name="end_pairing"),
        path("oauth/code", tokens.code, name="device_code"),
        path("oauth/token", tokens.token, name="device_token"),
        path("oauth/revoke", tokens.revoke, name="device_revoke"),
        path("read/points", tokens.points(customer_of), name="device_points"),
        path("read/answers", tokens.answers(customer_of), name="device_answers"),
        path("read/name", tokens.name, name="device_name"),
    ]
