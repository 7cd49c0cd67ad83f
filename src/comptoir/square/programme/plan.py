"""The shop's plan for its first year: what it may say, and what makes it contradict itself. Pure.

Not here: where the file lies (``reading.py``), what is due (``rules.py``).
"""

from __future__ import annotations

import tomllib
from typing import Annotated, Final, Literal

import msgspec

from comptoir.square.programme.contracts import Word
from comptoir.square.programme.errors import PlanInvalid

_BYTES_MAX: Final = 256 * 1024
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=4_000)]
_Week = Annotated[int, msgspec.Meta(ge=1, le=104)]
_Hours = Annotated[int, msgspec.Meta(ge=0, le=240)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text in the languages that the shop writes in."""

    en: _Text | None = None
    ja: _Text | None = None
    fr: _Text | None = None

    def here(self, language: str) -> tuple[str, str]:
        """Return the text for a reader, and the language that it is in."""
        for each in (language, "en", "fr", "ja"):
            text: str | None = getattr(self, each, None)
            if text:
                return text, each
        raise AssertionError("a plan that was read has every text in some language")

    @property
    def is_empty(self) -> bool:
        """Tell whether it says nothing in any language."""
        return not (self.en or self.ja or self.fr)


class Guarantee(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every newcomer is answered: customers have the first hours, then staff have until ``promised_hours``."""

    customers_hours: _Hours = 8
    promised_hours: Annotated[int, msgspec.Meta(ge=1, le=240)] = 24


class Gate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a health figure has to be before the next phase: at least, or at most, this."""

    figure: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_]{1,60}$")]
    at_least: _Share | None = None
    at_most: _Share | None = None


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that a person has to see to once, in a phase."""

    name: Word
    title: Words


class Phase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the year. ``is_wind_down``: the honest end, which is not on the way to anything."""

    name: Word
    title: Words
    gates: Annotated[tuple[Gate, ...], msgspec.Meta(max_length=10)] = ()
    checks: Annotated[tuple[Check, ...], msgspec.Meta(max_length=20)] = ()
    is_wind_down: bool = False


class Prompt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the shop begins in a week after the start: labelled as seeded, about a product where one is named."""

    name: Word
    week: _Week
    title: Words
    text: Words
    kind: Literal["question", "idea", "story"] = "question"
    topic: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")] | None = None
    product: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None


class Ritual(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What comes again: every so many weeks, on a day (1 is Monday), in phases that are named or in all."""

    name: Word
    title: Words
    day: Annotated[int, msgspec.Meta(ge=1, le=7)] = 1
    every_weeks: Annotated[int, msgspec.Meta(ge=1, le=52)] = 1
    phases: Annotated[tuple[Word, ...], msgspec.Meta(max_length=10)] = ()


class Ceiling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The most that the shop's own posts may be of the talk: about a matter, and in company."""

    matter: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.5
    company: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.25


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole plan."""

    phase: Annotated[tuple[Phase, ...], msgspec.Meta(min_length=1, max_length=12)]
    prompt: Annotated[tuple[Prompt, ...], msgspec.Meta(max_length=200)] = ()
    ritual: Annotated[tuple[Ritual, ...], msgspec.Meta(max_length=50)] = ()
    guarantee: Guarantee = Guarantee()
    ceiling: Ceiling = Ceiling()


def parse(content: bytes) -> Plan:
    """Return what a file says. Raises :class:`PlanInvalid` with the field at fault."""
    if len(content) > _BYTES_MAX:
        raise PlanInvalid("It is larger than any plan.")
    try:
        plan = msgspec.convert(tomllib.loads(content.decode()), Plan)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        message, _, place = str(error).partition(" - at ")
        raise PlanInvalid(f"{message}.", field=place.strip("`$.") or None) from None
    _check(plan)
    return plan


def _check(plan: Plan) -> None:
    for kind, named in (
        ("phase", [each.name for each in plan.phase]),
        ("prompt and ritual", [*(each.name for each in plan.prompt), *(each.name for each in plan.ritual)]),
        ("check", [check.name for phase in plan.phase for check in phase.checks]),
    ):
        twice = {name for name in named if named.count(name) > 1}
        if twice:
            raise PlanInvalid(f"Two of one name: {', '.join(sorted(twice))}.", field=kind.split(" ", 1)[0])
    phases = {each.name for each in plan.phase}
    for number, ritual in enumerate(plan.ritual):
        if missing := set(ritual.phases) - phases:
            raise PlanInvalid(f"No phase is called {', '.join(sorted(missing))}.", field=f"ritual[{number}].phases")
    if plan.guarantee.promised_hours <= plan.guarantee.customers_hours:
        raise PlanInvalid("Staff need some time after the customers' hours.", field="guarantee.promised_hours")
    _check_gates(plan)
    _check_texts(plan)


def _check_gates(plan: Plan) -> None:
    for number, phase in enumerate(plan.phase):
        for gate in phase.gates:
            if gate.figure not in FIGURES:
                raise PlanInvalid(f"No health figure is called {gate.figure}.", field=f"phase[{number}].gates")
            if (gate.at_least is None) == (gate.at_most is None):
                raise PlanInvalid("A gate says either at_least or at_most.", field=f"phase[{number}].gates")


def _check_texts(plan: Plan) -> None:
    texts = [each.title for each in plan.phase] + [each.title for each in plan.prompt]
    texts += [each.title for each in plan.ritual]
    texts += [check.title for phase in plan.phase for check in phase.checks] + [each.text for each in plan.prompt]
    if any(each.is_empty for each in texts):
        raise PlanInvalid("A text is needed in one language at least.", field="title")
    for number, prompt in enumerate(plan.prompt):
        if any(len(each) > 150 for each in (prompt.title.en, prompt.title.ja, prompt.title.fr) if each):
            raise PlanInvalid("A title has at most 150 characters.", field=f"prompt[{number}].title")


#: The health figures that a gate may name: shares and ratios, no heads.
FIGURES: Final = frozenset({
    "participation", "started_by_customers", "first_reply_hours", "answered_within_7_days", "answered_by_customers",
    "newcomers_answered_within_24_hours", "newcomers_again", "returning_weekly", "reciprocity", "gini", "top_10_share",
    "shop_share_of_matter", "shop_share_of_company",
})  # fmt: skip
