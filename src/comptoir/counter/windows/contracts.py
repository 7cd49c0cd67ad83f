"""What customers say of their own shop window: all of it at once, and what they answer to a guess."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from comptoir.counter.customers.contracts import Identifier
from comptoir.foundation.touchpoints.contracts import EventType, Product
from comptoir.square.catalog.composing import RULES_MAX, VERSION, Rule

COMPOSED: Final = "window.composed"
ANSWERED: Final = "guess.answered"
#: Everything that is said of windows.
TYPES: Final = frozenset({COMPOSED, ANSWERED})

Answer = Literal["keep", "correct", "forget"]
#: What is guessed: that somebody likes a category, or a maker.
Guessed = Annotated[
    str,
    Meta(
        min_length=7,
        max_length=140,
        pattern=r"^(?:category|maker):[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$",
    ),
]


class WindowComposed(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``window.composed``: this is what a customer wants to see, and what they said before holds no more."""

    customer: Identifier
    rules: Annotated[list[Rule], Meta(max_length=RULES_MAX)]
    version: Annotated[int, Meta(ge=VERSION, le=VERSION)] = VERSION


class GuessAnswered(msgspec.Struct, forbid_unknown_fields=True):
    """``guess.answered``: a guess is kept, corrected or to be forgotten; it is not made again.

    It says nothing of the window: whoever keeps or corrects it composes that anew, with the rules that come of it.
    """

    customer: Identifier
    guess: Guessed
    answer: Answer


class WindowTold(msgspec.Struct, frozen=True):
    """A window as a channel is told of it: its rules, and each as a sentence by language."""

    version: int
    rules: tuple[Rule, ...]
    sentences: tuple[dict[str, str], ...]


EVENT_TYPES: Final = (
    EventType(
        name=COMPOSED, title="A customer composes their shop window", data=WindowComposed,
        classes={"customer": "pseudonym", "rules": "activity", "version": "public"},
    ),
    EventType(
        name=ANSWERED, title="A customer answers a guess", data=GuessAnswered,
        classes={"customer": "pseudonym", "guess": "activity", "answer": "activity"},
    ),
)  # fmt: skip
PRODUCTS: Final = (
    Product(
        name="customer.window", title="What a customer wants to see of the shop", maker="windows",
        made_from=frozenset({COMPOSED}), data_class="activity", streamed=False,
    ),
)  # fmt: skip
