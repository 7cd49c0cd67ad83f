"""All customers at a glance, in crowds: how often they came, when last, what they bought; each leads to a segment.

The bars are counted as segments are, so that what a bar says is what the segment behind it names. Not here: the builder
to which they lead (``segmenting.py``).
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from comptoir.doors.console import charts
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.connection import Connection
from comptoir.office.segments import queries, store
from comptoir.office.segments.contracts import Leaf
from comptoir.office.segments.language import read
from comptoir.office.segments.writing import write_leaf

_SECONDS: Final = 60
_CATEGORIES: Final = 8
_TIMES: Final = (1, 2, 3, 6, 11)
_DAYS: Final = (7, 30, 90, 180, 365)

_counted: dict[tuple[str, str], tuple[float, list[tuple[str, int]]]] = {}
_counting = threading.Lock()


class Crowd(msgspec.Struct, frozen=True):
    """Some customers: what they have in common, how many they are, and the address of the builder with just them."""

    title: str
    count: int
    number: str
    address: str


class Look(msgspec.Struct, frozen=True):
    """One way to look at all customers: a drawing, and the table that says the same."""

    name: str
    title: str
    crowds: list[Crowd]
    drawing: SafeString | None


def looks() -> dict[str, str]:
    """Return the ways to look at customers."""
    return {"often": _("How often they came"), "last": _("When they came last"), "what": _("What they bought")}


def look(connection: Connection, name: str) -> Look:
    """Return a look at all customers, at most a minute old; an unknown name is the first one's."""
    name = name if name in looks() else next(iter(looks()))
    titles = _titles(connection, name)
    counts = _counts(connection, name, [expression for _title, expression in titles])
    crowds = [
        Crowd(title, count, number_format(count, 0, force_grouping=True), _address(expression))
        for (title, expression), (_same, count) in zip(titles, counts, strict=True)
    ]
    drawing = None
    if any(each.count for each in crowds):
        rows = [(each.title, each.count) for each in crowds]
        words = {"figure": _("people"), "label": looks()[name]}
        key = ("crowds", database.database_name(), name, tuple(rows))
        drawing = charts.cached(key, _SECONDS, lambda: charts.parts(rows, words=words, is_even=True))
    return Look(name, looks()[name], crowds, drawing)


def _address(expression: str) -> str:
    return f"{reverse('console:segment_new')}?{urlencode({'expression': expression})}"


def _titles(connection: Connection, name: str) -> list[tuple[str, str]]:
    """Return each crowd's title and expression."""
    if name == "often":
        return _often()
    if name == "last":
        return _last()
    sold = [each for kind, each in store.find_products(connection) if kind == "category"]
    return [(each, write_leaf(Leaf("bought", (each, None, None)))) for each in sold[:_CATEGORIES]]


def _often() -> list[tuple[str, str]]:
    found = []
    for least, after in itertools.zip_longest(_TIMES, _TIMES[1:]):
        if after is None:
            found.append((_("%(times)s times or more") % {"times": least}, f"purchases_ever() >= {least}"))
        elif after == least + 1:
            title = ngettext("%(times)s time", "%(times)s times", least) % {"times": least}
            found.append((title, f"purchases_ever() = {least}"))
        else:
            title = _("%(least)s to %(most)s times") % {"least": least, "most": after - 1}
            found.append((title, f"purchases_ever() >= {least} AND purchases_ever() < {after}"))
    return found


def _last() -> list[tuple[str, str]]:
    found = [(_("within %(days)s days") % {"days": _DAYS[0]}, f"days_since_purchase() <= {_DAYS[0]}")]
    for before, days in itertools.pairwise(_DAYS):
        title = _("%(least)s to %(most)s days ago") % {"least": before + 1, "most": days}
        found.append((title, f"days_since_purchase() > {before} AND days_since_purchase() <= {days}"))
    title = _("more than %(days)s days ago") % {"days": _DAYS[-1]}
    return [*found, (title, f"days_since_purchase() > {_DAYS[-1]}")]


def _counts(connection: Connection, name: str, expressions: Sequence[str]) -> list[tuple[str, int]]:
    """Count each expression; what was counted within the minute is taken again, and nobody counts beside another."""
    key = (database.database_name(), name)
    with _counting:
        known = _counted.get(key)
        if known is not None and time.monotonic() - known[0] < _SECONDS and _are(known[1], expressions):
            return known[1]
        terms = queries.terms(connection, at=timezone.now())
        counts = [(each, store.count(connection, read(each), terms)) for each in expressions]
        _counted[key] = (time.monotonic(), counts)
        return counts


def _are(counts: Sequence[tuple[str, int]], expressions: Sequence[str]) -> bool:
    return [expression for expression, _count in counts] == list(expressions)


def forget() -> None:
    """Count anew at the next look, for tests."""
    _counted.clear()
