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
from types import MappingProxyType
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.tokenizer_core import Token, TokenType
from sqlglot.tokens import Tokenizer

from comptoir.foundation.kernel.numbers import whole
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
    Within,
    leaves,
)
from comptoir.office.segments.errors import (
    ArgumentRefused,
    DividesByZero,
    ExpressionRefused,
    ExpressionTooLarge,
    ExpressionUnreadable,
    FactUnknown,
    InnerSegmentUnknown,
    KindsDiffer,
    SegmentsInCircle,
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
_NEAR: Final = 0.55
#: The one question that is not about a fact: whether somebody is in another segment.
IN_SEGMENT: Final = "in_segment"
#: So many segments may rest on each other in one line, and so many facts may be asked together.
SEGMENTS_DEEP_MAX: Final = 5
FACTS_MAX: Final = 500


def read(expression: str, segments: Mapping[str, str] = MappingProxyType({}), *, name: str | None = None) -> Tree:
    """Return the tree of an expression. Raises a subclass of :class:`ExpressionRefused` that says where and why.

    ``segments`` are the expressions that others have, by their names: what ``in_segment('name')`` asks is read with it.
    ``name`` is the expression's own, on which it cannot rest.
    """
    return _read(expression, segments, () if name is None else (name,))


def _read(expression: str, segments: Mapping[str, str], within: tuple[str, ...]) -> Tree:
    if len(expression) > CHARACTERS_MAX:
        raise ExpressionTooLarge(
            "too_many_characters", position=CHARACTERS_MAX + 1, values={"limit": str(CHARACTERS_MAX)}
        )
    if not expression.strip():
        raise ExpressionUnreadable("empty", position=1)
    tokens = _tokens(expression)
    _check(tokens, expression)
    try:
        parsed = sqlglot.parse_one(expression)
    except ParseError as error:
        found = error.errors[0] if error.errors else {}
        place = _offset(expression, int(found.get("line") or 1), int(found.get("col") or 1))
        highlight = str(found.get("highlight") or "")
        start = max(1, place - max(0, len(highlight) - 1))
        raise ExpressionUnreadable("not_like_this", position=start, length=len(highlight) or 1) from None
    except (SqlglotError, RecursionError):
        raise ExpressionUnreadable("unreadable", position=1) from None
    tree = _Reader(expression, tokens, segments, within).truth(parsed)
    if sum(1 for _ in itertools.islice(leaves(tree), FACTS_MAX + 1)) > FACTS_MAX:
        raise ExpressionTooLarge("inner_many", position=1, length=len(expression), values={"limit": str(FACTS_MAX)})
    return tree


def rests_on(expression: str) -> list[str]:
    """Return the names of the segments that an expression asks for itself, each once; of what is unreadable, none."""
    return list(dict.fromkeys(name for _, _, name in _references(expression)))


def renamed(expression: str, before: str, after: str) -> str:
    """Return an expression that asks for a segment by its new name; everything else stays as it was written."""
    for start, end, name in reversed(_references(expression)):
        if name == before:
            expression = f"{expression[:start]}'{after.replace(chr(39), chr(39) * 2)}'{expression[end:]}"
    return expression


def _references(expression: str) -> list[tuple[int, int, str]]:
    """Return where an expression names segments: from, to, and the name."""
    try:
        tokens = _tokens(expression)
    except ExpressionUnreadable:
        return []
    found = []
    for place, token in enumerate(tokens):
        if token.text.lower() == IN_SEGMENT and token.token_type is not TokenType.STRING:
            behind = tokens[place + 1 : place + 5]
            given = next((each for each in behind if each.token_type is TokenType.STRING), None)
            if behind and behind[0].token_type is TokenType.L_PAREN and given is not None:
                found.append((given.start, given.end + 1, given.text))
    return found


def _nearest(word: str, known: Sequence[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word, known, 1, _NEAR)), None)


def _tokens(expression: str) -> Sequence[Token]:
    try:
        return Tokenizer().tokenize(expression)
    except SqlglotError:
        quote = expression.find("'") + 1
        raise ExpressionUnreadable("quote_open", position=max(1, quote)) from None


