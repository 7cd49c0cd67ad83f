"""Segments: what staff ask for, by clicking or writing, how many that are, and who, as opaque numbers.

Without JavaScript every click is a form that comes back; with it the count follows the writing. Not here: the language
and what it names (``office/segments``).
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from comptoir.doors.console import conditions, counting, crowds
from comptoir.doors.console.acting import name_of, page
from comptoir.doors.console.declared import declared_map
from comptoir.doors.console.refusals import Placed, told_at
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.rooms.web import in_room
from comptoir.office.campaigns import queries as campaigns
from comptoir.office.journeys import queries as journeys
from comptoir.office.segments import commands, jobs, queries, store, telling, wording
from comptoir.office.segments.contracts import Segment, Tree
from comptoir.office.segments.errors import ExpressionRefused, SegmentUnknown
from comptoir.office.segments.language import CHARACTERS_MAX

_SHOWN: Final = 20
_TAKE_BACK: Final = "take_back-"


class Row(msgspec.Struct, frozen=True):
    """A segment as the list shows it."""

    id: uuid.UUID
    name: str
    expression: str
    members: str


@in_room(OFFICE)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Answer with all customers at a glance, and with every segment and how many are in it."""
    with database.connect(OFFICE.role) as connection:
        look = crowds.look(connection, request.GET.get("look", ""))
        counts = store.count_in(connection)
        segments = [kept.segment for kept in store.find_segments(connection)]
        expressions = {each.name: each.expression for each in segments}
        rows = [
            Row(each.id, each.name, each.expression, _members(counts.get(str(each.id), 0), each, expressions))
            for each in segments
        ]
    context = {"rows": rows, "look": look, "looks": list(crowds.looks().items())}
    return page(request, "console/segments.html", "segments", context)


@in_room(OFFICE)
@require_http_methods(["GET", "HEAD", "POST"])
def build(request: HttpRequest, segment: uuid.UUID | None = None) -> HttpResponse:
    """Build a segment: add a condition, count, keep."""
    with database.connect(OFFICE.role) as connection:
        found = None if segment is None else _find(connection, segment)
        # A chart leads here with the crowd that somebody clicked on.
        asked = request.GET.get("expression", "").strip()[: CHARACTERS_MAX + 1]
        form = {"name": found.name if found else "", "expression": found.expression if found else asked}
        trouble = None
        if request.method == "POST":
            form = {name: request.POST.get(name, "").strip()[: CHARACTERS_MAX + 1] for name in form}
            act = request.POST.get("act", "")
            try:
                if act == "add":
                    form["expression"] = conditions.added(
                        form["expression"], request.POST, read=functools.partial(queries.tree_of, connection)
                    )
                elif act.startswith(_TAKE_BACK) and (number := whole(act.removeprefix(_TAKE_BACK), 9_999)) is not None:
                    form["expression"] = conditions.without(queries.tree_of(connection, form["expression"]), number)
                elif act == "keep":
                    kept = _keep(connection, form, found.id if found else None, name_of(request))
                    return redirect("console:segment", segment=kept)
                elif act == "end" and found is not None and (users := _asking_for(found.id)):
                    trouble = Placed(
                        title=_("It is asked for, and cannot end now."),
                        detail=_("By: %(names)s. Stop those first, or let them ask for another one.")
                        % {"names": ", ".join(users)},
                    )
                elif act == "end" and found is not None:
                    commands.end(connection, segment_id=found.id, at=timezone.now())
                    return redirect("console:segments")
            except Problem as problem:
                trouble = told_at(problem, form["expression"][:CHARACTERS_MAX])
        context = _builder(connection, form, found, trouble)
    status = HTTPStatus.OK if context["trouble"] is None else HTTPStatus.UNPROCESSABLE_ENTITY
    return page(request, "console/segment.html", "segments", context, status=status)


@in_room(OFFICE)
@require_POST
def count(request: HttpRequest) -> HttpResponse:
    """Answer with the count of an expression alone, for a page that follows the writing."""
    expression = request.POST.get("expression", "").strip()[: CHARACTERS_MAX + 1]
    with database.connect(OFFICE.role) as connection:
        counted, trouble = _counted(connection, expression)
    return render(request, "console/segment_count.html", {"counted": counted, "trouble": trouble})


