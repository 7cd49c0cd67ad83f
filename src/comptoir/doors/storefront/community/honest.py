"""How honest it is here: the shop's figure of honest advice, and what the marks on reviews rest on, for everybody.

The figure adds up days, and is made at most every few minutes. Not here: what is counted (``square/health``).
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import msgspec
from django.db import connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from comptoir.doors.storefront.community.speaking import page, spoken
from comptoir.foundation.kernel import database
from comptoir.foundation.rooms.declaration import SQUARE
from comptoir.square.health import honesty
from comptoir.square.health.honesty import Advice, Honesty
from comptoir.square.health.rules import Figure

_KEPT: Final = dt.timedelta(minutes=5)
_kept: dict[str, Honesty] = {}


class Line(msgspec.Struct, frozen=True):
    """A share as the page shows it."""

    title: str
    value: str
    made_of: str
    interval: str


@spoken
@require_safe
def honest(request: HttpRequest) -> HttpResponseBase:
    """Answer with the figure, the latest of what it counts, and what the marks on reviews say."""
    found = _figure()
    spans = [(_("The last 90 days"), found.lately), (_("Since the beginning"), found.ever)]
    context = {
        "spans": [(title, advice, _lines(advice)) for title, advice in spans],
        "latest": honesty.latest(_own()),
        "figure": found,
    }
    return page(request, "community/honest.html", context)


def lately() -> Advice:
    """Return the figure of the last ninety days."""
    return _figure().lately


def _figure() -> Honesty:
    name, now = database.database_name(), timezone.now()
    kept = _kept.get(name)
    if kept is None or not dt.timedelta(0) <= now - kept.until < _KEPT:
        kept = _kept[name] = honesty.honesty(_own(), until=now)
    return kept


def _own() -> Any:
    own = connections[SQUARE.name]
    own.ensure_connection()
    return own.connection


def _lines(advice: Advice) -> list[Line]:
    return [
        _line(_("All answers"), advice.all),
        _line(_("By customers"), advice.by_customers),
        _line(_("By the shop's staff"), advice.by_staff),
    ]


def _line(title: str, figure: Figure) -> Line:
    made_of = _("%(some)s of %(all)s") % {
        "some": number_format(figure.numerator, 0, force_grouping=True),
        "all": number_format(figure.denominator, 0, force_grouping=True),
    }
    if figure.value is None or figure.interval is None:
        return Line(title, "–", made_of, "–")
    low, high = _percent(figure.interval.low), _percent(figure.interval.high)
    return Line(title, _percent(figure.value), made_of, f"{low} – {high}")


def _percent(share: float) -> str:
    return _("%(number)s %%") % {"number": number_format(round(100 * share, 1), 1)}
