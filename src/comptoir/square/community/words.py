"""How posts are found by their words, in English, French and Japanese, without an extension of the database.

A run of Chinese or Japanese characters has no spaces: it is indexed by its overlapping pairs, and its last character by
itself, so that every part of it is found, one character long or longer. The rest is left to PostgreSQL's own
stemmers, with accents folded on both sides beforehand. Pure; the same for a text and for a question.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NamedTuple

#: Hiragana, katakana with its long sign, ideographs with 々〆〇 and those beyond the first plane, hangul.
_CJK: Final = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
_RUN: Final = re.compile(f"[{_CJK}]+")
_OTHER: Final = re.compile(f"[^{_CJK}]+")
_MARKS: Final = re.compile("[\u0300-\u036f]")
#: PostgreSQL keeps positions up to here.
_POSITION_MAX: Final = 16_383
_QUESTION_CHARACTERS_MAX: Final = 200
_QUESTION_WORDS_MAX: Final = 12
_CONFIGURATIONS: Final = {"fr": "french"}


class Words(NamedTuple):
    """What is indexed of a text: ``pairs`` as the text of a tsvector, ``rest`` for the stemmer ``configuration``."""

    pairs: str
    rest: str
    configuration: str


def folded(text: str) -> str:
    """Return a text as it is compared: compatible forms made one (NFKC), small letters, Latin ones without accents."""
    text = unicodedata.normalize("NFKC", text).casefold()
    decomposed = []
    for character in text:
        parts = unicodedata.normalize("NFD", character)
        # A voiced sign makes another kana of it; an accent leaves the same Latin letter.
        decomposed.append(_MARKS.sub("", parts) if len(parts) > 1 and parts[0] < "\u0250" else character)
    return "".join(decomposed)


def index(text: str, *, language: str) -> Words:
    """Return what is indexed of a text."""
    text = folded(text)
    places: dict[str, list[int]] = {}
    at = 1
    for run in _RUN.findall(text):
        for piece in (*(run[i : i + 2] for i in range(len(run) - 1)), run[-1]):
            if at < _POSITION_MAX:
                places.setdefault(piece, []).append(at)
            at += 1
        at += 1  # two runs are no phrase
    pairs = " ".join(f"'{piece}':{','.join(map(str, at[:256]))}" for piece, at in places.items())
    return Words(pairs, " ".join(_OTHER.findall(text)), _CONFIGURATIONS.get(language, "english"))


def question(text: str) -> tuple[str, str]:
    """Return what is asked of the index: a tsquery of the pairs (empty: none), and the rest for the stemmers.

    Every run and every word has to be found. A run of several characters is a phrase of its pairs, one character the
    beginning of a pair.
    """
    text = folded(text[:_QUESTION_CHARACTERS_MAX])
    phrases = []
    for run in _RUN.findall(text)[:_QUESTION_WORDS_MAX]:
        if len(run) == 1:
            phrases.append(f"'{run}':*")
        else:
            phrases.append("(" + " <-> ".join(f"'{run[i : i + 2]}'" for i in range(len(run) - 1)) + ")")
    rest = " ".join(re.findall(r"[^\W_]+", " ".join(_OTHER.findall(text)))[:_QUESTION_WORDS_MAX])
    return " & ".join(phrases), rest
