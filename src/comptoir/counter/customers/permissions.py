"""What may be done with a customer's data: one answer for every purpose and channel, from what was chosen. Pure.

One principle: the latest word on a matter holds. Words are the terms in force (they speak of every purpose), an
objection (against every purpose that needs no contract) and a consent, given or withdrawn (for one purpose on one
channel); a consent that is over by itself says nothing any more. Where nothing was said, the purpose's basis decides.
Not here: where the answers are kept (``store.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from comptoir.counter.customers import matters
from comptoir.counter.customers.contracts import CHANNELS
from comptoir.counter.customers.purposes import ALWAYS, BY_DEFAULT, CHOSEN, TERMS
from comptoir.counter.customers.rules import Choice


def latest(choices: Iterable[Choice]) -> dict[str, Choice]:
    """Return what one person last said on each matter, through whichever of its customers."""
    words: dict[str, Choice] = {}
    for choice in choices:
        words[choice.matter] = choice.after(words.get(choice.matter))
    return words


def permits(words: Mapping[str, Choice], purpose: str, channel: str) -> bool:
    """Tell whether a purpose is allowed on a channel, by what a person last said on each matter."""
    return decide(words, purpose, channel)[0]


def decide(words: Mapping[str, Choice], purpose: str, channel: str) -> tuple[bool, Choice | None]:
    """Return whether a purpose is allowed on a channel, and the word by which; ``None``: nothing was said on it."""
    if purpose in ALWAYS:
        return True, None
    verdict, last = purpose in BY_DEFAULT, None
    terms, objection = words.get(matters.TERMS), words.get(matters.OBJECTION)
    consent = words.get(matters.consent(purpose, channel))
    if terms is not None and terms.value in TERMS:
        verdict, last = purpose in TERMS[terms.value].allows, terms
    if objection is not None and objection.value == matters.MADE and (last is None or objection.said > last.said):
        verdict, last = False, objection
    if consent is not None and consent.value != matters.EXPIRED and (last is None or consent.said > last.said):
        verdict, last = consent.value == matters.GIVEN, consent
    return verdict, last


def exceptions(words: Mapping[str, Choice]) -> dict[str, tuple[str, ...]]:
    """Return for each purpose on which a person's answer is not the same as everybody's: the channels allowed."""
    if not any(matters.is_biting(matter) for matter in words):
        return {}
    found = {}
    for purpose in CHOSEN:
        allowed = tuple(channel for channel in CHANNELS if permits(words, purpose, channel))
        if allowed != (CHANNELS if purpose in BY_DEFAULT else ()):
            found[purpose] = allowed
    return found