def _asking_for(segment: uuid.UUID) -> list[str]:
    """Return the names of the campaigns and journeys that would stand still without a segment."""
    return [*campaigns.waiting_for(segment), *journeys.asking_for(segment)]


# -- what is shown ------------------------------------------------------------------------------------------------


def _builder(connection: Connection, form: dict[str, str], found: Any, trouble: Placed | None) -> dict[str, Any]:
    counted, refused = _counted(connection, form["expression"]) if form["expression"] else ("", None)
    people, is_hidden = _people(connection, form["expression"]) if counted else ([], False)
    return {
        "form": form, "found": found, "trouble": trouble or refused, "counted": counted, "people": people,
        "is_hidden": is_hidden, "facts": conditions.facts(), "comparisons": wording.comparisons(),
        "known": _known(connection),
        "said": wording.in_words(queries.tree_of(connection, form["expression"])) if counted else [],
        "others": [name for name in store.find_expressions(connection) if found is None or name != found.name],
        "of_numbers": conditions.facts_with(), "of_things": conditions.things(),
        "of_stores": conditions.facts_with("store"), "of_days": conditions.facts_with("days"),
        "versions": [] if found is None else store.find_versions(connection, found.id),
    }  # fmt: skip


def _counted(connection: Connection, expression: str) -> tuple[str, Placed | None]:
    """Return how many an expression names, or what is wrong with it."""
    try:
        tree = queries.tree_of(connection, expression)
        return _people_in(store.count(connection, tree, queries.terms(connection, at=timezone.now())), tree), None
    except ExpressionRefused as problem:
        return "", told_at(problem, expression[:CHARACTERS_MAX])


def _people(connection: Connection, expression: str) -> tuple[list[dict[str, Any]], bool]:
    """Return some of those whom an expression names, and why; nobody, where that could say who is behind a name."""
    tree = queries.tree_of(connection, expression)
    if telling.is_of_square(tree):
        # Whoever knows nineteen others would know the twentieth: it is nobody, however many there are.
        return [], True
    now = timezone.now()
    of_now = queries.terms(connection, at=now)
    with connection.transaction():
        first = next(store.members(connection, tree, of_now, portion=_SHOWN), [])
    people = []
    for person in first[:_SHOWN]:
        verdict = queries.judged(connection, expression, person, now)
        why = [f"{wording.title_of(each.leaf)}: {_value(each.value)}" for each in verdict.reasons]
        people.append({"customer": person, "short": str(person)[:8], "why": why})
    return people, False


def _value(value: Any) -> str:
    if value is None:
        return _("unknown")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    number = round(float(value), 2)
    return str(number_format(int(number) if number == int(number) else number, force_grouping=True))


def _known(connection: Connection) -> dict[str, list[str]]:
    """Return what a form suggests: categories, products and stores that are sold, promotions, and kinds of events."""
    found: dict[str, list[str]] = {"category": [], "product": [], "store": []}
    for kind, name in store.find_products(connection):
        found[kind].append(name)
    heard = {sends.type for each in declared_map().touchpoints for sends in each.sends}
    return {**found, "promotion": store.find_titles(connection), "type": sorted(heard)}


def _members(count: int, segment: Segment, expressions: Mapping[str, str]) -> str:
    """Return how many are in a segment; of one that cannot be read nobody knows whether it asks the square."""
    tree = queries.readable(segment, expressions)
    return _("cannot be read: write it anew") if tree is None else _people_in(count, tree)


def _people_in(count: int, tree: Tree) -> str:
    """Return how many people there are; where the square is asked, so roughly that one more or less is not told."""
    return counting.rough(count) if telling.is_of_square(tree) else counting.exact(count)


# -- what is done -------------------------------------------------------------------------------------------------


def _keep(connection: Connection, form: dict[str, str], segment: uuid.UUID | None, by: str) -> uuid.UUID:
    now = timezone.now()
    if segment is None:
        kept = commands.define(connection, name=form["name"], expression=form["expression"], by=by, at=now)
    else:
        kept = commands.change(
            connection, segment_id=segment, name=form["name"], expression=form["expression"], by=by, at=now
        )
    jobs.refresh(connection, now=now)
    return kept.id


def _find(connection: Connection, segment: uuid.UUID) -> Any:
    kept = store.find_segment(connection, str(segment))
    if kept is None:
        raise Http404(SegmentUnknown.title())
    return kept.segment
