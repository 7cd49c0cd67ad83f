"""Whom a text may mean by ``@Name``, and where a page leads to them. Pure: which names there are is an argument.

A name is taken by its letters and by nothing that only looks like it; whatever is no name stays text. Where a shorter
name begins a longer one, the longest is meant.
"""

from __future__ import annotations

import itertools
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
#: The tags of a post's HTML, and those within which nobody is meant.
_TAG: Final = re.compile(r"(<[^>]*>)")
_SILENT: Final = re.compile(r"</?(?:a|code|pre)\b")


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


def may_mention(html: str) -> bool:
    """Tell whether a post's HTML has a place where somebody could be meant; most have none."""
    return ("@" in html or "＠" in html) and _AT.search(html) is not None


def linked(html: str, mentioned: Mapping[str, str], *, prefix: str, is_complete: bool = True) -> str:
    """Return a post's HTML, as ``community/rendering.py`` made it, with links to the pages of whom it mentions.

    ``mentioned`` has the ids of whom the post was found to mention, by their names of now, in lower case. If it is not
    complete, somebody whom it mentions has given the name up: then a name that could begin a longer one stays text,
    since the longer one may have been meant. Nothing is added but links that are made of ids.

    >>> linked("<p>Ask @wren.</p>", {"wren": "7"}, prefix="/en/members/")
    '<p>Ask <a href="/en/members/7">@wren</a>.</p>'
    """
    if not mentioned:
        return html
    parts = _TAG.split(html)
    silent = places = 0
    for number, part in enumerate(parts):
        if number % 2:
            silent += (-1 if part[1] == "/" else 1) if _SILENT.match(part) else 0
        elif not silent and places < _PLACES_MAX:
            parts[number], seen = _linked_text(part, mentioned, prefix, is_complete, _PLACES_MAX - places)
            places += seen
    return "".join(parts)


def _linked_text(
    text: str, mentioned: Mapping[str, str], prefix: str, is_complete: bool, places_max: int
) -> tuple[str, int]:
    """Return what stands between two tags with its links, and at how many places somebody could have been meant."""
    text = unicodedata.normalize("NFC", text)
    made: list[str] = []
    done = places = 0
    for place in itertools.islice(_AT.finditer(text), places_max):
        places += 1
        rest = _line(text[place.end() : place.end() + _CHARACTERS_MAX])
        tried = _names(rest)[: None if is_complete else 1]
        name = next((name for name in tried if name.lower() in mentioned), None)
        if name is not None:
            end = place.end() + len(name)
            address = f"{prefix}{mentioned[name.lower()]}"
            made += (text[done : place.start()], f'<a href="{address}">{text[place.start() : end]}</a>')
            done = end
    return "".join((*made, text[done:])), places
