"""Recommendations in the console: out of how much they were made, who is held out, and what they changed.

Not here: the figures (``office/recommendations``), what fits whom (``counter/recommendations``).
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from comptoir.doors.console import reporting
from comptoir.doors.console.acting import page
from comptoir.doors.console.locality import shop_of
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.rooms.web import in_room
from comptoir.office.recommendations import queries
from comptoir.square.companions import queries as companions


@in_room(OFFICE)
@require_safe
def recommendations(request: HttpRequest) -> HttpResponse:
    """Answer with what recommendations rest on, and what they changed, for each share that was drawn with."""
    shop, now = shop_of(), timezone.now()
    drawn = queries.people()
    standings = queries.standings(drawn)
    reports: list[Any] = []
    for each in standings:
        key = ("recommendations", database.database_name(), each.share)

        def measured(share: int = each.share) -> Any:
            return queries.measure(drawn, share, minor_units=shop.minor_units, now=now)

        said = reporting.report(key, reporting.kept(key, measured), "", currency=shop.currency)
        reports.append((each, reporting.percent(each.share / 1000), said))
    context = {"made": companions.made(), "reports": reports, "days": queries.DAYS}
    return page(request, "console/recommendations.html", "campaigns", context)
