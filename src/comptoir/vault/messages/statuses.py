"""What a mail server's answer says of an address: a status as RFC 3463 writes it, and an answer of RFC 5321.

A full mailbox, and a server that takes nothing from this shop, make no address a dead one. No mails and no reports are
read here (``bounces.py``, ``providers.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

STATUS: Final = re.compile(r"(?<![\d.])([45])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
ANSWER: Final = re.compile(r"(?<![\d.])(5[0-5]\d)[ -]")
#: Statuses that speak of the shop, of the message, or of a mailbox that is there: the address is not dead.
_FULL: Final = frozenset({"2.2", "2.3", "3.1", "3.4"})
_SENDER: Final = frozenset({"1.7", "1.8", "1.9"})
#: Statuses that speak of the address and of nothing else: no such user or domain, moved, closed, takes no mail at all.
_DEAD: Final = frozenset({"1.1", "1.2", "1.3", "1.6", "1.10", "2.1"})
_FULL_ANSWERS: Final = re.compile(r"(?<![\d.])[45]52(?![\d.])")
_LATER: Final = re.compile(r"\s*(?:smtp;\s*)?4[0-5]\d(?![\d.])")


def why_not_dead(statuses: Iterable[str], told: str = "") -> str:
    """Return why an address is not dead although a message did not arrive there; nothing if it is.

    ``told``: what was said in words, heard where there is no status.
    """
    statuses = list(statuses)
    for status in statuses:
        kind, _, detail = status.partition(".")
        if kind == "4":
            return "given_up"  # days of "later", such as of a server that was away
        if detail in _FULL:
            return "mailbox_full"
        if detail.startswith(("6.", "7.")) or detail in _SENDER:
            return "not_taken"
    if not statuses and (answer := ANSWER.search(told)) is not None and answer[1] == "552":
        return "mailbox_full"
    return ""


def why_of_answer(text: str) -> str:
    """Return why an answer of a server in one line does not mean that the address is dead; nothing if it may be."""
    found = [each[0] for each in STATUS.finditer(text)]
    if any(each.partition(".")[2] in _FULL for each in found) or (not found and _FULL_ANSWERS.search(text)):
        return "mailbox_full"  # whether "later" or for good
    return why_not_dead(found, text) or ("given_up" if _LATER.match(text) else "")


def is_dead(text: str) -> bool:
    """Tell whether an answer says by its status that there is no such address."""
    found = [each for each in STATUS.finditer(text) if f"{each[2]}.{each[3]}" in _DEAD and each[1] == "5"]
    return bool(found) and not why_of_answer(text)
