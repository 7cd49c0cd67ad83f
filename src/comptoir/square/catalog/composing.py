"""What somebody wants to see of the shop, as a small language of plain sentences: read, written, and applied. Pure.

A *rule* is one sentence: show this first, never show that, only these, one thing in five from elsewhere, in this order.
A window is its rules in their order; it says nothing of whose it is, so that it can stand in an address, in a cookie of
a browser that nobody knows, and in an event at the counter (``counter/windows``).

*Never* holds against everything else. *Only* of makers and *only* of categories hold together. *New* lets every n-th
thing be one that the window does not put first, and means nothing while it puts nothing first. Version 1.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Annotated, Final, Literal, TypeVar, get_args
from urllib.parse import parse_qsl, urlencode

import msgspec
from msgspec import Meta

from comptoir.foundation.kernel.numbers import whole
from comptoir.foundation.kernel.problem import Problem
from comptoir.square.catalog.contracts import NAME_CHARACTERS_MAX
from comptoir.square.catalog.errors import WindowInvalid

VERSION: Final = 1
RULES_MAX: Final = 30
#: A window fits into an address and into a cookie.
ADDRESS_BYTES_MAX: Final = 3_000
EVERY_MIN, EVERY_MAX = 2, 20

Sentence = Literal["first", "never", "only", "new", "order"]
Kind = Literal["category", "maker", "product", "adults"]
By = Literal["newest", "cheapest"]
#: No sign that cannot be seen, and no space around it.
_PLAIN: Final = r"^[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$"
Value = Annotated[str, Meta(min_length=1, max_length=NAME_CHARACTERS_MAX, pattern=_PLAIN)]
SENTENCES: Final[tuple[str, ...]] = get_args(Sentence)
#: What each sentence can speak of.
_OF: Final[Mapping[str, frozenset[str | None]]] = {
    "first": frozenset({"category", "maker"}),
    "never": frozenset({"category", "maker", "product", "adults"}),
    "only": frozenset({"category", "maker"}),
    "new": frozenset({None}),
    "order": frozenset({None}),
}


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One sentence. ``of`` and ``value`` say of what; ``every`` belongs to ``new``, ``by`` to ``order``.

    A ``category`` is named by its slug, a ``maker`` by name, a ``product`` by its number, ``adults`` by nothing.
    """

    rule: Sentence
    of: Kind | None = None
    value: Value | None = None
    every: Annotated[int, Meta(ge=EVERY_MIN, le=EVERY_MAX)] | None = None
    by: By | None = None


class Composed(msgspec.Struct, frozen=True):
    """A window as it is applied to what is sold: categories with every one below them."""

    first_categories: tuple[str, ...] = ()
    first_makers: tuple[str, ...] = ()
    never_categories: tuple[str, ...] = ()
    never_makers: tuple[str, ...] = ()
    never_products: tuple[str, ...] = ()
    never_adults: bool = False
    only_categories: tuple[str, ...] | None = None
    only_makers: tuple[str, ...] | None = None
    every: int | None = None
    by: By | None = None

    @property
    def has_first(self) -> bool:
        """Tell whether it puts anything first."""
        return bool(self.first_categories or self.first_makers)

    def hides(self, *, product: str, category: str | None, maker: str | None, asks_over: int | None) -> bool:
        """Tell whether somebody never wants to see a thing."""
        return (
            category in self.never_categories
            or maker in self.never_makers
            or product in self.never_products
            or (self.never_adults and asks_over is not None)
        )

    def admits(self, *, product: str, category: str | None, maker: str | None, asks_over: int | None) -> bool:
        """Tell whether a thing is shown at all: it is not hidden, and among what alone is to be seen."""
        return (
            not self.hides(product=product, category=category, maker=maker, asks_over=asks_over)
            and (self.only_categories is None or category in self.only_categories)
            and (self.only_makers is None or maker in self.only_makers)
        )

    def puts_first(self, *, category: str | None, maker: str | None) -> bool:
        """Tell whether a thing is put first."""
        return category in self.first_categories or maker in self.first_makers


