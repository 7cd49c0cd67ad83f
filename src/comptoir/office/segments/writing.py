"""From a tree back to an expression: what the builder writes, and what people read. Reading it gives the same tree.

Not here: reading (``language.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

from comptoir.office.segments import contracts
from comptoir.office.segments.contracts import All, Arithmetic, Compare, Leaf, Not, Number, Tree, Truth, Value, Within
from comptoir.office.segments.facts import FACTS

_DIGITS = 6


def write(tree: Tree) -> str:
    """Return the expression of a tree."""
    match tree:
        case Truth(value):
            return "TRUE" if value else "FALSE"
        case Leaf():
            return write_leaf(tree)
        case Not(part):
            return f"NOT {_closed(part)}"
        case Within(name, _):
            return f"in_segment({_quoted(name)})"
        case All(parts):
            return _joined("AND", parts)
        case contracts.Any(parts):
            return _joined("OR", parts)
        case Compare(comparison, left, right):
            return f"{write_value(left)} {comparison} {write_value(right)}"


def write_leaf(leaf: Leaf) -> str:
    """Return a fact as it is asked: what has to be given by place, the rest by name."""
    fact = FACTS[leaf.fact]
    given: list[str] = []
    for place, (parameter, argument) in enumerate(zip(fact.parameters, leaf.arguments, strict=True)):
        if argument is not None:
            text = _quoted(argument) if isinstance(argument, str) else str(argument)
            given.append(text if place == len(given) == 0 else f"{parameter} => {text}")
    return f"{leaf.fact}({', '.join(given)})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def write_value(value: Value) -> str:
    """Return a number, a fact, or what is reckoned from both."""
    match value:
        case Number(numerator, denominator):
            scaled = numerator * 10**_DIGITS
            if scaled % denominator:
                return f"({numerator} / {denominator})"
            whole, rest = divmod(abs(scaled // denominator), 10**_DIGITS)
            sign = "-" if numerator < 0 else ""
            return f"{sign}{whole}" + (f".{rest:0{_DIGITS}d}".rstrip("0") if rest else "")
        case Leaf():
            return write_leaf(value)
        case Arithmetic(operation, left, right):
            return f"({write_value(left)} {operation} {write_value(right)})"


def _closed(tree: Tree) -> str:
    return f"({write(tree)})" if isinstance(tree, All | contracts.Any | Compare | Not) else write(tree)


def _joined(word: str, parts: Sequence[Tree]) -> str:
    if len(parts) == 1:
        return write(parts[0])
    return f" {word} ".join(
        f"({write(part)})" if isinstance(part, All | contracts.Any) else write(part) for part in parts
    )
