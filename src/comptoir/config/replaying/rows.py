"""Rows of a CSV file, one after another, whatever the file is like: a row that cannot be read costs itself alone.

RFC 4180 with the freedoms that real exports take (another delimiter, other line ends, a byte order mark). A quote
that is never closed does not swallow the rest of the file. Not here: what the columns mean (``exports.py``).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

import msgspec

from comptoir.config.replaying.mapping import FileFormat

ROW_CHARACTERS_MAX: Final = 64 << 10
ROW_LINES_MAX: Final = 100
COLUMNS_MAX: Final = 500

_UNFINISHED = "unexpected end of data"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_UNDECODED = re.compile(r"[\udc80-\udcff]")


class RowsError(Exception):
    """A file that has no rows to read: no heading, two columns of one name, another encoding throughout."""


class Row(msgspec.Struct, frozen=True):
    """One row: the line on which it begins (the heading is line 1) and its cells by the name of the column.

    A row that cannot be read has a ``reason`` and a ``detail`` instead of cells.
    """

    line: int
    cells: dict[str, str]
    reason: str | None = None
    detail: str = ""


def headings(path: Path, form: FileFormat) -> list[str]:
    """Return the names of the columns; :class:`RowsError` if there are none."""
    with _open(path, form) as file:
        return _headings(_records(_Lines(file), form, width=None))


def read(path: Path, form: FileFormat) -> Iterator[Row]:
    """Yield every row behind the heading, empty lines left out; :class:`RowsError` if the heading cannot be used."""
    with _open(path, form) as file:
        lines = _Lines(file)
        names = _headings(_records(lines, form, width=None))
        for line, cells, reason, detail in _records(lines, form, width=len(names)):
            if reason is not None:
                yield Row(line, {}, reason, detail)
            elif len(cells) != len(names):
                yield Row(line, {}, "wrong_number_of_columns", f"{len(cells)} instead of {len(names)}")
            else:
                yield Row(line, dict(zip(names, cells, strict=True)))


_Record = tuple[int, list[str], str | None, str]


def _open(path: Path, form: FileFormat) -> TextIO:
    encoding = "utf-8-sig" if form.encoding.lower().replace("_", "-") in {"utf-8", "utf8"} else form.encoding
    try:
        # What is not in the encoding becomes a mark that no text has, so that the row can be refused by itself.
        return path.open(encoding=encoding, errors="surrogateescape", newline="")
    except LookupError:
        raise RowsError(f"no such encoding: {form.encoding}") from None


def _headings(records: Iterator[_Record]) -> list[str]:
    _, cells, reason, detail = next(records, (1, [], "empty", "the file is empty"))
    if reason is not None:
        raise RowsError(f"the heading cannot be read: {detail}")
    names = [cell.strip() for cell in cells]
    if len(names) > COLUMNS_MAX:
        raise RowsError(f"{len(names)} columns; at most {COLUMNS_MAX} are read")
    for name in names:
        if name and names.count(name) > 1:
            raise RowsError(f"two columns have the name {name!r}")
    # A column without a name cannot be meant by a mapping; it only has to be counted.
    return [name or f"\0{index}" for index, name in enumerate(names)]


def _records(lines: _Lines, form: FileFormat, *, width: int | None) -> Iterator[_Record]:
    """Yield (line, cells, reason, detail) for each record that is not empty; ``width`` cells are expected."""
    while (text := lines.take()) is not None:
        line = lines.number
        if len(text) > ROW_CHARACTERS_MAX:
            yield line, [], "row_too_long", f"more than {ROW_CHARACTERS_MAX} characters"
            continue
        if not text.strip("\r\n"):
            continue
        taken = [text]
        cells, fault = _parse(text, form)
        while fault == _UNFINISHED and len(taken) < ROW_LINES_MAX and sum(map(len, taken)) <= ROW_CHARACTERS_MAX:
            more = lines.take()
            if more is None:
                break
            taken.append(more)
            cells, fault = _parse("".join(taken), form)
        if len(taken) > 1 and (fault or (width is not None and len(cells) != width)):
            # The quote on the first line was not meant to reach this far: that line is at fault, the others are
            # read anew.
            lines.give_back(taken[1:])
            fault = "a quote is opened and not closed"
        if fault:
            yield line, [], "malformed_quotes", fault
        elif reason := _unwelcome("".join(taken)):
            yield line, [], *reason
        else:
            yield line, cells, None, ""


def _parse(text: str, form: FileFormat) -> tuple[list[str], str]:
    """Return the cells of a record and what is wrong with it, if anything."""
    try:
        parsed = list(csv.reader([text], delimiter=form.delimiter, quotechar=form.quote, strict=True))
    except csv.Error as error:
        return [], str(error)
    return (parsed[0], "") if len(parsed) == 1 else ([], "more than one row")


def _unwelcome(text: str) -> tuple[str, str] | None:
    if _UNDECODED.search(text):
        return "not_in_encoding", "bytes that the encoding does not have"
    if found := _CONTROL.search(text):
        return "control_character", f"U+{ord(found[0]):04X}"
    return None


class _Lines:
    """Physical lines with their numbers; lines that were taken too early can be given back."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._waiting: list[str] = []
        self.number = 0

    def take(self) -> str | None:
        if self._waiting:
            self.number += 1
            return self._waiting.pop()
        text = self._file.readline(ROW_CHARACTERS_MAX + 1)
        if not text:
            return None
        self.number += 1
        if len(text) > ROW_CHARACTERS_MAX and not text.endswith(("\n", "\r")):
            while (rest := self._file.readline(ROW_CHARACTERS_MAX)) and not rest.endswith(("\n", "\r")):
                pass
        return text

    def give_back(self, lines: list[str]) -> None:
        self._waiting.extend(reversed(lines))
        self.number -= len(lines)
