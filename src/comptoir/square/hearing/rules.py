"""Whom a text may mean by ``@Name``. Pure: which names there are comes in as an argument.

A name is taken by its letters and by nothing that only looks like it; whatever is no name stays text. Where a shorter
name begins a longer one, the longest is meant.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

#: A post tells so many people at most that it names them; whoever is new here, fewer (``stewardship/trust.py``).
MENTIONS_MAX: Final = 10
#: So many places with an ``@`` are looked at, and so many names tried for each.
_PLACES_MAX: Final = 30
_TRIED_MAX: Final = 12
_CHARACTERS_MAX: Final = 40
_WORDS_MAX: Final = 4
_AT: Final = re.compile(r"(?<![\w@/.])[@＠](?=\w)")
#: What a name may hold (``community/rules.py``), without what ends a sentence.
_END: Final = re.compile(r"(?<=\w)(?=[ \-_.'’·・〜]|$)")
_CJK: Final = re.compile("[\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_CODE: Final = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)


def candidates(text: str) -> tuple[tuple[str, ...], ...]:
    """Return for each place with an ``@`` the names that could be meant there, the longest first.

    >>> candidates("Ask @Wren Green, or a@b.example")
    (('Wren Green', 'Wren'),)
    """
    text = _CODE.sub(" ", text)
    found: list[tuple[str, ...]] = []
    for place in _AT.finditer(text):
        if len(found) == _PLACES_MAX:
            break
        rest = text[place.end() : place.end() + _CHARACTERS_MAX]
        rest = unicodedata.normalize("NFC", _line(rest))
        found.append(tuple(_names(rest)))
    return tuple(found)


def _line(text: str) -> str:
    """Return the beginning of a text up to what no name holds."""
    for number, character in enumerate(text):
        if not (character.isalnum() or unicodedata.category(character)[0] == "M" or character in " -_.'’·・ー〜"):
            return text[:number]
    return text


def _names(text: str) -> list[str]:
    ends = {match.start() for match in _END.finditer(text) if text[: match.start()].count(" ") < _WORDS_MAX}
    if _CJK.match(text):
        # Words are not set apart: a name may end behind any letter.
        first = text.partition(" ")[0]
        ends |= set(range(1, len(first) + 1))
    tried = sorted(ends, reverse=True)
    return [text[:end] for end in tried if end][-_TRIED_MAX:] if len(tried) > _TRIED_MAX else [text[:e] for e in tried]


def meant(text: str, names: Mapping[str, str], *, limit: int) -> list[str]:
    """Return the ids of whom a text names, in its order, each once; ``names`` has ids by name, in lower case."""
    found: dict[str, None] = {}
    for tried in candidates(text):
        for name in tried:
            persona = names.get(name.lower())
            if persona is not None:
                found.setdefault(persona)
                break
        if len(found) == limit:
            break
    return list(found)[:limit]
