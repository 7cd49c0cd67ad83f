"""A campaign's frozen list as CSV, to be taken along for a spreadsheet. Not here: the campaign's page."""

from __future__ import annotations

import csv
import io
import tempfile
import uuid
from typing import BinaryIO, Final, cast

from django.http import FileResponse, Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from comptoir.counter.messages import queries as messaging
from comptoir.doors.console import campaigning, counting
from comptoir.foundation.kernel.codec import harmless
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.rooms.web import in_room
from comptoir.office.campaigns import queries

_LIST_IN_MEMORY: Final = 4_000_000


@in_room(OFFICE)
@require_safe
def take(_request: HttpRequest, campaign: uuid.UUID, version: int) -> HttpResponseBase:
    """Answer with a frozen list for a spreadsheet: opaque numbers, what was decided, what became of it.

    Of a list that rests on what was said on the square there is none: it would say who is behind a name.
    """
    frozen = next((each for each in queries.lists(campaign) if each.version == version), None)
    if frozen is None or campaigning.writing([queries.version(campaign, version).content.segment]) is counting.rough:
        raise Http404
    file = tempfile.SpooledTemporaryFile(max_size=_LIST_IN_MEMORY)  # noqa: SIM115 - the answer closes it
    # Spreadsheets know by its first mark that it is UTF-8.
    text = io.TextIOWrapper(cast("BinaryIO", file), encoding="utf-8-sig", newline="")
    writer = csv.writer(text)
    writer.writerow(["customer", "decision", "reason", "text", "store", "decided_at", "what_became_of_it"])
    for each in messaging.decisions_of(campaign):
        if each.campaign_version == version:
            said = (
                str(each.customer), each.verdict, each.reason, each.variant, each.cluster,
                each.decided_at.isoformat(), " ".join(sorted(each.outcomes)),
            )  # fmt: skip
            writer.writerow([harmless(cell) for cell in said])
    text.detach()
    file.seek(0)
    name = f"list-{str(campaign)[-12:]}-{version}.csv"
    return FileResponse(file, as_attachment=True, filename=name, content_type="text/csv; charset=utf-8")
