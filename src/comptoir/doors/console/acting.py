"""What the console's views share: a page with its frame, and acting as the console, with a key of its own.

Not here: how a house touchpoint speaks (``gateway.py``), what a refusal says (``refusals.py``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from http import HTTPStatus
from typing import Any, Final

from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from comptoir.doors.console import gateway
from comptoir.doors.console.declared import declared_map
from comptoir.doors.console.errors import ConsoleNotInMap
from comptoir.foundation.kernel.ids import IDS
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.touchpoints import commands

_SENT_MAX: Final = 50


def page(
    request: HttpRequest, template: str, section: str, context: dict[str, Any], status: int = HTTPStatus.OK
) -> HttpResponse:
    """Render a page of the office: ``section`` is the part of its navigation in which it stands."""
    return render(request, template, {**context, "section": section, "staff": visit_of(request)}, status=status)


def name_of(request: HttpRequest) -> str:
    """Return who of the staff asks."""
    visit = visit_of(request)
    return visit.name if visit else ""


def own_connection() -> Any:
    """Return the current room's own connection, for packages that take one."""
    own = connections[OFFICE.name]
    own.ensure_connection()
    return own.connection


def with_key(call: Any) -> Any:
    """Call the gateway; a console that never had a key makes one for itself first. A revoked one stays revoked."""
    if not gateway.has_key():
        declared = declared_map()
        name = gateway.own_touchpoint(declared)
        if name is None:
            raise ConsoleNotInMap
        made = commands.issue_key(own_connection(), touchpoint=name, declared=declared, now=timezone.now())
        gateway.keep_key(made.text)
    return call()


def identity_of(request: HttpRequest) -> uuid.UUID:
    """Return the number that a form carries as ``identity``, else a new one: a form that is sent again is one act."""
    try:
        return uuid.UUID(request.POST.get("identity", ""))
    except ValueError:
        return IDS.new()


def first_sent(request: HttpRequest, identity: uuid.UUID) -> dt.datetime:
    """Return when this form was first sent: sent again, it has to be the same event, its time included."""
    sent: dict[str, str] = request.session.get("sent", {})
    at = sent.setdefault(str(identity), timezone.now().isoformat())
    request.session["sent"] = dict(list(sent.items())[-_SENT_MAX:])
    # At once: kept at the end, it would undo what another click of the same form has kept meanwhile.
    request.session.save()
    request.session.modified = False
    return dt.datetime.fromisoformat(at)
