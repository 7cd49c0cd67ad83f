"""What a refusal says to whoever of the staff is refused, in their language: a title, a sentence, the field at fault.

Problems carry their sentences in English, for whoever sends events; here they are said again for pages. A sentence
that has no translation is said to readers of English alone, and everybody else gets the title. Not here: when something
is refused.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from comptoir.doors.console import conditions
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.touchpoints.house import Trouble
from comptoir.office.attribution.rules import PAIRS_MAX, PAIRS_MIN
from comptoir.office.segments.errors import ExpressionRefused


class Placed(Trouble, frozen=True):
    """A refusal with its place in an expression: what stands before it, what it points at, and what comes after.

    ``meant`` is the name that was perhaps meant.
    """

    before: str = ""
    at: str = ""
    after: str = ""
    meant: str = ""


def told(problem: Problem, *, fields: Mapping[str, str] | None = None) -> Trouble:
    """Say a problem in the reader's language; ``fields`` says which field of a form stands for which of the problem."""
    field = problem.field or ""
    known = _details()
    keys = (problem.detail, f"{problem.name}.{field}", problem.name)
    plain = problem.detail if (get_language() or "en").startswith("en") else ""
    return Trouble(
        title=_titles().get(problem.name, problem.title()),
        detail=next((known[key] for key in keys if key in known), plain),
        field=(fields or {}).get(field, field),
        status=problem.status,
    )


def told_at(problem: Problem, expression: str) -> Placed:
    """Say what is wrong with an expression, and where."""
    said = told(problem)
    if not isinstance(problem, ExpressionRefused):
        return Placed(title=said.title, detail=said.detail, field=said.field, status=said.status)
    start, end = problem.position - 1, problem.position - 1 + problem.length
    return Placed(
        title=said.title, detail=conditions.details()[problem.code].format_map(problem.values), field=said.field,
        status=said.status, before=expression[:start], at=expression[start:end], after=expression[end:],
        meant=problem.nearest or "",
    )  # fmt: skip


def _titles() -> dict[str, str]:
    """Return what each refusal is called, by its name."""
    return {
        "gateway_away": _("The gateway does not answer."),
        "console_not_in_map": _("The map declares no touchpoint for the staff."),
        "console_without_key": _("The gateway does not know the console's key."),
        "campaign_invalid": _("This is no campaign that could be sent."),
        "campaign_changed": _("Somebody else has changed this campaign meanwhile."),
        "campaign_stopped": _("This campaign was stopped."),
        "list_frozen": _("The target list of this version is frozen; what changes is a new version."),
        "journey_invalid": _("This is no journey that could be switched on."),
        "journey_changed": _("Somebody else has changed this journey meanwhile."),
        "journey_killed": _("This journey was killed."),
        "short_link_invalid": _("This is no short link."),
        "posting_plan_invalid": _("This is no posting plan."),
        "posting_plan_running": _("This account has a posting plan already."),
        "expression_unreadable": _("The expression cannot be read here."),
        "fact_unknown": _("There is no such fact."),
        "argument_refused": _("The fact is not asked like this."),
        "kinds_differ": _("Things of different kinds are put together."),
        "expression_too_large": _("The expression is too long or too deep."),
        "divides_by_zero": _("Nothing can be divided by zero."),
        "inner_segment_unknown": _("It rests on a segment that there is not."),
        "segments_in_circle": _("Segments cannot rest on each other in a circle."),
        "segment_in_use": _("Other segments rest on this one."),
        "segment_name_taken": _("Another segment has this name."),
        "segment_name_refused": _("A segment needs a name of at most 80 characters."),
    }


def _details() -> dict[str, str]:
    """Return what can be done about it: by the sentence in English, by the name and the field, or by the name."""
    return {
        "gateway_away": _("Nothing was changed. Try again in a moment."),
        "console_not_in_map": _("Give touchpoints.toml a touchpoint with the channel staff that sends points.adjust."),
        "console_without_key": _("It was revoked. Issue a new key for the console on the page of the touchpoint keys."),
        "Two variants have one name.": _("Two variants have one name."),
        "In this window no message could ever leave.": _("In this window no message could ever leave."),
        "An offer is marketing, whatever else the message says.": _(
            "An offer is marketing, whatever else the message says."
        ),
        "Without a holdout nobody will know whether it paid. Say why that has to be; the report prints it.": _(
            "Without a holdout nobody will know whether it paid. Say why that has to be; the report prints it."
        ),
        "Without a holdout nobody will know what it changed. Say why.": _(
            "Without a holdout nobody will know what it changed. Say why."
        ),
        "Say to whoever gets it why they do.": _("Say to whoever gets it why they do."),
        "A cost says what was spent; the margin has to say what a sale earns.": _(
            "A cost says what was spent; the margin has to say what a sale earns."
        ),
        "It was launched already.": _("It was launched already."),
        "The segment was changed while its list was frozen.": _("The segment was changed while its list was frozen."),
        "No such time zone.": _("No such time zone."),
        "Say why, in a sentence.": _("Say why, in a sentence."),
        "Nothing ever happens on this journey.": _("Nothing ever happens on this journey."),
        "After the last wait or check nothing happens.": _("After the last wait or check nothing happens."),
        "Whoever is asked needs a way there: the text has to say {{ link }}.": _(
            "Whoever is asked needs a way there: the text has to say {{ link }}."
        ),
        "Only a mail has HTML beside its text.": _("Only a mail has HTML beside its text."),
        "short_link_invalid.network": _("Choose one of the networks."),
        "short_link_invalid.username": _("The name of an account is one word, such as @bakery."),
        "short_link_invalid.post": _("Say in a line which post it is."),
        "short_link_invalid.target": _("It leads to https://…, or to a path of the square that begins with /."),
        "posting_plan_invalid.pairs": _("A plan has %(least)s to %(most)s pairs of weeks.")
        % {"least": PAIRS_MIN, "most": PAIRS_MAX},
        "posting_plan_running": "",
    }