def judge(rules: Sequence[Rule], *, field: str = "data.rules") -> Problem | None:
    """Return why these sentences make no window, or nothing."""
    if len(rules) > RULES_MAX:
        return WindowInvalid(f"A window has at most {RULES_MAX} rules.", field=field)
    alone: set[str] = set()
    for number, rule in enumerate(rules):
        at = f"{field}[{number}]"
        if (problem := _judge_rule(rule, at)) is not None:
            return problem
        if rule.rule in {"new", "order"} and rule.rule in alone:
            return WindowInvalid("This can be said once.", field=at)
        alone.add(rule.rule)
        if rule in rules[:number]:
            return WindowInvalid("This is said already.", field=at)
    if len(written(rules)) > ADDRESS_BYTES_MAX:
        return WindowInvalid("So many long names do not fit into an address.", field=field)
    return None


def _judge_rule(rule: Rule, at: str) -> Problem | None:
    if rule.of not in _OF[rule.rule]:
        return WindowInvalid("This sentence does not speak of such a thing.", field=f"{at}.of")
    if (rule.value is None) != (rule.of in {None, "adults"}):
        return WindowInvalid("Say of which one it speaks.", field=f"{at}.value")
    if (rule.every is None) != (rule.rule != "new"):
        return WindowInvalid("Something new has a share, and nothing else has.", field=f"{at}.every")
    if (rule.by is None) != (rule.rule != "order"):
        return WindowInvalid("An order has a name, and nothing else has.", field=f"{at}.by")
    return None


