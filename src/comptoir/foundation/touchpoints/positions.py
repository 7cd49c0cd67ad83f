"""Where each key of a TOML text stands, so that an error can name its line.

The values come from ``tomllib``, which tells no positions; this index reads the same text once more and notes the
line of every key, table and element. It is only asked about texts that ``tomllib`` has accepted, therefore it
follows the structure (TOML 1.0) and does not judge. Not here: what the keys mean.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Final

Path = tuple[str | int, ...]

_SPACE: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY: Final = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_DOT: Final = re.compile(r"[ \t]*\.[ \t]*")
_STRING: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|' + r"'''.*?'{3,5}|" + r"""'[^'\n]*'|"(?:[^"\\\n]|\\.)*\"""", re.DOTALL
)
_PLAIN: Final = re.compile(r"[^,\]}#\n]+")


class Positions:
    """The line of every path of a TOML text. A path is a tuple of keys and, inside arrays, of numbers from 0."""

    def __init__(self, lines: Mapping[Path, int]) -> None:
        """Keep the lines."""
        self._lines = lines

    def line(self, path: Path) -> int:
        """Return the line, from 1, of a path, or of the nearest thing around it if the path itself is not there."""
        while path not in self._lines and path:
            path = path[:-1]
        return self._lines.get(path, 1)

    def paths(self) -> Iterator[Path]:
        """Return every path that has a position."""
        return iter(self._lines)


def index(text: str) -> Positions:
    """Index a text that ``tomllib.loads`` has accepted."""
    return Positions(_Scanner(text.replace("\r\n", "\n")).scan())


def describe(path: Path) -> str:
    """Write a path as people do: ``touchpoint.web.needs[0].data``, with quotes where a key has a dot."""
    parts: list[str] = []
    for each in path:
        if isinstance(each, int):
            parts.append(f"[{each}]")
        else:
            plain = re.fullmatch(r"[A-Za-z0-9_-]+", each) is not None
            parts.append(("." if parts else "") + (each if plain else f'"{each}"'))
    return "".join(parts)


class _Scanner:
    """One pass over the text; ``_at`` is where it stands."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._counted_to = 0
        self._line = 1
        self._lines: dict[Path, int] = {}
        self._array_lengths: dict[Path, int] = {}

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        self._skip()
        while self._at < len(self._text):
            if self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table)
            self._skip()
        return self._lines

    def _header(self) -> Path:
        is_array = self._text.startswith("[[", self._at)
        self._take(2 if is_array else 1)
        keys = self._keys()
        self._skip()
        self._take(2 if is_array else 1)
        path: Path = ()
        for number, key in enumerate(keys):
            path = (*path, key)
            self._note(path)
            is_last = number == len(keys) - 1
            if is_array and is_last:
                self._array_lengths[path] = self._array_lengths.get(path, 0) + 1
            if path in self._array_lengths:
                path = (*path, self._array_lengths[path] - 1)
                self._note(path)
        return path

    def _pair(self, table: Path) -> None:
        path = table
        for key in self._keys():
            path = (*path, key)
            self._note(path)
        self._skip()
        self._take(1)  # the equals sign
        self._skip()
        self._value(path)

    def _keys(self) -> list[str]:
        self._skip()
        keys: list[str] = []
        while True:
            found = _KEY.match(self._text, self._at)
            assert found is not None, "tomllib has accepted what is no key"
            self._at = found.end()
            word = found[0]
            keys.append(next(iter(tomllib.loads(f"{word} = 0"))) if word[0] in "\"'" else word)
            dot = _DOT.match(self._text, self._at)
            if dot is None:
                return keys
            self._at = dot.end()

    def _value(self, path: Path) -> None:
        opening = self._text[self._at]
        if opening == "[":
            self._take(1)
            number = 0
            while not self._closes("]"):
                self._note((*path, number))
                self._value((*path, number))
                number += 1
                self._comma()
        elif opening == "{":
            self._take(1)
            while not self._closes("}"):
                self._pair(path)
                self._comma()
        else:
            found = (_STRING if opening in "\"'" else _PLAIN).match(self._text, self._at)
            assert found is not None, "tomllib has accepted what is no value"
            self._at = found.end()

    def _closes(self, bracket: str) -> bool:
        self._skip()
        if self._text.startswith(bracket, self._at):
            self._take(1)
            return True
        return False

    def _comma(self) -> None:
        self._skip()
        if self._text.startswith(",", self._at):
            self._take(1)

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        assert found is not None
        self._at = found.end()

    def _take(self, characters: int) -> None:
        self._at += characters

    def _note(self, path: Path) -> None:
        self._line += self._text.count("\n", self._counted_to, self._at)
        self._counted_to = self._at
        self._lines.setdefault(path, self._line)
