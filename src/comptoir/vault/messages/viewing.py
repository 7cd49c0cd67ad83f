"""The demo's own mail: what would have gone out, for whoever tries the shop out and has no mail server.

Only where no shop is: no domain is set, and mails go into the folder. Everywhere else there is no such page. Mails are
shown as text; what a mail says in HTML is not shown, and nothing in it is fetched.
"""

from __future__ import annotations

import email
import email.policy
import re
from pathlib import Path
from typing import Any, Final

import msgspec
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from comptoir.foundation.kernel import shop
from comptoir.foundation.rooms import addresses
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.rooms.web import in_room
from comptoir.vault.messages.ports import FOLDER_BACKEND

SHOWN_MAX: Final = 100
_BYTES_MAX: Final = 200_000
_LINE: Final = re.compile(rb"-{79}\n?")


class Letter(msgspec.Struct, frozen=True):
    """One message as a visitor of the demo reads it."""

    to: str
    subject: str
    text: str
    link: str = ""


@in_room(VAULT, is_open=True)
@require_safe
def mail(request: HttpRequest) -> HttpResponse:
    """Show the latest messages that went into the folder; ``to`` narrows them to one address."""
    if not is_shown():
        raise Http404
    to = request.GET.get("to", "").strip()[:200]
    found = letters(to=to)
    return render(request, "messages/mail.html", {"letters": found, "to": to, "limit": SHOWN_MAX})


def is_shown() -> bool:
    """Tell whether mails stay in the shop's folder, for whoever tries it out to read."""
    return not addresses.is_production() and settings.EMAIL_BACKEND == FOLDER_BACKEND


def letters(*, to: str = "") -> list[Letter]:
    """Return the latest messages in the shop's folder, mails and text messages, the latest first."""
    mails = (shop.folder() / "mail").glob("*.log")
    texts = (shop.folder() / "texts").glob("*.json")
    found: list[Letter] = []
    for path in sorted([*mails, *texts], key=_written_at, reverse=True):
        found.extend(each for each in _read(path) if to.lower() in each.to.lower())
        if len(found) >= SHOWN_MAX:
            break
    return found[:SHOWN_MAX]


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _read(path: Path) -> list[Letter]:
    try:
        data = path.read_bytes()[:_BYTES_MAX]
    except OSError:
        return []
    if path.suffix == ".json":
        try:
            said = msgspec.json.decode(data, type=dict[str, str])
        except msgspec.DecodeError:
            return []
        return [Letter(said.get("to", ""), "", said.get("text", ""))]
    # Django's back end writes a line between messages; the latest stands last.
    return [_letter(part) for part in reversed(_LINE.split(data)) if part.strip()]


def _letter(data: bytes) -> Letter:
    message: Any = email.message_from_bytes(data.strip(), policy=email.policy.default)
    body = message.get_body(preferencelist=("plain",))
    text = body.get_content() if body is not None else ""
    link = str(message.get("List-Unsubscribe", "")).strip("<> ")
    own = addresses.origin_of(VAULT).partition("//")[0]
    return Letter(
        str(message.get("To", "")), str(message.get("Subject", "")), text, link if link.startswith(own) else ""
    )
