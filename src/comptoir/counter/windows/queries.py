"""Reads of windows: for pages in the counter's room, for the gateway, and for whoever chooses what somebody sees.

``of`` answers for many customers at once; ``composed_of`` gives what each of them wants to see and never to see.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from comptoir.counter.customers.store import find_members
from comptoir.counter.windows import rules, store
from comptoir.counter.windows.contracts import WindowTold
from comptoir.counter.windows.rules import Bought, Guess
from comptoir.counter.windows.store import Window
from comptoir.foundation.kernel.ids import Id
from comptoir.square.catalog import composing
from comptoir.square.catalog import store as catalog
from comptoir.square.catalog.composing import VERSION, Composed, Rule

#: So many of the latest receipts are looked at for a guess.
RECEIPTS_MAX: Final = 300


def of(connection: Any, customers: Collection[Id]) -> dict[Id, Window]:
    """Return the window of each of these customers that has one: the last one of all customers of their person."""
    linked = find_members(connection, customers)
    members = {each: linked.get(each, (each,)) for each in customers}
    windows = store.find_windows(connection, {member for some in members.values() for member in some})
    found = {}
    for customer, some in members.items():
        theirs = [windows[member] for member in some if member in windows]
        if theirs:
            found[customer] = max(theirs, key=lambda each: (each.at, each.position))
    return found


def composed_of(connection: Any, customers: Collection[Id]) -> dict[Id, Composed]:
    """Return the window of each of these customers as it is applied to what is sold: ``hides`` and ``admits``."""
    windows = of(connection, customers)
    if not windows:
        return {}
    below = below_of(connection)
    return {customer: composing.compose(window.rules, below) for customer, window in windows.items()}


def below_of(connection: Any) -> Callable[[str], tuple[str, ...]]:
    """Return what gives a category and every one within it."""
    return composing.within(
        {category: parent for category, (parent, _kept) in catalog.find_categories(connection).items()}
    )


def told(connection: Any, customer: Id) -> WindowTold:
    """Return a person's window as a channel is told of it; without any, one without rules."""
    window = of(connection, [customer]).get(customer)
    said = () if window is None else window.rules
    return WindowTold(VERSION, said, tuple(sentences(connection, said)))


def sentences(connection: Any, said: Iterable[Rule]) -> list[dict[str, str]]:
    """Return each rule in words, by language; what the shop does not sell any more is called by its number."""
    said = list(said)
    names = names_of(connection, said)
    return [composing.sentence(rule, names) for rule in said]


def names_of(connection: Any, said: Iterable[Rule]) -> dict[tuple[str, str], Mapping[str, str]]:
    """Return what the categories and products are called of which rules speak."""
    wanted: dict[str, list[str]] = {"category": [], "product": []}
    for rule in said:
        if rule.of in wanted and rule.value is not None:
            wanted[rule.of].append(rule.value)
    found: dict[tuple[str, str], Mapping[str, str]] = {}
    for kind, read in (("category", catalog.names_of_categories), ("product", catalog.names_of_products)):
        if wanted[kind]:
            found |= {(kind, key): words for key, words in read(connection, wanted[kind]).items()}
    return found


def count_answers(connection: Any, members: Collection[Id]) -> int:
    """Return how many guesses a person has answered."""
    return len(store.find_answers(connection, members))


def guesses(
    connection: Any, members: Collection[uuid.UUID], *, window: Composed, bought: Iterable[Bought], now: dt.datetime
) -> list[Guess]:
    """Return what is guessed of a person by what they bought; whether that may be done, the caller has asked."""
    answered = store.find_answers(connection, [str(each) for each in members])
    return rules.guesses(bought, answered=answered, window=window, now=now)
