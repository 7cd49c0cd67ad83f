"""In which of the house's languages a text is, guessed by its script and its commonest words. Pure."""

from __future__ import annotations

import re
from typing import Final

_CHARACTERS_MAX: Final = 4_000
_KANA: Final = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
_WORD: Final = re.compile(r"[^\W\d_]+")
_CODE: Final = re.compile(r"`[^`]*`|\(https?://[^)]*\)|https?://\S+")
#: Words that stand in one of the two languages only.
_ENGLISH: Final = frozenset(
    re.findall(
        r"\w+",
        """
    the of and to is that it this for with was are be have not you your would should what which how they from there
    their can could will when if by has do does we but about so as at i my
""",
    )
)
_FRENCH: Final = frozenset(
    re.findall(
        r"\w+",
        """
    le la les des du un une et est que qui dans pour pas ce cette il elle ils sur avec sont plus par je nous vous ne
    au aux mais ou où comme cela ça fait être avoir à été se sa son leur quand si y en de d l qu c n j s
""",
    )
)


def language_of(text: str, *, default: str) -> str:
    """Return ``ja``, ``fr`` or ``en``; ``default`` where the text does not say.

    >>> language_of("Comment dit-on cela dans les livres ?", default="en")
    'fr'
    """
    text = _CODE.sub(" ", text[:_CHARACTERS_MAX])
    words = [word.casefold() for word in _WORD.findall(text)]
    if len(_KANA.findall(text)) > len(words):
        return "ja"
    english = sum(word in _ENGLISH for word in words)
    french = sum(word in _FRENCH for word in words)
    if english == french:
        return default
    return "en" if english > french else "fr"
