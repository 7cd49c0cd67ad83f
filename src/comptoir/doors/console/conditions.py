"""The conditions of a segment as they are clicked together: what there is to choose, one taken back, one added.

Not here: pages (``segmenting.py``), the language itself, and conditions in words (``office/segments``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from django.http import QueryDict
from django.utils.translation import gettext as _

from comptoir.foundation.kernel.numbers import whole
from comptoir.office.segments import contracts
from comptoir.office.segments.contracts import All, Leaf, Tree, Truth, Within
from comptoir.office.segments.errors import DETAILS, ArgumentRefused
from comptoir.office.segments.facts import DAYS_MAX, FACTS
from comptoir.office.segments.language import IN_SEGMENT
from comptoir.office.segments.wording import comparisons, titles
from comptoir.office.segments.writing import write, write_leaf

_AMOUNT: Final = re.compile(r"[+-]?\d{1,12}(\.\d{1,6})?", re.ASCII)
_WITH_THINGS: Final = frozenset({"thing", "category", "product", "type", "promotion"})


def facts() -> list[dict[str, str]]:
    """Return every fact: its name and its title."""
    every = {**titles(), IN_SEGMENT: _("Is in another segment")}
    return [{"name": name, "title": title} for name, title in every.items()]


def facts_with(*parameters: str) -> str:
    """Return the names of the facts that may be asked with one of these, with spaces; of none, those of a number."""
    return " ".join(
        name for name, fact in FACTS.items()
        if (set(parameters) & set(fact.parameters) if parameters else fact.kind != "truth")
    )  # fmt: skip


def things() -> str:
    """Return the names of the facts that are asked about goods, a kind of event, a promotion or a segment."""
    return f"{facts_with(*_WITH_THINGS)} {IN_SEGMENT}"


def details() -> dict[str, str]:
    """Return what refusals of an expression say, by their code, in the reader's language."""
    return {code: _(text) for code, text in DETAILS.items()}


def without(tree: Tree, number: int) -> str:
    """Return the expression without its condition of this number, from 0 on; of the last one nothing is left."""
    if not isinstance(tree, All | contracts.Any) or not 0 <= number < len(tree.parts):
        return "" if number == 0 else write(tree)
    rest = tree.parts[:number] + tree.parts[number + 1 :]
    return write(rest[0]) if len(rest) == 1 else write(type(tree)(rest))


def added(expression: str, posted: QueryDict, *, read: Callable[[str], Tree]) -> str:
    """Return an expression with the condition that was clicked together; ``read`` returns the tree of an expression.

    Raises :class:`ExpressionRefused` for an expression that cannot be read: what would be joined nobody knows. What was
    clicked and is no number is refused behind the expression, where it would have come to stand.
    """
    given = posted.get("thing", "").strip()
    if posted.get("fact") == IN_SEGMENT:
        return _joined(expression, write(Within(given, Truth(value=True))), posted.get("joint", "AND"), read)
    fact = FACTS.get(posted.get("fact", ""))
    if fact is None:
        return expression
    arguments: list[str | int | None] = []
    for parameter in fact.parameters:
        text = posted.get(parameter if parameter in {"days", "store"} else "thing", "").strip()
        if parameter == "product" or (parameter == "category" and not given):
            arguments.append(None)  # one field is for what was bought; it is asked as a category
        elif parameter == "days":
            arguments.append(_days(text, expression))
        else:
            arguments.append(text or None)
    condition = write_leaf(Leaf(fact.name, tuple(arguments)))
    if fact.kind != "truth":
        comparison = posted.get("comparison", ">")
        amount = posted.get("amount", "").strip().replace(",", ".") or "0"
        if _AMOUNT.fullmatch(amount) is None:
            raise _refused("digits", expression)
        condition += f" {comparison if comparison in dict(comparisons()) else '>'} {amount}"
    return _joined(expression, condition, posted.get("joint", "AND"), read)


def _days(text: str, expression: str) -> int | None:
    days = whole(text, DAYS_MAX)
    if text and days is None:
        raise _refused("days", expression, limit=str(DAYS_MAX))
    return days


def _refused(code: str, expression: str, **values: str) -> ArgumentRefused:
    return ArgumentRefused(code, position=len(expression) + 1, values=values)


def _joined(expression: str, condition: str, joint: str, read: Callable[[str], Tree]) -> str:
    """Join both, with what was written as it was: in brackets where it would fall apart, however it is written."""
    if joint == "AND NOT":
        condition = f"NOT {condition}"
    if not expression:
        return condition
    word, other = ("OR", All) if joint == "OR" else ("AND", contracts.Any)
    kept = f"({expression})" if isinstance(read(expression), other) else expression
    return f"{kept} {word} {condition}"
