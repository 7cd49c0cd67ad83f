"""What one version changes in another, word by word. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Final

import msgspec

#: Latin words with what follows them; of Chinese and Japanese, each character by itself.
_PIECE: Final = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\s\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+\s*|\s+"
)


class Piece(msgspec.Struct, frozen=True):
    """A piece of text that stayed (``same``), came (``new``) or went (``old``)."""

    kind: str
    text: str


def compare(before: str, after: str) -> list[Piece]:
    """Return what becomes of a text, in its order; texts are as long as a section at most.

    >>> [(piece.kind, piece.text) for piece in compare("Be kind.", "Be very kind.")]
    [('same', 'Be '), ('new', 'very '), ('same', 'kind.')]
    """
    old, new = _PIECE.findall(before), _PIECE.findall(after)
    pieces: list[Piece] = []
    for kind, first, last, begin, end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            _add(pieces, "same", new[begin:end])
            continue
        _add(pieces, "old", old[first:last])
        _add(pieces, "new", new[begin:end])
    return pieces


def _add(pieces: list[Piece], kind: str, texts: Sequence[str]) -> None:
    if texts:
        pieces.append(Piece(kind, "".join(texts)))