def compose(rules: Iterable[Rule], below: Callable[[str], Collection[str]]) -> Composed:
    """Return rules as they are applied; ``below`` gives a category and every one within it."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    every: int | None = None
    by: By | None = None
    for rule in rules:
        every, by = rule.every or every, rule.by or by
        if rule.of is not None:
            values = below(rule.value or "") if rule.of == "category" else (rule.value or "",)
            found.setdefault((rule.rule, rule.of), {}).update(dict.fromkeys(values))

    def named(sentence: Sentence, kind: Kind) -> tuple[str, ...]:
        return tuple(found.get((sentence, kind), ()))

    return Composed(
        first_categories=named("first", "category"), first_makers=named("first", "maker"),
        never_categories=named("never", "category"), never_makers=named("never", "maker"),
        never_products=named("never", "product"), never_adults=("never", "adults") in found,
        only_categories=named("only", "category") if ("only", "category") in found else None,
        only_makers=named("only", "maker") if ("only", "maker") in found else None,
        every=every, by=by,
    )  # fmt: skip


Thing = TypeVar("Thing")


def within(parents: Mapping[str, str | None]) -> Callable[[str], tuple[str, ...]]:
    """Return what gives a category and every one that stands within it; ``parents`` says in which each one stands."""
    inside: dict[str, list[str]] = {}
    for category, parent in parents.items():
        if parent is not None:
            inside.setdefault(parent, []).append(category)

    def below(category: str) -> tuple[str, ...]:
        found, waiting = [], [category]
        while waiting:
            found.append(waiting.pop())
            waiting += inside.get(found[-1], ())
        return tuple(found)

    return below


def arranged(first: Sequence[Thing], rest: Sequence[Thing], every: int | None) -> list[Thing]:
    """Return what is put first, and the rest behind it, or with every n-th place to something of the rest.

    Each keeps its own order. The same as the database does (``arranged`` in ``queries.sql``), by places:

    >>> arranged("abcdef", "123", 3)
    ['a', 'b', '1', 'c', 'd', '2', 'e', 'f', '3']
    >>> arranged("ab", "12", None)
    ['a', 'b', '1', '2']
    """
    if every is None:
        return [*first, *rest]
    # The k-th that is put first leaves every n-th place free; the k-th of the rest takes the k-th of these.
    places = [((k - 1) + (k - 1) // (every - 1) + 1, each) for k, each in enumerate(first, start=1)]
    places += [(k * every, each) for k, each in enumerate(rest, start=1)]
    return [each for _, each in sorted(places, key=lambda one: one[0])]


# -- as an address -------------------------------------------------------------------------------------------------


def written(rules: Iterable[Rule]) -> str:
    """Return a window as the query of an address.

    >>> written([Rule("first", "category", "tea"), Rule("never", "adults"), Rule("new", every=5)])
    'first=category%3Atea&never=adults&new=5&v=1'
    """
    return urlencode([*(_pair(rule) for rule in rules), ("v", str(VERSION))])


def _pair(rule: Rule) -> tuple[str, str]:
    if rule.of is not None:
        return rule.rule, rule.of if rule.value is None else f"{rule.of}:{rule.value}"
    return rule.rule, str(rule.every or rule.by)


def read(text: str) -> tuple[Rule, ...]:
    """Return the window that an address says; what cannot be read, of another version, or no window, says nothing."""
    if len(text) > ADDRESS_BYTES_MAX:
        return ()
    try:
        pairs = parse_qsl(text, max_num_fields=2 * RULES_MAX, errors="strict")
    except (ValueError, UnicodeDecodeError):
        return ()
    if dict(pairs).get("v") != str(VERSION):
        return ()
    rules: list[Rule] = []
    for name, value in pairs:
        rule = _rule(name, value) if name in SENTENCES else None
        if rule is not None and rule not in rules:
            rules.append(rule)
    return tuple(rules) if judge(rules) is None else ()


def _rule(name: str, value: str) -> Rule | None:
    said: dict[str, object] = {"rule": name}
    if name == "new":
        said["every"] = whole(value, 999) or 0
    elif name == "order":
        said["by"] = value
    else:
        kind, colon, of = value.partition(":")
        said |= {"of": kind, **({"value": of} if colon else {})}
    try:
        return msgspec.convert(said, Rule)
    except msgspec.ValidationError:
        return None


# -- in plain words ------------------------------------------------------------------------------------------------

Words = Mapping[str, str]
_SAID: Final[Mapping[tuple[str, str | None], Words]] = {
    ("first", "category"): {"en": "Show {} first.", "fr": "Montrer d’abord : {}.", "ja": "「{}」を最初に表示します。"},
    ("first", "maker"): {
        "en": "Show what {} makes first.", "fr": "Montrer d’abord ce que fait {}.",
        "ja": "「{}」の商品を最初に表示します。",
    },
    ("never", "category"): {"en": "Never show {}.", "fr": "Ne jamais montrer : {}.", "ja": "「{}」は表示しません。"},
    ("never", "maker"): {
        "en": "Never show what {} makes.", "fr": "Ne jamais montrer ce que fait {}.",
        "ja": "「{}」の商品は表示しません。",
    },
    ("never", "product"): {
        "en": "Never show the product {}.", "fr": "Ne jamais montrer le produit {}.",
        "ja": "商品「{}」は表示しません。",
    },
    ("never", "adults"): {
        "en": "Never show goods that ask for an age.", "fr": "Ne jamais montrer ce qui demande un âge minimal.",
        "ja": "年齢制限のある商品は表示しません。",
    },
    ("only", "category"): {"en": "Only show {}.", "fr": "Montrer seulement : {}.", "ja": "「{}」だけを表示します。"},
    ("only", "maker"): {
        "en": "Only show what {} makes.", "fr": "Montrer seulement ce que fait {}.",
        "ja": "「{}」の商品だけを表示します。",
    },
    ("new", None): {
        "en": "One thing in {} from outside what is put first.",
        "fr": "Une chose sur {} hors de ce qui vient d’abord.",
        "ja": "{}点に1点は、最初に表示するもの以外から選びます。",
    },
    ("order", "newest"): {
        "en": "The newest before the rest.", "fr": "Le plus récent avant le reste.", "ja": "新しい順に並べます。",
    },
    ("order", "cheapest"): {
        "en": "The cheapest before the rest.", "fr": "Le moins cher avant le reste.", "ja": "安い順に並べます。",
    },
}  # fmt: skip


def sentence(rule: Rule, names: Mapping[tuple[str, str], Words]) -> dict[str, str]:
    """Return a rule in words, by language. ``names`` are what categories and products are called, by kind and value."""
    value = str(rule.every) if rule.rule == "new" else rule.value or ""
    known = names.get((rule.of or "", value), {})
    said = _SAID[rule.rule, rule.by if rule.rule == "order" else rule.of]
    fallback = next(iter(known.values()), value)
    return {language: text.format(known.get(language, fallback)) for language, text in said.items()}
