"""Reads of short links."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

import msgspec
from django.db.models import Sum

from comptoir.square.shortlinks import models

LISTED_MAX = 2_000


class Placed(msgspec.Struct, frozen=True):
    """A short link as staff see it; ``visits`` are those of the days that were asked for."""

    code: str
    network: str
    username: str
    post: str
    target: str
    made_at: dt.datetime
    visits: int


def target_of(code: str) -> str | None:
    """Return where a short link leads, as staff wrote it; nothing is counted by it."""
    return models.ShortLink.objects.filter(code=code).values_list("target", flat=True).first()


def placed(*, since: dt.date, until: dt.date, codes: Collection[str] = ()) -> list[Placed]:
    """Return short links, the latest first, with their visits from one day up to another one, which is left out.

    The latest :data:`LISTED_MAX`, every one that was followed in those days, and those with one of the ``codes``.
    """
    days = models.ShortLinkDay.objects.filter(day__gte=since, day__lt=until)
    visits = {row[0]: int(row[1]) for row in days.values_list("code").annotate(Sum("visits"))}
    latest = list(models.ShortLink.objects.order_by("-made_at", "code")[:LISTED_MAX])
    missing = ({*visits, *codes}) - {each.code for each in latest}
    older = models.ShortLink.objects.filter(code__in=missing).order_by("-made_at", "code") if missing else ()
    return [
        Placed(each.code, each.network, each.username, each.post, each.target, each.made_at, visits.get(each.code, 0))
        for each in (*latest, *older)
    ]