def _check(tokens: Sequence[Token], expression: str) -> None:
    """Refuse what is no part of the language, before anything is parsed."""
    if len(tokens) > TOKENS_MAX:
        raise ExpressionTooLarge(
            "too_many_words", position=tokens[TOKENS_MAX].start + 1, values={"limit": str(TOKENS_MAX)}
        )
    depth = prefixes = 0
    for token, following in itertools.zip_longest(tokens, tokens[1:]):
        place, length = token.start + 1, max(1, token.end - token.start + 1)
        if token.comments:
            raise ExpressionUnreadable("comment", position=place)
        if token.token_type not in _TOKENS and not _may_name(token, following, expression):
            if not token.text:
                raise ExpressionUnreadable("no_part", position=place, length=length)
            raise ExpressionUnreadable("no_part_word", position=place, length=length, values={"word": token.text})
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        prefixes = prefixes + 1 if token.token_type in _PREFIXES else 0
        if depth > DEPTH_MAX or prefixes > DEPTH_MAX:
            raise ExpressionTooLarge("too_deep", position=place, values={"limit": str(DEPTH_MAX)})
    between = expression.find("--"), expression.find("/*"), expression.find(";")
    for place in between:
        if place >= 0 and not any(t.token_type is TokenType.STRING and t.start <= place <= t.end for t in tokens):
            raise ExpressionUnreadable("no_part", position=place + 1)


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

    def __init__(
        self, expression: str, tokens: Sequence[Token], segments: Mapping[str, str], within: tuple[str, ...]
    ) -> None:
        self._expression = expression
        self._segments = segments
        self._within = within
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
        if isinstance(node, exp.Anonymous) and str(node.this).lower() == IN_SEGMENT:
            return self._inner(node)
        if isinstance(node, exp.Anonymous | exp.Column):
            leaf, fact = self._leaf(node)
            if fact.kind != "truth":
                raise self._refuse(KindsDiffer, "number_alone", node, name=fact.name)
            return leaf
        if type(node) in _OPERATIONS or isinstance(node, exp.Literal | exp.Neg):
            raise self._refuse(KindsDiffer, "truth_wanted", node)
        raise self._refuse(ExpressionUnreadable, "no_part", node)

    def _compared(self, left: exp.Expr, comparison: Comparison, right: exp.Expr, whole: exp.Expr) -> Tree:
        one, of_one = self._value(left)
        other, of_other = self._value(right)
        if not _fits(one, of_one, other, of_other):
            raise self._refuse(KindsDiffer, "kinds_compared", whole)
        tree = Compare(comparison, one, other)
        self._bounded(Arithmetic("-", one, other), whole)
        return tree

    # -- other segments

    def _inner(self, node: exp.Anonymous) -> Tree:
        """Read the segment that is asked for in its place, as it stands now."""
        given = node.expressions[0] if len(node.expressions) == 1 else None
        if isinstance(given, exp.Kwarg) and str(given.this.name).lower() == "name":
            given = given.expression
        if not isinstance(given, exp.Literal) or not given.is_string:
            raise self._refuse(ArgumentRefused, "segment_wanted", node)
        name = str(given.this)
        if name in self._within:
            chain = " > ".join((*self._within[self._within.index(name) :], name))
            raise self._refuse(SegmentsInCircle, "inner_circle", node, chain=chain)
        if name not in self._segments:
            nearest = _nearest(name, [*self._segments])
            raise self._refuse(InnerSegmentUnknown, "inner_unknown", node, nearest=nearest, name=name)
        if len(self._within) > SEGMENTS_DEEP_MAX:
            raise self._refuse(ExpressionTooLarge, "inner_deep", node, limit=str(SEGMENTS_DEEP_MAX))
        try:
            return Within(name, _read(self._segments[name], self._segments, (*self._within, name)))
        except SegmentsInCircle as problem:
            raise self._refuse(SegmentsInCircle, "inner_circle", node, **problem.values) from None
        except ExpressionTooLarge as problem:
            raise self._refuse(ExpressionTooLarge, problem.code, node, **problem.values) from None
        except ExpressionRefused:
            raise self._refuse(InnerSegmentUnknown, "inner_unreadable", node, name=name) from None

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
        if isinstance(node, exp.Anonymous) and str(node.this).lower() == IN_SEGMENT:
            raise self._refuse(KindsDiffer, "truth_no_number", node, name=IN_SEGMENT)
        if isinstance(node, exp.Anonymous | exp.Column):
            leaf, fact = self._leaf(node)
            if fact.kind == "truth":
                raise self._refuse(KindsDiffer, "truth_no_number", node, name=fact.name)
            return leaf, fact.kind
        if isinstance(node, exp.Literal):
            raise self._refuse(KindsDiffer, "text_no_number", node)
        if isinstance(node, exp.Boolean | exp.And | exp.Or | exp.Not) or type(node) in _COMPARISONS:
            raise self._refuse(KindsDiffer, "number_wanted", node)
        raise self._refuse(ExpressionUnreadable, "no_part", node)

    def _reckoned(self, operation: Operation, node: exp.Expr) -> tuple[Value, Kind]:
        left, of_left = self._value(node.this)
        right, of_right = self._value(node.expression)
        if isinstance(right, Number) and operation == "/" and right.numerator == 0:
            raise self._refuse(DividesByZero, "zero", node.expression)
        kind: Kind
        if operation in "+-":
            if not _fits(left, of_left, right, of_right):
                raise self._refuse(KindsDiffer, "kinds_added", node)
            kind = "money" if "money" in {of_left, of_right} else "number"
        elif operation == "*":
            if of_left == of_right == "money":
                raise self._refuse(KindsDiffer, "money_times", node)
            kind = "money" if "money" in {of_left, of_right} else "number"
        else:
            if of_right == "money" and of_left != "money":
                raise self._refuse(KindsDiffer, "by_money", node)
            kind = "money" if of_left == "money" and of_right == "number" else "number"
        if isinstance(left, Number) and isinstance(right, Number):
            folded = _FOLDED[operation](left.value, right.value)
            return Number(folded.numerator, folded.denominator), kind
        value = Arithmetic(operation, left, right)
        self._bounded(value, node)
        return value, kind

    def _bounded(self, value: Value, node: exp.Expr) -> None:
        if max(magnitude(value)) > MAGNITUDE_MAX:
            raise self._refuse(ExpressionTooLarge, "too_large", node)

    def _number(self, node: exp.Expr) -> Number:
        match = _NUMBER.fullmatch(str(node.this))
        if match is None or len(match[1]) > _DIGITS_MAX:
            raise self._refuse(ExpressionUnreadable, "digits", node)
        value = Fraction(str(node.this))
        return Number(value.numerator, value.denominator)

    # -- facts

    def _leaf(self, node: exp.Expr) -> tuple[Leaf, Fact]:
        name = str(node.this.this if isinstance(node, exp.Column) else node.this).lower()
        fact = FACTS.get(name)
        if fact is None:
            raise self._refuse(FactUnknown, "no_fact", node, nearest=_nearest(name, [*FACTS, IN_SEGMENT]), name=name)
        if isinstance(node, exp.Column):
            raise self._refuse(ArgumentRefused, "brackets", node, name=name)
        given: dict[Parameter, str | int] = {}
        for place, argument in enumerate(node.expressions):
            parameter, value = self._parameter(fact, place, argument)
            if parameter in given:
                raise self._refuse(ArgumentRefused, "twice", argument, name=parameter)
            given[parameter] = self._argument(parameter, value)
        for parameter in fact.required:
            if parameter not in given:
                raise self._refuse(ArgumentRefused, "needs", node, name=name, parameter=parameter)
        return Leaf(name, tuple(given.get(parameter) for parameter in fact.parameters)), fact

    def _parameter(self, fact: Fact, place: int, argument: exp.Expr) -> tuple[Parameter, exp.Expr]:
        known = ", ".join(fact.parameters) or "-"
        if isinstance(argument, exp.Kwarg):
            word = str(argument.this.name).lower()
            for parameter in fact.parameters:
                if parameter == word:
                    return parameter, argument.expression
            raise self._refuse(
                ArgumentRefused, "takes_no", argument, nearest=_nearest(word, fact.parameters), name=fact.name,
                known=known, word=word,
            )  # fmt: skip
        if place >= len(fact.parameters):
            raise self._refuse(ArgumentRefused, "takes_no_more", argument, name=fact.name, known=known)
        return fact.parameters[place], argument

    def _argument(self, parameter: Parameter, node: exp.Expr) -> str | int:
        if not isinstance(node, exp.Literal):
            raise self._refuse(ArgumentRefused, "literal_wanted", node)
        text = str(node.this)
        if parameter == "days":
            days = None if node.is_string else whole(text, DAYS_MAX, least=1)
            if days is None:
                raise self._refuse(ArgumentRefused, "days", node, limit=str(DAYS_MAX))
            return days
        if not text or len(text) > TEXT_CHARACTERS_MAX or not text.isprintable():
            raise self._refuse(ArgumentRefused, "text", node, limit=str(TEXT_CHARACTERS_MAX))
        return text

    # -- refusals

    def _refuse(
        self, refusal: type[ExpressionRefused], code: str, node: exp.Expr, *, nearest: str | None = None, **values: str
    ) -> ExpressionRefused:
        """Make a refusal that points at a node: at its own first character, or at that of its first part."""
        places = [each.meta for each in node.walk() if "start" in each.meta]
        if not places:
            return refusal(code, position=1, length=len(self._expression), nearest=nearest, values=values)
        start = min(int(meta["start"]) for meta in places)
        end = max(int(meta["end"]) for meta in places)
        if "start" in node.meta and isinstance(node, exp.Anonymous | exp.Column):
            start, end = int(node.meta["start"]), int(node.meta["end"])
        if isinstance(node, exp.Kwarg):
            start = self._names.get(start, start)
        return refusal(code, position=start + 1, length=max(1, end - start + 1), nearest=nearest, values=values)


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
