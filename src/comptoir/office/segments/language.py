"""From an expression to its tree: read with sqlglot, held against the lists of what is allowed, typed.

Two lists: tokens first, each of which knows its place, so that nothing else is ever parsed; then nodes. Whatever is not
on a list is refused, with the place of its first character. Not here: which facts there are (``facts.py``).
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.tokenizer_core import Token, TokenType
from sqlglot.tokens import Tokenizer

from comptoir.office.segments.contracts import (
    All,
    Any,
    Arithmetic,
    Compare,
    Comparison,
    Kind,
    Leaf,
    Not,
    Number,
    Operation,
    Tree,
    Truth,
    Value,
)
from comptoir.office.segments.errors import (
    ArgumentRefused,
    DividesByZero,
    ExpressionRefused,
    ExpressionTooLarge,
    ExpressionUnreadable,
    FactUnknown,
    KindsDiffer,
)
from comptoir.office.segments.facts import DAYS_MAX, FACTS, Fact, Parameter

CHARACTERS_MAX: Final = 4_000
TOKENS_MAX: Final = 500
DEPTH_MAX: Final = 20
TEXT_CHARACTERS_MAX: Final = 64
_DIGITS_MAX: Final = 12
#: What whole numbers every engine has, in DECIMAL(38, 0).
MAGNITUDE_MAX: Final = 10**37

_TOKENS: Final = frozenset(
    {
        TokenType.AND, TokenType.OR, TokenType.NOT, TokenType.IN, TokenType.BETWEEN, TokenType.TRUE, TokenType.FALSE,
        TokenType.L_PAREN, TokenType.R_PAREN, TokenType.COMMA, TokenType.PLUS, TokenType.DASH, TokenType.STAR,
        TokenType.SLASH, TokenType.EQ, TokenType.NEQ, TokenType.LT, TokenType.LTE, TokenType.GT, TokenType.GTE,
        TokenType.FARROW, TokenType.NUMBER, TokenType.STRING,
    }
)  # fmt: skip
_BEHIND_NAMES: Final = frozenset({TokenType.L_PAREN, TokenType.FARROW})
_PREFIXES: Final = frozenset({TokenType.NOT, TokenType.DASH, TokenType.PLUS})
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER: Final = re.compile(r"(\d+)(?:\.(\d{1,6}))?")
_COMPARISONS: Final[Mapping[type[exp.Expr], Comparison]] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
}  # fmt: skip
_OPERATIONS: Final[Mapping[type[exp.Expr], Operation]] = {
    exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/",
}  # fmt: skip
_WORDS: Final[Mapping[Kind, str]] = {"money": "money", "number": "a number", "truth": "a yes or no"}
_NEAR: Final = 0.55


def read(expression: str) -> Tree:
    """Return the tree of an expression. Raises a subclass of :class:`ExpressionRefused` that says where and why."""
    if len(expression) > CHARACTERS_MAX:
        raise ExpressionTooLarge(f"It has more than {CHARACTERS_MAX} characters.", position=CHARACTERS_MAX + 1)
    if not expression.strip():
        raise ExpressionUnreadable("There is nothing in it.", position=1)
    tokens = _tokens(expression)
    _check(tokens, expression)
    try:
        parsed = sqlglot.parse_one(expression)
    except ParseError as error:
        found = error.errors[0] if error.errors else {}
        place = _offset(expression, int(found.get("line") or 1), int(found.get("col") or 1))
        highlight = str(found.get("highlight") or "")
        start = max(1, place - max(0, len(highlight) - 1))
        raise ExpressionUnreadable("It does not go on like this.", position=start, length=len(highlight) or 1) from None
    except (SqlglotError, RecursionError):
        raise ExpressionUnreadable("It cannot be read.", position=1) from None
    return _Reader(expression, tokens).truth(parsed)


def _tokens(expression: str) -> Sequence[Token]:
    try:
        return Tokenizer().tokenize(expression)
    except SqlglotError:
        quote = expression.find("'") + 1
        raise ExpressionUnreadable("A text in quotes does not end.", position=max(1, quote)) from None


def _check(tokens: Sequence[Token], expression: str) -> None:
    """Refuse what is no part of the language, before anything is parsed."""
    if len(tokens) > TOKENS_MAX:
        raise ExpressionTooLarge(
            f"It has more than {TOKENS_MAX} words and signs.", position=tokens[TOKENS_MAX].start + 1
        )
    depth = prefixes = 0
    for token, following in itertools.zip_longest(tokens, tokens[1:]):
        place, length = token.start + 1, max(1, token.end - token.start + 1)
        if token.comments:
            raise ExpressionUnreadable("It has a comment; there are none in expressions.", position=place)
        if token.token_type not in _TOKENS and not _may_name(token, following, expression):
            raise ExpressionUnreadable(
                f"{token.text or 'This'} is no part of an expression.", position=place, length=length
            )
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        prefixes = prefixes + 1 if token.token_type in _PREFIXES else 0
        if depth > DEPTH_MAX or prefixes > DEPTH_MAX:
            raise ExpressionTooLarge(f"It nests more than {DEPTH_MAX} deep.", position=place)
    between = expression.find("--"), expression.find("/*"), expression.find(";")
    for place in between:
        if place >= 0 and not any(t.token_type is TokenType.STRING and t.start <= place <= t.end for t in tokens):
            raise ExpressionUnreadable("This is no part of an expression.", position=place + 1)


def _may_name(token: Token, following: Token | None, expression: str) -> bool:
    """Tell whether a token may be the name of a fact or of an argument: a word, and no word of SQL standing alone."""
    if not _WORD.fullmatch(expression[token.start : token.end + 1]):
        return False
    return token.token_type is TokenType.VAR or (following is not None and following.token_type in _BEHIND_NAMES)


def _offset(expression: str, line: int, column: int) -> int:
    lines = expression.splitlines(keepends=True)
    return min(len(expression), sum(map(len, lines[: line - 1])) + column) or 1


class _Reader:
    """Turns parsed nodes into the tree, and refuses every other."""

    def __init__(self, expression: str, tokens: Sequence[Token]) -> None:
        self._expression = expression
        #: Where the names of arguments stand: by the place of what is given.
        self._names = {
            behind.start: name.start
            for name, arrow, behind in zip(tokens, tokens[1:], tokens[2:], strict=False)
            if arrow.token_type is TokenType.FARROW
        }

    # -- yes or no

    def truth(self, node: exp.Expr) -> Tree:
        """Read a node that has to be yes or no."""
        node = _bare(node)
        if isinstance(node, exp.And | exp.Or):
            kind = type(node)
            return _joined(All if kind is exp.And else Any, [self.truth(part) for part in _chain(node, kind)])
        if isinstance(node, exp.Not):
            return Not(self.truth(node.this))
        if isinstance(node, exp.Boolean):
            return Truth(bool(node.this))
        if isinstance(node, exp.Between) and not node.args.get("symmetric"):
            low = self._compared(node.this, ">=", node.args["low"], node)
            return _joined(All, [low, self._compared(node.this, "<=", node.args["high"], node)])
        if isinstance(node, exp.In) and node.expressions:
            return _joined(Any, [self._compared(node.this, "=", each, node) for each in node.expressions])
        comparison = _COMPARISONS.get(type(node))
        if comparison is not None:
            return self._compared(node.this, comparison, node.expression, node)
        if isinstance(node, exp.Anonymous | exp.Column):
            leaf, fact = self._leaf(node)
            if fact.kind != "truth":
                raise self._refuse(KindsDiffer, f"{fact.name} is a number; compare it with one.", node)
            return leaf
        if type(node) in _OPERATIONS or isinstance(node, exp.Literal | exp.Neg):
            raise self._refuse(KindsDiffer, "Here something has to be true or false.", node)
        raise self._refuse(ExpressionUnreadable, "This is no part of an expression.", node)

    def _compared(self, left: exp.Expr, comparison: Comparison, right: exp.Expr, whole: exp.Expr) -> Tree:
        one, of_one = self._value(left)
        other, of_other = self._value(right)
        if not _fits(one, of_one, other, of_other):
            raise self._refuse(
                KindsDiffer, f"{_WORDS[of_one].capitalize()} is not compared with {_WORDS[of_other]}.", whole
            )
        tree = Compare(comparison, one, other)
        self._bounded(Arithmetic("-", one, other), whole)
        return tree

    # -- numbers

    def _value(self, node: exp.Expr) -> tuple[Value, Kind]:
        node = _bare(node)
        if isinstance(node, exp.Literal) and not node.is_string:
            return self._number(node), "number"
        if isinstance(node, exp.Neg):
            value, kind = self._value(node.this)
            return _negative(value), kind
        operation = _OPERATIONS.get(type(node))
        if operation is not None:
            return self._reckoned(operation, node)
        if isinstance(node, exp.Anonymous | exp.Column):
            leaf, fact = self._leaf(node)
            if fact.kind == "truth":
                raise self._refuse(KindsDiffer, f"{fact.name} is true or false, and no number.", node)
            return leaf, fact.kind
        if isinstance(node, exp.Literal):
            raise self._refuse(KindsDiffer, "A text is no number.", node)
        if isinstance(node, exp.Boolean | exp.And | exp.Or | exp.Not) or type(node) in _COMPARISONS:
            raise self._refuse(KindsDiffer, "Here a number has to stand.", node)
        raise self._refuse(ExpressionUnreadable, "This is no part of an expression.", node)

    def _reckoned(self, operation: Operation, node: exp.Expr) -> tuple[Value, Kind]:
        left, of_left = self._value(node.this)
        right, of_right = self._value(node.expression)
        if isinstance(right, Number) and operation == "/" and right.numerator == 0:
            raise self._refuse(DividesByZero, "Nothing can be divided by zero.", node.expression)
        kind: Kind
        if operation in "+-":
            if not _fits(left, of_left, right, of_right):
                raise self._refuse(
                    KindsDiffer, f"{_WORDS[of_left].capitalize()} and {_WORDS[of_right]} do not add up.", node
                )
            kind = "money" if "money" in {of_left, of_right} else "number"
        elif operation == "*":
            if of_left == of_right == "money":
                raise self._refuse(KindsDiffer, "Money times money is nothing.", node)
            kind = "money" if "money" in {of_left, of_right} else "number"
        else:
            if of_right == "money" and of_left != "money":
                raise self._refuse(KindsDiffer, "A number cannot be divided by money.", node)
            kind = "money" if of_left == "money" and of_right == "number" else "number"
        if isinstance(left, Number) and isinstance(right, Number):
            folded = _FOLDED[operation](left.value, right.value)
            return Number(folded.numerator, folded.denominator), kind
        value = Arithmetic(operation, left, right)
        self._bounded(value, node)
        return value, kind

    def _bounded(self, value: Value, node: exp.Expr) -> None:
        if max(magnitude(value)) > MAGNITUDE_MAX:
            raise self._refuse(ExpressionTooLarge, "It reckons with numbers that are too large.", node)

    def _number(self, node: exp.Expr) -> Number:
        match = _NUMBER.fullmatch(str(node.this))
        if match is None or len(match[1]) > _DIGITS_MAX:
            raise self._refuse(ExpressionUnreadable, "A number has at most 12 digits, and 6 behind the point.", node)
        value = Fraction(str(node.this))
        return Number(value.numerator, value.denominator)

    # -- facts

    def _leaf(self, node: exp.Expr) -> tuple[Leaf, Fact]:
        name = str(node.this.this if isinstance(node, exp.Column) else node.this).lower()
        fact = FACTS.get(name)
        if fact is None:
            nearest = next(iter(difflib.get_close_matches(name, FACTS, 1, _NEAR)), None)
            meant = f" Is {nearest} meant?" if nearest else ""
            raise self._refuse(FactUnknown, f"There is no fact {name}.{meant}", node, nearest=nearest)
        if isinstance(node, exp.Column):
            raise self._refuse(ArgumentRefused, f"A fact is asked with brackets: {name}(...).", node)
        given: dict[Parameter, str | int] = {}
        for place, argument in enumerate(node.expressions):
            parameter, value = self._parameter(fact, place, argument)
            if parameter in given:
                raise self._refuse(ArgumentRefused, f"{parameter} is given twice.", argument)
            given[parameter] = self._argument(parameter, value)
        for parameter in fact.required:
            if parameter not in given:
                raise self._refuse(ArgumentRefused, f"{name} needs {parameter}.", node)
        return Leaf(name, tuple(given.get(parameter) for parameter in fact.parameters)), fact

    def _parameter(self, fact: Fact, place: int, argument: exp.Expr) -> tuple[Parameter, exp.Expr]:
        known = ", ".join(fact.parameters) or "nothing"
        if isinstance(argument, exp.Kwarg):
            word = str(argument.this.name).lower()
            for parameter in fact.parameters:
                if parameter == word:
                    return parameter, argument.expression
            nearest = next(iter(difflib.get_close_matches(word, fact.parameters, 1, _NEAR)), None)
            raise self._refuse(ArgumentRefused, f"{fact.name} takes {known}, and no {word}.", argument, nearest=nearest)
        if place >= len(fact.parameters):
            raise self._refuse(ArgumentRefused, f"{fact.name} takes {known}, and no more.", argument)
        return fact.parameters[place], argument

    def _argument(self, parameter: Parameter, node: exp.Expr) -> str | int:
        if not isinstance(node, exp.Literal):
            raise self._refuse(ArgumentRefused, "Here a number or a text in quotes has to stand.", node)
        text = str(node.this)
        if parameter == "days":
            if node.is_string or not text.isdigit() or len(text) > _DIGITS_MAX or not 1 <= int(text) <= DAYS_MAX:
                raise self._refuse(ArgumentRefused, f"days is a whole number from 1 to {DAYS_MAX}.", node)
            return int(text)
        if not text or len(text) > TEXT_CHARACTERS_MAX or not text.isprintable():
            raise self._refuse(ArgumentRefused, f"A text has 1 to {TEXT_CHARACTERS_MAX} characters.", node)
        return text

    # -- refusals

    def _refuse(
        self, refusal: type[ExpressionRefused], detail: str, node: exp.Expr, *, nearest: str | None = None
    ) -> ExpressionRefused:
        """Make a refusal that points at a node: at its own first character, or at that of its first part."""
        places = [each.meta for each in node.walk() if "start" in each.meta]
        if not places:
            return refusal(detail, position=1, length=len(self._expression), nearest=nearest)
        start = min(int(meta["start"]) for meta in places)
        end = max(int(meta["end"]) for meta in places)
        if "start" in node.meta and isinstance(node, exp.Anonymous | exp.Column):
            start, end = int(node.meta["start"]), int(node.meta["end"])
        if isinstance(node, exp.Kwarg):
            start = self._names.get(start, start)
        return refusal(detail, position=start + 1, length=max(1, end - start + 1), nearest=nearest)


def _bare(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def _chain(node: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    """Return the parts of a chain of AND or OR from left to right, however long it is."""
    parts: list[exp.Expr] = []
    waiting = [node]
    while waiting:
        each = _bare(waiting.pop())
        if isinstance(each, kind):
            waiting += [each.expression, each.this]
        else:
            parts.append(each)
    return parts


def _joined(kind: type[All | Any], parts: Sequence[Tree]) -> Tree:
    """Return parts joined by AND or OR, those of the same word with them; one part is itself."""
    flat: list[Tree] = []
    for part in parts:
        flat += part.parts if isinstance(part, kind) else (part,)
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def _negative(value: Value) -> Value:
    if isinstance(value, Number):
        return Number(-value.numerator, value.denominator)
    return Arithmetic("-", Number(0), value)


_FOLDED: Final[Mapping[Operation, Callable[[Fraction, Fraction], Fraction]]] = {
    "+": Fraction.__add__, "-": Fraction.__sub__, "*": Fraction.__mul__, "/": Fraction.__truediv__,
}  # fmt: skip


def _fits(one: Value, of_one: Kind, other: Value, of_other: Kind) -> bool:
    """Tell whether two values can be compared or added: of one kind, or one of them a number that stands there."""
    return of_one == of_other or isinstance(one, Number) or isinstance(other, Number)


def magnitude(value: Value) -> tuple[int, int]:
    """Return how large numerator and denominator of a value can become, as every engine reckons it."""
    match value:
        case Number(numerator, denominator):
            return abs(numerator), denominator
        case Leaf(fact, _):
            # Money is counted in the smallest unit: at most a thousandth of it.
            return FACTS[fact].magnitude, 1_000 if FACTS[fact].kind == "money" else 1
        case Arithmetic(operation, left, right):
            (a, b), (c, d) = magnitude(left), magnitude(right)
            if operation == "*":
                return a * c, b * d
            if operation == "/":
                return a * d, b * c
            return a * d + c * b, b * d
