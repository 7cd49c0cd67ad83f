"""The one address of payments: where a provider reports. No session, no form, no page."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import VAULT
from comptoir.foundation.rooms.errors import BodyTooLarge
from comptoir.foundation.rooms.web import in_room
from comptoir.vault.payments import commands

REPORT_BYTES_MAX: Final = 256 << 10


@csrf_exempt
@in_room(VAULT, is_open=True)
@require_POST
def report(request: HttpRequest, provider: str) -> HttpResponse:
    """Take a provider's report; what is wrong with it is said, what it says is nobody's business outside."""
    try:
        if len(request.body) > REPORT_BYTES_MAX:
            raise BodyTooLarge(f"At most {REPORT_BYTES_MAX} bytes.")
        headers = {name.lower(): value for name, value in request.headers.items()}
        commands.hear(provider, headers=headers, body=request.body, now=timezone.now())
    except Problem as problem:
        return JsonResponse(problem.as_members(), status=problem.status, content_type="application/problem+json")
    return HttpResponse(status=HTTPStatus.NO_CONTENT)
