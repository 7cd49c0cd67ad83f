"""What the console's views share: a page with its frame, and acting as the console, with a key of its own.

Not here: how a house touchpoint speaks (``gateway.py``).
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
from django.utils.translation import gettext as _

from comptoir.doors.console import gateway
from comptoir.doors.console.declared import declared_map
from comptoir.doors.console.errors import ConsoleNotInMap, ConsoleWithoutKey
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.rooms.visits import visit_of
from comptoir.foundation.touchpoints import commands
from comptoir.foundation.touchpoints.errors import GatewayAway

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


def told(problem: Problem) -> gateway.Trouble:
    """Say a problem of the console's own in the reader's language."""
    titles = {
        GatewayAway: (_("The gateway does not answer."), _("Nothing was changed. Try again in a moment.")),
        ConsoleNotInMap: (
            _("The map declares no touchpoint for the staff."),
            _("Give touchpoints.toml a touchpoint with the channel staff that sends points.adjust."),
        ),
        ConsoleWithoutKey: (
            _("The gateway does not know the console's key."),
            _("It was revoked. Issue a new key for the console on the page of the touchpoint keys."),
        ),
    }
    title, detail = titles.get(type(problem), (problem.title(), problem.detail))
    return gateway.Trouble(title=title, detail=detail, status=problem.status)


def first_sent(request: HttpRequest, identity: uuid.UUID) -> dt.datetime:
    """Return when this form was first sent: sent again, it has to be the same event, its time included."""
    sent: dict[str, str] = request.session.get("sent", {})
    at = sent.setdefault(str(identity), timezone.now().isoformat())
    request.session["sent"] = dict(list(sent.items())[-_SENT_MAX:])
    return dt.datetime.fromisoformat(at)
