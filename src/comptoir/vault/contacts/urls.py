"""The addresses of "Your contact data", below one that the vault gives them; each view is wrapped by a guard."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path

from comptoir.vault.contacts import views

View = Callable[..., Any]


def patterns(
    *,
    seen: Callable[[View], View],
    changed: Callable[[View], View],
    email_at: str,
    remove_email: Callable[[uuid.UUID, dt.datetime], None],
    destroy: Callable[[uuid.UUID, dt.datetime], None],
) -> list[URLPattern]:
    """Return the addresses: ``seen`` guards what only shows, ``changed`` what changes who the shop knows.

    ``email_at`` names the address where an e-mail address is given and proven. With it one signs in and hears of
    changes: ``remove_email`` and ``destroy`` take it away, of a user and at a moment, and whatever follows from that.
    """
    remove = changed(views.remove(remove_email))
    return [
        path("", seen(views.own(email_at)), name="contacts"),
        path("addresses/new/", changed(views.change_address), name="contacts_new_address"),
        path("addresses/<int:number>/", changed(views.change_address), name="contacts_address"),
        path(
            "addresses/<int:number>/remove/",
            remove,
            kwargs={"field": "addresses"},
            name="contacts_remove_address",
        ),
        path("everything/remove/", changed(views.step_back(destroy)), name="contacts_step_back"),
        path("<slug:field>/", changed(views.change), name="contacts_change"),
        path("<slug:field>/remove/", remove, name="contacts_remove"),
    ]
