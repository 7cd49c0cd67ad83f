"""Segments: what staff ask for, by clicking or writing, how many that are, and who, as opaque numbers.

Without JavaScript every click is a form that comes back; with it the count follows the writing. Not here: the language
and what it names (``office/segments``).
"""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any, Final

import msgspec
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from comptoir.doors.console.acting import name_of, page
from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.foundation.rooms.web import in_room
from comptoir.office.segments import commands, jobs, queries, store
from comptoir.office.segments.contracts import Leaf, leaves
from comptoir.office.segments.errors import ExpressionRefused, SegmentUnknown
from comptoir.office.segments.facts import FACTS
from comptoir.office.segments.language import CHARACTERS_MAX, read
from comptoir.office.segments.writing import write_leaf

_SHOWN: Final = 20
#: Whoever can be told from a few by what they said on the square would not be opaque: of fewer, nobody is listed.
_LISTED_MIN: Final = 20
_COMPARISONS: Final = (">", ">=", "<", "<=", "=", "<>")


class Row(msgspec.Struct, frozen=True):
    """A segment as the list shows it."""

    id: uuid.UUID
    name: str
    expression: str
    members: str


class Trouble(msgspec.Struct, frozen=True):
    """A refusal with its place: what stands before it, what it points at, and what comes after."""

    title: str
    detail: str = ""
    before: str = ""
    at: str = ""
    after: str = ""
    meant: str = ""


@in_room(OFFICE)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Answer with every segment and how many are in it."""
    with database.connect(OFFICE.role) as connection:
        counts = store.count_in(connection)
        rows = [
            Row(each.id, each.name, each.expression, _number(counts.get(str(each.id), 0)))
            for each in (kept.segment for kept in store.find_segments(connection))
        ]
    return page(request, "console/segments.html", "segments", {"rows": rows})


@in_room(OFFICE)
@require_http_methods(["GET", "HEAD", "POST"])
def build(request: HttpRequest, segment: uuid.UUID | None = None) -> HttpResponse:
    """Build a segment: add a condition, count, keep."""
    with database.connect(OFFICE.role) as connection:
        found = None if segment is None else _find(connection, segment)
        form = {"name": found.name if found else "", "expression": found.expression if found else ""}
        trouble = None
        if request.method == "POST":
            form = {name: request.POST.get(name, "").strip()[: CHARACTERS_MAX + 1] for name in form}
            act = request.POST.get("act")
            try:
                if act == "add":
                    form["expression"] = _added(form["expression"], request)
                elif act == "keep":
                    kept = _keep(connection, form, found.id if found else None, name_of(request))
                    return redirect("console:segment", segment=kept)
                elif act == "end" and found is not None:
                    commands.end(connection, segment_id=found.id, at=timezone.now())
                    return redirect("console:segments")
            except Problem as problem:
                trouble = _told(problem, form["expression"])
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


# -- what is shown ------------------------------------------------------------------------------------------------


def _builder(connection: Connection, form: dict[str, str], found: Any, trouble: Trouble | None) -> dict[str, Any]:
    counted, refused = _counted(connection, form["expression"]) if form["expression"] else ("", None)
    people, is_hidden = _people(connection, form["expression"]) if counted else ([], False)
    return {
        "form": form, "found": found, "trouble": trouble or refused, "counted": counted, "people": people,
        "is_hidden": is_hidden, "facts": _facts(), "comparisons": _COMPARISONS, "known": _known(connection),
        "versions": [] if found is None else store.find_versions(connection, found.id),
    }  # fmt: skip


def _counted(connection: Connection, expression: str) -> tuple[str, Trouble | None]:
    """Return how many an expression names, or what is wrong with it."""
    try:
        tree = read(expression)
        return _number(store.count(connection, tree, queries.terms(connection, at=timezone.now()))), None
    except ExpressionRefused as problem:
        return "", _told(problem, expression)


def _people(connection: Connection, expression: str) -> tuple[list[dict[str, Any]], bool]:
    """Return some of those whom an expression names, and why; nobody, where that could say who is behind a name."""
    tree = read(expression)
    now = timezone.now()
    of_now = queries.terms(connection, at=now)
    with connection.transaction():
        first = next(store.members(connection, tree, of_now, portion=_LISTED_MIN), [])
    is_of_square = any(FACTS[leaf.fact].family == "square" for leaf in leaves(tree))
    if is_of_square and len(first) < _LISTED_MIN:
        return [], bool(first)
    people = []
    for person in first[:_SHOWN]:
        verdict = queries.judged(connection, expression, person, now)
        why = [f"{_title(each.leaf)}: {_value(each.value)}" for each in verdict.reasons]
        people.append({"customer": person, "why": [] if is_of_square else why})
    return people, False


def _title(leaf: Leaf) -> str:
    asked = [str(each) for each in leaf.arguments if each is not None]
    return f"{_titles()[leaf.fact]} ({', '.join(asked)})" if asked else str(_titles()[leaf.fact])


def _value(value: Any) -> str:
    if value is None:
        return _("unknown")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(number_format(round(float(value), 2), force_grouping=True))


def _told(problem: Problem, expression: str) -> Trouble:
    """Say a refusal in the reader's language, with its place."""
    titles = {
        "expression_unreadable": _("The expression cannot be read here."),
        "fact_unknown": _("There is no such fact."),
        "argument_refused": _("The fact is not asked like this."),
        "kinds_differ": _("Things of different kinds are put together."),
        "expression_too_large": _("The expression is too long or too deep."),
        "divides_by_zero": _("Nothing can be divided by zero."),
        "segment_name_taken": _("Another segment has this name."),
        "segment_name_refused": _("A segment needs a name of at most 80 characters."),
    }
    title = titles.get(problem.name, problem.title())
    # Details are written in English.
    detail = problem.detail if (get_language() or "en").startswith("en") else ""
    if not isinstance(problem, ExpressionRefused):
        return Trouble(title, detail)
    start, end = problem.position - 1, problem.position - 1 + problem.length
    shown = expression[:CHARACTERS_MAX]
    return Trouble(title, detail, shown[:start], shown[start:end], shown[end:], problem.nearest or "")


def _facts() -> list[dict[str, str]]:
    return [{"name": name, "title": title} for name, title in _titles().items()]


def _titles() -> dict[str, str]:
    return {
        "spend": _("Money spent"),
        "spend_days": _("Money spent within days"),
        "spend_ever": _("Money spent, ever"),
        "saved": _("Money saved by promotions"),
        "purchases": _("Purchases"),
        "purchases_ever": _("Purchases, ever"),
        "items": _("Units bought"),
        "bought": _("Has bought a product or from a category"),
        "visited": _("Has bought at a store"),
        "categories": _("Different categories"),
        "products": _("Different products"),
        "stores": _("Different stores"),
        "days_since_purchase": _("Days since the last purchase"),
        "days_since_first_purchase": _("Days since the first purchase"),
        "days_known": _("Days since the shop first heard of them"),
        "points": _("Points that can be spent"),
        "asked": _("Questions asked on the square"),
        "answered": _("Answers given on the square"),
        "trust": _("Trust on the square"),
        "did": _("Has done something"),
        "times": _("How often something was done"),
    }


def _known(connection: Connection) -> dict[str, list[str]]:
    """Return categories, products and stores that are sold, for a form that suggests them."""
    found: dict[str, list[str]] = {"category": [], "product": [], "store": []}
    for kind, name in store.find_products(connection):
        found[kind].append(name)
    return found


def _number(count: int) -> str:
    return str(number_format(count, force_grouping=True))


# -- what is done -------------------------------------------------------------------------------------------------


def _added(expression: str, request: HttpRequest) -> str:
    """Return an expression with the condition that was clicked together."""
    fact = FACTS.get(request.POST.get("fact", ""))
    if fact is None:
        return expression
    given = request.POST.get("thing", "").strip()
    arguments: list[str | int | None] = []
    for parameter in fact.parameters:
        text = request.POST.get("days" if parameter == "days" else "store" if parameter == "store" else "thing", "")
        text = text.strip()
        if parameter == "product" or (parameter == "category" and not given):
            arguments.append(None)  # one field is for what was bought; it is asked as a category
        elif parameter == "days":
            arguments.append(int(text) if text.isdigit() else None)
        else:
            arguments.append(text or None)
    condition = write_leaf(Leaf(fact.name, tuple(arguments)))
    if fact.kind != "truth":
        comparison = request.POST.get("comparison", ">")
        amount = request.POST.get("amount", "").strip().replace(",", ".") or "0"
        condition += f" {comparison if comparison in _COMPARISONS else '>'} {amount}"
    joint = request.POST.get("joint", "AND")
    if joint == "AND NOT":
        condition = f"NOT {condition}"
    word = "OR" if joint == "OR" else "AND"
    whole = f"({expression}) {word} {condition}" if expression and word == "OR" else condition
    if expression and word == "AND":
        whole = f"{expression} AND {condition}" if " OR " not in expression else f"({expression}) AND {condition}"
    return whole


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
